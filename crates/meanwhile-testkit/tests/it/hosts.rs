//! The suite on hosts that serve other vendors' wires.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile_anthropic::{Host, MessagesCodec};
use meanwhile_azure::{Azure, Surface};
use meanwhile_bedrock::{Bedrock, InvokeCodec};
use meanwhile_core::ErrorKind;
use meanwhile_google::Vertex;
use meanwhile_openai::OpenAi;
use meanwhile_testkit::{Conformance, Refusal, Target};
use serde_json::json;

use crate::aws;
use crate::exchanges::{all, chat, generate_content, messages, named, responses};

fn azure(target: &Target) -> meanwhile_azure::Builder {
    Azure::builder().endpoint(&*target.base_url).api_key(&*target.key).client(target.client.clone())
}

fn vertex(target: &Target) -> meanwhile_google::VertexBuilder {
    Vertex::builder()
        .project("acme")
        .location("europe-west4")
        .base_url(&*target.base_url)
        .access_token(&*target.key)
        .client(target.client.clone())
}

#[tokio::test]
async fn azure_chat() {
    let filtered = r#"{"error":{"message":"The response was filtered","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"}}}}}"#;
    let surfaces = [
        Surface::V1,
        Surface::Deployments("2024-10-21".to_owned()),
        Surface::Models("2024-05-01-preview".to_owned()),
    ];
    for surface in surfaces {
        let suite = Conformance::new("gpt-4o-mini", move |target: &Target| {
            azure(target).surface(surface.clone()).build()
        });
        let suite = suite.refusal(Refusal::new(400, filtered, ErrorKind::ContentFilter));
        all(suite, chat()).run().await.assert();
    }
}

#[tokio::test]
async fn azure_responses() {
    let suite =
        Conformance::new("gpt-4o-mini", |target: &Target| azure(target).responses().build());
    all(suite, responses()).run().await.assert();
}

#[tokio::test]
async fn azure_claude() {
    let suite = Conformance::new("claude-sonnet-4-5", |target: &Target| azure(target).build());
    all(suite, messages(named)).run().await.assert();
}

#[tokio::test]
async fn vertex_gemini() {
    let suite = Conformance::new("gemini-2.5-flash", |target: &Target| vertex(target).build());
    all(suite, generate_content()).run().await.assert();
}

#[tokio::test]
async fn vertex_claude() {
    let suite =
        Conformance::new("claude-sonnet-4-5@20250929", |target: &Target| vertex(target).build());
    all(suite, messages(named)).run().await.assert();
}

#[tokio::test]
async fn bedrock_invoke() {
    let model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let suite = Conformance::new(model, |target: &Target| {
        Bedrock::builder()
            .region("us-east-1")
            .base_url(&*target.base_url)
            .api_key(&*target.key)
            .client(target.client.clone())
            .build_with(InvokeCodec::new(MessagesCodec::new("bedrock", Host::Bedrock)))
    });
    let chunks = |events: &[&str]| {
        let chunk =
            |event: &&str| ("chunk", json!({ "bytes": STANDARD.encode(event) }).to_string());
        aws::stream(&events.iter().map(chunk).collect::<Vec<_>>())
    };
    all(suite, messages(chunks)).run().await.assert();
}

#[tokio::test]
async fn openai_responses() {
    let suite = Conformance::new("gpt-4o-mini", |target: &Target| {
        OpenAi::responses_builder()
            .base_url(&*target.base_url)
            .api_key(&*target.key)
            .client(target.client.clone())
            .build()
    });
    all(suite, responses()).run().await.assert();
}
