//! What a newer version of a wire may look like: more fields, more values, more events.

use bytes::Bytes;
use serde_json::{Value, json};

/// What no wire has.
pub(super) const UNKNOWN: &str = "zz_conformance_unknown";

/// The fields that say why a model stopped.
const FINISH: [&str; 5] =
    ["finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason"];

/// Adds a field to every object of a body. `None` where the body is not JSON.
pub(super) fn more_fields(body: &[u8]) -> Option<Bytes> {
    each_value(body, &mut add_field)
}

/// Replaces every reason of a finish. `None` where there is none.
pub(super) fn unknown_finish(body: &[u8]) -> Option<Bytes> {
    let mut found = false;
    let body = each_value(body, &mut |value| found |= replace_finish(value));
    body.filter(|_| found)
}

/// Adds an event of an unknown name and type in front of every event that has one of either.
/// `None` where the events of the body have no types.
pub(super) fn more_events(body: &[u8]) -> Option<Bytes> {
    let text = std::str::from_utf8(body).ok()?;
    let mut out = String::new();
    let mut found = false;
    let mut name_before = false;
    for line in text.split_inclusive('\n') {
        let typed = json_of(line).is_some_and(|value| value.get("type").is_some());
        let event = json!({ "type": UNKNOWN, UNKNOWN: { "list": [1, null] } });
        let named = line.starts_with("event:");
        if named {
            out.push_str(&format!("event: {UNKNOWN}\ndata: {event}\n\n"));
        } else if typed && !name_before {
            let data = if line.starts_with("data:") { "data: " } else { "" };
            let end = if data.is_empty() { "\n" } else { "\n\n" };
            out.push_str(&format!("{data}{event}{end}"));
        }
        found |= named || typed;
        name_before = named;
        out.push_str(line);
    }
    found.then(|| out.into())
}

/// Adds comments between the events of server-sent events, as servers do to keep a connection.
pub(super) fn keep_alives(body: &[u8]) -> Option<Bytes> {
    let text = std::str::from_utf8(body).ok()?;
    let fits = text.starts_with("data:") || text.starts_with("event:");
    fits.then(|| format!(": ping\n\n{}: ping\n\n", text.replace("\n\n", "\n\n: ping\n\n")).into())
}

/// Changes every JSON value of a body with `change`: the body itself, its lines, or the data of its
/// events. `None` where nothing in it is JSON.
fn each_value(body: &[u8], change: &mut dyn FnMut(&mut Value)) -> Option<Bytes> {
    if let Ok(mut value) = serde_json::from_slice::<Value>(body) {
        change(&mut value);
        return Some(value.to_string().into());
    }
    let text = std::str::from_utf8(body).ok()?;
    let mut out = String::new();
    let mut found = false;
    for line in text.split_inclusive('\n') {
        match json_of(line) {
            Some(mut value) => {
                change(&mut value);
                found = true;
                let data = if line.starts_with("data:") { "data: " } else { "" };
                out.push_str(&format!("{data}{value}\n"));
            }
            None => out.push_str(line),
        }
    }
    found.then(|| out.into())
}

/// The object in a line of JSON, or in a line of data of an event.
fn json_of(line: &str) -> Option<Value> {
    let data = line.strip_prefix("data:").unwrap_or(line);
    serde_json::from_str(data).ok().filter(Value::is_object)
}

fn add_field(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(add_field);
            fields.insert(UNKNOWN.to_owned(), json!({ "list": [1, null, "x"] }));
        }
        Value::Array(values) => values.iter_mut().for_each(add_field),
        _ => {}
    }
}

fn replace_finish(value: &mut Value) -> bool {
    let mut found = false;
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if FINISH.contains(&name.as_str()) && value.is_string() {
                    *value = UNKNOWN.into();
                    found = true;
                } else {
                    found |= replace_finish(value);
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                found |= replace_finish(value);
            }
        }
        _ => {}
    }
    found
}

/// Takes the field out again, of what may hold any field.
pub(super) fn remove_unknown(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove(UNKNOWN);
            fields.values_mut().for_each(remove_unknown);
        }
        Value::Array(values) => values.iter_mut().for_each(remove_unknown),
        _ => {}
    }
}
