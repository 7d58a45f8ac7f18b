//! Configuration.

use std::sync::Mutex;

use bytes::Bytes;
use meanwhile_core::{
    BatchStatus, EmbeddingModel, ErrorKind, Message, Provider as _, Request, Result,
};
use meanwhile_http::{Body, Client, Transport};
use meanwhile_mistral::{Mistral, PROVIDER};
use serde_json::json;

#[test]
fn what_models_can_do() {
    assert_eq!(PROVIDER.id, "mistral");
    let provider = Mistral::builder().api_key("k").build().unwrap();
    assert_eq!(provider.id(), "mistral");
    for (model, thinking, images, audio) in [
        ("mistral-small-latest", true, true, false),
        ("magistral-small-latest", true, true, false),
        ("mistral-large-latest", false, true, false),
        ("codestral-latest", false, false, false),
        ("voxtral-small-latest", false, false, true),
    ] {
        let known = provider.capabilities(model);
        assert_eq!(
            (known.thinking, known.images, known.audio),
            (thinking, images, audio),
            "{model}"
        );
        assert!(known.tools && known.streaming && known.documents, "{model}");
    }
}

#[test]
fn addresses_are_checked_and_keys_never_shown() {
    let error = Mistral::builder().api_key("k").base_url("api.mistral.ai").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let builder = Mistral::agents().api_key("a-secret");
    let shown = format!("{builder:?}");
    let built = format!("{:?}", builder.build().unwrap());
    assert!(!shown.contains("a-secret") && !built.contains("a-secret"), "{shown} {built}");
}

/// Answers every request with a body of this type and keeps what was asked.
#[derive(Debug)]
struct Answers {
    content_type: &'static str,
    body: &'static str,
    asked: Mutex<Vec<http::Request<Bytes>>>,
}

#[async_trait::async_trait]
impl Transport for &'static Answers {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Body>> {
        self.asked.lock().unwrap().push(request);
        let mut response = http::Response::new(Body::from_chunks([Bytes::from(self.body)]));
        let value = http::HeaderValue::from_static(self.content_type);
        response.headers_mut().insert(http::header::CONTENT_TYPE, value);
        Ok(response)
    }
}

#[tokio::test]
async fn models_and_stored_agents_are_asked_at_their_places() {
    let answers: &'static Answers = Box::leak(Box::new(Answers {
        content_type: "application/json",
        body: r#"{"choices":[{"message":{"content":"so"},"finish_reason":"stop"}]}"#,
        asked: Mutex::default(),
    }));
    for (builder, path, field) in [
        (Mistral::builder(), "/v1/chat/completions", "model"),
        (Mistral::agents(), "/v1/agents/completions", "agent_id"),
    ] {
        let builder = builder.base_url("https://box.example/v1").api_key("k-123456");
        let mistral = builder.client(Client::new(answers)).build().unwrap();
        let request = Request::new("some-id", vec![Message::user("x")]);
        assert!(mistral.send(request).await.is_ok());
        let sent = answers.asked.lock().unwrap().pop().unwrap();
        assert_eq!(sent.uri().path(), path);
        assert_eq!(sent.headers()["authorization"], "Bearer k-123456");
        let body: serde_json::Value = serde_json::from_slice(sent.body()).unwrap();
        assert_eq!(body[field], "some-id");
    }
}

fn answering(body: &'static str) -> (meanwhile_mistral::Builder, &'static Answers) {
    let answers: &'static Answers = Box::leak(Box::new(Answers {
        content_type: "application/json",
        body,
        asked: Mutex::default(),
    }));
    (Mistral::builder().api_key("k-123456").client(Client::new(answers)), answers)
}

fn body(answers: &Answers) -> serde_json::Value {
    serde_json::from_slice(answers.asked.lock().unwrap().pop().unwrap().body()).unwrap()
}

#[tokio::test]
async fn texts_are_embedded() {
    let (builder, answers) =
        answering(r#"{"data":[{"embedding":[1,2],"index":0}],"usage":{"prompt_tokens":4}}"#);
    let model = EmbeddingModel::of(builder.embedder().unwrap(), "codestral-embed");
    assert_eq!(model.dimensions(2).embed_one("a").await.unwrap(), [1.0, 2.0]);
    let sent = json!({ "model": "codestral-embed", "input": ["a"], "output_dimension": 2 });
    assert_eq!(body(answers), sent);
}

const JOB: &str = r#"{"id":"ca1c-1","object":"batch","model":"m","status":"SUCCESS",
    "total_requests":2,"succeeded_requests":1,"failed_requests":1,"outputs":[
    {"custom_id":"1","response":{"status_code":200,"body":{"model":"m","choices":[
        {"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Jupiter"}}]}}},
    {"custom_id":"0","response":{"status_code":400,"body":{"message":"no"}},"error":null}]}"#;

#[tokio::test]
async fn a_batch_travels_inline() {
    let (builder, answers) = answering(JOB);
    let batches = builder.batches().unwrap();
    let request = |model: &str| Request::new(model, vec![Message::user("x")]);
    let batch = batches.create(vec![("0".into(), request("m")), ("1".into(), request("m"))]).await;
    let batch = batch.unwrap();
    assert_eq!((batch.status, batch.failed), (BatchStatus::Completed, Some(1)));
    let messages = json!({ "messages": [{ "role": "user", "content": "x" }] });
    let requests =
        json!([{ "custom_id": "0", "body": messages }, { "custom_id": "1", "body": messages }]);
    let sent = json!({ "endpoint": "/v1/chat/completions", "model": "m", "requests": requests });
    assert_eq!(body(answers), sent);

    let items = batches.results(&batch.id).await.unwrap();
    assert_eq!(items[0].response.as_ref().unwrap().text(), "Jupiter");
    let error = items[1].response.as_ref().unwrap_err();
    assert_eq!((&*items[1].id, error.kind()), ("0", ErrorKind::InvalidRequest));

    let mixed = vec![("0".into(), request("m")), ("1".into(), request("n"))];
    let error = batches.create(mixed).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}
