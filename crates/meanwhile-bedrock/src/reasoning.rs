//! [`set`]: how much a model should think, in the words of its vendor.

use meanwhile_core::{Effort, Reasoning, Result};
use meanwhile_http::Notes;
use serde_json::{Value, json};

use crate::encode::Settings;
use crate::models::{Model, Thinking};

/// The smallest number of tokens that Claude may be given.
const LEAST: u32 = 1024;

/// Writes the setting.
pub(crate) fn set(
    asked: Reasoning,
    model: Model<'_>,
    max_tokens: Option<u32>,
    notes: &mut Notes,
    settings: &mut Settings,
) -> Result<()> {
    let off = matches!(asked, Reasoning::Effort(Effort::None) | Reasoning::Budget(0));
    let thinking = model.thinking();
    let mut field = |name: &str, value: Value| {
        settings.additional.insert(name.to_owned(), value);
    };
    match thinking {
        Thinking::Unknown if off => {}
        Thinking::Unknown => {
            let message =
                "this model is not known to take the setting; pass its own field as an option";
            notes.dropped("reasoning", message)?;
        }
        Thinking::Budget | Thinking::BudgetOrLevel | Thinking::Level if off => {
            field("thinking", json!({ "type": "disabled" }));
        }
        Thinking::Budget | Thinking::BudgetOrLevel
            if thinking == Thinking::Budget || matches!(asked, Reasoning::Budget(_)) =>
        {
            let Some(budget) = budget(asked, max_tokens, notes)? else { return Ok(()) };
            field("thinking", json!({ "type": "enabled", "budget_tokens": budget }));
        }
        Thinking::Budget | Thinking::BudgetOrLevel | Thinking::Level => {
            let known = [Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max];
            let effort = level(asked, &known, notes)?;
            field("thinking", json!({ "type": "adaptive" }));
            settings.output.insert("effort".to_owned(), json!(effort.as_str()));
        }
        Thinking::NovaConfig if off => field("reasoningConfig", json!({ "type": "disabled" })),
        Thinking::NovaConfig => {
            let effort = level(asked, &[Effort::Low, Effort::Medium, Effort::High], notes)?;
            let config = json!({ "type": "enabled", "maxReasoningEffort": effort.as_str() });
            field("reasoningConfig", config);
        }
        Thinking::Effort | Thinking::Config => {
            let effort = level(asked, &[Effort::Low, Effort::Medium, Effort::High], notes)?;
            let name =
                if thinking == Thinking::Effort { "reasoning_effort" } else { "reasoning_config" };
            field(name, json!(effort.as_str()));
        }
    }
    Ok(())
}

/// Whether Claude is told to think.
pub(crate) fn is_on(settings: &Settings) -> bool {
    let thinking = settings.additional.get("thinking").and_then(|thinking| thinking.get("type"));
    thinking.is_some_and(|kind| kind != "disabled")
}

/// Claude samples in one way only while it thinks.
pub(crate) fn drop_sampling(notes: &mut Notes, settings: &mut Settings) -> Result<()> {
    if !is_on(settings) {
        return Ok(());
    }
    let message = "this model does not take the setting while it thinks";
    if settings.inference.get("temperature").is_some_and(|value| value.as_f64() != Some(1.0)) {
        settings.inference.shift_remove("temperature");
        notes.dropped("temperature", message)?;
    }
    if settings.additional.shift_remove("top_k").is_some() {
        notes.dropped("top_k", message)?;
    }
    Ok(())
}

/// The number of tokens for a model that takes no level; `None` where there is no room to think.
fn budget(asked: Reasoning, max_tokens: Option<u32>, notes: &mut Notes) -> Result<Option<u32>> {
    let wanted = match asked {
        Reasoning::Budget(tokens) => tokens,
        Reasoning::Effort(effort) => match effort {
            Effort::None | Effort::Minimal => LEAST,
            Effort::Low => 2048,
            Effort::Medium => 8192,
            Effort::High => 24_576,
            _ => 32_768,
        },
        _ => 8192,
    };
    // Thinking counts towards the limit, and something must be left for the answer.
    let most = max_tokens.map_or(u32::MAX, |limit| limit.saturating_sub(1));
    if most < LEAST {
        notes.dropped("reasoning", "`max_tokens` leaves this model no room to think; raise it")?;
        return Ok(None);
    }
    let given = wanted.clamp(LEAST, most);
    if given != wanted && matches!(asked, Reasoning::Budget(_)) {
        let message =
            format!("this model can be given {LEAST} tokens up to `max_tokens`; it gets {given}");
        notes.changed("reasoning", message)?;
    }
    Ok(Some(given))
}

/// The level that the model knows and that is nearest to what was asked for.
fn level(asked: Reasoning, known: &[Effort], notes: &mut Notes) -> Result<Effort> {
    let asked = match asked {
        Reasoning::Effort(effort) => effort,
        Reasoning::Budget(tokens) => {
            notes.changed("reasoning", "this model takes a level instead of a number of tokens")?;
            match tokens {
                0..=2048 => Effort::Low,
                2049..=12_288 => Effort::Medium,
                _ => Effort::High,
            }
        }
        _ => Effort::Medium,
    };
    notes.nearest_effort(asked, known)
}
