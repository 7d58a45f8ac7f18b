//! [`strict`]: any JSON Schema to the subset that the service guarantees answers to fit.
//!
//! In that subset every object forbids unknown properties, and bounds of numbers, texts and lists are
//! not known. They go into the description, where the model reads them.

use serde_json::{Map, Value};

/// Keywords that the subset does not know and that say something to the model.
const BOUNDS: [&str; 10] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "maxItems",
    "uniqueItems",
];

/// Keywords that say nothing that matters here.
const REMOVED: [&str; 8] = [
    "$schema",
    "$id",
    "$comment",
    "examples",
    "readOnly",
    "writeOnly",
    "deprecated",
    "contentEncoding",
];

/// Formats of text that the subset knows.
const FORMATS: [&str; 9] =
    ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

/// Keywords without a counterpart in the subset.
const IMPOSSIBLE: [&str; 10] = [
    "patternProperties",
    "propertyNames",
    "not",
    "if",
    "dependentRequired",
    "dependentSchemas",
    "contains",
    "unevaluatedProperties",
    "unevaluatedItems",
    "prefixItems",
];

/// Rewrites a schema.
///
/// # Errors
///
/// The name of what the subset cannot express.
pub(crate) fn strict(schema: &Value) -> Result<Value, String> {
    let mut schema = schema.clone();
    rewrite(&mut schema, 0)?;
    Ok(schema)
}

fn rewrite(schema: &mut Value, depth: usize) -> Result<(), String> {
    if depth > 64 {
        return Err("nesting without an end".to_owned());
    }
    let Value::Object(object) = schema else {
        return Err("a value of any kind".to_owned());
    };
    for keyword in REMOVED {
        object.shift_remove(keyword);
    }
    if let Some(keyword) = IMPOSSIBLE.into_iter().find(|keyword| object.contains_key(*keyword)) {
        return Err(format!("the keyword `{keyword}`"));
    }
    // Objects that are closed one by one are none together.
    if object.get("allOf").and_then(Value::as_array).is_some_and(|all| all.len() > 1) {
        return Err("a value of several schemas at once".to_owned());
    }
    if let Some(one_of) = object.shift_remove("oneOf") {
        object.insert("anyOf".to_owned(), one_of);
    }
    describe_bounds(object);
    for list in ["anyOf", "allOf"] {
        for schema in object.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            rewrite(schema, depth + 1)?;
        }
    }
    for group in ["$defs", "definitions", "properties"] {
        let schemas = object.get_mut(group).and_then(Value::as_object_mut);
        for (_, schema) in schemas.into_iter().flatten() {
            rewrite(schema, depth + 1)?;
        }
    }
    if let Some(items) = object.get_mut("items") {
        rewrite(items, depth + 1)?;
    }
    let is_object = object.get("type").is_some_and(|kind| match kind {
        Value::String(kind) => kind == "object",
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "object"),
        _ => false,
    });
    if is_object || object.contains_key("properties") {
        match object.get("additionalProperties") {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) if object.contains_key("properties") => {}
            Some(_) => return Err("a map".to_owned()),
        }
        if !object.contains_key("properties") && object.get("additionalProperties").is_none() {
            return Err("an object of any kind".to_owned());
        }
        object.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    Ok(())
}

/// Moves what the subset does not know into the description.
fn describe_bounds(object: &mut Map<String, Value>) {
    let mut said = Vec::new();
    for keyword in BOUNDS {
        if let Some(value) = object.shift_remove(keyword) {
            said.push(format!("{keyword}: {value}"));
        }
    }
    // Whether a list may be empty is known, how short it may be is not.
    if object.get("minItems").and_then(Value::as_u64).is_some_and(|least| least > 1)
        && let Some(value) = object.shift_remove("minItems")
    {
        said.push(format!("minItems: {value}"));
    }
    let format = object.get("format").and_then(Value::as_str);
    if format.is_some_and(|format| !FORMATS.contains(&format))
        && let Some(format) = object.shift_remove("format")
        && object.get("type").and_then(Value::as_str) == Some("string")
    {
        said.push(format!("format: {format}"));
    }
    if said.is_empty() {
        return;
    }
    let bounds = format!("({})", said.join(", "));
    let description = match object.get("description").and_then(Value::as_str) {
        Some(text) => format!("{text} {bounds}"),
        None => bounds,
    };
    object.insert("description".to_owned(), Value::String(description));
}
