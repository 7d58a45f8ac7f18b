//! [`restrict`]: any JSON Schema to the subset that Anthropic's models are held to.
//!
//! What the subset cannot say of a value is told to the model in its description, as Anthropic's own
//! clients do. What it cannot say at all is an error, and the schema is then not guaranteed.
//! See <https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs>.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Schemas that are nested more deeply are not rewritten.
const DEPTH: usize = 64;

/// Schemas with more values of several types are refused.
const UNIONS: usize = 16;

const FORMATS: &[&str] =
    &["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// Rewrites a schema. The order of the properties is kept.
///
/// # Errors
///
/// What the schema has that the subset does not, to be put behind "the schema has".
pub(crate) fn restrict(schema: &Value) -> Result<Value, String> {
    if is_recursive(schema) {
        return Err("a definition that contains itself".to_owned());
    }
    let schema = rewrite(schema, schema, 0)?;
    let unions = unions(&schema);
    if unions > UNIONS {
        return Err(format!("{unions} values of several types, of which the API takes {UNIONS}"));
    }
    Ok(schema)
}

/// How many of the values may be of several types, such as those that may be `null`.
fn unions(schema: &Value) -> usize {
    match schema {
        Value::Object(fields) => {
            let union =
                fields.contains_key("anyOf") || fields.get("type").is_some_and(Value::is_array);
            // A property may be called `type`; its schema is an object.
            fields.values().map(unions).sum::<usize>() + usize::from(union)
        }
        Value::Array(items) => items.iter().map(unions).sum(),
        _ => 0,
    }
}

fn rewrite(schema: &Value, root: &Value, depth: usize) -> Result<Value, String> {
    if depth > DEPTH {
        return Err("too many levels".to_owned());
    }
    let Value::Object(fields) = schema else {
        return Err("a value of any type".to_owned());
    };
    let inlined = inline(fields, root);
    let fields = inlined.as_ref().unwrap_or(fields);
    if let Some(Value::String(path)) = fields.get("$ref") {
        if !path.starts_with('#') {
            return Err("a reference to another document".to_owned());
        }
        let mut out = Map::new();
        out.insert("$ref".to_owned(), path.as_str().into());
        definitions(fields, root, depth, &mut out)?;
        return Ok(Value::Object(out));
    }

    let mut out = Map::new();
    let mut told = Vec::new();
    let many = |list: &Value| -> Result<Value, String> {
        let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().map(|item| rewrite(item, root, depth + 1)).collect()
    };
    for (keyword, value) in fields {
        match keyword.as_str() {
            "$schema" | "$id" | "$comment" | "additionalProperties" | "$defs" | "definitions" => {}
            "type" | "enum" | "const" | "title" | "description" | "default" | "required" => {
                out.insert(keyword.clone(), value.clone());
            }
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties = properties.map(|(name, property)| {
                    Ok((name.clone(), rewrite(property, root, depth + 1)?))
                });
                out.insert(keyword.clone(), properties.collect::<Result<_, String>>()?);
            }
            "items" => {
                out.insert(keyword.clone(), rewrite(value, root, depth + 1)?);
            }
            "anyOf" => {
                out.insert(keyword.clone(), many(value)?);
            }
            // Objects that are closed one by one are none together.
            "allOf" => return Err("a value of several schemas at once".to_owned()),
            "oneOf" => {
                out.insert("anyOf".to_owned(), many(value)?);
            }
            "minItems" if value.as_u64().is_some_and(|least| least <= 1) => {
                out.insert(keyword.clone(), value.clone());
            }
            "format" if value.as_str().is_some_and(|format| FORMATS.contains(&format)) => {
                out.insert(keyword.clone(), value.clone());
            }
            // Names of number types, which say nothing that the bounds do not.
            "format" if names_type(fields, "integer") || names_type(fields, "number") => {}
            "prefixItems" => return Err("a tuple".to_owned()),
            "patternProperties" => return Err("a map".to_owned()),
            _ => told.push(format!("{keyword}: {value}")),
        }
    }
    if names_type(fields, "object") || fields.contains_key("properties") {
        match fields.get("additionalProperties") {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) if fields.contains_key("properties") => {}
            Some(_) => return Err("a map".to_owned()),
        }
        out.entry("properties").or_insert_with(|| Value::Object(Map::new()));
        out.insert("additionalProperties".to_owned(), Value::Bool(false));
    } else if names_type(fields, "array") && !fields.contains_key("items") {
        return Err("a list of anything".to_owned());
    } else if !["type", "enum", "const", "anyOf"].iter().any(|name| out.contains_key(*name)) {
        return Err("a value of any type".to_owned());
    }
    if !told.is_empty() {
        let told = format!("{{{}}}", told.join(", "));
        let description = match out.get("description").and_then(Value::as_str) {
            Some(text) => format!("{text}\n\n{told}"),
            None => told,
        };
        out.insert("description".to_owned(), description.into());
    }
    definitions(fields, root, depth, &mut out)?;
    Ok(Value::Object(out))
}

