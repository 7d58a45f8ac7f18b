//! Token counts and finish reasons: from every vendor's spelling to the one of the core.

use std::borrow::Cow;

use meanwhile_core::{FinishReason, Usage};
use meanwhile_http::lenient::{List, Number, Str, otherwise_absent};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::Quirks;

/// What one answer counted.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) usage: Usage,
    /// Mistral keeps the tier of service there.
    pub(crate) service_tier: Option<String>,
}

/// The counters, under every name that they are known by. Of one that is named twice, the last counts.
#[derive(Debug, Default)]
struct Counters<'a> {
    prompt_tokens: Number,
    input_tokens: Number,
    completion_tokens: Number,
    output_tokens: Number,
    total_tokens: Number,
    prompt_cache_hit_tokens: Number,
    num_cached_tokens: Number,
    cached_tokens: Number,
    cache_read_input_tokens: Number,
    cache_creation_input_tokens: Number,
    reasoning_tokens: Number,
    prompt_tokens_details: Details,
    prompt_token_details: Details,
    input_tokens_details: Details,
    completion_tokens_details: Details,
    output_tokens_details: Details,
    /// Where Alibaba tells of a session's cache.
    x_details: List<Session>,
    service_tier: Str<'a>,
}

/// The parts of a counter; none where they are no object.
#[derive(Debug, Default)]
struct Details {
    cached_tokens: Number,
    cache_write_tokens: Number,
    cache_creation_tokens: Number,
    cache_creation_input_tokens: Number,
    cache_creation: Created,
    reasoning_tokens: Number,
    audio_tokens: Number,
}

/// What was written into a cache, by how long it is kept (Alibaba, after Anthropic's manner).
#[derive(Debug, Default)]
struct Created(Option<u64>);

/// What is told of a session.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Session {
    prompt_tokens_details: Details,
}

/// Google's own counters, which a router hands on beside those that it made of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beside {
    written: u64,
    thought: u64,
}

/// The name of a field.
#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Name {
    AudioTokens,
    CacheCreation,
    CacheCreationInputTokens,
    CacheCreationTokens,
    CacheReadInputTokens,
    CacheWriteTokens,
    CachedTokens,
    CompletionTokens,
    CompletionTokensDetails,
    InputTokens,
    InputTokensDetails,
    NumCachedTokens,
    OutputTokens,
    OutputTokensDetails,
    PromptCacheHitTokens,
    PromptTokenDetails,
    PromptTokens,
    PromptTokensDetails,
    ReasoningTokens,
    TotalTokens,
    ServiceTier,
    XDetails,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Counters<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountersVisitor;
        impl<'de> Visitor<'de> for CountersVisitor {
            type Value = Counters<'de>;

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Counters::default();
                while let Some(name) = map.next_key()? {
                    match name {
                        Name::PromptTokens => found.prompt_tokens = map.next_value()?,
                        Name::InputTokens => found.input_tokens = map.next_value()?,
                        Name::CompletionTokens => found.completion_tokens = map.next_value()?,
                        Name::OutputTokens => found.output_tokens = map.next_value()?,
                        Name::TotalTokens => found.total_tokens = map.next_value()?,
                        Name::PromptCacheHitTokens => {
                            found.prompt_cache_hit_tokens = map.next_value()?
                        }
                        Name::NumCachedTokens => found.num_cached_tokens = map.next_value()?,
                        Name::CachedTokens => found.cached_tokens = map.next_value()?,
                        Name::CacheReadInputTokens => {
                            found.cache_read_input_tokens = map.next_value()?
                        }
                        Name::CacheCreationInputTokens => {
                            found.cache_creation_input_tokens = map.next_value()?
                        }
                        Name::ReasoningTokens => found.reasoning_tokens = map.next_value()?,
                        Name::PromptTokensDetails => {
                            found.prompt_tokens_details = map.next_value()?
                        }
                        Name::PromptTokenDetails => {
                            found.prompt_token_details = map.next_value()?
                        }
                        Name::InputTokensDetails => {
                            found.input_tokens_details = map.next_value()?
                        }
                        Name::CompletionTokensDetails => {
                            found.completion_tokens_details = map.next_value()?
                        }
                        Name::OutputTokensDetails => {
                            found.output_tokens_details = map.next_value()?
                        }
                        Name::XDetails => found.x_details = map.next_value()?,
                        Name::ServiceTier => found.service_tier = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(found)
            }

            otherwise_absent!(expecting bool number str null seq);
        }
        deserializer.deserialize_any(CountersVisitor)
    }
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DetailsVisitor;
        impl<'de> Visitor<'de> for DetailsVisitor {
            type Value = Details;

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Details::default();
                while let Some(name) = map.next_key()? {
                    match name {
                        Name::CachedTokens => found.cached_tokens = map.next_value()?,
                        Name::CacheWriteTokens => found.cache_write_tokens = map.next_value()?,
                        Name::CacheCreationTokens => {
                            found.cache_creation_tokens = map.next_value()?
                        }
                        Name::CacheCreationInputTokens => {
                            found.cache_creation_input_tokens = map.next_value()?
                        }
                        Name::CacheCreation => found.cache_creation = map.next_value()?,
                        Name::ReasoningTokens => found.reasoning_tokens = map.next_value()?,
                        Name::AudioTokens => found.audio_tokens = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(found)
            }

            otherwise_absent!(expecting bool number str null seq);
        }
        deserializer.deserialize_any(DetailsVisitor)
    }
}

