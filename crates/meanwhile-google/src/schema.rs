//! From any JSON Schema to what Google reads: JSON Schema with few restrictions ([`json_schema`]), or
//! for older models a subset of `OpenAPI` ([`open_api`]).
//!
//! See <https://ai.google.dev/gemini-api/docs/structured-output>.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// How deep schemas may nest before they are taken for endless.
const DEPTH: usize = 64;

/// Rewrites what Google refuses in JSON Schema: keywords beside a `$ref`, and the keywords `const`,
/// `allOf` and `oneOf`, which have other spellings. Everything else that it does not know it ignores.
pub(crate) fn json_schema(schema: &Value) -> Cow<'_, Value> {
    if !needs_rewriting(schema) {
        return Cow::Borrowed(schema);
    }
    let mut rewritten = schema.clone();
    respell(&mut rewritten, schema, 0);
    Cow::Owned(rewritten)
}

fn needs_rewriting(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            ["const", "allOf", "oneOf", "$schema"].iter().any(|name| fields.contains_key(*name))
                || (fields.contains_key("$ref") && fields.len() > 1)
                || fields.values().any(needs_rewriting)
        }
        Value::Array(items) => items.iter().any(needs_rewriting),
        _ => false,
    }
}

fn respell(schema: &mut Value, root: &Value, depth: usize) {
    let Value::Object(fields) = schema else { return };
    if depth > DEPTH {
        return;
    }
    fields.remove("$schema");
    unfold(fields, root, depth);
    if let Some(value) = fields.remove("const") {
        if !fields.contains_key("type")
            && let Some(name) = type_of(&value)
        {
            fields.insert("type".to_owned(), name.into());
        }
        fields.insert("enum".to_owned(), json!([value]));
    }
    if let Some(schemas) = fields.remove("oneOf") {
        fields.entry("anyOf").or_insert(schemas);
    }
    for keyword in ["properties", "$defs", "definitions", "patternProperties"] {
        let schemas = fields.get_mut(keyword).and_then(Value::as_object_mut);
        for (_, schema) in schemas.into_iter().flatten() {
            respell(schema, root, depth + 1);
        }
    }
    for keyword in ["anyOf", "prefixItems"] {
        let schemas = fields.get_mut(keyword).and_then(Value::as_array_mut);
        for schema in schemas.into_iter().flatten() {
            respell(schema, root, depth + 1);
        }
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(schema) = fields.get_mut(keyword) {
            respell(schema, root, depth + 1);
        }
    }
}

/// Resolves `allOf`, and a reference that has keywords beside it. What refers to itself keeps the
/// reference and loses the keywords.
fn unfold(fields: &mut Map<String, Value>, root: &Value, depth: usize) {
    for _ in 0..DEPTH {
        let inner = if let Some(Value::Array(schemas)) = fields.remove("allOf") {
            schemas
        } else if fields.len() > 1
            && let Some(Value::String(path)) = fields.get("$ref")
        {
            if refers_to_itself(path, root) || depth > DEPTH / 2 {
                fields.retain(|name, _| name.starts_with('$'));
                return;
            }
            let Some(target) = resolve(path, root).cloned() else { return };
            fields.remove("$ref");
            vec![target]
        } else {
            return;
        };
        let several = inner.len() > 1;
        for schema in inner {
            let Value::Object(mut inner) = schema else { continue };
            // Of several references only one would find a place.
            if several
                && let Some(Value::String(path)) = inner.get("$ref")
                && !refers_to_itself(path, root)
                && let Some(Value::Object(target)) = resolve(path, root)
            {
                inner.remove("$ref");
                for (keyword, value) in target {
                    add(fields, keyword.clone(), value.clone());
                }
            }
            for (keyword, value) in inner {
                add(fields, keyword, value);
            }
        }
    }
}

/// Adds a keyword of an inner schema: what stands outside counts, lists and properties join.
fn add(fields: &mut Map<String, Value>, keyword: String, value: Value) {
    match (fields.get_mut(&keyword), value) {
        (Some(Value::Object(known)), Value::Object(more)) if keyword == "properties" => {
            for (name, schema) in more {
                known.entry(name).or_insert(schema);
            }
        }
        (Some(Value::Array(known)), Value::Array(more)) if keyword == "required" => {
            for name in more {
                if !known.contains(&name) {
                    known.push(name);
                }
            }
        }
        (Some(_), _) => {}
        (None, value) => {
            fields.insert(keyword, value);
        }
    }
}

fn resolve<'a>(path: &str, root: &'a Value) -> Option<&'a Value> {
    root.pointer(path.strip_prefix('#')?)
}

/// Whether following references from `path` comes back to it.
fn refers_to_itself(path: &str, root: &Value) -> bool {
    fn paths<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
        match schema {
            Value::Object(fields) => {
                if let Some(Value::String(path)) = fields.get("$ref")
                    && !found.contains(&path.as_str())
                {
                    found.push(path);
                }
                fields.values().for_each(|schema| paths(schema, found));
            }
            Value::Array(schemas) => schemas.iter().for_each(|schema| paths(schema, found)),
            _ => {}
        }
    }

    let mut found = Vec::new();
    if let Some(schema) = resolve(path, root) {
        paths(schema, &mut found);
    }
    let mut seen = 0;
    while let Some(next) = found.get(seen).copied() {
        if next == path {
            return true;
        }
        seen += 1;
        if let Some(schema) = resolve(next, root) {
            paths(schema, &mut found);
        }
    }
    false
}

