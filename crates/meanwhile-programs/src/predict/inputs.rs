//! [`check`]: what the inputs of a call must be, looked at before anything is sent.

use meanwhile_core::{Error, ErrorKind, Result};
use serde_json::Value;

use crate::fields::kind_of;
use crate::{FieldSpec, FieldType, Fields, SignatureSpec};

/// Looks at the inputs before anything is sent; takes the conversation so far out of them.
pub(super) fn check(spec: &SignatureSpec, mut inputs: Fields) -> Result<(Fields, Vec<Fields>)> {
    let mut faults = Vec::new();
    for name in inputs.names() {
        if spec.input(name).is_none() {
            faults.push(format!("`{name}` is not an input"));
        }
    }
    let mut history = Vec::new();
    for field in &spec.inputs {
        if field.ty == FieldType::History {
            match inputs.remove(&field.name).map(exchanges).transpose() {
                Ok(found) => history = found.unwrap_or_default(),
                Err(fault) => faults.push(format!("`{}` {fault}", field.name)),
            }
            continue;
        }
        match inputs.value(&field.name) {
            Some(value) => faults.extend(fault_of(field, value)),
            None => match field.fallback() {
                Some(value) => drop(inputs.insert(field.name.clone(), value)),
                None => faults.push(format!("`{}` is missing", field.name)),
            },
        }
    }
    if faults.is_empty() {
        return Ok((inputs, history));
    }
    let known: Vec<String> = spec.inputs.iter().map(|field| format!("`{}`", field.name)).collect();
    let message =
        format!("the inputs of `{}` are {}: {}", spec.name, known.join(", "), faults.join("; "));
    Err(Error::new(ErrorKind::Prompt, message))
}

fn exchanges(value: Value) -> Result<Vec<Fields>, &'static str> {
    let wrong = "is no conversation: give a list of records, one for each exchange";
    let messages = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(messages) => messages,
        // As it is written by DSPy.
        Value::Object(mut history) => match history.remove("messages") {
            Some(Value::Array(messages)) => messages,
            _ => return Err(wrong),
        },
        _ => return Err(wrong),
    };
    let fields = messages.into_iter().map(|message| match message {
        Value::Object(map) => Ok(Fields::from(map)),
        _ => Err(wrong),
    });
    fields.collect()
}

/// Says why a value cannot be that of a field, as far as a mistake is likely.
fn fault_of(field: &FieldSpec, value: &Value) -> Option<String> {
    let wanted = match (&field.ty, value) {
        (FieldType::String, Value::Object(_)) => {
            "text; give the field of the record that is meant, not the whole record"
        }
        (FieldType::String, Value::Null) => "text",
        (
            FieldType::Integer | FieldType::Float,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_),
        ) => "a number",
        (
            FieldType::List(_),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_),
        ) => "a list",
        _ => return None,
    };
    Some(format!("`{}` is {}, and is to be {wanted}", field.name, kind_of(value)))
}
