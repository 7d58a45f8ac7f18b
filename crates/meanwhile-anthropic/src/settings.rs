//! [`Params`] to fields of the body: every setting is written, or it is said why not.

use meanwhile_core::{Effort, Params, Reasoning, Request, Result};
use meanwhile_http::Notes;
use serde_json::{Value, json};

use crate::encode::{Body, Out};
use crate::models::{Facts, Sampling, Thinking};

/// Least and most tokens that a budget is set to.
const LEAST_BUDGET: u32 = 1024;

/// What of the settings other parts of the body depend on.
pub(crate) struct Settings {
    max_tokens: u32,
    thinking: Option<Value>,
    effort: Option<Effort>,
}

impl Settings {
    /// Decides how the model thinks. `forced` says that a tool must be called.
    pub(crate) fn new(
        request: &Request,
        facts: Facts,
        forced: bool,
        notes: &mut Notes,
    ) -> Result<Self> {
        let max_tokens = request.params.max_tokens.unwrap_or(facts.max_tokens);
        let mut settings = Self { max_tokens, thinking: None, effort: None };
        if let Some(reasoning) = request.params.reasoning {
            settings.reason(reasoning, facts, notes)?;
        }
        if forced && settings.has_budget() {
            let message = "a model that is made to call a tool cannot think within a budget";
            notes.dropped("reasoning", message)?;
            settings.thinking = None;
        }
        Ok(settings)
    }

    /// Whether the model is told to think.
    fn thinks(&self) -> bool {
        self.thinking.as_ref().is_some_and(|thinking| thinking["type"] != "disabled")
    }

    /// Whether it thinks within a budget, which rules out that it is made to call a tool.
    pub(crate) fn has_budget(&self) -> bool {
        self.thinking.as_ref().is_some_and(|thinking| thinking["type"] == "enabled")
    }

    pub(crate) fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    /// The level of effort, for `output_config`.
    pub(crate) fn effort(&self) -> Option<Effort> {
        self.effort
    }

    fn reason(&mut self, reasoning: Reasoning, facts: Facts, notes: &mut Notes) -> Result<()> {
        let off = matches!(reasoning, Reasoning::Effort(Effort::None) | Reasoning::Budget(0));
        match (facts.thinking, reasoning) {
            (Thinking::None, _) if off => {}
            (Thinking::None, _) => notes.dropped("reasoning", "this model does not think")?,
            (Thinking::Always, _) if off => {
                notes
                    .changed("reasoning", "this model always thinks; it is told to think little")?;
                self.effort = facts.efforts.first().copied();
            }
            (_, _) if off => self.thinking = Some(json!({ "type": "disabled" })),
            (Thinking::Budget, Reasoning::Effort(effort)) => {
                self.effort = facts.efforts.contains(&effort).then_some(effort);
                self.budget(budget(effort), false, notes)?;
            }
            (Thinking::Budget | Thinking::Either, Reasoning::Budget(tokens)) => {
                self.budget(tokens, true, notes)?;
            }
            (Thinking::Adaptive | Thinking::Always, Reasoning::Budget(_)) => {
                let message = "this model decides itself how many tokens it thinks";
                notes.changed("reasoning", message)?;
                self.thinking = Some(json!({ "type": "adaptive" }));
            }
            (_, Reasoning::Effort(effort)) => {
                self.thinking = Some(json!({ "type": "adaptive" }));
                self.effort = Some(notes.nearest_effort(effort, facts.efforts)?);
            }
            _ => notes.dropped("reasoning", "this provider does not know the setting")?,
        }
        Ok(())
    }

    /// Thinks within a budget, which is part of the most tokens to write.
    fn budget(&mut self, asked: u32, exact: bool, notes: &mut Notes) -> Result<()> {
        if self.max_tokens <= LEAST_BUDGET {
            let message = "thinking takes 1024 tokens at least, and `max_tokens` leaves no more";
            return notes.dropped("reasoning", message);
        }
        let mut budget = asked.max(LEAST_BUDGET);
        if budget >= self.max_tokens {
            // Half of them are left for the answer.
            budget = (self.max_tokens / 2).max(LEAST_BUDGET);
        }
        if exact && budget != asked {
            let message = format!(
                "the budget was set to {budget}: it must be 1024 at least and less than `max_tokens`"
            );
            notes.changed("reasoning", message)?;
        }
        self.thinking = Some(json!({ "type": "enabled", "budget_tokens": budget }));
        Ok(())
    }

