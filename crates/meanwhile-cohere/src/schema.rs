//! [`accepted`]: any JSON Schema to what Cohere accepts: an object at the top, and no object without a
//! required property.

use serde_json::{Value, json};

/// Keywords that are refused.
const REFUSED: [&str; 9] = [
    "not",
    "if",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "contains",
    "unevaluatedProperties",
    "prefixItems",
];

/// Rewrites a schema.
///
/// # Errors
///
/// The name of what cannot be accepted.
pub(crate) fn accepted(schema: &Value) -> Result<Value, String> {
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err("a root that is not an object".to_owned());
    }
    let mut schema = schema.clone();
    rewrite(&mut schema, 0)?;
    Ok(schema)
}

fn rewrite(schema: &mut Value, depth: usize) -> Result<(), String> {
    if depth > 64 {
        return Err("nesting without an end".to_owned());
    }
    let Value::Object(object) = schema else { return Ok(()) };
    object.shift_remove("$schema");
    if let Some(keyword) = REFUSED.into_iter().find(|keyword| object.contains_key(*keyword)) {
        return Err(format!("the keyword `{keyword}`"));
    }
    if let Some(one_of) = object.shift_remove("oneOf") {
        object.insert("anyOf".to_owned(), one_of);
    }
    for group in ["$defs", "definitions", "properties"] {
        let schemas = object.get_mut(group).and_then(Value::as_object_mut);
        for (_, schema) in schemas.into_iter().flatten() {
            rewrite(schema, depth + 1)?;
        }
    }
    for list in ["anyOf", "allOf"] {
        for schema in object.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            rewrite(schema, depth + 1)?;
        }
    }
    if let Some(items) = object.get_mut("items") {
        rewrite(items, depth + 1)?;
    }
    let first =
        object.get("properties").and_then(Value::as_object).and_then(|all| all.keys().next());
    let requires =
        object.get("required").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    match first.cloned() {
        Some(first) if !requires => {
            object.insert("required".to_owned(), json!([first]));
        }
        None if object.get("type").and_then(Value::as_str) == Some("object") => {
            return Err("an object without properties".to_owned());
        }
        _ => {}
    }
    Ok(())
}
