//! The suite on every provider of this workspace that speaks HTTP, with bodies as their vendors write them.

use meanwhile_core::ErrorKind;
use meanwhile_testkit::{Conformance, Refusal, Target};

use crate::aws;
use crate::exchanges::{
    all, chat, generate_content, lines, messages, named, responses, text, thinking, tool_call,
};

#[tokio::test]
async fn openai_compatible() {
    let suite = Conformance::new("acme-large", |target: &Target| {
        meanwhile_openai_compatible::OpenAiCompatible::builder("acme", &*target.base_url)
            .api_key(&*target.key)
            .http_client(target.http_client.clone())
            .build()
    });
    let no_model = r#"{"error":{"message":"no such model","code":"model_not_found"}}"#;
    let suite = suite.refusal(Refusal::new(404, no_model, ErrorKind::ModelNotFound));
    all(suite, chat()).run().await.assert();
}

#[tokio::test]
async fn openai() {
    let suite = Conformance::new("gpt-4o-mini", |target: &Target| {
        meanwhile_openai::OpenAi::builder()
            .base_url(&*target.base_url)
            .api_key(&*target.key)
            .http_client(target.http_client.clone())
            .build()
    });
    let no_credit = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
    let suite = suite.refusal(Refusal::new(429, no_credit, ErrorKind::InsufficientFunds));
    all(suite, chat()).run().await.assert();
}

#[tokio::test]
async fn mistral() {
    let suite = Conformance::new("mistral-small-latest", |target: &Target| {
        meanwhile_mistral::Mistral::builder()
            .base_url(&*target.base_url)
            .api_key(&*target.key)
            .http_client(target.http_client.clone())
            .build()
    });
    all(suite, chat()).run().await.assert();
}

#[tokio::test]
async fn openai_responses() {
    let suite = Conformance::new("gpt-4o-mini", |target: &Target| {
        meanwhile_openai_responses::OpenAiResponses::builder("acme", &*target.base_url)
            .api_key(&*target.key)
            .http_client(target.http_client.clone())
            .build()
    });
    all(suite, responses()).run().await.assert();
}

#[tokio::test]
async fn anthropic() {
    let suite = Conformance::new("claude-sonnet-4-5", |target: &Target| {
        meanwhile_anthropic::Anthropic::builder()
            .base_url(&*target.base_url)
            .api_key(&*target.key)
            .http_client(target.http_client.clone())
            .build()
    });
    let busy = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let suite = suite.refusal(Refusal::new(529, busy, ErrorKind::Overloaded));
    all(suite, messages(named)).run().await.assert();
}

#[tokio::test]
async fn google() {
    let suite = Conformance::new("gemini-2.5-flash", |target: &Target| {
        meanwhile_google::Google::builder()
            .base_url(&*target.base_url)
            .api_key(&*target.key)
            .http_client(target.http_client.clone())
            .build()
    });
    let bad_key = r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}"#;
    let suite = suite.refusal(Refusal::new(400, bad_key, ErrorKind::Authentication));
    all(suite, generate_content()).run().await.assert();
}

#[tokio::test]
async fn cohere() {
    let suite = Conformance::new("command-a-03-2025", |target: &Target| {
        meanwhile_cohere::Cohere::builder()
            .base_url(&*target.base_url)
            .api_key(&*target.key)
            .http_client(target.http_client.clone())
            .build()
    });
    let usage = |input: u32, output: u32| {
        format!(
            r#"{{"billed_units":{{"input_tokens":1,"output_tokens":{output}}},"tokens":{{"input_tokens":{input},"output_tokens":{output}}}}}"#
        )
    };
    let start = r#"{"id":"c1","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}"#;
    let end = |reason: &str, usage: &str| {
        format!(
            r#"{{"type":"message-end","delta":{{"finish_reason":"{reason}","usage":{usage}}}}}"#
        )
    };
    let whole = |message: &str, reason: &str, usage: &str| {
        format!(
            r#"{{"id":"c1","finish_reason":"{reason}","message":{{"role":"assistant",{message}}},"usage":{usage}}}"#
        )
    };
    let nine = usage(9, 4);
    let twenty = usage(20, 7);
    let exchanges = [
        text(
            &whole(r#""content":[{"type":"text","text":"Grüße, world"}]"#, "COMPLETE", &nine),
            named(&[
                start,
                r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
                r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Grüße"}}}}"#,
                r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":", world"}}}}"#,
                r#"{"type":"content-end","index":0}"#,
                &end("COMPLETE", &nine),
            ]),
        ),
        tool_call(
            &whole(
                r#""tool_calls":[{"id":"weather_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Paris\"}"}}]"#,
                "TOOL_CALL",
                &twenty,
            ),
            named(&[
                start,
                r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"weather_1","type":"function","function":{"name":"weather","arguments":""}}}}}"#,
                r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"city\":"}}}}}"#,
                r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"\"Paris\"}"}}}}}"#,
                r#"{"type":"tool-call-end","index":0}"#,
                &end("TOOL_CALL", &twenty),
            ]),
        ),
        thinking(
            &whole(
                r#""content":[{"type":"thinking","thinking":"Let me see."},{"type":"text","text":"Yes"}]"#,
                "COMPLETE",
                &nine,
            ),
            named(&[
                start,
                r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}"#,
                r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"Let me see."}}}}"#,
                r#"{"type":"content-end","index":0}"#,
                r#"{"type":"content-start","index":1,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
                r#"{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"Yes"}}}}"#,
                r#"{"type":"content-end","index":1}"#,
                &end("COMPLETE", &nine),
            ]),
        ),
    ];
    all(suite, exchanges).run().await.assert();
}