    /// Writes the settings.
    pub(crate) fn write<'a>(
        self,
        request: &'a Request,
        facts: Facts,
        notes: &mut Notes,
        body: &mut Body<'a>,
    ) -> Result<()> {
        let Params {
            temperature,
            top_p,
            top_k,
            // Both are in `self`.
            max_tokens: _,
            reasoning: _,
            stop,
            seed,
            presence_penalty,
            frequency_penalty,
            // Written with the tool choice.
            parallel_tool_calls: _,
            logprobs,
            user,
            service_tier,
            prompt_cache_key,
            // Merged into the body at the end.
            options: _,
        } = &request.params;

        let thinks = self.thinks();
        let mut temperature = *temperature;
        let mut top_p = *top_p;
        let mut top_k = *top_k;
        if facts.sampling == Sampling::Fixed {
            let message = "this model does not take the setting";
            for (name, is_set) in [
                ("temperature", temperature.take_if(|value| *value != 1.0).is_some()),
                ("top_p", top_p.take_if(|value| *value < 0.99).is_some()),
                ("top_k", top_k.take().is_some()),
            ] {
                if is_set {
                    notes.dropped(name, message)?;
                }
            }
        } else if thinks {
            let message = "this API does not take the setting of a model that thinks";
            for (name, is_set) in [
                ("temperature", temperature.take_if(|value| *value != 1.0).is_some()),
                ("top_p", top_p.take_if(|value| *value < 0.95).is_some()),
                ("top_k", top_k.take().is_some()),
            ] {
                if is_set {
                    notes.dropped(name, message)?;
                }
            }
        }
        if temperature.is_some() && top_p.is_some() && facts.sampling != Sampling::Free {
            notes.dropped("top_p", "this model takes `temperature` or `top_p`, not both")?;
            top_p = None;
        }
        if let Some(value) = &mut temperature
            && *value > 1.0
        {
            notes.changed("temperature", "1 is the highest temperature of this API")?;
            *value = 1.0;
        }

        let unknown = "this API has no such setting";
        for (name, is_set) in [
            ("seed", seed.is_some()),
            ("presence_penalty", presence_penalty.is_some()),
            ("frequency_penalty", frequency_penalty.is_some()),
            ("logprobs", logprobs.is_some()),
        ] {
            if is_set {
                notes.dropped(name, unknown)?;
            }
        }
        if prompt_cache_key.is_some() {
            let message = "this API finds cached prefixes by cache marks, not by a key";
            notes.dropped("prompt_cache_key", message)?;
        }

        let stop = stop.as_deref().unwrap_or_default();
        let stop: Vec<&str> =
            stop.iter().map(String::as_str).filter(|text| !text.trim().is_empty()).collect();
        if request.params.stop.as_ref().is_some_and(|all| all.len() > stop.len()) {
            notes.dropped("stop", "this API does not take blank texts")?;
        }

        let fields = [
            ("temperature", temperature.map(Out::Number)),
            ("top_p", top_p.map(Out::Number)),
            ("top_k", top_k.map(|count| Out::Count(count.into()))),
            ("stop_sequences", (!stop.is_empty()).then_some(Out::Texts(stop))),
            ("thinking", self.thinking.map(Out::Json)),
            ("metadata", user.as_ref().map(|user| Out::Json(json!({ "user_id": user })))),
            ("service_tier", service_tier.as_deref().map(Out::Text)),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                body.push(name, value);
            }
        }
        Ok(())
    }
}

/// The budget that a level of effort stands for, with models that take budgets only.
fn budget(effort: Effort) -> u32 {
    match effort {
        Effort::Low => 2048,
        Effort::Medium => 8192,
        Effort::High => 24_576,
        Effort::XHigh | Effort::Max => 32_768,
        _ => LEAST_BUDGET,
    }
}
