//! Where requests go and who is said to ask.

use std::sync::Mutex;

use bytes::Bytes;
use http::StatusCode;
use meanwhile_core::{
    AnyProvider, ErrorKind, Message, OutputSupport, Provider as _, Request, Result,
};
use meanwhile_google::{GEMINI_PROVIDER, Google, PROVIDER, VERTEX_PROVIDER, Vertex};
use meanwhile_http::{Body, Client, Transport};

/// Answers every request with a refusal that repeats the credential, and keeps it.
#[derive(Debug, Default)]
pub(crate) struct Refuses(pub(crate) Mutex<Vec<http::Request<Bytes>>>);

#[async_trait::async_trait]
impl Transport for &'static Refuses {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Body>> {
        self.0.lock().unwrap().push(request);
        let body =
            br#"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"bad key s3cret-key"}}"#;
        let mut response = http::Response::new(Body::from_chunks([Bytes::from_static(body)]));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        Ok(response)
    }
}

fn refuses() -> (&'static Refuses, Client) {
    let refuses: &'static Refuses = Box::leak(Box::default());
    (refuses, Client::new(refuses))
}

async fn sent(provider: &AnyProvider, refuses: &Refuses) -> http::Request<Bytes> {
    let request = Request::new("gemini-2.5-flash", vec![Message::user("x")]);
    let error = provider.send(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    let shown = format!("{error} {error:?} {provider:?}");
    assert!(!shown.contains("s3cret-key"), "{shown}");
    assert_eq!(error.provider(), Some(provider.id()));
    refuses.0.lock().unwrap().pop().unwrap()
}

#[tokio::test]
async fn ai_studio_takes_its_key_as_a_header() {
    let (refuses, client) = refuses();
    let google = Google::builder()
        .base_url("https://proxy.example/v1beta/")
        .api_key("s3cret-key")
        .header("x-trace", "1")
        .http_client(client)
        .build()
        .unwrap();
    let sent = sent(&google, refuses).await;
    assert_eq!(sent.uri(), "https://proxy.example/v1beta/models/gemini-2.5-flash:generateContent");
    assert_eq!(sent.headers()["x-goog-api-key"], "s3cret-key");
    assert_eq!(sent.headers()["x-trace"], "1");
}

#[tokio::test]
async fn vertex_names_project_and_location() {
    let (refuses, client) = refuses();
    let builder = || Vertex::builder().http_client(client.clone());
    let token = |location: &str| {
        builder().project("p").location(location).access_token("s3cret-key").build().unwrap()
    };
    let path = "publishers/google/models/gemini-2.5-flash:generateContent";
    for (location, host) in [
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ] {
        let sent = sent(&token(location), refuses).await;
        let expected = format!("https://{host}/v1beta1/projects/p/locations/{location}/{path}");
        assert_eq!(sent.uri(), expected.as_str());
        assert_eq!(sent.headers()["authorization"], "Bearer s3cret-key");
    }
    let express = builder().api_key("s3cret-key").build().unwrap();
    let asked = sent(&express, refuses).await;
    assert_eq!(asked.uri(), format!("https://aiplatform.googleapis.com/v1beta1/{path}").as_str());
    assert_eq!(asked.headers()["x-goog-api-key"], "s3cret-key");
    let keyed = builder().api_key("s3cret-key").project("p").location("us").build().unwrap();
    let asked = sent(&keyed, refuses).await;
    assert!(asked.uri().path().starts_with("/v1beta1/projects/p/locations/us/"), "{}", asked.uri());
}

#[cfg(feature = "anthropic")]
#[tokio::test]
async fn claude_answers_on_vertex() {
    let (refuses, client) = refuses();
    let vertex = Vertex::builder().base_url("https://host/v1/").project("p").location("us-east5");
    let vertex = vertex
        .access_token("s3cret-key")
        .header("x-trace", "1")
        .http_client(client)
        .build()
        .unwrap();
    for model in ["claude-sonnet-4-5@20250929", "anthropic/claude-sonnet-4-5@20250929"] {
        let request = Request::new(model, vec![Message::user("x")]);
        let error = vertex.send(request).await.unwrap_err();
        assert_eq!(error.provider(), Some("vertex"));
        let sent = refuses.0.lock().unwrap().pop().unwrap();
        assert_eq!(
            sent.uri(),
            "https://host/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict"
        );
        assert_eq!(sent.headers()["authorization"], "Bearer s3cret-key");
        assert_eq!(sent.headers()["x-trace"], "1");
        assert!(vertex.capabilities(model).tools);
    }
    let sent = self::sent(&vertex, refuses).await;
    assert!(
        sent.uri().path().ends_with("/publishers/google/models/gemini-2.5-flash:generateContent")
    );
}

#[cfg(feature = "mistral")]
#[tokio::test]
async fn mistral_answers_on_vertex() {
    let (refuses, client) = refuses();
    let vertex =
        Vertex::builder().base_url("https://host/v1/").project("p").location("europe-west4");
    let vertex = vertex.access_token("s3cret-key").http_client(client).build().unwrap();
    for (model, streams, path, named) in [
        ("mistral-medium-3", false, "mistral-medium-3:rawPredict", "mistral-medium-3"),
        (
            "mistralai/mistral-medium-3",
            true,
            "mistral-medium-3:streamRawPredict",
            "mistral-medium-3",
        ),
        ("codestral@2405", false, "codestral@2405:rawPredict", "codestral"),
        (
            "publishers/mistralai/models/ministral-8b",
            false,
            "ministral-8b:rawPredict",
            "ministral-8b",
        ),
    ] {
        let mut request = Request::new(model, vec![Message::user("x")]);
        if streams {
            request = request.streamed();
        }
        let options = [("safe_prompt".to_owned(), true.into())];
        request.params.options.insert("mistral".to_owned(), options.into_iter().collect());
        request.params.seed = Some(7);
        let error = vertex.send(request).await.unwrap_err();
        assert_eq!(error.provider(), Some("vertex"));
        let sent = refuses.0.lock().unwrap().pop().unwrap();
        let place =
            "https://host/v1/projects/p/locations/europe-west4/publishers/mistralai/models/";
        assert_eq!(sent.uri().to_string(), format!("{place}{path}"));
        assert_eq!(sent.headers()["authorization"], "Bearer s3cret-key");
        let body: serde_json::Value = serde_json::from_slice(sent.body()).unwrap();
        assert_eq!((&body["model"], &body["safe_prompt"]), (&named.into(), &true.into()));
        assert_eq!((&body["random_seed"], body["stream"] == true), (&7.into(), streams));
        assert!(vertex.capabilities(model).tools);
    }
}

#[test]
fn providers_are_known_by_their_ids() {
    assert_eq!(
        (PROVIDER.id, GEMINI_PROVIDER.id, VERTEX_PROVIDER.id),
        ("google", "gemini", "vertex")
    );
    assert_eq!(PROVIDER.key_variables, ["GEMINI_API_KEY", "GOOGLE_API_KEY"]);
    let google = Google::builder().api_key("k").build().unwrap();
    let vertex = Vertex::builder().project("p").access_token("t").build().unwrap();
    assert_eq!((google.id(), vertex.id()), ("google", "vertex"));
    assert!(Google::builder().api_key("").build().is_err());
    assert!(Google::builder().api_key("k").base_url("ftp://x").build().is_err());
    assert!(Vertex::builder().project("p").access_token("").build().is_err());
}

#[test]
fn capabilities_follow_the_model() {
    let google = Google::builder().api_key("k").build().unwrap();
    let of = |model: &str| google.capabilities(model);
    assert!(of("gemini-2.5-flash").reasoning && of("gemini-2.5-flash").documents);
    assert!(!of("gemini-2.0-flash").reasoning && of("gemini-2.0-flash").tools);
    assert!(of("tomorrow").reasoning && of("tomorrow").output == OutputSupport::Schema);
    assert_eq!(of("gemini-2.5-flash-image").output, OutputSupport::Prompted);
    assert!(!of("gemini-2.5-pro-preview-tts").images && of("gemini-2.5-pro-preview-tts").streaming);
    assert!(!of("gemma-3-27b-it").tools && of("gemma-3-27b-it").images);
}
