//! What every provider makes of one shared set of schemas, as the shape of an answer and as the arguments of
//! a tool: one snapshot a wire. `INSTA_UPDATE=always` writes them anew; read what has changed.

use std::collections::BTreeMap;

use meanwhile_anthropic::{Host, MessagesCodec};
use meanwhile_bedrock::ConverseCodec;
use meanwhile_core::tool::ToolSpec;
use meanwhile_core::{Message, OutputFormat, OutputSchema, Request, Schema};
use meanwhile_google::GenerateContentCodec;
use meanwhile_http::Codec;
use meanwhile_ollama::OllamaCodec;
use meanwhile_openai_compatible::{ChatCodec, Preset, Quirks};
use serde_json::{Map, Value, json};

/// The shared set: by what each is about.
fn schemas() -> Vec<(&'static str, Value)> {
    let object = |properties: Value, required: Value| json!({ "type": "object", "properties": properties, "required": required });
    vec![
        ("closed", json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Book",
            "type": "object", "additionalProperties": false,
            "properties": { "title": { "type": "string" }, "pages": { "type": "integer" } },
            "required": ["title", "pages"] })),
        ("descriptions", json!({
            "type": "object", "description": "A book.",
            "properties": {
                "title": { "type": "string", "description": "Exact title.", "title": "Title" },
                "author": { "$ref": "#/$defs/Author", "description": "Who wrote it." } },
            "required": ["title", "author"],
            "$defs": { "Author": { "type": "string", "description": "A name." } } })),
        ("enums", object(
            json!({ "size": { "type": "string", "enum": ["small", "large"] },
                "level": { "enum": [1, 2, 3] }, "kind": { "const": "book" } }),
            json!(["size", "level", "kind"]))),
        ("union", object(
            json!({ "shape": { "oneOf": [
                { "type": "object", "properties": { "kind": { "const": "circle" },
                    "radius": { "type": "number" } }, "required": ["kind", "radius"] },
                { "type": "object", "properties": { "kind": { "const": "square" },
                    "side": { "type": "number" } }, "required": ["kind", "side"] }] } }),
            json!(["shape"]))),
        ("any of", object(
            json!({ "id": { "anyOf": [{ "type": "string" }, { "type": "integer" }] } }),
            json!(["id"]))),
        ("all of", object(
            json!({ "both": { "allOf": [{ "$ref": "#/$defs/A" }, { "$ref": "#/$defs/B" }] } }),
            json!(["both"])).tap("$defs", json!({
                "A": { "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] },
                "B": { "type": "object", "properties": { "b": { "type": "string" } } } }))),
        ("optional", object(
            json!({ "must": { "type": "string" }, "may": { "type": "string" },
                "null": { "type": ["string", "null"] },
                "both": { "anyOf": [{ "type": "integer" }, { "type": "null" }], "default": null } }),
            json!(["must", "null"]))),
        ("recursive", object(
            json!({ "name": { "type": "string" },
                "children": { "type": "array", "items": { "$ref": "#" } } }),
            json!(["name", "children"]))),
        ("recursive definition", object(
            json!({ "tree": { "$ref": "#/$defs/Tree" } }), json!(["tree"])).tap("$defs", json!({
                "Tree": { "type": "object", "required": ["value"], "properties": {
                    "value": { "type": "integer" },
                    "left": { "anyOf": [{ "$ref": "#/$defs/Tree" }, { "type": "null" }] } } } }))),
        ("map", object(
            json!({ "counts": { "type": "object", "additionalProperties": { "type": "integer" } } }),
            json!(["counts"]))),
        ("nested maps", object(
            json!({ "by_city": { "type": "object", "additionalProperties": { "type": "object",
                "additionalProperties": { "type": "array", "items": { "type": "string" } } } } }),
            json!(["by_city"]))),
        ("formats", object(
            json!({ "day": { "type": "string", "format": "date" },
                "at": { "type": "string", "format": "date-time" },
                "mail": { "type": "string", "format": "email" },
                "id": { "type": "string", "format": "uuid" },
                "small": { "type": "integer", "format": "uint8", "minimum": 0, "maximum": 255 },
                "big": { "type": "integer", "format": "int64" } }),
            json!(["day", "at", "mail", "id", "small", "big"]))),
        ("bounds", object(
            json!({ "age": { "type": "integer", "minimum": 0, "maximum": 150 },
                "share": { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 },
                "even": { "type": "integer", "multipleOf": 2 },
                "code": { "type": "string", "minLength": 2, "maxLength": 5, "pattern": "^[A-Z]+$" },
                "tags": { "type": "array", "items": { "type": "string" }, "minItems": 1,
                    "maxItems": 3, "uniqueItems": true } }),
            json!(["age", "share", "even", "code", "tags"]))),
        ("definitions", object(
            json!({ "from": { "$ref": "#/$defs/Place" }, "to": { "$ref": "#/$defs/Place" } }),
            json!(["from", "to"])).tap("$defs", json!({
                "Place": { "type": "object", "required": ["at"],
                    "properties": { "at": { "$ref": "#/$defs/Point" } } },
                "Point": { "type": "array", "prefixItems": [{ "type": "number" }, { "type": "number" }],
                    "minItems": 2, "maxItems": 2 } }))),
        ("any value", object(json!({ "data": {}, "more": true }), json!(["data", "more"]))),
        ("nothing", json!({ "type": "object", "properties": {} })),
        ("list", json!({ "type": "array", "items": { "type": "string" } })),
    ]
}

