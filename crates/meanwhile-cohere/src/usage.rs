//! Token counts and finish reasons: from Cohere's words to those of the core.

use meanwhile_core::{FinishReason, Usage};
use serde_json::Value;

/// Reads counters, where they say anything. What is billed differs from what was read and is kept
/// raw; what came from the cache is a part of what was read.
pub(crate) fn usage(raw: Value) -> Option<Usage> {
    if raw.as_object().is_none_or(serde_json::Map::is_empty) {
        return None;
    }
    let tokens = |name: &str| raw.get("tokens").and_then(|tokens| tokens.get(name)).and_then(count);
    let total = tokens("input_tokens");
    let cached = raw.get("cached_tokens").and_then(count);
    let output = tokens("output_tokens");
    let reasoning = tokens("reasoning_tokens");
    let mut usage = Usage::default();
    usage.input.total = total;
    usage.input.cache_read = cached;
    usage.input.uncached = match (total, cached) {
        (Some(total), Some(cached)) => Some(total.saturating_sub(cached)),
        _ => None,
    };
    usage.output.total = output;
    usage.output.reasoning = reasoning;
    usage.output.text = match (output, reasoning) {
        (Some(output), Some(reasoning)) => Some(output.saturating_sub(reasoning)),
        _ => None,
    };
    usage.raw = Some(raw.into());
    Some(usage)
}

/// Some answers write counts as fractions: `12.0`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and counts are whole"
)]
fn count(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|count| *count >= 0.0).map(|count| count as u64))
}

/// Reads a finish reason.
pub(crate) fn finish_reason(raw: &str) -> FinishReason {
    match raw {
        "COMPLETE" | "STOP_SEQUENCE" => FinishReason::Stop,
        "MAX_TOKENS" | "ERROR_LIMIT" => FinishReason::Length,
        "TOOL_CALL" => FinishReason::ToolCalls,
        "ERROR_TOXIC" => FinishReason::ContentFilter,
        "ERROR" | "TIMEOUT" => FinishReason::Error,
        _ => FinishReason::Other,
    }
}
