//! [`Call`]: what a model called, and whether it fits and is right, as the leaderboard's checker of syntax
//! trees has it.

use anyhow::{Result, anyhow};
use meanwhile_core::{ToolCall, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::data::Expected;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    name: String,
    arguments: Value,
}

impl Call {
    pub(crate) fn of(call: &ToolCall) -> Result<Self> {
        Ok(Self { name: call.name.clone(), arguments: call.json()? })
    }
}

/// Whether all calls are of known tools and their arguments fit.
pub(crate) fn is_valid(calls: &[Call], tools: &[ToolSpec]) -> Result<bool> {
    for call in calls {
        let Some(tool) = tools.iter().find(|tool| tool.name == call.name) else {
            return Ok(false);
        };
        let schema = jsonschema::validator_for(tool.parameters.as_value());
        // The error borrows the schema.
        let schema = schema.map_err(|error| anyhow!("the schema of {}: {error}", tool.name))?;
        if !call.arguments.is_object() || !schema.is_valid(&call.arguments) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the calls are those expected, in any order.
pub(crate) fn matches(calls: &[Call], expected: &[Expected]) -> bool {
    let mut left: Vec<&Expected> = expected.iter().collect();
    let all = calls.iter().all(|call| {
        let found = left.iter().position(|expected| is_right(call, expected));
        found.map(|at| left.swap_remove(at)).is_some()
    });
    all && left.is_empty()
}

fn is_right(call: &Call, (name, expected): &Expected) -> bool {
    let Value::Object(arguments) = &call.arguments else { return false };
    call.name == *name && are_right(arguments, expected)
}

fn are_right(arguments: &Map<String, Value>, expected: &Map<String, Value>) -> bool {
    let known = arguments.iter().all(|(name, value)| {
        expected.get(name).and_then(Value::as_array).is_some_and(|choices| is_one(value, choices))
    });
    let complete = expected.iter().all(|(name, choices)| {
        let may_be_missing = choices.as_array().is_some_and(|c| c.contains(&Value::from("")));
        arguments.contains_key(name) || may_be_missing
    });
    known && complete
}

fn is_one(value: &Value, choices: &[Value]) -> bool {
    choices.iter().any(|choice| is_same(value, choice))
}

fn is_same(value: &Value, choice: &Value) -> bool {
    match (value, choice) {
        (Value::String(value), Value::String(choice)) => plain(value) == plain(choice),
        (Value::Number(value), Value::Number(choice)) => value.as_f64() == choice.as_f64(),
        (Value::Array(value), Value::Array(choice)) => {
            value.len() == choice.len() && value.iter().zip(choice).all(|(v, c)| is_same(v, c))
        }
        // Within objects, each member has a list of choices again.
        (Value::Object(value), Value::Object(choice)) => are_right(value, choice),
        _ => value == choice,
    }
}

/// A text without what writers do in different ways.
fn plain(text: &str) -> String {
    let kept = text.chars().filter(|letter| !" ,./-_*^".contains(*letter));
    kept.flat_map(char::to_lowercase)
        .map(|letter| if letter == '\'' { '"' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_are_compared_as_the_leaderboard_compares_them() {
        let truth = |value: Value| -> Vec<Expected> {
            let calls: Vec<Map<String, Value>> = serde_json::from_value(value).unwrap_or_default();
            let calls = calls.into_iter().flatten();
            calls.filter_map(|(name, value)| Some((name, value.as_object()?.clone()))).collect()
        };
        let check = |calls: Value, expected: Value, right: bool| {
            let read: Vec<Call> = serde_json::from_value(calls.clone()).unwrap_or_default();
            assert_eq!(matches(&read, &truth(expected)), right, "{calls}");
        };
        let area = json!([{ "area": { "base": [10], "unit": ["cm", ""] } }]);
        let call = |arguments: Value| json!([{ "name": "area", "arguments": arguments }]);
        check(call(json!({ "base": 10 })), area.clone(), true);
        check(call(json!({ "base": 10.0, "unit": "C.M." })), area.clone(), true);
        check(call(json!({ "base": 11 })), area.clone(), false);
        check(call(json!({ "unit": "cm" })), area.clone(), false);
        check(call(json!({ "base": 10, "height": 1 })), area.clone(), false);
        check(json!([]), area.clone(), false);
        check(json!([]), json!([]), true);
        let two = json!([{ "f": { "x": [1] } }, { "f": { "x": [[2, "a"]] } }]);
        let call = |x: Value| json!({ "name": "f", "arguments": { "x": x } });
        check(json!([call(json!([2, "A"])), call(json!(1))]), two.clone(), true);
        check(json!([call(json!(1)), call(json!(1))]), two.clone(), false);
        check(json!([call(json!(1))]), two, false);
        let nested = json!([{ "f": { "x": [{ "y": [1, 2], "z": [""] }] } }]);
        check(json!([call(json!({ "y": 2 }))]), nested, true);
    }
}
