//! [`Price`]: what the tokens of one model cost, and the arithmetic over a [`Usage`].

use std::collections::BTreeMap;

use meanwhile_core::{Usage, Usd};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a million tokens of one model cost. What is `None` is not known, and tokens of that kind make
/// the cost of an answer unknown.
///
/// ```
/// use meanwhile_core::{Usage, Usd};
/// use meanwhile_layers::{Price, Prices};
///
/// // Dollars for a million tokens: read, written, read from the cache.
/// let price = Price::new(Usd::cents(15), Usd::cents(60)).with_cache_read(Usd::cents(7));
/// let prices = Prices::bundled().with("house", "small-*", price);
/// let usage = Usage::totals(2_000_000, 1_000_000);
/// let cost = prices.price("house", "small-7b").and_then(|price| price.cost(&usage, None));
/// assert_eq!(cost.map(|cost| cost.total()), Some(Usd::cents(90)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Price {
    /// Tokens read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Usd>,
    /// Tokens read from the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Usd>,
    /// Tokens written to the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Usd>,
    /// Tokens written to the provider's cache for an hour, where that costs more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<Usd>,
    /// Tokens written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Usd>,
    /// Tokens of thinking, where they do not cost as much as other tokens written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Usd>,
    /// Audio tokens read, where they do not cost as much as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_audio: Option<Usd>,
    /// Audio tokens read from the provider's cache, where they do not cost as much as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_audio: Option<Usd>,
    /// Audio tokens written, where they do not cost as much as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_audio: Option<Usd>,
    /// Prices of prompts above a size. The last one that applies holds for all tokens of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<PriceAbove>,
    /// Prices at tiers of service other than the standard one: `flex`, `priority`, `batch`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub service_tiers: BTreeMap<String, Price>,
}

/// The price of prompts above a size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
#[non_exhaustive]
pub struct PriceAbove {
    /// Applies to prompts of more tokens than this.
    pub tokens: u64,
    /// The price.
    #[serde(flatten)]
    pub price: Price,
}

impl TryFrom<Map<String, Value>> for PriceAbove {
    type Error = serde_json::Error;

    // Not `flatten`, under which fields that do not exist would go unnoticed.
    fn try_from(mut fields: Map<String, Value>) -> Result<Self, Self::Error> {
        let tokens = fields.remove("tokens").unwrap_or_default();
        let price = serde_json::from_value(Value::Object(fields))?;
        Ok(Self { tokens: serde_json::from_value(tokens)?, price })
    }
}

/// What an answer cost, by what was paid for.
///
/// ```
/// use meanwhile_core::{Usage, Usd};
/// use meanwhile_layers::Price;
///
/// let price = Price::new(Usd::dollars(1), Usd::dollars(4));
/// let cost = price.cost(&Usage::totals(1_000_000, 500_000), None).unwrap();
/// assert_eq!((cost.input, cost.output), (Usd::dollars(1), Usd::dollars(2)));
/// assert_eq!(cost.total(), Usd::dollars(3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cost {
    /// Tokens read at full price.
    pub input: Usd,
    /// Tokens read from the provider's cache.
    pub cache_read: Usd,
    /// Tokens written to the provider's cache.
    pub cache_write: Usd,
    /// Tokens written, thinking included.
    pub output: Usd,
}

impl Cost {
    /// The sum.
    #[must_use]
    pub fn total(&self) -> Usd {
        self.input + self.cache_read + self.cache_write + self.output
    }
}

impl Price {
    /// Sets what a million tokens read and a million tokens written cost.
    #[must_use]
    pub fn new(input: Usd, output: Usd) -> Self {
        Self { input: Some(input), output: Some(output), ..Self::default() }
    }

    /// The price of models that cost nothing.
    #[must_use]
    pub fn free() -> Self {
        Self {
            cache_read: Some(Usd::ZERO),
            cache_write: Some(Usd::ZERO),
            ..Self::new(Usd::ZERO, Usd::ZERO)
        }
    }

    /// Sets what a million tokens read from the provider's cache cost.
    #[must_use]
    pub fn with_cache_read(mut self, price: Usd) -> Self {
        self.cache_read = Some(price);
        self
    }

    /// Sets what a million tokens written to the provider's cache cost.
    #[must_use]
    pub fn with_cache_write(mut self, price: Usd) -> Self {
        self.cache_write = Some(price);
        self
    }

    /// Sets what a million tokens of thinking cost, where that differs.
    #[must_use]
    pub fn with_reasoning(mut self, price: Usd) -> Self {
        self.reasoning = Some(price);
        self
    }

    /// Sets the price of prompts of more than `tokens` tokens.
    #[must_use]
    pub fn with_above(mut self, tokens: u64, price: Self) -> Self {
        self.above.push(PriceAbove { tokens, price });
        self
    }

    /// Sets the price at a tier of service.
    #[must_use]
    pub fn with_service_tier(mut self, tier: impl Into<String>, price: Self) -> Self {
        self.service_tiers.insert(tier.into(), price);
        self
    }

