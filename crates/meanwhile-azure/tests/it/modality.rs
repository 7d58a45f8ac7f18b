//! Embeddings: on which path a deployment is asked, and what comes back.

use meanwhile_azure::{PROVIDER, Surface};
use meanwhile_core::{EmbedRequest, ErrorKind};
use serde_json::{Value, json};

use crate::{Played, builder};

const VECTOR: &str = r#"{"data":[{"index":0,"embedding":[0.5,1]}],"usage":{"prompt_tokens":3}}"#;

async fn check(version: Option<&str>, surface: Option<Surface>, url: &str) {
    let played = Played::new(&[(200, VECTOR)]);
    let mut azure = builder("https://acme.openai.azure.com").http_client(played.client());
    if let Some(version) = version {
        azure = azure.api_version(version);
    }
    if let Some(surface) = surface {
        azure = azure.surface(surface);
    }
    let mut request = EmbedRequest::new("my own", vec!["a".to_owned()]);
    request.dimensions = Some(2);
    let found = azure.embedder().unwrap().embed(request).await.unwrap();
    assert_eq!((found.vectors, found.usage.input.total), (vec![vec![0.5, 1.0]], Some(3)));
    let sent = played.requests().remove(0);
    assert_eq!(sent.uri().to_string(), format!("https://acme.openai.azure.com{url}"));
    let body: Value = serde_json::from_slice(sent.body()).unwrap();
    assert_eq!(body, json!({ "model": "my own", "input": ["a"], "dimensions": 2 }));
}

#[tokio::test]
async fn vectors_come_from_each_surface() {
    check(None, None, "/openai/v1/embeddings").await;
    let deployment = "/openai/deployments/my%20own/embeddings?api-version=2024-10-21";
    check(Some("2024-10-21"), None, deployment).await;
    let models = Surface::Models("2024-05-01-preview".to_owned());
    check(None, Some(models), "/models/embeddings?api-version=2024-05-01-preview").await;
    assert!(PROVIDER.embedder.is_some());
}

#[tokio::test]
async fn refusals_are_read_as_those_of_a_chat() {
    let body = r#"{"error":{"code":"DeploymentNotFound","message":"no such deployment"}}"#;
    let played = Played::new(&[(404, body)]);
    let azure = builder("https://acme.openai.azure.com").http_client(played.client());
    let request = EmbedRequest::new("gone", vec!["a".to_owned()]);
    let error = azure.embedder().unwrap().embed(request).await.unwrap_err();
    assert_eq!(error.provider(), Some("azure"));
    assert_eq!((error.kind(), error.status()), (ErrorKind::ModelNotFound, Some(404)));
}
