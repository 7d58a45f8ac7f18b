//! Which path and which wire a deployment is asked on, and with which fields.

use meanwhile_azure::{Api, Azure, AzureCodec, Builder, Surface};
use meanwhile_core::{Effort, ErrorKind, Message, OutputSupport, Params, Provider as _, Request};
use meanwhile_http::{Auth, Codec as _};
use serde_json::Value;

use crate::{builder, sent};

const RESOURCE: &str = "https://acme.openai.azure.com";

async fn check(builder: Builder, model: &str, url: &str, fields: &[&str]) {
    let mut request = Request::new(model, vec![Message::user("x")]);
    request.params = Params::new().max_tokens(9);
    let sent = sent(builder, request).await;
    assert_eq!(sent.uri().to_string(), url);
    let body: Value = serde_json::from_slice(sent.body()).unwrap();
    for field in fields {
        assert!(body.get(field).is_some(), "{url} lacks `{field}`: {body}");
    }
    assert_eq!(body["model"], model.split(':').next().unwrap());
}

#[tokio::test]
async fn endpoints_and_versions_choose_the_paths() {
    let chat = |base: &str| format!("{base}/openai/v1/chat/completions");
    let max = ["max_completion_tokens"];
    check(plain(RESOURCE), "gpt-4o", &chat(RESOURCE), &max).await;
    for form in ["/", "/openai/v1", "/openai/v1/", "/openai/v1/chat/completions"] {
        check(plain(&format!("{RESOURCE}{form}")), "gpt-4o", &chat(RESOURCE), &max).await;
    }
    let gateway = "https://gateway.example/ai";
    check(plain(gateway), "gpt-4o", &chat(gateway), &max).await;
    check(plain(&format!("{gateway}/openai")), "gpt-4o", &chat(gateway), &max).await;

    let versioned = plain(RESOURCE).api_version("2025-04-01-preview");
    let url = format!(
        "{RESOURCE}/openai/deployments/my%20own/chat/completions?api-version=2025-04-01-preview"
    );
    check(versioned, "my own", &url, &max).await;

    let url =
        "https://acme.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview";
    for form in ["/models", "/models/chat/completions?api-version=1"] {
        let inference = plain(&format!("https://acme.services.ai.azure.com{form}"));
        check(inference, "grok-4", url, &["max_tokens"]).await;
    }
    let surface = Surface::Models("2024-05-01-preview".to_owned());
    check(
        plain("https://acme.services.ai.azure.com").surface(surface),
        "grok-4",
        url,
        &["max_tokens"],
    )
    .await;
}

/// A builder that the environment says nothing about.
fn plain(endpoint: &str) -> Builder {
    builder(endpoint)
}

#[tokio::test]
async fn models_choose_the_wire() {
    let responses = format!("{RESOURCE}/openai/v1/responses");
    let fields = ["input", "max_output_tokens"];
    check(plain(RESOURCE), "gpt-4o:responses", &responses, &fields).await;
    check(plain(RESOURCE), "gpt-5-codex", &responses, &fields).await;
    check(plain(RESOURCE).responses(), "gpt-4o", &responses, &fields).await;
    let versioned = plain(RESOURCE).api_version("2025-04-01-preview").responses();
    let url = format!("{RESOURCE}/openai/responses?api-version=2025-04-01-preview");
    check(versioned, "gpt-4o", &url, &fields).await;
    let chat = format!("{RESOURCE}/openai/v1/chat/completions");
    let fields = ["messages", "max_completion_tokens"];
    check(plain(RESOURCE).responses(), "gpt-4o:completions", &chat, &fields).await;
    check(plain(RESOURCE), "deepseek-v3.1", &chat, &["messages", "max_tokens"]).await;
    check(
        plain(RESOURCE),
        "claude-sonnet-4-5",
        &format!("{RESOURCE}/anthropic/v1/messages"),
        &["messages", "max_tokens"],
    )
    .await;
}

#[test]
fn a_deployment_takes_the_settings_of_its_model() {
    let codec = AzureCodec::new(Surface::V1).with_deployment("careful", "o3-mini");
    let mut request = Request::new("careful", vec![Message::user("x")]);
    request.params = Params::new().temperature(0.5).reasoning(Effort::Low);
    let warnings = |codec: &AzureCodec, request: &Request| {
        let wire = codec.encode(request).unwrap();
        wire.warnings.iter().map(|warning| warning.subject.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(warnings(&codec, &request), ["temperature"]);
    assert_eq!(warnings(&codec.with_api(Api::Responses), &request), ["temperature"]);
    request.model = "gpt-4o".to_owned();
    assert_eq!(warnings(&AzureCodec::new(Surface::V1), &request), ["reasoning"]);
}

#[test]
fn capabilities_follow_the_model() {
    let azure = builder(RESOURCE).deployment("careful", "o3-mini").build().unwrap();
    assert_eq!(azure.id(), "azure");
    assert!(azure.capabilities("careful").reasoning);
    assert!(!azure.capabilities("gpt-4o").reasoning);
    assert!(azure.capabilities("gpt-5-codex").documents);
    assert!(azure.capabilities("claude-sonnet-4-5").images);
    assert_eq!(azure.capabilities("grok-4").output, OutputSupport::Schema);
}

#[tokio::test]
async fn each_wire_finds_its_key() {
    let check = async |model: &str, header: &str| {
        let sent = sent(builder(RESOURCE), Request::new(model, vec![Message::user("x")])).await;
        let value = &sent.headers()[header];
        assert!(value == "k-123456" && value.is_sensitive());
    };
    check("gpt-4o", "api-key").await;
    check("gpt-4o:responses", "api-key").await;
    check("claude-sonnet-4-5", "x-api-key").await;
    let token = builder(RESOURCE).auth(Auth::bearer("t-123456").unwrap()).header("x-team", "a");
    let sent = sent(token, Request::new("gpt-4o", vec![Message::user("x")])).await;
    assert_eq!(sent.headers()["authorization"], "Bearer t-123456");
    assert_eq!(
        (&sent.headers()["x-team"], sent.headers().get("api-key")),
        (&http::HeaderValue::from_static("a"), None)
    );
}

#[tokio::test]
async fn model_inference_passes_settings_through() {
    let request = Request::new("grok-4", vec![Message::user("x")]);
    let sent = sent(builder("https://acme.services.ai.azure.com/models"), request).await;
    assert_eq!(sent.headers()["extra-parameters"], "pass-through");
}

#[test]
fn what_is_wrong_is_said() {
    let check = |builder: Builder, kind: ErrorKind| {
        assert_eq!(builder.build().unwrap_err().kind(), kind);
    };
    check(builder("acme.openai.azure.com"), ErrorKind::Config);
    check(builder(RESOURCE).api_key(" "), ErrorKind::MissingCredential);
    check(builder(RESOURCE).header("x y", "1"), ErrorKind::Config);
    if ["AZURE_OPENAI_ENDPOINT", "AZURE_AI_CHAT_ENDPOINT", "AZURE_AI_ENDPOINT"]
        .iter()
        .all(|name| std::env::var(name).is_err())
    {
        check(Azure::builder().api_key("k"), ErrorKind::Config);
    }
}

#[test]
fn secrets_are_not_printed() {
    let builder = builder(RESOURCE);
    assert!(!format!("{builder:?}").contains("k-123456"));
    assert!(!format!("{:?}", builder.build().unwrap()).contains("k-123456"));
}
