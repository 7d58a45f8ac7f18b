//! `:invoke` behind the id of a model: the wire of its vendor.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile_bedrock::{Bedrock, BedrockCodec};
use meanwhile_core::{
    ErrorKind, Fold, OutputFormat, Provider as _, Response, ToolChoice, ToolSpec,
};
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::{Value, json};

use crate::{ask, stream};

const CLAUDE: &str = "us.anthropic.claude-3-5-haiku-20241022-v1:0:invoke";
const MISTRAL: &str = "mistral.mistral-large-2407-v1:0:invoke";

fn written(model: &str, is_streamed: bool) -> (String, Value) {
    let request = ask(model);
    let request = if is_streamed { request.streamed() } else { request };
    let wire = BedrockCodec::default().encode(&request).unwrap();
    let framing = if is_streamed { Framing::AwsEventStream } else { Framing::Whole };
    assert_eq!(wire.framing, framing);
    (wire.path, serde_json::from_slice(&wire.body).unwrap())
}

#[test]
fn the_id_chooses_the_wire() {
    let messages = json!([{ "role": "user", "content": "hi" }]);
    for (model, is_streamed, path) in [
        (CLAUDE, false, "/model/us.anthropic.claude-3-5-haiku-20241022-v1%3A0/invoke"),
        (MISTRAL, false, "/model/mistral.mistral-large-2407-v1%3A0/invoke"),
        (MISTRAL, true, "/model/mistral.mistral-large-2407-v1%3A0/invoke-with-response-stream"),
        ("openai.gpt-oss-20b-1:0:invoke", false, "/model/openai.gpt-oss-20b-1%3A0/invoke"),
    ] {
        let (found, body) = written(model, is_streamed);
        assert_eq!(found, path);
        // The path says which model, and whether the answer is streamed.
        assert_eq!((&body["model"], &body["stream"]), (&Value::Null, &Value::Null), "{model}");
        if model != CLAUDE {
            assert_eq!(body, json!({ "messages": messages }), "{model}");
        }
    }
    let (path, body) = written("us.anthropic.claude-3-5-haiku-20241022-v1:0", false);
    assert!(path.ends_with("/converse") && body["messages"][0]["content"].is_array(), "{path}");
}

#[test]
fn what_mistral_does_not_take_is_reported() {
    let mut request = ask(MISTRAL);
    request.params.seed = Some(1);
    request.params.temperature = Some(0.5);
    request.params.stop = Some(vec!["x".to_owned()]);
    request.output = OutputFormat::Json;
    request.tools = vec![ToolSpec::new("f", "", json!({ "type": "object" }).into())];
    request.tool_choice = ToolChoice::Tool("f".to_owned());
    let wire = BedrockCodec::default().encode(&request).unwrap();
    let body: Value = serde_json::from_slice(&wire.body).unwrap();
    assert_eq!((&body["temperature"], &body["tool_choice"]), (&json!(0.5), &json!("any")));
    for absent in ["random_seed", "stop", "response_format"] {
        assert_eq!(body[absent], Value::Null, "{absent}");
    }
    let warnings: Vec<String> = wire.warnings.iter().map(ToString::to_string).collect();
    for told in ["seed", "stop", "output format", "tool_choice"] {
        assert!(warnings.iter().any(|warning| warning.contains(told)), "{told}: {warnings:?}");
    }
}

#[test]
fn a_vendor_whose_wire_is_not_spoken_is_told_of() {
    for model in [
        "amazon.nova-lite-v1:0:invoke",
        "meta.llama3-8b-instruct-v1:0:invoke",
        "mistral.mixtral-8x7b-instruct-v0:1:invoke",
    ] {
        let error = BedrockCodec::default().encode(&ask(model)).unwrap_err();
        assert_eq!((error.kind(), error.provider()), (ErrorKind::Unsupported, Some("bedrock")));
        assert!(error.message().contains("leave out `:invoke`"), "{error}");
    }
}

#[test]
fn capabilities_are_those_of_the_wire() {
    let bedrock = Bedrock::builder().region("us-east-1").api_key("key").build().unwrap();
    let images = |model: &str| bedrock.capabilities(model).images;
    assert!(bedrock.capabilities(CLAUDE).tools && bedrock.capabilities(MISTRAL).tools);
    assert!(!images(MISTRAL) && images("eu.mistral.pixtral-large-2502-v1:0:invoke"));
    assert!(
        !bedrock.capabilities(MISTRAL).documents,
        "Converse takes some, the vendor's wire none"
    );
    assert!(bedrock.capabilities("mistral.mistral-large-2407-v1:0").documents);
}

fn read(model: &str, pieces: &[Value], size: usize) -> Response {
    let chunk = |piece: &Value| ("chunk", json!({ "bytes": STANDARD.encode(piece.to_string()) }));
    let body = stream(&pieces.iter().map(chunk).collect::<Vec<_>>());
    let decoder = BedrockCodec::default().decoder(&ask(model).streamed());
    let mut answer = Answer::new(decoder, Framing::AwsEventStream);
    let mut fold = Fold::new("bedrock", model);
    for chunk in body.chunks(size) {
        answer.push(chunk.to_vec().into());
        for event in std::iter::from_fn(|| answer.next()) {
            fold.push(&event.unwrap()).unwrap();
        }
    }
    answer.end();
    for event in std::iter::from_fn(|| answer.next()) {
        fold.push(&event.unwrap()).unwrap();
    }
    fold.finish().unwrap()
}

#[test]
fn bedrock_counts_where_the_vendor_does_not() {
    let piece = |text: &str, reason: Value, more: Value| {
        let mut piece = json!({ "choices": [{ "index": 0, "stop_reason": reason,
            "message": { "role": "assistant", "content": text } }] });
        piece.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        piece
    };
    let metrics = json!({ "amazon-bedrock-invocationMetrics":
        { "inputTokenCount": 7, "outputTokenCount": 3, "invocationLatency": 1 } });
    let usage = json!({ "usage": { "prompt_tokens": 8, "completion_tokens": 2 } });
    let both = json!({ "usage": usage["usage"],
        "amazon-bedrock-invocationMetrics": metrics["amazon-bedrock-invocationMetrics"] });
    for (last, expected) in [(&metrics, (7, 3)), (&usage, (8, 2)), (&both, (8, 2))] {
        let pieces = [piece("Hé", Value::Null, json!({})), piece("!", json!("stop"), last.clone())];
        for size in [1, 7, 4096] {
            let response = read(MISTRAL, &pieces, size);
            let usage = &response.usage;
            assert_eq!(response.text(), "Hé!");
            assert_eq!((usage.input.total.unwrap(), usage.output.total.unwrap()), expected);
            assert!(usage.raw.is_some(), "the counters as they came");
        }
    }
}
