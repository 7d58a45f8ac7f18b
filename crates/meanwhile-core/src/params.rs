//! [`Params`]: what can be set for one call, all of it optional.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Settings of one call. `None` leaves the provider's default alone.
///
/// Deliberately not `#[non_exhaustive]`: the codecs of this repository destructure it without `..`, so
/// that a setting added here does not compile until every codec carries it or says that it cannot. Fields
/// are added in minor versions: construct it with `..Params::default()`, and end a pattern in `..` to
/// compile with all of them, or leave `..` out to be told of each.
///
/// ```
/// use meanwhile_core::{Effort, Params};
///
/// let house = Params::new().temperature(0.7).max_tokens(800);
/// let call = Params::new().temperature(0.0).reasoning(Effort::Low).option("openai", "store", false);
/// let merged = call.or(house);
/// assert_eq!((merged.temperature, merged.max_tokens), (Some(0.0), Some(800)));
/// assert_eq!(merged.options["openai"]["store"], false);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Params {
    /// Randomness of the choice of words, from 0; providers differ in the upper bound.
    pub temperature: Option<f64>,
    /// Share of the probability mass to choose from, 0 to 1.
    pub top_p: Option<f64>,
    /// Number of tokens to choose from.
    pub top_k: Option<u32>,
    /// Most tokens to write.
    pub max_tokens: Option<u32>,
    /// Texts that end the answer; they are not part of it.
    pub stop: Option<Vec<String>>,
    /// Makes the choice of words repeatable, as far as the provider can.
    pub seed: Option<u64>,
    /// Penalty for tokens that occurred at all.
    pub presence_penalty: Option<f64>,
    /// Penalty for tokens by how often they occurred.
    pub frequency_penalty: Option<f64>,
    /// Whether the model may ask for several tools at once.
    pub parallel_tool_calls: Option<bool>,
    /// How much the model should think before it answers.
    pub reasoning: Option<Reasoning>,
    /// How many alternatives to report for each token, 0 for the chosen one alone.
    pub logprobs: Option<u8>,
    /// The end user on whose behalf the call is made, for abuse detection.
    pub user: Option<String>,
    /// The tier of service to ask for.
    pub service_tier: Option<String>,
    /// A key under which the provider may find a cached prefix again.
    pub prompt_cache_key: Option<String>,
    /// Vendor options by provider id, merged into the request body as they are.
    pub options: BTreeMap<String, Map<String, Value>>,
}

/// How much the model should think before it answers.
///
/// ```
/// use meanwhile_core::{Effort, Params, Reasoning};
///
/// let by_level = Params::new().reasoning(Effort::High);
/// assert_eq!(by_level.reasoning, Some(Reasoning::Effort(Effort::High)));
/// let by_tokens = Params::new().reasoning(Reasoning::Budget(2048));
/// assert_eq!(by_tokens.or(by_level).reasoning, Some(Reasoning::Budget(2048)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reasoning {
    /// A level that the provider knows how to read.
    Effort(Effort),
    /// Most tokens to spend on thinking.
    Budget(u32),
}

/// Levels of thinking, from none to as much as there is.
///
/// ```
/// use meanwhile_core::{Effort, Params, Reasoning};
///
/// let question = "Prove it.";
/// let effort = if question.contains("Prove") { Effort::XHigh } else { Effort::Minimal };
/// let params = Params::new().reasoning(effort);
/// assert_eq!(params.reasoning, Some(Reasoning::Effort(Effort::XHigh)));
/// assert!(Effort::Minimal < effort);
/// assert_eq!(effort.as_str(), "xhigh");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Effort {
    /// No thinking.
    None,
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// The middle.
    Medium,
    /// Much.
    High,
    /// Very much.
    XHigh,
    /// As much as there is.
    Max,
}

impl Effort {
    /// The level's name as the wires write it: `minimal`, `xhigh`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }
}

/// The clocks of one call. `None` leaves the provider's own setting.
///
/// ```
/// # use std::time::Duration;
/// # use meanwhile_core::{Model, Scripted, Timeouts};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new(), "any");
/// let clocks = Timeouts::default()
///     .first_event(Duration::from_secs(20))
///     .idle(Duration::from_secs(5));
/// let request = model.call::<String>("Hello").timeouts(clocks).request().await?;
/// assert_eq!(request.timeouts.idle, Some(Duration::from_secs(5)));
/// assert_eq!(request.timeouts.whole, None);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Timeouts {
    /// Longest wait for the first event of the answer.
    pub first_event: Option<Duration>,
    /// Longest silence between two events.
    pub idle: Option<Duration>,
    /// Longest time for one request from start to finish.
    pub whole: Option<Duration>,
}

