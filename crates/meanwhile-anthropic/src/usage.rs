//! Token counts and stop reasons: from this API's spelling to the one of the core.

use meanwhile_core::{FinishReason, InputTokens, OutputTokens, Usage};
use serde_json::{Map, Value};

/// Takes over every counter that is not `null`: a stream reports some at its start, some at its end.
pub(crate) fn update(counters: &mut Map<String, Value>, later: Map<String, Value>) {
    for (name, value) in later {
        if !value.is_null() || !counters.contains_key(&name) {
            counters.insert(name, value);
        }
    }
}

/// Reads the counters of one answer. `input_tokens` counts neither what was read from the cache nor
/// what was written to it; inconsistent counters saturate, and the raw ones are kept.
pub(crate) fn usage(counters: &Map<String, Value>) -> Usage {
    let rounds = rounds(counters);
    // Under compaction the counters on top are those of the last round alone.
    let count = |name: &str| match &rounds {
        Some(rounds) => sum(rounds.iter().map(|round| number(round.get(name)))),
        None => number(counters.get(name)),
    };
    let uncached = count("input_tokens");
    let read = count("cache_read_input_tokens");
    let write = count("cache_creation_input_tokens").or_else(|| {
        let by_time = counters.get("cache_creation").and_then(Value::as_object)?;
        sum(by_time.values().map(|value| number(Some(value))))
    });
    let mut input = InputTokens::default();
    input.total = uncached.map(|uncached| {
        uncached.saturating_add(read.unwrap_or(0)).saturating_add(write.unwrap_or(0))
    });
    input.uncached = uncached;
    input.cache_read = read;
    input.cache_write = write;

    let total = count("output_tokens");
    let details = counters.get("output_tokens_details");
    let reasoning = number(details.and_then(|details| details.get("thinking_tokens")));
    let mut output = OutputTokens::default();
    output.total = total;
    output.reasoning = reasoning;
    output.text = reasoning.and_then(|reasoning| Some(total?.saturating_sub(reasoning)));

    let mut usage = Usage::default();
    usage.input = input;
    usage.output = output;
    usage.raw = Some(Value::Object(counters.clone()).into());
    usage
}

/// The rounds of an answer whose conversation was shortened on the way. What other models did for it
/// (`advisor_message`) is billed apart and not among them.
fn rounds(counters: &Map<String, Value>) -> Option<Vec<&Value>> {
    let all = counters.get("iterations")?.as_array()?;
    let is = |round: &Value, kind: &str| round.get("type").is_some_and(|found| found == kind);
    if !all.iter().any(|round| is(round, "compaction")) {
        return None;
    }
    Some(all.iter().filter(|round| !is(round, "advisor_message")).collect())
}

/// The model that answered in the place of the one that was asked, where the counters tell of one.
pub(crate) fn fallback(counters: &Map<String, Value>) -> Option<&str> {
    let rounds = counters.get("iterations")?.as_array()?;
    let is_fallback =
        |round: &&Value| round.get("type").is_some_and(|kind| kind == "fallback_message");
    rounds.iter().rfind(is_fallback)?.get("model")?.as_str()
}

/// The sum of what is reported; `None` where nothing is.
fn sum(counts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    counts.flatten().fold(None, |sum, count| Some(sum.unwrap_or(0_u64).saturating_add(count)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and counts are whole"
)]
fn number(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|count| *count >= 0.0).map(|count| count as u64))
}

/// Reads a stop reason.
pub(crate) fn finish_reason(raw: &str) -> FinishReason {
    match raw {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        "pause_turn" | "compaction" => FinishReason::Paused,
        _ => FinishReason::Other,
    }
}