impl<'de> Deserialize<'de> for Created {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CreatedVisitor;
        impl<'de> Visitor<'de> for CreatedVisitor {
            type Value = Created;

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut whole = None;
                let mut parts = None;
                while let Some(name) = map.next_key::<Str<'de>>()? {
                    let name = name.text();
                    let Number(count) = map.next_value()?;
                    if name == "cache_creation_input_tokens" {
                        whole = count;
                    } else if let Some(count) = count.filter(|_| name.starts_with("ephemeral_")) {
                        parts = Some(parts.unwrap_or(0_u64).saturating_add(count));
                    }
                }
                Ok(Created(whole.or(parts)))
            }

            otherwise_absent!(expecting bool number str null seq);
        }
        deserializer.deserialize_any(CreatedVisitor)
    }
}

/// Reads the counters of one answer, where there are any; inconsistent ones saturate, and the raw
/// ones are kept. `beside` is what the vendor behind a router counted.
pub(crate) fn usage(raw: &RawValue, quirks: &Quirks, beside: Option<Beside>) -> Option<Counted> {
    let fields = raw.get().trim_ascii().strip_prefix('{')?;
    if fields.trim_ascii_start() == "}" {
        return None;
    }
    let counters: Counters<'_> = serde_json::from_str(raw.get()).ok()?;
    Some(counters.read(raw, quirks, beside))
}

/// Reads what the vendor behind a router counted, where that tells more than the router does.
pub(crate) fn beside(raw: &RawValue) -> Option<Beside> {
    let vendors: Value = serde_json::from_str(raw.get()).ok()?;
    let google = vendors.get("google").or_else(|| vendors.get("vertex"))?.get("usageMetadata")?;
    let count = |name: &str| google.get(name).and_then(Value::as_u64);
    Some(Beside { written: count("candidatesTokenCount")?, thought: count("thoughtsTokenCount")? })
}