trait Tap {
    fn tap(self, name: &str, value: Value) -> Self;
}

impl Tap for Value {
    /// Adds a field.
    fn tap(mut self, name: &str, value: Value) -> Self {
        self[name] = value;
        self
    }
}

/// The body of a request, without what every request has, and what was told about it.
fn written(codec: &impl Codec, plain: &Value, request: &Request) -> Value {
    let wire = match codec.encode(request) {
        Ok(wire) => wire,
        Err(error) => return json!({ "refused": error.message() }),
    };
    let body: Map<String, Value> = serde_json::from_slice(&wire.body).unwrap();
    let mut own: Map<String, Value> =
        body.into_iter().filter(|(name, value)| plain.get(name) != Some(value)).collect();
    let warnings: Vec<String> = wire.warnings.iter().map(ToString::to_string).collect();
    if !warnings.is_empty() {
        own.insert("warnings".to_owned(), warnings.into());
    }
    own.into()
}

fn check(name: &str, model: &str, codec: &impl Codec) {
    let plain = Request::new(model, vec![Message::user("x")]);
    let body = codec.encode(&plain).unwrap().body;
    let body: Value = serde_json::from_slice(&body).unwrap();
    let mut all = BTreeMap::new();
    for (about, schema) in schemas() {
        let schema = Schema::from(schema);
        let mut answer = plain.clone();
        answer.output = OutputFormat::Schema(OutputSchema::new("out", schema.clone()));
        let mut tool = plain.clone();
        tool.tools.push(ToolSpec::new("look", "Looks.", schema.clone()));
        // Providers want an object as the arguments of a tool; a list is none.
        let tool = schema.is_object().then(|| written(codec, &body, &tool));
        all.insert(about, json!({ "answer": written(codec, &body, &answer), "tool": tool }));
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_json_snapshot!(name, all);
    });
}

#[test]
fn openai() {
    check("openai", "gpt-4o", &meanwhile_openai::codec());
}

#[test]
fn openai_compatible() {
    check("openai_compatible", "any", &ChatCodec::new("acme", Quirks::new()));
}

#[test]
fn groq() {
    check("groq", "any", &ChatCodec::new("groq", Preset::find("groq").unwrap().quirks));
}

#[test]
fn mistral() {
    check("mistral", "mistral-large-latest", &meanwhile_mistral::codec());
}

#[test]
fn responses() {
    check("responses", "gpt-4o", &meanwhile_openai::responses_codec());
}

#[test]
fn anthropic() {
    check("anthropic", "claude-sonnet-4-5", &MessagesCodec::new("anthropic", Host::Anthropic));
}

#[test]
fn google() {
    check("google", "gemini-2.5-flash", &GenerateContentCodec::ai_studio());
}

#[test]
fn google_before_json_schema() {
    check("google_before_json_schema", "gemini-1.5-flash", &GenerateContentCodec::ai_studio());
}

#[test]
fn bedrock() {
    let claude = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    check("bedrock", claude, &ConverseCodec::new("bedrock"));
}

#[test]
fn bedrock_nova() {
    check("bedrock_nova", "amazon.nova-lite-v1:0", &ConverseCodec::new("bedrock"));
}

#[test]
fn cohere() {
    check("cohere", "command-a-03-2025", &meanwhile_cohere::ChatCodec::default());
}

#[test]
fn ollama() {
    check("ollama", "llama3.2", &OllamaCodec::new());
}
