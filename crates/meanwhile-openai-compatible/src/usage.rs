//! Token counts and finish reasons: from every vendor's spelling to the one of the core.

use meanwhile_core::{FinishReason, InputTokens, OutputTokens, Usage};
use serde_json::Value;

use crate::Quirks;

/// Reads the counters of one answer; inconsistent ones saturate, and the raw ones are kept.
pub(crate) fn usage(raw: Value, quirks: &Quirks) -> Usage {
    let prompt = ["prompt_tokens_details", "prompt_token_details", "input_tokens_details"];
    let completion = ["completion_tokens_details", "output_tokens_details"];
    let within = |groups: &[&str], names: &[&str]| {
        groups.iter().filter_map(|group| raw.get(group)).find_map(|group| first(group, names))
    };

    let total = first(&raw, &["prompt_tokens", "input_tokens"]);
    let read = within(&prompt, &["cached_tokens"]).or_else(|| {
        let names = [
            "prompt_cache_hit_tokens",
            "num_cached_tokens",
            "cached_tokens",
            "cache_read_input_tokens",
        ];
        first(&raw, &names)
    });
    let write = within(&prompt, &["cache_write_tokens", "cache_creation_tokens"])
        .or_else(|| first(&raw, &["cache_creation_input_tokens"]));
    let known = read.is_some() || write.is_some();
    let uncached = total
        .filter(|_| known)
        .map(|total| total.saturating_sub(read.unwrap_or(0)).saturating_sub(write.unwrap_or(0)));

    let written = first(&raw, &["completion_tokens", "output_tokens"]);
    let reasoning =
        within(&completion, &["reasoning_tokens"]).or_else(|| first(&raw, &["reasoning_tokens"]));
    // Some count reasoning apart, also behind routers; the sum gives it away.
    let apart = match (reasoning, first(&raw, &["total_tokens"])) {
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
        (Some(written), Some(reasoning)) => {
            (Some(written), Some(written.saturating_sub(reasoning)))
        }
        (written, _) => (written, None),
    };

    let mut input = InputTokens::default();
    input.total = total;
    input.uncached = uncached;
    input.cache_read = read;
    input.cache_write = write;
    input.audio = within(&prompt, &["audio_tokens"]);
    let mut written = OutputTokens::default();
    written.total = output;
    written.text = text;
    written.reasoning = reasoning;
    written.audio = within(&completion, &["audio_tokens"]);
    let mut usage = Usage::default();
    usage.input = input;
    usage.output = written;
    usage.raw = Some(Box::new(raw));
    usage
}

/// The first of the fields that holds a count.
fn first(object: &Value, names: &[&str]) -> Option<u64> {
    names.iter().filter_map(|name| object.get(name)).find_map(count)
}

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
    match raw.to_ascii_lowercase().as_str() {
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" | "complete" | "completed" => {
            FinishReason::Stop
        }
        "length"
        | "max_tokens"
        | "max_output_tokens"
        | "model_length"
        | "model_context_window_exceeded" => FinishReason::Length,
        "tool_calls" | "tool_call" | "function_call" | "tool_use" => FinishReason::ToolCalls,
        "content_filter" | "sensitive" | "safety" | "refusal" => FinishReason::ContentFilter,
        "error" | "network_error" | "insufficient_system_resource" | "abort" => FinishReason::Error,
        _ => FinishReason::Other,
    }
}
