//! OpenAI's own rules: which settings its models take, and what its requests carry.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Mutex;

use bytes::Bytes;
use meanwhile_core::{
    Delivery, Effort, ErrorKind, Message, OnUnsupported, OutputSupport, Params, Provider as _,
    Request, Result,
};
use meanwhile_http::{Body, Client, Codec as _, Transport};
use meanwhile_openai::{OpenAi, PROVIDER, codec};
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
    assert!(of("gpt-4o").images && !of("gpt-4o").audio && !of("gpt-4o").thinking);
    assert!(of("o3").thinking && of("tomorrow-1").thinking);
    assert!(of("gpt-4o-audio-preview").audio && !of("gpt-4o-audio-preview").images);
    assert_eq!(of("gpt-3.5-turbo").output, OutputSupport::Json);
    assert_eq!(of("gpt-4.1").output, OutputSupport::Schema);
    assert_eq!((openai.id(), PROVIDER.id), ("openai", "openai"));
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
        .client(Client::new(refuses))
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
