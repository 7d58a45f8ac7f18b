//! Structured output: the model's own, or as the arguments of a tool.

use meanwhile_anthropic::{Host, MessagesCodec};
use meanwhile_core::{
    Effort, FinishReason, OutputFormat, OutputSchema, OutputSupport, Request, Schema, ToolChoice,
};
use meanwhile_http::{Codec as _, Framing};
use serde_json::{Value, json};

use crate::{answer, ask, body, host, stream, tool, written};

fn asked(model: &str, schema: Value) -> Request {
    let mut request = ask("x");
    request.model = model.into();
    request.output = OutputFormat::Schema(OutputSchema::new("Book", Schema::from(schema)));
    request
}

fn book() -> Value {
    json!({ "type": "object", "properties": { "title": { "type": "string" } },
        "required": ["title"] })
}

#[test]
fn newer_models_keep_to_a_schema_by_themselves() {
    for model in ["claude-sonnet-4-5", "claude-opus-4-1", "claude-opus-5", "tomorrow-1"] {
        let (body, warnings) = written(&asked(model, book()));
        let mut closed = book();
        closed["additionalProperties"] = false.into();
        let format = json!({ "format": { "type": "json_schema", "schema": closed } });
        assert_eq!((&body["output_config"], warnings.len()), (&format, 0), "{model}");
        assert!(body.get("tools").is_none());
        assert_eq!(MessagesCodec::capabilities(model).output, OutputSupport::Schema);
    }
    let mut request = asked("claude-opus-4-7", book());
    request.params.reasoning = Some(Effort::High.into());
    let (body, _) = written(&request);
    let names: Vec<&String> = body["output_config"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["effort", "format"]);
}

#[test]
fn a_host_may_hold_fewer_models_to_a_schema() {
    for (model, elsewhere, is_native) in [
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", Host::Bedrock, false),
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", Host::Bedrock, true),
        ("claude-opus-4-1@20250805", Host::Vertex, true),
    ] {
        let body = body(&host(elsewhere).encode(&asked(model, book())).unwrap());
        assert_eq!(body.get("output_config").is_some(), is_native, "{model}");
        assert_eq!(body.get("tools").is_some(), !is_native, "{model}");
    }
}

#[test]
fn older_models_answer_in_the_arguments_of_a_tool() {
    let request = asked("claude-3-5-haiku-latest", book());
    let (body, warnings) = written(&request);
    assert_eq!(warnings, ["output schema"]);
    assert_eq!(body["tools"][0]["name"], "structured_output");
    assert_eq!(body["tools"][0]["input_schema"], book());
    assert_eq!(
        body["tool_choice"],
        json!({ "type": "tool", "name": "structured_output", "disable_parallel_tool_use": true })
    );

    let call = json!({ "type": "tool_use", "id": "t", "name": "structured_output", "input": {} });
    let pieces = ["{\"title\":", "\"Dune\"}"]
        .map(|text| json!({ "type": "input_json_delta", "partial_json": text }));
    let body = stream(&[(call, pieces.to_vec())], "tool_use");
    let response = answer(&request, Framing::ServerSentEvents, &body).unwrap();
    assert_eq!(response.text(), "{\"title\":\"Dune\"}");
    assert_eq!(
        (response.tool_calls().count(), response.finish_reason()),
        (0, Some(FinishReason::Stop))
    );

    let whole = json!({ "content": [{ "type": "tool_use", "id": "t", "name": "structured_output",
        "input": { "title": "Dune" } }], "stop_reason": "tool_use" });
    let response = answer(&request, Framing::Whole, &whole.to_string()).unwrap();
    assert_eq!(response.text(), "{\"title\":\"Dune\"}");
    // Without a schema asked for, it is a tool like any other.
    let response = answer(&ask("x"), Framing::Whole, &whole.to_string()).unwrap();
    assert_eq!(response.tool_calls().count(), 1);
}

#[test]
fn the_answer_waits_for_the_other_tools() {
    let mut request = asked("claude-3-5-haiku-latest", book());
    request.tools = vec![tool()];
    assert_eq!(written(&request).0["tool_choice"], json!({ "type": "any" }));
    let both = json!({ "content": [
        { "type": "tool_use", "id": "t", "name": "structured_output", "input": { "title": "a" } },
        { "type": "tool_use", "id": "u", "name": "f", "input": {} },
    ], "stop_reason": "tool_use" });
    let response = answer(&request, Framing::Whole, &both.to_string()).unwrap();
    assert_eq!(response.finish_reason(), Some(FinishReason::ToolCalls));

    request.tool_choice = ToolChoice::Tool("f".into());
    assert_eq!(written(&request).0["tool_choice"], json!({ "type": "tool", "name": "f" }));
    // A model that thinks cannot be made to call a tool.
    let mut request = asked("claude-3-7-sonnet-latest", book());
    request.params.reasoning = Some(Effort::Low.into());
    let (body, _) = written(&request);
    assert!(body.get("tool_choice").is_none() && body.get("thinking").is_some());
}

