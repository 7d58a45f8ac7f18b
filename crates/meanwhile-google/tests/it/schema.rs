//! What becomes of schemas.

use meanwhile_core::{Message, OutputFormat, OutputSchema, Request, Schema, ToolSpec};
use meanwhile_http::Codec as _;
use serde_json::{Value, json};

use crate::google;

/// The `generationConfig` that asks for a schema, and the number of warnings.
fn written(model: &str, schema: &Value) -> (Value, usize) {
    let mut request = Request::new(model, vec![Message::user("x")]);
    request.output = OutputFormat::Schema(OutputSchema::new("o", Schema::from(schema.clone())));
    let wire = google().encode(&request).unwrap();
    let mut body: Value = serde_json::from_slice(&wire.body).unwrap();
    (body["generationConfig"].take(), wire.warnings.len())
}

fn check_json_schema(schema: Value, expected: Value) {
    let (config, warnings) = written("gemini-2.5-flash", &schema);
    assert_eq!(config["responseJsonSchema"], expected, "{schema}");
    assert_eq!(warnings, 0);
}

#[test]
fn json_schema_is_respelled_where_google_refuses_it() {
    let same = json!({ "type": "object", "properties": {
            "a": { "type": ["string", "null"], "pattern": "x", "default": 1 },
            "b": { "$ref": "#/$defs/B" }, "const": { "type": "string" } },
        "$defs": { "B": { "type": "integer", "minimum": 0 } },
        "required": ["a"], "additionalProperties": { "type": "number" } });
    // A property may bear the name of a keyword.
    let mut renamed = same.clone();
    renamed["properties"].as_object_mut().unwrap().remove("const");
    check_json_schema(renamed.clone(), renamed);
    check_json_schema(same.clone(), same);
    check_json_schema(
        json!({ "$schema": "s", "type": "object", "properties": {
            "kind": { "const": "a" }, "count": { "const": 3 }, "mixed": { "type": "string", "const": "b" } } }),
        json!({ "type": "object", "properties": {
            "kind": { "type": "string", "enum": ["a"] }, "count": { "type": "integer", "enum": [3] },
            "mixed": { "type": "string", "enum": ["b"] } } }),
    );
    check_json_schema(
        json!({ "oneOf": [{ "const": true }, { "items": { "const": 0.5 }, "prefixItems": [{ "const": "x" }] }] }),
        json!({ "anyOf": [{ "type": "boolean", "enum": [true] },
            { "items": { "type": "number", "enum": [0.5] }, "prefixItems": [{ "type": "string", "enum": ["x"] }] }] }),
    );
    // What stands beside a reference is said about this use and counts.
    check_json_schema(
        json!({ "type": "object", "properties": {
                "a": { "$ref": "#/$defs/A", "description": "mine" },
                "b": { "allOf": [{ "$ref": "#/$defs/A" }], "title": "B" } },
            "$defs": { "A": { "type": "string", "description": "its own" } } }),
        json!({ "type": "object", "properties": {
                "a": { "description": "mine", "type": "string" },
                "b": { "title": "B", "type": "string", "description": "its own" } },
            "$defs": { "A": { "type": "string", "description": "its own" } } }),
    );
    check_json_schema(
        json!({ "allOf": [
            { "type": "object", "properties": { "a": {} }, "required": ["a"] },
            { "type": "object", "properties": { "a": true, "b": {} }, "required": ["a", "b"] }] }),
        json!({ "type": "object", "properties": { "a": {}, "b": {} }, "required": ["a", "b"] }),
    );
    // What refers to itself keeps its reference alone.
    let node = json!({ "type": "object", "properties": { "next": { "$ref": "#/$defs/Node", "description": "d" } } });
    check_json_schema(
        json!({ "$ref": "#/$defs/Node", "title": "t", "$defs": { "Node": node } }),
        json!({ "$ref": "#/$defs/Node", "$defs": { "Node": {
            "type": "object", "properties": { "next": { "$ref": "#/$defs/Node" } } } } }),
    );
}

fn check_open_api(schema: &Value, expected: Option<Value>) {
    let (config, warnings) = written("gemini-1.5-pro", schema);
    assert_eq!(config.get("responseSchema"), expected.as_ref(), "{schema}");
    assert_eq!(warnings, usize::from(expected.is_none()), "{schema}");
    assert_eq!(config["responseMimeType"], "application/json");
}

#[test]
fn older_models_get_a_subset() {
    check_open_api(
        &json!({ "type": "object", "additionalProperties": false, "properties": {
            "a": { "type": ["string", "null"], "format": "email", "default": "x", "examples": ["y"] },
            "b": { "$ref": "#/$defs/B" },
            "c": { "anyOf": [{ "$ref": "#/$defs/B" }, { "type": "null" }], "description": "c" },
            "d": { "type": "array", "items": { "type": ["integer", "string"] }, "maxItems": 3 },
            "e": { "enum": ["x", null] },
            "f": { "const": "y" },
            "g": { "oneOf": [{ "type": "string", "format": "date-time" }, { "type": "integer" }] } },
          "$defs": { "B": { "type": "integer", "minimum": 0, "exclusiveMaximum": 9 } },
          "required": ["a"] }),
        Some(json!({ "type": "object", "required": ["a"], "properties": {
            "a": { "type": "string", "nullable": true },
            "b": { "type": "integer", "minimum": 0 },
            "c": { "description": "c", "nullable": true, "type": "integer", "minimum": 0 },
            "d": { "type": "array", "maxItems": 3, "items": { "anyOf": [{ "type": "integer" }, { "type": "string" }] } },
            "e": { "enum": ["x"], "nullable": true, "type": "string" },
            "f": { "enum": ["y"], "type": "string" },
            "g": { "anyOf": [{ "type": "string", "format": "date-time" }, { "type": "integer" }] } } })),
    );
    for impossible in [
        json!(true),
        json!({}),
        json!({ "type": "array" }),
        json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        json!({ "enum": [1, 2] }),
        json!({ "$ref": "#/$defs/gone" }),
        json!({ "$ref": "#/$defs/A", "$defs": { "A": { "type": "array", "items": { "$ref": "#/$defs/A" } } } }),
    ] {
        check_open_api(&impossible, None);
    }
}

#[test]
fn tools_of_older_models_get_the_subset_too() {
    let parameters = |schema: Value| {
        let mut request = Request::new("gemini-1.5-pro", vec![Message::user("x")]);
        request.tools = vec![ToolSpec::new("f", "", schema.into())];
        let wire = google().encode(&request).unwrap();
        let body: Value = serde_json::from_slice(&wire.body).unwrap();
        (body["tools"][0]["functionDeclarations"][0].clone(), wire.warnings.len())
    };
    let plain = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    assert_eq!(parameters(plain.clone()), (json!({ "name": "f", "parameters": plain }), 0));
    let map = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    assert_eq!(parameters(map.clone()), (json!({ "name": "f", "parametersJsonSchema": map }), 1));
}
