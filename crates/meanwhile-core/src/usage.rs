//! [`Usage`]: how many tokens a call took, with "zero" kept apart from "not reported".

use std::fmt;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{Error, ErrorKind, Result};

/// Token counts of one response.
///
/// Every count is `None` where the provider did not report it; zero means it reported zero.
///
/// ```
/// use meanwhile_core::Usage;
///
/// let mut all = Usage::totals(120, 30);
/// all.add(&Usage::totals(80, 20));
/// assert_eq!(all.total(), Some(250));
/// // Not reported, which is not the same as none.
/// assert_eq!(all.output.reasoning, None);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens read.
    pub input: InputTokens,
    /// Tokens written.
    pub output: OutputTokens,
    /// The provider's own counters, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<RawJson>,
}

/// Tokens read: `total = uncached + cache_read + cache_write` where all are reported.
///
/// ```
/// use meanwhile_core::Usage;
///
/// let mut usage = Usage::totals(1_000, 50);
/// usage.input.cache_read = Some(800);
/// let share = usage.input.cache_read.zip(usage.input.total).map(|(read, all)| read * 100 / all);
/// assert_eq!(share, Some(80), "percent of the prompt came out of the provider's cache");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InputTokens {
    /// All tokens of the prompt, cached ones included.
    pub total: Option<u64>,
    /// Tokens read at full price.
    pub uncached: Option<u64>,
    /// Tokens read from the provider's cache.
    pub cache_read: Option<u64>,
    /// Tokens written to the provider's cache.
    pub cache_write: Option<u64>,
    /// Audio tokens, a part of the total.
    pub audio: Option<u64>,
}

/// Tokens written: `total = text + reasoning` where all are reported.
///
/// ```
/// use meanwhile_core::Usage;
///
/// let mut usage = Usage::totals(1_000, 50);
/// (usage.output.text, usage.output.reasoning) = (Some(20), Some(30));
/// assert_eq!(usage.output.total, usage.output.text.zip(usage.output.reasoning).map(|(a, b)| a + b));
/// assert_eq!(usage.output.audio, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutputTokens {
    /// All tokens of the answer, reasoning included.
    pub total: Option<u64>,
    /// Tokens of the visible answer.
    pub text: Option<u64>,
    /// Tokens spent on thinking.
    pub reasoning: Option<u64>,
    /// Audio tokens, a part of the total.
    pub audio: Option<u64>,
}

impl Usage {
    /// Counts of which only the totals are known.
    #[must_use]
    pub fn totals(input: u64, output: u64) -> Self {
        Self {
            input: InputTokens { total: Some(input), ..InputTokens::default() },
            output: OutputTokens { total: Some(output), ..OutputTokens::default() },
            raw: None,
        }
    }

    /// Takes over every count that `later` reports, for counters that are repeated in a stream.
    pub fn update(&mut self, later: Self) {
        fn take(old: &mut Option<u64>, new: Option<u64>) {
            *old = new.or(*old);
        }
        take(&mut self.input.total, later.input.total);
        take(&mut self.input.uncached, later.input.uncached);
        take(&mut self.input.cache_read, later.input.cache_read);
        take(&mut self.input.cache_write, later.input.cache_write);
        take(&mut self.input.audio, later.input.audio);
        take(&mut self.output.total, later.output.total);
        take(&mut self.output.text, later.output.text);
        take(&mut self.output.reasoning, later.output.reasoning);
        take(&mut self.output.audio, later.output.audio);
        if later.raw.is_some() {
            self.raw = later.raw;
        }
    }

    /// Adds the counts of another response, for sums over several calls. Raw counters are not summed.
    pub fn add(&mut self, other: &Self) {
        fn sum(old: &mut Option<u64>, new: Option<u64>) {
            *old = match (*old, new) {
                (Some(a), Some(b)) => Some(a.saturating_add(b)),
                (a, b) => a.or(b),
            };
        }
        sum(&mut self.input.total, other.input.total);
        sum(&mut self.input.uncached, other.input.uncached);
        sum(&mut self.input.cache_read, other.input.cache_read);
        sum(&mut self.input.cache_write, other.input.cache_write);
        sum(&mut self.input.audio, other.input.audio);
        sum(&mut self.output.total, other.output.total);
        sum(&mut self.output.text, other.output.text);
        sum(&mut self.output.reasoning, other.output.reasoning);
        sum(&mut self.output.audio, other.output.audio);
    }

    /// Input plus output, where both are reported.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        Some(self.input.total?.saturating_add(self.output.total?))
    }
}

/// JSON as a provider wrote it, kept as text and read when it is asked for.
///
/// Two are equal when they hold the same value, however it is written. In a serialised [`Usage`] it
/// is the value itself.
///
/// ```
/// use meanwhile_core::{RawJson, Usage};
///
/// let mut usage = Usage::totals(12, 3);
/// usage.raw = Some(RawJson::new(r#"{"prompt_tokens": 12, "draft_tokens": 2}"#)?);
/// // A counter of which this library knows nothing.
/// let raw = usage.raw.unwrap().json()?;
/// assert_eq!(raw["draft_tokens"], 2);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Clone)]
pub struct RawJson(Box<str>);

impl RawJson {
    /// Keeps `text`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`] when it is not one JSON value.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self> {
        let text = text.into();
        serde_json::from_str::<IgnoredAny>(&text).map_err(unreadable)?;
        Ok(Self(text))
    }

    /// The JSON text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Reads the JSON.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`] when it holds a number that is too large to be kept, or is nested more
    /// than a hundred levels deep.
    pub fn json(&self) -> Result<Value> {
        self.parse()
    }

    /// Reads the JSON as `T`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`] when it does not fit `T`, and as [`json`](Self::json).
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.0).map_err(unreadable)
    }
}

fn unreadable(source: serde_json::Error) -> Error {
    let message = format!("what the provider wrote cannot be read: {source}");
    Error::new(ErrorKind::Decode, message).with_source(source)
}

impl From<&RawValue> for RawJson {
    fn from(raw: &RawValue) -> Self {
        Self(raw.get().into())
    }
}

impl From<Value> for RawJson {
    fn from(value: Value) -> Self {
        Self(value.to_string().into())
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
            || matches!((self.json(), other.json()), (Ok(one), Ok(another)) if one == another)
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}