fn definitions(
    fields: &Map<String, Value>,
    root: &Value,
    depth: usize,
    out: &mut Map<String, Value>,
) -> Result<(), String> {
    for keyword in ["$defs", "definitions"] {
        let Some(Value::Object(inner)) = fields.get(keyword) else { continue };
        let inner = inner
            .iter()
            .map(|(name, schema)| Ok((name.clone(), rewrite(schema, root, depth + 1)?)));
        out.insert(keyword.to_owned(), inner.collect::<Result<_, String>>()?);
    }
    Ok(())
}

/// Resolves `allOf` of one schema, and a reference that has more to say beside it, which the subset
/// does not allow. What stands beside a reference is said about this use and counts.
fn inline(fields: &Map<String, Value>, root: &Value) -> Option<Map<String, Value>> {
    let mut out: Option<Map<String, Value>> = None;
    for _ in 0..DEPTH {
        let now = out.as_ref().unwrap_or(fields);
        let (keyword, inner) = match (now.get("allOf").and_then(Value::as_array), now.get("$ref")) {
            (Some(all), _) if all.len() == 1 => ("allOf", all.first().cloned()),
            (_, Some(Value::String(path)))
                if now.keys().any(|name| !["$ref", "$defs", "definitions"].contains(&&**name)) =>
            {
                ("$ref", path.strip_prefix('#').and_then(|path| root.pointer(path)).cloned())
            }
            _ => return out,
        };
        let Some(Value::Object(inner)) = inner else { return out };
        let mut merged = now.clone();
        // `shift_remove` keeps the order of the others.
        merged.shift_remove(keyword);
        for (keyword, value) in inner {
            merged.entry(keyword).or_insert(value);
        }
        out = Some(merged);
    }
    out
}

fn names_type(fields: &Map<String, Value>, name: &str) -> bool {
    match fields.get("type") {
        Some(Value::String(kind)) => kind == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        _ => false,
    }
}

/// Whether a definition refers to itself, on whichever way.
fn is_recursive(root: &Value) -> bool {
    let mut edges: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for keyword in ["$defs", "definitions"] {
        for (name, schema) in root.get(keyword).and_then(Value::as_object).into_iter().flatten() {
            let mut found = Vec::new();
            references(schema, 0, &mut found);
            edges.insert(format!("#/{keyword}/{name}"), found);
        }
    }
    let mut all = Vec::new();
    references(root, 0, &mut all);
    if all.iter().any(|path| path == "#") {
        return true;
    }
    // Takes away what refers to nothing that is left; a circle stays.
    loop {
        let before = edges.len();
        let names: Vec<String> = edges.keys().cloned().collect();
        edges.retain(|_, found| found.iter().any(|path| names.contains(path)));
        if edges.is_empty() {
            return false;
        }
        if edges.len() == before {
            return true;
        }
    }
}

fn references(schema: &Value, depth: usize, found: &mut Vec<String>) {
    if depth > 2 * DEPTH {
        return;
    }
    match schema {
        Value::Object(fields) => {
            for (keyword, value) in fields {
                match value {
                    Value::String(path) if keyword == "$ref" => found.push(path.clone()),
                    _ => references(value, depth + 1, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, depth + 1, found)),
        _ => {}
    }
}
