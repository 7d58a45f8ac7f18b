//! `reasoning_details`: the list in which routers hand on thinking with its signatures.

use serde_json::Value;

/// The readable text of the details.
pub(crate) fn text(details: &[Value]) -> String {
    let texts = details.iter().filter_map(|detail| {
        let text = detail.get("text").and_then(Value::as_str).filter(|text| !text.is_empty());
        text.or_else(|| detail.get("summary").and_then(Value::as_str))
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
    ["text", "summary", "data", "signature"]
        .into_iter()
        .any(|field| detail.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty()))
}

fn continues(last: &Value, next: &Value) -> bool {
    let same = |field: &str| last.get(field) == next.get(field);
    let kind = next.get("type").and_then(Value::as_str);
    matches!(kind, Some("reasoning.text" | "reasoning.summary")) && same("type") && same("index")
}

fn join(last: &mut Value, next: Value) {
    let (Some(last), Value::Object(next)) = (last.as_object_mut(), next) else { return };
    for (field, value) in next {
        match (last.get_mut(&field), value) {
            (_, Value::Null) => {}
            (Some(Value::String(old)), Value::String(new))
                if field == "text" || field == "summary" =>
            {
                old.push_str(&new);
            }
            (_, value) => {
                last.insert(field, value);
            }
        }
    }
}
