//! The strict subset: schemas of types and written ones.

// The types are only described, never read.
#![allow(dead_code)]

use std::collections::BTreeMap;

use meanwhile_core::{Message, OutputFormat, OutputSchema, Request, Schema};
use meanwhile_http::Codec as _;
use meanwhile_openai_compatible::{ChatCodec, Quirks};
use schemars::JsonSchema;
use serde_json::{Value, json};

/// The `json_schema` of the request, and how many warnings came with it.
fn format(schema: Schema) -> (Value, usize) {
    let mut request = Request::new("m", vec![Message::user("x")]);
    request.output = OutputFormat::Schema(OutputSchema::new("out", schema));
    let wire = ChatCodec::new("openai", Quirks::openai()).encode(&request).unwrap();
    let mut body: Value = serde_json::from_slice(&wire.body).unwrap();
    (body["response_format"]["json_schema"].take(), wire.warnings.len())
}

fn strict(schema: Value) -> Value {
    let (mut format, warnings) = format(Schema::from(schema));
    assert_eq!((&format["strict"], warnings), (&json!(true), 0));
    format["schema"].take()
}

fn not_strict(schema: Value) {
    let (format, warnings) = format(Schema::from(schema.clone()));
    assert_eq!((&format["strict"], warnings), (&json!(false), 1), "{schema}");
    assert_eq!(format["schema"], schema, "as it was");
}

/// A shelf.
#[derive(JsonSchema)]
struct Shelf {
    /// Its books.
    books: Vec<Book>,
    note: Option<String>,
    #[schemars(default)]
    count: u32,
    #[schemars(range(min = 1, max = 5))]
    rank: u8,
    best: Option<Book>,
    kind: Kind,
}

#[derive(JsonSchema)]
struct Book {
    title: String,
    size: (f64, f64),
}

#[derive(JsonSchema)]
#[serde(tag = "type")]
enum Kind {
    /// Stands.
    Standing {
        height: f64,
    },
    Hanging,
}

#[test]
fn the_schema_of_a_type() {
    let (format, warnings) = format(Schema::of::<Shelf>());
    assert_eq!(warnings, 0);
    let schema = json!({
        "type": "object", "description": "A shelf.", "additionalProperties": false,
        "required": ["books", "note", "count", "rank", "best", "kind"],
        "properties": {
            "books": { "type": "array", "description": "Its books.", "items": { "$ref": "#/$defs/Book" } },
            "note": { "type": ["string", "null"] },
            "count": { "type": "integer", "minimum": 0 },
            "rank": { "type": "integer", "minimum": 1, "maximum": 5 },
            "best": { "anyOf": [{ "$ref": "#/$defs/Book" }, { "type": "null" }] },
            "kind": { "$ref": "#/$defs/Kind" },
        },
        "$defs": {
            "Book": { "type": "object", "additionalProperties": false, "required": ["title", "size"],
                "properties": {
                    "title": { "type": "string" },
                    "size": { "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 },
                } },
            "Kind": { "anyOf": [
                { "type": "object", "description": "Stands.", "additionalProperties": false,
                    "required": ["type", "height"],
                    "properties": { "height": { "type": "number" },
                        "type": { "type": "string", "const": "Standing" } } },
                { "type": "object", "additionalProperties": false, "required": ["type"],
                    "properties": { "type": { "type": "string", "const": "Hanging" } } },
            ] },
        },
    });
    assert_eq!(format, json!({ "name": "out", "strict": true, "schema": schema }));
}

#[test]
fn optional_properties_become_nullable() {
    let schema = strict(json!({ "type": "object", "required": ["a"], "properties": {
        "a": { "type": "string" },
        "b": { "type": "string" },
        "c": { "type": ["string", "null"] },
        "d": { "enum": ["x"], "description": "D" },
        "e": { "anyOf": [{ "type": "string" }] },
        "f": { "type": "integer", "default": 3 },
    } }));
    assert_eq!(
        schema,
        json!({ "type": "object", "additionalProperties": false,
        "required": ["a", "b", "c", "d", "e", "f"], "properties": {
        "a": { "type": "string" },
        "b": { "type": ["string", "null"] },
        "c": { "type": ["string", "null"] },
        "d": { "anyOf": [{ "enum": ["x"] }, { "type": "null" }], "description": "D" },
        "e": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
        "f": { "type": "integer" },
    } })
    );
}

#[test]
fn references_with_company_are_inlined() {
    let schema = strict(json!({ "type": "object", "required": ["a", "b", "c"],
        "$defs": { "D": { "type": "string", "description": "of D" } },
        "properties": {
            "a": { "$ref": "#/$defs/D" },
            "b": { "$ref": "#/$defs/D", "description": "of b" },
            "c": { "allOf": [{ "$ref": "#/$defs/D" }], "default": "x" },
        } }));
    assert_eq!(
        schema["properties"],
        json!({
            "a": { "$ref": "#/$defs/D" },
            "b": { "type": "string", "description": "of b" },
            "c": { "type": "string", "description": "of D" },
        })
    );
}

#[test]
fn recursion_stays_a_reference() {
    let schema = strict(json!({ "type": "object", "required": ["next"],
        "properties": { "next": { "anyOf": [{ "$ref": "#" }, { "type": "null" }] } } }));
    assert_eq!(schema["properties"]["next"]["anyOf"][0], json!({ "$ref": "#" }));
    let endless = json!({ "type": "object", "required": ["next"],
        "properties": { "next": { "$ref": "#", "description": "the next" } } });
    not_strict(endless);
}

#[test]
fn keywords_that_only_describe_are_removed() {
    let schema = strict(json!({ "type": "object", "required": ["title", "n"], "properties": {
        "title": { "type": "string", "title": "Title", "minLength": 1, "format": "date" },
        "n": { "type": "integer", "format": "uint8", "minimum": 0, "examples": [1] },
    } }));
    assert_eq!(
        schema["properties"],
        json!({
            "title": { "type": "string", "format": "date" },
            "n": { "type": "integer", "minimum": 0 },
        })
    );
}

#[test]
fn a_tuple_of_several_types_stays_one() {
    let tuple = json!({ "type": "array", "minItems": 2, "maxItems": 2,
        "prefixItems": [{ "type": "string" }, { "type": "object", "properties": {} }] });
    let schema =
        strict(json!({ "type": "object", "required": ["x"], "properties": { "x": tuple } }));
    let items = &schema["properties"]["x"]["prefixItems"];
    assert_eq!(items[0], json!({ "type": "string" }));
    assert_eq!(items[1]["additionalProperties"], false);
}

#[test]
fn what_cannot_be_guaranteed_is_sent_as_it_was() {
    let with = |property: Value| json!({ "type": "object", "required": ["x"], "properties": { "x": property } });
    not_strict(with(json!({ "type": "object", "additionalProperties": { "type": "string" } })));
    not_strict(with(json!({ "type": "object", "additionalProperties": true })));
    not_strict(with(json!({})));
    not_strict(with(json!(true)));
    not_strict(with(json!({ "type": "array" })));
    not_strict(with(json!({ "not": { "type": "string" } })));
    not_strict(json!({ "type": "string" }));
    let (format, warnings) = format(Schema::of::<BTreeMap<String, u32>>());
    assert_eq!((&format["strict"], warnings), (&json!(false), 1));
}