impl Counters<'_> {
    fn read(&self, raw: &RawValue, quirks: &Quirks, beside: Option<Beside>) -> Counted {
        let session = self.x_details.0.first();
        let none = Details::default();
        let prompt = [
            &self.prompt_tokens_details,
            &self.prompt_token_details,
            &self.input_tokens_details,
            session.map_or(&none, |session| &session.prompt_tokens_details),
        ];
        let completion = [&self.completion_tokens_details, &self.output_tokens_details];

        let total = first([self.prompt_tokens, self.input_tokens]);
        let read = within(prompt, |details| details.cached_tokens.0).or_else(|| {
            first([
                self.prompt_cache_hit_tokens,
                self.num_cached_tokens,
                self.cached_tokens,
                self.cache_read_input_tokens,
            ])
        });
        let write = within(prompt, |details| {
            let counted = [
                details.cache_write_tokens,
                details.cache_creation_tokens,
                details.cache_creation_input_tokens,
            ];
            first(counted).or(details.cache_creation.0)
        })
        .or(self.cache_creation_input_tokens.0);
        let known = read.is_some() || write.is_some();
        let uncached = total.filter(|_| known).map(|total| {
            total.saturating_sub(read.unwrap_or(0)).saturating_sub(write.unwrap_or(0))
        });

        let written = first([self.completion_tokens, self.output_tokens]);
        let reasoning =
            within(completion, |details| details.reasoning_tokens.0).or(self.reasoning_tokens.0);
        // Some count reasoning apart, also behind routers; the vendor's own counters or the sum give it
        // away.
        let told = beside.is_some_and(|beside| {
            (written, reasoning) == (Some(beside.written), Some(beside.thought))
        });
        let apart = match (reasoning, self.total_tokens.0) {
            _ if told || quirks.reasoning_outside_total => true,
            (Some(reasoning), Some(sum)) if reasoning > 0 => {
                let parts = total.unwrap_or(0).saturating_add(written.unwrap_or(0));
                sum == parts.saturating_add(reasoning)
            }
            _ => quirks.reasoning_apart,
        };
        let (output, text) = match (written, reasoning) {
            (Some(written), Some(reasoning)) if apart => {
                (Some(written.saturating_add(reasoning)), Some(written))
            }
            // More reasoning than there is output is counted in another way, so the rest is not known.
            (Some(written), Some(reasoning)) => (Some(written), written.checked_sub(reasoning)),
            (written, _) => (written, None),
        };

        let mut usage = Usage::default();
        usage.input.total = total;
        usage.input.uncached = uncached;
        usage.input.cache_read = read;
        usage.input.cache_write = write;
        usage.input.audio = within(prompt, |details| details.audio_tokens.0);
        usage.output.total = output;
        usage.output.text = text;
        usage.output.reasoning = reasoning;
        usage.output.audio = within(completion, |details| details.audio_tokens.0);
        usage.raw = Some(raw.into());
        Counted { usage, service_tier: self.service_tier.given().map(str::to_owned) }
    }
}

/// The first of the fields that holds a count.
fn first<const N: usize>(fields: [Number; N]) -> Option<u64> {
    fields.iter().find_map(|field| field.0)
}

/// The count in the first of the groups that holds it.
fn within<const N: usize>(
    groups: [&Details; N],
    count: impl Fn(&Details) -> Option<u64>,
) -> Option<u64> {
    groups.into_iter().find_map(count)
}

/// Reads a finish reason.
pub(crate) fn finish_reason(raw: &str) -> FinishReason {
    // Few write it in capitals or with hyphens.
    let is_odd = |byte: u8| byte.is_ascii_uppercase() || byte == b'-';
    let lower = match raw.bytes().any(is_odd) {
        true => Cow::Owned(raw.to_ascii_lowercase().replace('-', "_")),
        false => Cow::Borrowed(raw),
    };
    match &*lower {
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" | "complete" | "completed" => {
            FinishReason::Stop
        }
        "length"
        | "max_tokens"
        | "max_output_tokens"
        | "model_length"
        | "model_context_window_exceeded" => FinishReason::Length,
        "tool_calls" | "tool_call" | "function_call" | "tool_use" => FinishReason::ToolCalls,
        "content_filter"
        | "content_filtered"
        | "guardrail_intervened"
        | "sensitive"
        | "safety"
        | "refusal"
        | "recitation"
        | "blocklist"
        | "prohibited_content"
        | "spii"
        | "image_safety" => FinishReason::ContentFilter,
        "pause_turn" => FinishReason::Paused,
        "error"
        | "network_error"
        | "insufficient_system_resource"
        | "abort"
        | "malformed_function_call"
        | "unexpected_tool_call" => FinishReason::Error,
        _ => FinishReason::Other,
    }
}
