//! The suite on hosts that serve other vendors' wires.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile_anthropic::{Host, MessagesCodec};
use meanwhile_azure::{Azure, Surface};
use meanwhile_bedrock::{Bedrock, InvokeCodec};
use meanwhile_core::{ErrorKind, FinishReason};
use meanwhile_google::Vertex;
use meanwhile_openai::OpenAi;
use meanwhile_testkit::{Conformance, Exchange, Refusal, Target};
use serde_json::json;

use crate::aws;
use crate::exchanges::{all, chat, chat_in, generate_content, messages, named, responses};

fn azure(target: &Target) -> meanwhile_azure::Builder {
    Azure::builder()
        .endpoint(&*target.base_url)
        .api_key(&*target.key)
        .http_client(target.http_client.clone())
}

fn vertex(target: &Target) -> meanwhile_google::VertexBuilder {
    Vertex::builder()
        .project("acme")
        .location("europe-west4")
        .base_url(&*target.base_url)
        .access_token(&*target.key)
        .http_client(target.http_client.clone())
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
async fn vertex_mistral() {
    let suite = Conformance::new("mistral-medium-3", |target: &Target| vertex(target).build());
    let gone = r#"{"error":{"code":404,"message":"Publisher Model `mistral-medium-0` was not found.","status":"NOT_FOUND"}}"#;
    let unknown =
        r#"{"object":"error","message":"Invalid model: x","type":"invalid_model","code":"1500"}"#;
    let suite = suite.refusal(Refusal::new(404, gone, ErrorKind::ModelNotFound));
    let suite = suite.refusal(Refusal::new(400, unknown, ErrorKind::ModelNotFound));
    all(suite, chat()).run().await.assert();
}

fn bedrock(target: &Target) -> meanwhile_bedrock::Builder {
    let bedrock = Bedrock::builder().region("us-east-1").base_url(&*target.base_url);
    bedrock.api_key(&*target.key).http_client(target.http_client.clone())
}

/// Pieces in the envelope of `InvokeModelWithResponseStream`.
fn chunks(events: &[&str]) -> Vec<u8> {
    let chunk = |event: &&str| ("chunk", json!({ "bytes": STANDARD.encode(event) }).to_string());
    aws::stream(&events.iter().map(chunk).collect::<Vec<_>>())
}

#[tokio::test]
async fn bedrock_with_a_codec_of_ones_own() {
    let model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let suite = Conformance::new(model, |target: &Target| {
        let codec = InvokeCodec::new(MessagesCodec::new("bedrock", Host::Bedrock));
        bedrock(target).build_with(codec)
    });
    all(suite, messages(chunks)).run().await.assert();
}

#[tokio::test]
async fn bedrock_invoke_claude() {
    let model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0:invoke";
    let suite = Conformance::new(model, |target: &Target| bedrock(target).build());
    let closed = r#"{"message":"You don't have access to the model with the specified model ID."}"#;
    let suite = suite.refusal(Refusal::new(403, closed, ErrorKind::PermissionDenied));
    all(suite, messages(chunks)).run().await.assert();
}

/// As <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-chat-completion.html>
/// has it: messages in place of deltas, `stop_reason`, and no counters but those of Bedrock.
#[tokio::test]
async fn bedrock_invoke_mistral() {
    let model = "mistral.mistral-large-2407-v1:0:invoke";
    let suite = Conformance::new(model, |target: &Target| bedrock(target).build());
    let piece = |message: &str, reason: &str, rest: &str| {
        format!(
            r#"{{"choices":[{{"index":0,"message":{{"role":"assistant",{message}}},"stop_reason":{reason}}}]{rest}}}"#
        )
    };
    let counted = r#","amazon-bedrock-invocationMetrics":{"inputTokenCount":9,"outputTokenCount":4,"invocationLatency":5,"firstByteLatency":2}"#;
    let usage = r#","usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}"#;
    let call = r#""content":"","tool_calls":[{"id":"call00001","function":{"name":"weather","arguments":"{\"city\":\"Paris\"}"}}]"#;
    let text = Exchange::new("a text")
        .whole(piece(r#""content":"Grüße, world""#, "\"stop\"", usage))
        .streamed(chunks(&[
            &piece(r#""content":"Grüße""#, "null", ""),
            &piece(r#""content":", world""#, "null", ""),
            &piece(r#""content":"""#, "\"stop\"", counted),
        ]))
        .text("Grüße, world")
        .finish(FinishReason::Stop)
        .usage(9, 4);
    let call = Exchange::new("a tool call")
        .whole(piece(call, "\"tool_calls\"", ""))
        .streamed(chunks(&[&piece(call, "\"tool_calls\"", "")]))
        .tool_call("weather", json!({ "city": "Paris" }))
        .finish(FinishReason::ToolCalls);
    let unknown = r#"{"message":"The provided model identifier is invalid."}"#;
    let suite = suite.refusal(Refusal::new(400, unknown, ErrorKind::ModelNotFound));
    all(suite, [text, call]).run().await.assert();
}

#[tokio::test]
async fn bedrock_invoke_openai() {
    let model = "openai.gpt-oss-120b-1:0:invoke";
    let suite = Conformance::new(model, |target: &Target| bedrock(target).build());
    all(suite, chat_in(chunks)).run().await.assert();
}

#[tokio::test]
async fn openai_responses() {
    let suite = Conformance::new("gpt-4o-mini", |target: &Target| {
        OpenAi::responses_builder()
            .base_url(&*target.base_url)
            .api_key(&*target.key)
            .http_client(target.http_client.clone())
            .build()
    });
    all(suite, responses()).run().await.assert();
}
