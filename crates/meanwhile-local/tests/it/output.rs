//! Answers held to a schema: always valid, whatever the seed.

use meanwhile_core::{ErrorKind, FinishReason, OutputFormat, OutputSchema, Schema};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{answer, ask, send};

/// How often each is asked: unoptimised, an answer takes seconds.
const SEEDS: u64 = if cfg!(debug_assertions) { 20 } else { 100 };

/// Asks with different seeds; every answer must fit the type and its schema.
fn check<T: JsonSchema + DeserializeOwned>(question: &str) {
    let schema = Schema::of::<T>();
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    let mut lengths = Vec::new();
    for seed in 0..SEEDS {
        let mut request = ask(question);
        request.output = OutputFormat::Schema(OutputSchema::new("answer", schema.clone()));
        request.params.seed = Some(seed);
        request.params.temperature = Some(1.0);
        request.params.max_tokens = None;
        let response = answer(request);
        let text = response.text();
        assert_eq!(response.finish_reason(), Some(FinishReason::Stop), "seed {seed}: {text}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(validator.is_valid(&value), "seed {seed}: {text}");
        serde_json::from_str::<T>(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        lengths.push(response.usage.output.total.unwrap());
    }
    lengths.sort_unstable();
    println!("{} tokens in the middle, {:?} at most", lengths[lengths.len() / 2], lengths.last());
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Book {
    /// Exact title.
    title: String,
    author: String,
    year: u16,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Folder {
    name: String,
    parent: Option<Box<Folder>>,
    folders: Vec<Folder>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code)]
enum Mood {
    Happy,
    Sad,
    /// With a remark.
    Mixed(String),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
#[allow(dead_code)]
enum Place {
    Home { rooms: u8 },
    Abroad { country: String, distance: f64 },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Person {
    mood: Mood,
    nickname: Option<String>,
    tags: Vec<String>,
    scores: [i32; 3],
    height: f32,
    married: bool,
    place: Place,
}

#[test]
fn books() {
    check::<Book>("Recommend a fantasy book.");
}

#[test]
fn recursive_folders() {
    check::<Folder>("Describe a folder on a computer.");
}

#[test]
fn people() {
    check::<Person>("Describe a person from a novel.");
}

/// One answer for a schema in JSON.
fn one(schema: Value) -> Value {
    let mut request = ask("Make something up.");
    request.output = OutputFormat::Schema(OutputSchema::new("answer", schema.clone().into()));
    request.params.max_tokens = None;
    request.params.temperature = Some(1.0);
    let text = answer(request).text();
    let value: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&value), "{value} for {schema}");
    value
}

#[test]
fn unusual_schemas_work() {
    one(json!({ "type": "integer", "minimum": 3, "maximum": 9 }));
    one(json!({ "enum": ["red", 7, null, {"a": [1]}] }));
    one(json!({ "const": "always" }));
    one(json!({ "type": ["string", "null"], "maxLength": 9 }));
    one(json!({ "type": "string", "pattern": "^[a-z]{3}-[0-9]{2}$" }));
    one(json!({ "type": "string", "format": "date" }));
    one(json!({ "type": "string", "format": "something-new" }));
    one(json!({ "type": "array", "items": { "type": "integer" }, "minItems": 2, "maxItems": 4 }));
    one(json!({ "type": "object", "additionalProperties": { "type": "integer" } }));
    one(
        json!({ "type": "object", "properties": { "any": true, "other": {} }, "required": ["any"] }),
    );
    one(json!({
        "allOf": [{ "$ref": "#/$defs/A" }, { "properties": { "b": { "type": "boolean" } } }],
        "$defs": { "A": { "type": "object", "properties": { "a": { "type": "number" } }, "required": ["a"] } },
    }));
    one(json!({}));
}

#[test]
fn impossible_schemas_are_errors() {
    let check = |schema: Value, word: &str| {
        let mut request = ask("Hi");
        request.output = OutputFormat::Schema(OutputSchema::new("answer", schema.into()));
        let error = send(request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    };
    check(json!({ "$ref": "#/$defs/Missing" }), "Missing");
    check(json!({ "$ref": "https://example.org/schema" }), "example.org");
    check(
        json!({
            "$ref": "#/$defs/Endless",
            "$defs": { "Endless": {
                "type": "object",
                "properties": { "next": { "$ref": "#/$defs/Endless" } },
                "required": ["next"],
            } },
        }),
        "finite",
    );
    check(json!({ "type": "string", "not": { "const": "x" } }), "not");
}

#[test]
fn a_cut_off_value_says_so() {
    let mut request = ask("Recommend a fantasy book.");
    let schema = Schema::of::<Book>();
    request.output = OutputFormat::Schema(OutputSchema::new("book", schema));
    request.params.max_tokens = Some(6);
    let response = answer(request);
    assert_eq!(response.finish_reason(), Some(FinishReason::Length));
    assert_eq!(response.usage.output.total, Some(6));
}

#[test]
fn any_json_is_an_object() {
    let mut request = ask("Describe a cat as JSON.");
    request.output = OutputFormat::Json;
    request.params.max_tokens = None;
    let text = answer(request).text();
    assert!(serde_json::from_str::<Value>(&text).unwrap().is_object(), "{text}");
}