fn type_of(value: &Value) -> Option<&'static str> {
    match value {
        Value::String(_) => Some("string"),
        Value::Bool(_) => Some("boolean"),
        Value::Number(number) if number.is_f64() => Some("number"),
        Value::Number(_) => Some("integer"),
        _ => None,
    }
}

/// Keywords of the `OpenAPI` subset that are taken over as they are.
const KEPT: [&str; 16] = [
    "type",
    "title",
    "description",
    "enum",
    "nullable",
    "required",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "minProperties",
    "maxProperties",
    "propertyOrdering",
];

/// Formats that the `OpenAPI` subset knows.
const FORMATS: [&str; 6] = ["enum", "date-time", "int32", "int64", "float", "double"];

/// Rewrites a schema to the `OpenAPI` subset, with references resolved.
///
/// # Errors
///
/// The name of what the subset cannot express: a map, a value of any kind, an endless schema.
pub(crate) fn open_api(schema: &Value) -> Result<Value, String> {
    reduce(schema, schema, 0)
}

fn reduce(schema: &Value, root: &Value, depth: usize) -> Result<Value, String> {
    if depth > DEPTH / 2 {
        return Err("nesting without an end".to_owned());
    }
    let Value::Object(fields) = schema else { return Err("a value of any kind".to_owned()) };
    let mut fields = fields.clone();
    if let Some(Value::String(path)) = fields.get("$ref") {
        if refers_to_itself(path, root) {
            return Err("a part that refers to itself".to_owned());
        }
        if fields.len() == 1 {
            let target = resolve(path, root).ok_or("a reference to nothing")?;
            return reduce(target, root, depth + 1);
        }
    }
    unfold(&mut fields, root, 0);
    if let Some(value) = fields.remove("const") {
        fields.insert("enum".to_owned(), json!([value]));
    }
    let mut out: Map<String, Value> = KEPT
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), fields.get(*name)?.clone())))
        .collect();
    texts_alone(&mut out)?;
    if let Some(format) = fields.get("format").and_then(Value::as_str)
        && FORMATS.contains(&format)
    {
        out.insert("format".to_owned(), format.into());
    }
    if fields.contains_key("additionalProperties")
        && fields.get("additionalProperties") != Some(&Value::Bool(false))
        && !fields.contains_key("properties")
    {
        return Err("a map".to_owned());
    }
    one_type(&mut out);
    if let Some(Value::Object(properties)) = fields.get("properties") {
        let reduced = properties
            .iter()
            .map(|(name, schema)| Ok((name.clone(), reduce(schema, root, depth + 1)?)));
        let reduced = reduced.collect::<Result<Map<_, _>, String>>()?;
        out.insert("properties".to_owned(), Value::Object(reduced));
    }
    if let Some(items) = fields.get("items") {
        out.insert("items".to_owned(), reduce(items, root, depth + 1)?);
    } else if out.get("type").and_then(Value::as_str) == Some("array") {
        return Err("a list of anything".to_owned());
    }
    let either = fields.get("anyOf").or_else(|| fields.get("oneOf")).and_then(Value::as_array);
    if let Some(schemas) = either {
        alternatives(schemas, root, depth, &mut out)?;
    }
    if !["type", "anyOf"].iter().any(|keyword| out.contains_key(*keyword)) {
        return Err("a value of any kind".to_owned());
    }
    Ok(Value::Object(out))
}

/// The subset has listed values of texts alone.
fn texts_alone(fields: &mut Map<String, Value>) -> Result<(), String> {
    let Some(Value::Array(values)) = fields.get_mut("enum") else { return Ok(()) };
    if values.iter().any(Value::is_null) {
        values.retain(|value| !value.is_null());
        fields.insert("nullable".to_owned(), Value::Bool(true));
    }
    let Some(Value::Array(values)) = fields.get("enum") else { return Ok(()) };
    if !values.iter().all(Value::is_string) {
        return Err("listed values that are no texts".to_owned());
    }
    fields.entry("type").or_insert_with(|| "string".into());
    Ok(())
}

/// `["string", "null"]` becomes a type that may be null, several types become alternatives.
fn one_type(fields: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = fields.get("type") else { return };
    let mut types = types.clone();
    let count = types.len();
    types.retain(|name| name != "null");
    if types.len() < count {
        fields.insert("nullable".to_owned(), Value::Bool(true));
    }
    if let [only] = types.as_slice() {
        fields.insert("type".to_owned(), only.clone());
    } else {
        fields.remove("type");
        let each = types.iter().map(|name| json!({ "type": name })).collect();
        fields.insert("anyOf".to_owned(), Value::Array(each));
    }
}

fn alternatives(
    schemas: &[Value],
    root: &Value,
    depth: usize,
    out: &mut Map<String, Value>,
) -> Result<(), String> {
    let null = json!("null");
    let is_null = |schema: &&Value| schema.get("type") == Some(&null);
    if schemas.iter().any(|schema| is_null(&schema)) {
        out.insert("nullable".to_owned(), Value::Bool(true));
    }
    let others = schemas.iter().filter(|schema| !is_null(schema));
    let reduced = others.map(|schema| reduce(schema, root, depth + 1));
    let mut reduced = reduced.collect::<Result<Vec<_>, String>>()?;
    if reduced.len() == 1
        && let Some(Value::Object(only)) = reduced.pop()
    {
        // What stands outside is said about this use and counts.
        for (keyword, value) in only {
            out.entry(keyword).or_insert(value);
        }
        return Ok(());
    }
    out.insert("anyOf".to_owned(), Value::Array(reduced));
    Ok(())
}
