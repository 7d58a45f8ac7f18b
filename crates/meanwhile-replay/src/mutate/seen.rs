//! [`Seen`]: what a body decodes to, in a form in which two answers can be compared.

use bytes::Bytes;
use meanwhile_core::{Citation, Error, Event, Finish, Fold, Part, Request, Result};
use meanwhile_http::Framing;
use serde_json::{Map, Value, json};

use super::UNKNOWN;
use crate::play::decode;
use crate::wires::Wire;

/// What a body decoded to.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The answer, without what no wire has and without `null`.
    pub(super) answer: Value,
    /// The error, where there is one: its kind, its codes and its message.
    pub(super) error: Option<Value>,
    pub(super) finish: Option<Finish>,
    /// How many opaque parts, warnings and citations there are, and whether anything is kept that no
    /// wire has.
    pub(super) kept: usize,
}

impl Seen {
    /// Decodes a body.
    pub(super) fn body(wire: &dyn Wire, request: &Request, framing: Framing, body: &Bytes) -> Self {
        Self::events(&decode(wire, request, framing, [body.clone()]))
    }

    /// Puts events together.
    pub(super) fn events(events: &[Result<Event>]) -> Self {
        let mut fold = Fold::new("", "");
        let mut failure = None;
        for event in events {
            let pushed = match event {
                Ok(event) => fold.push(event),
                Err(error) => {
                    failure = Some(facts(error));
                    break;
                }
            };
            if let Err(error) = pushed {
                failure = Some(facts(&error));
                break;
            }
        }
        let mut response = fold.into_partial();
        let opaque = |part: &Part| matches!(part, Part::Opaque(_));
        let kept = response.message.parts.iter().filter(|part| opaque(part)).count()
            + response.citations().count()
            + response.warnings.len()
            + usize::from(
                serde_json::to_string(&response).is_ok_and(|text| text.contains(UNKNOWN)),
            );
        response.message.parts.retain(|part| match part {
            Part::Opaque(part) => !is_new_element(&part.value),
            _ => true,
        });
        for part in &mut response.message.parts {
            if let Part::Text(text) = part {
                let is_new = |citation: &Citation| {
                    citation.data.as_ref().is_some_and(|data| is_new_element(&data.value))
                };
                text.citations.retain(|citation| !is_new(citation));
            }
        }
        response.warnings.retain(|warning| !warning.to_string().contains(UNKNOWN));
        let finish = response.finish.clone();
        let mut answer = serde_json::to_value(&response).unwrap_or_default();
        tidy(&mut answer);
        Self { answer, error: failure, finish, kept }
    }

    /// Reads a refusal.
    pub(super) fn refusal(error: &Error) -> Self {
        Self { answer: Value::Null, error: Some(facts(error)), finish: None, kept: 0 }
    }

    /// Whether both are the same, but for why the model stopped.
    pub(super) fn is_same_but_finish(&self, other: &Self) -> bool {
        let without = |seen: &Self| {
            let mut answer = seen.answer.clone();
            // A reason that says more is told as a warning, too.
            if let Some(fields) = answer.as_object_mut() {
                fields.retain(|name, _| name != "finish" && name != "warnings");
            }
            answer
        };
        self.error == other.error && without(self) == without(other)
    }

    /// Replaces values of these fields by one that nobody knows, and forgets counts that belong to
    /// one of them.
    pub(super) fn replace(&mut self, names: &[&str]) {
        replace(&mut self.answer, names);
        for side in ["/usage/input", "/usage/output"] {
            let counts = self.answer.pointer_mut(side).and_then(Value::as_object_mut);
            counts.and_then(|counts| counts.remove("audio"));
        }
    }

    /// Joins texts that something unknown has parted.
    pub(super) fn join(&mut self) {
        let parts = self.answer.pointer_mut("/message/parts").and_then(Value::as_array_mut);
        let Some(parts) = parts else { return };
        let mut joined: Vec<Value> = Vec::with_capacity(parts.len());
        for part in parts.drain(..) {
            let more = part.get("text").and_then(Value::as_str);
            match joined.last_mut().filter(|last| last.get("type") == part.get("type")) {
                Some(Value::Object(last)) if more.is_some() => {
                    if let (Some(Value::String(text)), Some(more)) = (last.get_mut("text"), more) {
                        text.push_str(more);
                    }
                }
                _ => joined.push(part),
            }
        }
        *parts = joined;
    }
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        self.answer == other.answer && self.error == other.error
    }
}

fn facts(error: &Error) -> Value {
    // A body that nobody understands is its own message, in other words after each change.
    let message = error.message();
    let message = if message.contains(['{', '[']) { "" } else { message };
    json!([format!("{:?}", error.kind()), error.code(), error.error_type(), message])
}

fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove(UNKNOWN);
            for (name, value) in fields.iter_mut() {
                let text = value.as_str().filter(|_| name == "arguments" || name == "raw");
                let parsed = text.and_then(|text| serde_json::from_str::<Map<_, _>>(text).ok());
                if let Some(parsed) = parsed {
                    *value = Value::Object(parsed);
                }
                tidy(value);
            }
            // What held nothing but what was added.
            let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
            fields.retain(|name, value| {
                let value =
                    if name == "data" { value.get("value").unwrap_or(value) } else { value };
                !value.is_null() && !((name == "data" || name == "raw") && is_empty(value))
            });
        }
        Value::Array(values) => {
            values.retain(|value| !is_new_element(value));
            values.iter_mut().for_each(tidy);
            values.retain(|value| value.as_object().is_none_or(|fields| !fields.is_empty()));
            let is_opaque =
                |value: &Value| value.get("type").and_then(Value::as_str) == Some("opaque");
            values.retain(|value| !(is_opaque(value) && value.get("value").is_none_or(is_hollow)));
        }
        _ => {}
    }
}

/// Whether there is nothing in a value but what holds nothing.
fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().all(is_hollow),
        Value::Array(values) => values.iter().all(is_hollow),
        value => value.is_null(),
    }
}

/// Whether a value of a list was not recorded.
fn is_new_element(value: &Value) -> bool {
    let kind = value.get("type").and_then(Value::as_str);
    let is_alone = value
        .as_object()
        .is_some_and(|fields| fields.len() == 1 && fields.keys().any(|name| name == UNKNOWN));
    kind == Some(UNKNOWN) || is_alone
}

fn replace(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if value.is_string() && names.contains(&name.as_str()) {
                    *value = UNKNOWN.into();
                } else {
                    replace(value, names);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, names)),
        _ => {}
    }
}
