//! [`strict`]: any JSON Schema to the subset that OpenAI guarantees answers to fit.
//!
//! In that subset every object forbids unknown properties and requires all of its own, so an
//! optional property becomes nullable instead. One with a default becomes required as it is: the model
//! then writes a value where it would have left the default.

use serde_json::{Map, Value, json};

/// Keywords that only describe, or that the subset does not know.
const REMOVED: [&str; 14] = [
    "$schema",
    "$id",
    "$comment",
    "default",
    "examples",
    "readOnly",
    "writeOnly",
    "deprecated",
    "minLength",
    "maxLength",
    "uniqueItems",
    "contentEncoding",
    "contentMediaType",
    "title",
];

/// Formats of text that the subset knows; the others, those of numbers among them, are removed.
const FORMATS: [&str; 9] =
    ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

/// Keywords without a counterpart in the subset. Objects that are closed one by one are none together.
const IMPOSSIBLE: [&str; 11] = [
    "allOf",
    "patternProperties",
    "propertyNames",
    "not",
    "if",
    "dependentRequired",
    "dependentSchemas",
    "contains",
    "unevaluatedProperties",
    "unevaluatedItems",
    "minProperties",
];

/// Rewrites a schema.
///
/// # Errors
///
/// The name of what the subset cannot express: a map, a value of any kind, a keyword.
pub fn strict(schema: &Value) -> Result<Value, String> {
    let mut schema = schema.clone();
    let definitions = schema.clone();
    rewrite(&mut schema, &definitions, 0)?;
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => Ok(schema),
        _ => Err("a root that is not an object".to_owned()),
    }
}

fn rewrite(schema: &mut Value, root: &Value, depth: usize) -> Result<(), String> {
    if depth > 64 {
        return Err("nesting without an end".to_owned());
    }
    let object = match schema {
        Value::Object(object) => object,
        _ => return Err("a value of any kind".to_owned()),
    };
    inline(object, root);
    for keyword in REMOVED {
        // A property may bear the name of a keyword, but then it is not found here.
        object.remove(keyword);
    }
    if object.get("format").and_then(Value::as_str).is_some_and(|format| !FORMATS.contains(&format))
    {
        object.remove("format");
    }
    if let Some(keyword) = IMPOSSIBLE.into_iter().find(|keyword| object.contains_key(*keyword)) {
        return Err(format!("the keyword `{keyword}`"));
    }
    if let Some(one_of) = object.remove("oneOf") {
        object.insert("anyOf".to_owned(), one_of);
    }
    if object.keys().all(|key| key == "description") {
        return Err("a value of any kind".to_owned());
    }

    if let Some(Value::Array(items)) = object.remove("prefixItems") {
        // A tuple of one type is a list of a known length.
        match items.split_first() {
            Some((first, rest)) if rest.iter().all(|item| item == first) => {
                object.insert("items".to_owned(), first.clone());
            }
            // Not in the description of the subset, but taken by it.
            _ => {
                // Whether there may be more is what the number of items says.
                if object.get("items").is_some_and(Value::is_boolean) {
                    object.remove("items");
                }
                object.insert("prefixItems".to_owned(), Value::Array(items));
            }
        }
    }
    for schema in object.get_mut("prefixItems").and_then(Value::as_array_mut).into_iter().flatten()
    {
        rewrite(schema, root, depth + 1)?;
    }
    for schema in object.get_mut("anyOf").and_then(Value::as_array_mut).into_iter().flatten() {
        rewrite(schema, root, depth + 1)?;
    }
    for keyword in ["$defs", "definitions"] {
        let schemas = object.get_mut(keyword).and_then(Value::as_object_mut);
        for (_, schema) in schemas.into_iter().flatten() {
            rewrite(schema, root, depth + 1)?;
        }
    }
    if let Some(items) = object.get_mut("items") {
        rewrite(items, root, depth + 1)?;
    } else if names_type(object, "array") && !object.contains_key("prefixItems") {
        return Err("a list of anything".to_owned());
    }
    if names_type(object, "object") || object.contains_key("properties") {
        close(object, root, depth)?;
    }
    Ok(())
}

/// Makes an object forbid unknown properties and require all of its own.
fn close(object: &mut Map<String, Value>, root: &Value, depth: usize) -> Result<(), String> {
    match object.get("additionalProperties") {
        None | Some(Value::Bool(false)) => {}
        Some(Value::Bool(true)) if object.contains_key("properties") => {}
        Some(_) => return Err("a map".to_owned()),
    }
    let required: Vec<String> = match object.get("required") {
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let properties = object.entry("properties").or_insert_with(|| json!({}));
    let properties = properties.as_object_mut().ok_or("properties that are no object")?;
    for (name, property) in properties.iter_mut() {
        let has_default = property.get("default").is_some_and(|default| !default.is_null());
        rewrite(property, root, depth + 1)?;
        if !has_default && !required.contains(name) {
            make_nullable(property);
        }
    }
    let names: Vec<Value> = properties.keys().cloned().map(Value::String).collect();
    object.insert("required".to_owned(), Value::Array(names));
    object.insert("additionalProperties".to_owned(), Value::Bool(false));
    Ok(())
}

fn names_type(object: &Map<String, Value>, name: &str) -> bool {
    match object.get("type") {
        Some(Value::String(kind)) => kind == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        _ => false,
    }
}

/// Resolves `allOf` of one schema, and a reference that has keywords beside it, which the subset
/// does not allow.
fn inline(object: &mut Map<String, Value>, root: &Value) {
    for _ in 0..64 {
        let inner = match (object.get("allOf").and_then(Value::as_array), object.get("$ref")) {
            (Some(all), _) if all.len() == 1 => {
                let inner = all.first().cloned();
                object.remove("allOf");
                inner
            }
            (_, Some(Value::String(path))) if object.len() > 1 => {
                let inner = path.strip_prefix('#').and_then(|path| root.pointer(path)).cloned();
                if inner.is_some() {
                    object.remove("$ref");
                }
                inner
            }
            _ => None,
        };
        let Some(Value::Object(inner)) = inner else { return };
        for (keyword, value) in inner {
            // What stands beside the reference is said about this use and counts.
            object.entry(keyword).or_insert(value);
        }
    }
}

fn make_nullable(schema: &mut Value) {
    let null = || json!({ "type": "null" });
    let Some(object) = schema.as_object_mut() else { return };
    let allows_null = names_type(object, "null")
        || object.get("anyOf").and_then(Value::as_array).is_some_and(|any| any.contains(&null()));
    if allows_null {
        return;
    }
    if let Some(any) = object.get_mut("anyOf").and_then(Value::as_array_mut) {
        any.push(null());
        return;
    }
    let listed = object.contains_key("enum") || object.contains_key("const");
    match object.get_mut("type") {
        Some(Value::Array(kinds)) if !listed => kinds.push(json!("null")),
        Some(kind @ Value::String(_)) if !listed => *kind = json!([kind.take(), "null"]),
        _ => {
            let description = object.remove("description");
            let inner = std::mem::take(schema);
            *schema = json!({ "anyOf": [inner, { "type": "null" }] });
            if let (Some(description), Some(object)) = (description, schema.as_object_mut()) {
                object.insert("description".to_owned(), description);
            }
        }
    }
}