#[tokio::test]
async fn ollama() {
    let suite = Conformance::new("qwen3", |target: &Target| {
        meanwhile_ollama::Ollama::builder()
            .host(&*target.base_url)
            .api_key(&*target.key)
            .http_client(target.http_client.clone())
            .build()
    });
    let line = |message: &str, rest: &str| {
        format!(
            r#"{{"model":"m","created_at":"2025-01-01T00:00:00Z","message":{{"role":"assistant",{message}}},{rest}}}"#
        )
    };
    let more = r#""done":false"#;
    let end = |input: u32, output: u32| {
        format!(
            r#""done_reason":"stop","done":true,"prompt_eval_count":{input},"eval_count":{output}"#
        )
    };
    let call = r#""content":"","tool_calls":[{"function":{"name":"weather","arguments":{"city":"Paris"}}}]"#;
    let empty = r#""content":"""#;
    let exchanges = [
        text(
            &line(r#""content":"Grüße, world""#, &end(9, 4)),
            lines(&[
                &line(r#""content":"Grüße""#, more),
                &line(r#""content":", world""#, more),
                &line(empty, &end(9, 4)),
            ]),
        ),
        tool_call(&line(call, &end(20, 7)), lines(&[&line(call, more), &line(empty, &end(20, 7))])),
        thinking(
            &line(r#""content":"Yes","thinking":"Let me see.""#, &end(9, 4)),
            lines(&[
                &line(r#""content":"","thinking":"Let me ""#, more),
                &line(r#""content":"","thinking":"see.""#, more),
                &line(r#""content":"Yes""#, more),
                &line(empty, &end(9, 4)),
            ]),
        ),
    ];
    all(suite, exchanges).run().await.assert();
}

#[tokio::test]
async fn bedrock() {
    let suite =
        Conformance::new("us.anthropic.claude-sonnet-4-5-20250929-v1:0", |target: &Target| {
            meanwhile_bedrock::Bedrock::builder()
                .region("us-east-1")
                .base_url(&*target.base_url)
                .api_key(&*target.key)
                .http_client(target.http_client.clone())
                .build()
        });
    let whole = |content: &str, reason: &str, input: u32, output: u32| {
        format!(
            r#"{{"output":{{"message":{{"role":"assistant","content":[{content}]}}}},"stopReason":"{reason}","usage":{{"inputTokens":{input},"outputTokens":{output},"totalTokens":{}}},"metrics":{{"latencyMs":5}}}}"#,
            input + output
        )
    };
    let streamed = |blocks: &[(&str, &str)], reason: &str, input: u32, output: u32| {
        let mut events = vec![("messageStart", r#"{"role":"assistant"}"#.to_owned())];
        events.extend(blocks.iter().map(|(name, data)| (*name, (*data).to_owned())));
        events.push(("messageStop", format!(r#"{{"stopReason":"{reason}"}}"#)));
        events.push((
            "metadata",
            format!(
                r#"{{"usage":{{"inputTokens":{input},"outputTokens":{output},"totalTokens":{}}},"metrics":{{"latencyMs":5}}}}"#,
                input + output
            ),
        ));
        aws::stream(&events)
    };
    let exchanges = [
        text(
            &whole(r#"{"text":"Grüße, world"}"#, "end_turn", 9, 4),
            streamed(
                &[
                    ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Grüße"}}"#),
                    ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":", world"}}"#),
                    ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
                ],
                "end_turn",
                9,
                4,
            ),
        ),
        tool_call(
            &whole(
                r#"{"toolUse":{"toolUseId":"tooluse_1","name":"weather","input":{"city":"Paris"}}}"#,
                "tool_use",
                20,
                7,
            ),
            streamed(
                &[
                    (
                        "contentBlockStart",
                        r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"tooluse_1","name":"weather"}}}"#,
                    ),
                    (
                        "contentBlockDelta",
                        r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"city\":\"Paris\"}"}}}"#,
                    ),
                    ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
                ],
                "tool_use",
                20,
                7,
            ),
        ),
        thinking(
            &whole(
                r#"{"reasoningContent":{"reasoningText":{"text":"Let me see.","signature":"c2ln"}}},{"text":"Yes"}"#,
                "end_turn",
                9,
                4,
            ),
            streamed(
                &[
                    (
                        "contentBlockDelta",
                        r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"Let me see."}}}"#,
                    ),
                    (
                        "contentBlockDelta",
                        r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"c2ln"}}}"#,
                    ),
                    ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
                    ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"text":"Yes"}}"#),
                    ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
                ],
                "end_turn",
                9,
                4,
            ),
        ),
    ];
    all(suite, exchanges).run().await.assert();
}
