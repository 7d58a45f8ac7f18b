//! The provider from the outside: where its requests go, what they carry, and what is never printed.

use std::sync::Mutex;

use bytes::Bytes;
use meanwhile_anthropic::{Anthropic, PROVIDER};
use meanwhile_core::{AnyProvider, Error, ErrorKind, OutputSupport, Provider as _, Result};
use meanwhile_http::{Auth, Body, Client, Transport};

use crate::ask;

/// Answers every request with a refusal that repeats the key, and keeps the request.
#[derive(Debug, Default)]
struct Refuses(Mutex<Vec<http::Request<Bytes>>>);

#[async_trait::async_trait]
impl Transport for &'static Refuses {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Body>> {
        self.0.lock().unwrap().push(request);
        let body = br#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key sk-ant-123456"}}"#;
        let mut response = http::Response::new(Body::from_chunks([Bytes::from_static(body)]));
        *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        Ok(response)
    }
}

fn refuses() -> &'static Refuses {
    Box::leak(Box::default())
}

async fn refused(provider: &AnyProvider) -> Error {
    provider.send(ask("x").streamed()).await.unwrap_err()
}

#[tokio::test]
async fn requests_carry_the_key_the_version_and_the_features() {
    let refuses = refuses();
    let anthropic = Anthropic::builder()
        // Some clients count the version to the base URL.
        .base_url("https://api.acme.example/v1/")
        .api_key("sk-ant-123456")
        .beta("one")
        .beta("two")
        .header("x-team", "t")
        .http_client(Client::new(refuses))
        .build()
        .unwrap();
    let error = refused(&anthropic).await;
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Authentication, Some("anthropic")));
    for shown in [format!("{error}"), format!("{error:?}"), format!("{anthropic:?}")] {
        assert!(!shown.contains("123456"), "{shown}");
    }
    let sent = refuses.0.lock().unwrap().pop().unwrap();
    assert_eq!(sent.uri(), "https://api.acme.example/v1/messages");
    let header = |name: &str| sent.headers()[name].to_str().unwrap();
    assert_eq!((header("x-api-key"), header("x-team")), ("sk-ant-123456", "t"));
    assert_eq!((header("anthropic-version"), header("anthropic-beta")), ("2023-06-01", "one,two"));
}

#[tokio::test]
async fn a_gateway_takes_another_credential() {
    let refuses = refuses();
    let anthropic = Anthropic::builder()
        .base_url("https://gateway.example/anthropic")
        .auth(Auth::bearer("token-123456").unwrap())
        .http_client(Client::new(refuses))
        .build()
        .unwrap();
    let _ = refused(&anthropic).await;
    let sent = refuses.0.lock().unwrap().pop().unwrap();
    assert_eq!(sent.uri(), "https://gateway.example/anthropic/v1/messages");
    assert_eq!(sent.headers()["authorization"], "Bearer token-123456");
    assert!(!sent.headers().contains_key("x-api-key"));
}

#[test]
fn capabilities_follow_the_model() {
    let anthropic = Anthropic::builder().api_key("k").build().unwrap();
    let of = |model: &str| anthropic.capabilities(model);
    assert!(of("claude-sonnet-4-5").reasoning && of("tomorrow-1").reasoning);
    assert!(!of("claude-3-5-haiku-latest").reasoning && of("claude-3-5-haiku-latest").documents);
    assert!(of("claude-3-opus-20240229").images && !of("claude-3-opus-20240229").documents);
    assert_eq!(of("claude-2.1").output, OutputSupport::Prompted);
    assert!(of("claude-sonnet-4-5").streaming && of("claude-sonnet-4-5").tools);
    assert_eq!((anthropic.id(), PROVIDER.id), ("anthropic", "anthropic"));
    assert_eq!(PROVIDER.key_variables, ["ANTHROPIC_API_KEY"]);
}

#[test]
fn what_cannot_be_used_is_said_when_the_provider_is_built() {
    let builder = || Anthropic::builder().api_key("k");
    for builder in [
        builder().base_url("not a url"),
        builder().header("bad name", "x"),
        builder().api_key("k\nk"),
    ] {
        assert_eq!(builder.build().unwrap_err().kind(), ErrorKind::Config);
    }
    assert_eq!(builder().api_key("").build().unwrap_err().kind(), ErrorKind::MissingCredential);
}