impl Timeouts {
    /// Sets the longest wait for the first event.
    #[must_use]
    pub fn first_event(mut self, limit: Duration) -> Self {
        self.first_event = Some(limit);
        self
    }

    /// Sets the longest silence between two events.
    #[must_use]
    pub fn idle(mut self, limit: Duration) -> Self {
        self.idle = Some(limit);
        self
    }

    /// Sets the longest time for one request from start to finish.
    #[must_use]
    pub fn whole(mut self, limit: Duration) -> Self {
        self.whole = Some(limit);
        self
    }

    /// Fills what is not set from `lower`.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        Self {
            first_event: self.first_event.or(lower.first_event),
            idle: self.idle.or(lower.idle),
            whole: self.whole.or(lower.whole),
        }
    }
}

impl Params {
    /// Makes empty params.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Fills what is not set from `lower`, field by field; vendor options key by key.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        let mut options = lower.options;
        for (provider, upper) in self.options {
            options.entry(provider).or_default().extend(upper);
        }
        Self {
            temperature: self.temperature.or(lower.temperature),
            top_p: self.top_p.or(lower.top_p),
            top_k: self.top_k.or(lower.top_k),
            max_tokens: self.max_tokens.or(lower.max_tokens),
            stop: self.stop.or(lower.stop),
            seed: self.seed.or(lower.seed),
            presence_penalty: self.presence_penalty.or(lower.presence_penalty),
            frequency_penalty: self.frequency_penalty.or(lower.frequency_penalty),
            parallel_tool_calls: self.parallel_tool_calls.or(lower.parallel_tool_calls),
            reasoning: self.reasoning.or(lower.reasoning),
            logprobs: self.logprobs.or(lower.logprobs),
            user: self.user.or(lower.user),
            service_tier: self.service_tier.or(lower.service_tier),
            prompt_cache_key: self.prompt_cache_key.or(lower.prompt_cache_key),
            options,
        }
    }

    /// Sets one vendor option of one provider, a field of its request body.
    #[must_use]
    pub fn option(
        mut self,
        provider: impl Into<String>,
        name: impl Into<String>,
        value: impl Into<Value>,
    ) -> Self {
        self.options.entry(provider.into()).or_default().insert(name.into(), value.into());
        self
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident($($arg:tt)*) => $value:expr;)*) => {
        impl Params {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $($arg)*) -> Self {
                self.$name = Some($value);
                self
            }
        )*}
    };
}

setters! {
    /// Sets the randomness of the choice of words.
    temperature(temperature: f64) => temperature;
    /// Sets the share of the probability mass to choose from.
    top_p(top_p: f64) => top_p;
    /// Sets the number of tokens to choose from.
    top_k(top_k: u32) => top_k;
    /// Sets the most tokens to write.
    max_tokens(tokens: u32) => tokens;
    /// Sets the texts that end the answer.
    stop(stop: impl IntoIterator<Item = impl Into<String>>) => stop.into_iter().map(Into::into).collect();
    /// Makes the choice of words repeatable.
    seed(seed: u64) => seed;
    /// Sets the penalty for tokens that occurred at all.
    presence_penalty(penalty: f64) => penalty;
    /// Sets the penalty for tokens by how often they occurred.
    frequency_penalty(penalty: f64) => penalty;
    /// Sets whether the model may ask for several tools at once.
    parallel_tool_calls(allowed: bool) => allowed;
    /// Sets how much the model should think.
    reasoning(reasoning: impl Into<Reasoning>) => reasoning.into();
    /// Asks for the probabilities of tokens, with this many alternatives.
    logprobs(alternatives: u8) => alternatives;
    /// Names the end user.
    user(user: impl Into<String>) => user.into();
    /// Asks for a tier of service.
    service_tier(tier: impl Into<String>) => tier.into();
    /// Sets the key under which the provider may find a cached prefix again.
    prompt_cache_key(key: impl Into<String>) => key.into();
}

impl From<Effort> for Reasoning {
    fn from(effort: Effort) -> Self {
        Self::Effort(effort)
    }
}
