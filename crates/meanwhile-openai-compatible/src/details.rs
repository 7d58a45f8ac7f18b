//! `reasoning_details` and its like: the lists in which routers hand on thinking with its signatures.

use serde_json::Value;

/// The fields in which a detail has its text: OpenRouter's, LiteLLM's, Perplexity's.
const TEXTS: [&str; 4] = ["text", "summary", "thinking", "thought"];

/// The readable text of the details.
pub(crate) fn text(details: &[Value]) -> String {
    let texts = details.iter().filter_map(|detail| {
        let mut texts = TEXTS.iter().filter_map(|name| detail.get(name)?.as_str());
        texts.find(|text| !text.is_empty())
    });
    texts.collect()
}

/// Appends streamed details: a piece of text joins the piece before it if both have the same type
/// and index, and brings its signature along.
pub(crate) fn append(details: &mut Vec<Value>, more: impl IntoIterator<Item = Value>) {
    for detail in more {
        match details.last_mut() {
            Some(last) if continues(last, &detail) => join(last, detail),
            _ => details.push(detail),
        }
    }
}

/// Whether the detail carries anything to keep: text, a signature or encrypted data.
pub(crate) fn is_substantial(detail: &Value) -> bool {
    let told = |field: &&str| {
        detail.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
    };
    TEXTS.iter().chain(&["data", "signature"]).any(told)
}

fn continues(last: &Value, next: &Value) -> bool {
    let same = |field: &str| last.get(field) == next.get(field);
    if !(same("type") && same("index")) {
        return false;
    }
    match next.get("type").and_then(Value::as_str) {
        Some("reasoning.text" | "reasoning.summary") => true,
        // Blocks have no index; a block ends with its signature.
        Some("thinking") => last.get("signature").and_then(Value::as_str).is_none_or(str::is_empty),
        _ => false,
    }
}

fn join(last: &mut Value, next: Value) {
    let (Some(last), Value::Object(next)) = (last.as_object_mut(), next) else { return };
    for (field, value) in next {
        match (last.get_mut(&field), value) {
            (_, Value::Null) => {}
            (Some(_), Value::String(new)) if new.is_empty() => {}
            (Some(Value::String(old)), Value::String(new)) if TEXTS.contains(&&*field) => {
                old.push_str(&new);
            }
            (_, value) => {
                last.insert(field, value);
            }
        }
    }
}
