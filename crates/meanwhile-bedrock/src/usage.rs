//! Token counts and finish reasons: from this service's words to those of the core.

use meanwhile_core::{FinishReason, Usage};
use serde_json::Value;

/// Reads counters, where they say anything. Those of the input leave out what the cache read and
/// wrote.
pub(crate) fn usage(raw: Value) -> Option<Usage> {
    let count =
        |names: [&str; 2]| names.iter().find_map(|name| raw.get(name)).and_then(Value::as_u64);
    let uncached = count(["inputTokens", "inputTokenCount"]);
    // Nova spells them in two ways.
    let read = count(["cacheReadInputTokens", "cacheReadInputTokenCount"]);
    let write = count(["cacheWriteInputTokens", "cacheWriteInputTokenCount"]);
    let output = count(["outputTokens", "outputTokenCount"]);
    if raw.as_object().is_none_or(serde_json::Map::is_empty) {
        return None;
    }
    let mut usage = Usage::default();
    usage.input.uncached = uncached;
    usage.input.cache_read = read;
    usage.input.cache_write = write;
    usage.input.total = uncached.map(|uncached| {
        uncached.saturating_add(read.unwrap_or(0)).saturating_add(write.unwrap_or(0))
    });
    usage.output.total = output;
    usage.raw = Some(raw.into());
    Some(usage)
}

/// Reads what the service counted of an answer on a vendor's wire, from the last piece of its stream.
#[cfg(feature = "invoke")]
pub(crate) fn metered(raw: &serde_json::value::RawValue) -> Usage {
    let counters: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    let count = |name: &str| counters.get(name).and_then(Value::as_u64);
    let mut usage = Usage::default();
    usage.input.total = count("inputTokenCount");
    usage.output.total = count("outputTokenCount");
    usage.raw = Some(raw.into());
    usage
}

/// Reads a stop reason.
pub(crate) fn finish_reason(raw: &str) -> FinishReason {
    match raw {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
        "malformed_model_output" | "malformed_tool_use" => FinishReason::Error,
        _ => FinishReason::Other,
    }
}