#[test]
fn what_a_model_cannot_keep_to_goes_through_a_tool() {
    let map = json!({ "type": "object", "additionalProperties": { "type": "integer" } });
    let (body, warnings) = written(&asked("claude-sonnet-4-5", map.clone()));
    assert_eq!((&body["tools"][0]["input_schema"], warnings), (&map, vec!["output schema".into()]));
    assert!(body.get("output_config").is_none());

    let (body, warnings) = written(&asked("claude-3-opus-latest", json!({ "type": "string" })));
    assert_eq!((body.get("tools"), warnings.len()), (None, 2));
    let mut request = asked("claude-3-opus-latest", book());
    request.tools = vec![tool()];
    request.tools[0].name = "structured_output".into();
    let (body, warnings) = written(&request);
    assert_eq!((body["tools"].as_array().unwrap().len(), warnings.len()), (1, 2));

    let mut request = ask("x");
    request.output = OutputFormat::Json;
    let (body, warnings) = written(&request);
    assert_eq!(
        (&body["tools"][0]["input_schema"], warnings.len()),
        (&json!({ "type": "object" }), 0)
    );
}

#[track_caller]
fn check(schema: Value, expected: Value) {
    let (body, warnings) = written(&asked("claude-sonnet-4-5", schema));
    assert_eq!(body["output_config"]["format"]["schema"], expected);
    assert!(warnings.is_empty());
}

#[test]
fn schemas_within_the_subset() {
    let object = |property: Value| json!({ "type": "object", "properties": { "a": property } });
    let closed = |property: Value| json!({ "type": "object", "properties": { "a": property }, "additionalProperties": false });
    for same in [
        json!({ "type": ["string", "null"], "title": "T", "default": null }),
        json!({ "type": "string", "format": "date-time", "enum": ["a"] }),
        json!({ "const": 1 }),
        json!({ "anyOf": [{ "type": "integer" }, { "type": "null" }] }),
        json!({ "type": "array", "items": { "type": "number" }, "minItems": 1 }),
    ] {
        check(object(same.clone()), closed(same));
    }
    check(
        object(json!({ "type": "integer", "format": "uint8", "minimum": 0, "description": "D." })),
        closed(json!({ "type": "integer", "description": "D.\n\n{minimum: 0}" })),
    );
    check(
        object(json!({ "type": "string", "pattern": "^a", "format": "byte" })),
        closed(json!({ "type": "string", "description": "{pattern: \"^a\", format: \"byte\"}" })),
    );
    check(
        object(json!({ "type": "array", "items": { "type": "string" }, "maxItems": 3 })),
        closed(json!({ "type": "array", "items": { "type": "string" },
            "description": "{maxItems: 3}" })),
    );
    check(
        object(json!({ "oneOf": [{ "type": "integer" }, { "type": "string" }] })),
        closed(json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }] })),
    );
    let empty = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    check(json!({ "$schema": "s", "type": "object" }), empty.clone());
    // A reference stands alone; what is said beside it is said of the definition, in place.
    let definitions = json!({ "B": { "type": "object" } });
    check(
        json!({ "type": "object", "$defs": definitions, "properties": {
            "a": { "$ref": "#/$defs/B" },
            "b": { "$ref": "#/$defs/B", "description": "D." },
            "c": { "allOf": [{ "$ref": "#/$defs/B" }] } } }),
        json!({ "type": "object", "properties": {
            "a": { "$ref": "#/$defs/B" },
            "b": { "description": "D.", "type": "object", "properties": {},
                "additionalProperties": false },
            "c": { "$ref": "#/$defs/B" },
        }, "additionalProperties": false, "$defs": { "B": empty } }),
    );
}

#[test]
fn schemas_outside_of_the_subset() {
    let object = |property: Value| json!({ "type": "object", "properties": { "a": property } });
    for outside in [
        object(json!({})),
        object(json!(true)),
        object(json!({ "type": "array" })),
        object(json!({ "type": "array", "prefixItems": [] })),
        object(json!({ "patternProperties": {} })),
        object(json!({ "type": "object", "additionalProperties": true })),
        object(json!({ "$ref": "https://x.example/schema" })),
        object(json!({ "$ref": "#" })),
        json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/A" } },
            "$defs": { "A": { "type": "object", "properties": { "b": { "$ref": "#/$defs/B" } } },
                       "B": { "type": "array", "items": { "$ref": "#/$defs/A" } } } }),
    ] {
        let (body, warnings) = written(&asked("claude-sonnet-4-5", outside.clone()));
        assert_eq!(warnings, ["output schema"], "{outside}");
        assert!(body.get("output_config").is_none() && body.get("tools").is_some());
    }
    let nullable = |count: usize| -> Value {
        let property = json!({ "type": ["string", "null"] });
        let properties = (0..count).map(|at| (format!("p{at}"), property.clone()));
        json!({ "type": "object", "properties": properties.collect::<serde_json::Map<_, _>>() })
    };
    assert!(written(&asked("claude-sonnet-4-5", nullable(16))).1.is_empty());
    assert_eq!(written(&asked("claude-sonnet-4-5", nullable(17))).1, ["output schema"]);
    let mut deep = json!({ "type": "string" });
    for _ in 0..90 {
        deep = json!({ "type": "array", "items": deep });
    }
    assert_eq!(written(&asked("claude-sonnet-4-5", object(deep))).1, ["output schema"]);
}
