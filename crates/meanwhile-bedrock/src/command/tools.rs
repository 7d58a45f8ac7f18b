//! Tools as Command R takes them: parameters with the names of Python's types, and results beside their calls.

use meanwhile_core::{ToolCall, ToolResult, ToolSpec};
use serde_json::{Map, Value, json};

/// The tools that the model may call.
pub(super) fn definitions(tools: &[ToolSpec]) -> Value {
    let tool = |tool: &ToolSpec| {
        json!({
            "name": tool.name,
            "description": tool.description,
            "parameter_definitions": parameters(tool.parameters.as_value()),
        })
    };
    tools.iter().map(tool).collect()
}

fn parameters(schema: &Value) -> Map<String, Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
    let definition = |(name, parameter): (&String, &Value)| {
        let definition = json!({
            "description": description(parameter, schema.get("$defs")),
            "type": kind(parameter, schema, DEPTH),
            "required": is_required(name),
        });
        (name.clone(), definition)
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(definition).collect()
}

/// What a parameter is. The type says nothing of what is inside of it: that is told in words.
fn description(parameter: &Value, shared: Option<&Value>) -> String {
    let text = parameter.get("description").and_then(Value::as_str).unwrap_or_default();
    let is_told = |name: &str| matches!(name, "type" | "description" | "title");
    let Some(fields) = parameter.as_object() else { return text.to_owned() };
    if fields.keys().all(|name| is_told(name)) {
        return text.to_owned();
    }
    let mut fields = fields.clone();
    fields.remove("description");
    let refers = Value::Object(fields.clone()).to_string().contains("\"$ref\"");
    if let Some(shared) = shared.filter(|_| refers) {
        fields.insert("$defs".to_owned(), shared.clone());
    }
    let space = if text.is_empty() { "" } else { " " };
    format!("{text}{space}JSON Schema: {}", Value::Object(fields))
}

/// How often one schema may lead to another before a type is named: some lead to themselves.
const DEPTH: usize = 8;

/// The name of a type in Python, which this wire wants; `root` has what is defined elsewhere.
fn kind(parameter: &Value, root: &Value, depth: usize) -> &'static str {
    let named = match parameter.get("type") {
        Some(Value::Array(names)) => names.iter().find(|name| *name != "null"),
        other => other,
    };
    let variants = || {
        let any = parameter.get("anyOf").or_else(|| parameter.get("oneOf"))?.as_array()?;
        any.iter().find(|variant| variant.get("type").is_none_or(|kind| kind != "null"))
    };
    let refers = parameter.get("$ref").and_then(Value::as_str);
    let defined = || root.pointer(refers?.strip_prefix('#')?);
    match named.and_then(Value::as_str) {
        Some("string") => "str",
        Some("integer") => "int",
        Some("number") => "float",
        Some("boolean") => "bool",
        Some("array") => "list",
        Some(_) => "dict",
        None => match defined().or_else(variants) {
            Some(inner) if depth > 0 => kind(inner, root, depth - 1),
            // What is listed is mostly text; what is not to be found is mostly an object.
            None if refers.is_none() => "str",
            _ => "dict",
        },
    }
}

/// What a tool gave, beside the call that it answers.
pub(super) fn result(call: Option<&ToolCall>, result: &ToolResult) -> Value {
    let arguments = call.map(|call| match call.json() {
        Ok(Value::Object(arguments)) => arguments,
        _ => Map::from_iter([("arguments".to_owned(), Value::from(call.arguments.clone()))]),
    });
    let call = json!({ "name": result.name, "parameters": arguments.unwrap_or_default() });
    json!({ "call": call, "outputs": outputs(result) })
}

/// Results are objects on this wire.
fn outputs(result: &ToolResult) -> Vec<Value> {
    let text = result.text();
    let name = if result.is_error { "error" } else { "text" };
    let named = |value: Value| match value {
        Value::Object(_) if !result.is_error => value,
        other => json!({ name: other }),
    };
    match serde_json::from_str(&text) {
        Ok(Value::Array(values)) if values.iter().all(Value::is_object) && !values.is_empty() => {
            values.into_iter().map(named).collect()
        }
        Ok(value @ Value::Object(_)) => vec![named(value)],
        _ => vec![json!({ name: text })],
    }
}