    /// What `usage` costs at a tier of service; `None` where a count or a price that is needed is not
    /// known. A tier that the provider names in the counts themselves goes before `tier`.
    #[must_use]
    pub fn cost(&self, usage: &Usage, tier: Option<&str>) -> Option<Cost> {
        let named = named_tier(usage);
        let price = match named.as_deref().or(tier) {
            None | Some("standard" | "default" | "auto") => self,
            Some(tier) => self.service_tiers.get(tier)?,
        };
        let read = Read::of(usage)?;
        price.at(read.total).sum(usage, &read)
    }

    /// The price for a prompt of `tokens` tokens.
    fn at(&self, tokens: u64) -> &Self {
        let above = self.above.iter().filter(|above| tokens > above.tokens);
        above.max_by_key(|above| above.tokens).map_or(self, |above| &above.price)
    }

    fn sum(&self, usage: &Usage, read: &Read) -> Option<Cost> {
        let mut cost = Cost {
            cache_write: self.cache_write(usage, read.cache_write)?,
            ..self.read(usage, read)?
        };
        let Some(written) = usage.output.total.or_else(|| usage.output.sum()) else {
            // What writes nothing, such as an embedding, has no price for it.
            return self.output.is_none().then_some(cost);
        };
        let mut rest = written;
        if let Some(price) = self.reasoning {
            let tokens = usage.output.reasoning?;
            cost.output += price.of_tokens(tokens);
            rest = rest.checked_sub(tokens)?;
        }
        let audio = usage.output.audio.unwrap_or(0);
        if let (Some(price), true) = (self.output_audio, audio > 0) {
            cost.output += price.of_tokens(audio);
            rest = rest.checked_sub(audio)?;
        }
        cost.output += priced(self.output, rest)?;
        Some(cost)
    }

    fn read(&self, usage: &Usage, read: &Read) -> Option<Cost> {
        let audio = usage.input.audio.unwrap_or(0);
        let mut cost = Cost::default();
        let mut uncached = read.uncached;
        if let (Some(price), true) = (self.input_audio, audio > 0) {
            // How much of what was cached is audio, the counts do not say.
            if read.cache_read > 0 && self.cache_read_audio != self.cache_read {
                return None;
            }
            cost.input += price.of_tokens(audio);
            uncached = uncached.checked_sub(audio)?;
        }
        cost.input += priced(self.input, uncached)?;
        cost.cache_read = priced(self.cache_read, read.cache_read)?;
        Some(cost)
    }

    fn cache_write(&self, usage: &Usage, tokens: u64) -> Option<Usd> {
        let hour = match (self.cache_write_1h, tokens) {
            (None, _) | (_, 0) => 0,
            (Some(_), _) => written_for_an_hour(usage).min(tokens),
        };
        Some(priced(self.cache_write, tokens - hour)? + priced(self.cache_write_1h, hour)?)
    }
}

/// What `tokens` cost; nothing costs nothing, whether its price is known or not.
fn priced(price: Option<Usd>, tokens: u64) -> Option<Usd> {
    match (price, tokens) {
        (Some(price), _) => Some(price.of_tokens(tokens)),
        (None, 0) => Some(Usd::ZERO),
        (None, _) => None,
    }
}

/// Tokens read, by price.
struct Read {
    total: u64,
    uncached: u64,
    cache_read: u64,
    cache_write: u64,
}

impl Read {
    /// `None` where the counts do not say how many tokens were read.
    fn of(usage: &Usage) -> Option<Self> {
        let input = &usage.input;
        let cache_read = input.cache_read.unwrap_or(0);
        let cache_write = input.cache_write.unwrap_or(0);
        let cached = cache_read.checked_add(cache_write)?;
        let (total, uncached) = match (input.total, input.uncached) {
            (Some(total), uncached) => (total, uncached.or_else(|| total.checked_sub(cached))?),
            (None, Some(uncached)) => (uncached.checked_add(cached)?, uncached),
            (None, None) => return None,
        };
        Some(Self { total, uncached, cache_read, cache_write })
    }
}

trait Sum {
    fn sum(&self) -> Option<u64>;
}

impl Sum for meanwhile_core::OutputTokens {
    /// All tokens written, where only their kinds are reported.
    fn sum(&self) -> Option<u64> {
        self.text?.checked_add(self.reasoning.unwrap_or(0))
    }
}

/// Anthropic's own counters tell the tier, the speed, and for how long something was cached; no
/// unified count does.
/// Source: the API reference of Messages, `usage`.
fn raw(usage: &Usage, pointer: &str) -> Option<Value> {
    let raw = usage.raw.as_ref()?;
    // Most counters say nothing of the kind, and are not read for it.
    let field = pointer.rsplit('/').next()?;
    if !raw.text().contains(field) {
        return None;
    }
    raw.json().ok()?.pointer(pointer).cloned()
}

fn named_tier(usage: &Usage) -> Option<String> {
    let text = |pointer| raw(usage, pointer).and_then(|value| value.as_str().map(str::to_owned));
    let speed = text("/speed").filter(|speed| speed != "standard");
    speed.or_else(|| text("/service_tier"))
}

fn written_for_an_hour(usage: &Usage) -> u64 {
    let count = raw(usage, "/cache_creation/ephemeral_1h_input_tokens");
    count.and_then(|value| value.as_u64()).unwrap_or(0)
}
