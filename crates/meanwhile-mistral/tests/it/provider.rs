//! Configuration.

use std::sync::Mutex;

use bytes::Bytes;
use meanwhile_core::{ErrorKind, Message, Provider as _, Request, Result};
use meanwhile_http::{Body, Client, Transport};
use meanwhile_mistral::{Mistral, PROVIDER};

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
