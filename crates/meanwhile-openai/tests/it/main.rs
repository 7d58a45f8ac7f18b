//! OpenAI's own rules: which settings its models take, and what its requests carry.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Mutex;

use bytes::Bytes;
use meanwhile_core::{
    Delivery, Effort, ErrorKind, Fold, Message, OnUnsupported, OutputSupport, Params,
    Provider as _, Request, Result,
};
use meanwhile_http::{Answer, Auth, Body, Client, Codec as _, Framing, Transport};
use meanwhile_openai::{Api, OpenAi, OpenAiCodec, PROVIDER, codec};
use serde_json::{Value, json};

fn written(model: &str, params: Params) -> (Value, Vec<String>) {
    let mut request = Request::new(model, vec![Message::user("x")]);
    request.params = params;
    let wire = codec().encode(&request).unwrap();
    let warnings = wire.warnings.iter().map(|warning| warning.subject.to_string()).collect();
    (serde_json::from_slice(&wire.body).unwrap(), warnings)
}

#[test]
fn models_that_think_take_no_sampling_settings() {
    let params = || Params::new().temperature(0.5).max_tokens(9).reasoning(Effort::Low);
    for model in
        ["o1", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5-nano", "ft:o4-mini:acme::1"]
    {
        let (body, warnings) = written(model, params());
        assert_eq!(warnings, ["temperature"], "{model}");
        assert!(body.get("temperature").is_none(), "{model}");
        assert_eq!(body["reasoning_effort"], "low", "{model}");
        assert_eq!(body["max_completion_tokens"], 9, "{model}");
    }
    for model in
        ["gpt-4o", "gpt-4.1-mini", "gpt-3.5-turbo", "gpt-5-chat-latest", "chatgpt-4o-latest"]
    {
        let (body, warnings) = written(model, params());
        assert_eq!(
            (warnings, &body["temperature"]),
            (vec!["reasoning".to_owned()], &json!(0.5)),
            "{model}"
        );
    }
    for model in ["gpt-5.2", "tomorrow-1"] {
        let (body, warnings) = written(model, params());
        assert_eq!((warnings.len(), &body["temperature"]), (0, &json!(0.5)), "{model}");
    }
}

#[test]
fn strict_mode_refuses_what_would_be_left_out() {
    let mut request = Request::new("o3", vec![Message::user("x")]);
    request.params.temperature = Some(0.5);
    request.unsupported = OnUnsupported::Error;
    assert_eq!(codec().encode(&request).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn capabilities_follow_the_model() {
    let openai = OpenAi::builder().base_url("http://localhost:1/v1").api_key("k").build().unwrap();
    let of = |model: &str| openai.capabilities(model);
    assert!(of("gpt-4o").images && !of("gpt-4o").audio && !of("gpt-4o").reasoning);
    assert!(of("o3").reasoning && of("tomorrow-1").reasoning);
    assert!(of("gpt-4o-audio-preview").audio && !of("gpt-4o-audio-preview").images);
    assert_eq!(of("gpt-3.5-turbo").output, OutputSupport::Json);
    assert_eq!(of("gpt-4.1").output, OutputSupport::Schema);
    assert_eq!((openai.id(), PROVIDER.id), ("openai", "openai"));
}

#[test]
fn models_are_asked_on_the_wire_that_serves_them() {
    let check = |api: Api, model: &str, expected: Api, name: &str| {
        assert_eq!(OpenAiCodec::new(api).route(model), (expected, name), "{model}");
    };
    let by_model = |model: &str, expected: Api| check(Api::ByModel, model, expected, model);
    for model in [
        "o1-pro",
        "o3-pro-2025-06-10",
        "gpt-5-pro",
        "gpt-5.2-pro",
        "gpt-5-codex",
        "gpt-5.1-codex-max",
        "codex-mini-latest",
        "o3-deep-research",
        "o4-mini-deep-research-2025-06-26",
        "computer-use-preview",
    ] {
        by_model(model, Api::Responses);
    }
    for model in ["gpt-4o", "o3", "o4-mini", "gpt-5", "gpt-5.2", "gpt-5-chat-latest", "tomorrow-1"]
    {
        by_model(model, Api::ChatCompletions);
    }
    check(Api::ByModel, "gpt-4o:responses", Api::Responses, "gpt-4o");
    check(Api::Responses, "gpt-4o", Api::Responses, "gpt-4o");
    check(Api::Responses, "gpt-4o:completions", Api::ChatCompletions, "gpt-4o");
    check(Api::ByModel, "ft:gpt-4o:acme::1", Api::ChatCompletions, "ft:gpt-4o:acme::1");
}

#[test]
fn the_other_wire_knows_the_models_too() {
    let written = |model: &str| {
        let mut request = Request::new(format!("{model}:responses"), vec![Message::user("x")]);
        request.params = Params::new().temperature(0.5).reasoning(Effort::Low);
        let wire = OpenAiCodec::new(Api::ByModel).encode(&request).unwrap();
        assert_eq!(wire.path, "/responses");
        let warnings: Vec<String> =
            wire.warnings.iter().map(|warning| warning.subject.to_string()).collect();
        let body: Value = serde_json::from_slice(&wire.body).unwrap();
        assert_eq!(body["model"], model);
        (body, warnings)
    };
    let (body, warnings) = written("o4-mini");
    assert_eq!(
        (&body["reasoning"], warnings),
        (&json!({ "effort": "low" }), vec!["temperature".to_owned()])
    );
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    let (body, warnings) = written("gpt-4o");
    assert_eq!((&body["temperature"], warnings), (&json!(0.5), vec!["reasoning".to_owned()]));
    // Models that do not think refuse to be asked for it.
    assert_eq!((body.get("include"), &body["store"]), (None, &json!(false)));
    let (_, warnings) = written("gpt-5.2");
    assert!(warnings.is_empty());
}

#[test]
fn new_models_take_marks_in_the_prompt() {
    let marked = |model: &str| {
        let parts = vec!["x".into(), meanwhile_core::Part::cache_mark()];
        let request = Request::new(model, vec![Message::user(parts)]);
        let wire = meanwhile_openai::responses_codec().encode(&request).unwrap();
        wire.warnings.is_empty()
    };
    assert!(marked("gpt-5.6") && marked("gpt-5.10-mini") && marked("gpt-6"));
    assert!(!marked("gpt-5.5") && !marked("gpt-5") && !marked("o3") && !marked("gpt-4o"));
}

#[test]
fn both_providers_can_be_registered() {
    assert!(PROVIDER.moderator.is_some() && PROVIDER.speech.is_some());
    assert!(PROVIDER.transcriber.is_some() && PROVIDER.images.is_some());
    let ids: Vec<&str> = meanwhile_openai::PROVIDERS.iter().map(|info| info.id).collect();
    assert_eq!(ids, ["openai", "openai-responses"]);
    let responses = OpenAi::responses_builder().api_key("k").build().unwrap();
    assert_eq!(responses.id(), "openai-responses");
    let of = |model: &str| responses.capabilities(model);
    assert!(of("gpt-4o").documents && !of("gpt-4o-audio-preview").audio);
}

#[test]
fn either_wire_is_read() {
    let read = |model: &str, body: Value| {
        let codec = OpenAiCodec::new(Api::ByModel);
        let decoder = codec.decoder(&Request::new(model, Vec::new()));
        let mut answer = Answer::new(decoder, Framing::Whole);
        answer.push(body.to_string().into());
        answer.end();
        let mut fold = Fold::new("openai", model);
        while let Some(event) = answer.next() {
            fold.push(&event.unwrap()).unwrap();
        }
        fold.finish().unwrap().text()
    };
    let message =
        json!({ "type": "message", "content": [{ "type": "output_text", "text": "so" }] });
    assert_eq!(read("o3-pro", json!({ "status": "completed", "output": [message] })), "so");
    let choice = json!({ "index": 0, "message": { "content": "so" }, "finish_reason": "stop" });
    assert_eq!(read("o3", json!({ "choices": [choice] })), "so");
}

/// Answers every request with a refusal and keeps it.
#[derive(Debug, Default)]
struct Refuses(Mutex<Vec<http::Request<Bytes>>>);

#[async_trait::async_trait]
impl Transport for &'static Refuses {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Body>> {
        self.0.lock().unwrap().push(request);
        let body = br#"{"error":{"message":"no","code":"invalid_api_key"}}"#;
        let mut response = http::Response::new(Body::from_chunks([Bytes::from_static(body)]));
        *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        Ok(response)
    }
}

#[tokio::test]
async fn requests_carry_key_organization_and_project() {
    let refuses: &'static Refuses = Box::leak(Box::default());
    let openai = OpenAi::builder()
        .base_url("https://api.acme.example/v1/")
        .api_key("k-123456")
        .organization("org")
        .project("proj")
        .http_client(Client::new(refuses))
        .build()
        .unwrap();
    let mut request = Request::new("gpt-4o", vec![Message::user("x")]);
    request.delivery = Delivery::Streamed;
    let error = openai.send(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    let sent = refuses.0.lock().unwrap().pop().unwrap();
    assert_eq!(sent.uri(), "https://api.acme.example/v1/chat/completions");
    let header = |name: &str| sent.headers()[name].to_str().unwrap();
    assert_eq!(header("authorization"), "Bearer k-123456");
    assert_eq!((header("openai-organization"), header("openai-project")), ("org", "proj"));
}

#[tokio::test]
async fn another_credential_takes_the_place_of_the_key() {
    let refuses: &'static Refuses = Box::leak(Box::default());
    for builder in [OpenAi::builder(), OpenAi::responses_builder()] {
        let auth = Auth::header("x-gateway-key", "g-123456").unwrap();
        let openai = builder.auth(auth).http_client(Client::new(refuses)).build().unwrap();
        openai.send(Request::new("gpt-4o", vec![Message::user("x")])).await.unwrap_err();
        let sent = refuses.0.lock().unwrap().pop().unwrap();
        assert_eq!(sent.headers()["x-gateway-key"], "g-123456");
        assert!(!sent.headers().contains_key("authorization"));
    }
}
