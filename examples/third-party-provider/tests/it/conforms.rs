//! Both providers pass the conformance suite, with answers as Acme writes them.

use meanwhile::prelude::*;
use meanwhile::serde_json::json;
use meanwhile::{ErrorKind, FinishReason};
use meanwhile_testkit::{Conformance, Exchange, Refusal};

#[tokio::test]
async fn acme_native() {
    let connect = |target: &meanwhile_testkit::Target| {
        let provider = acme_meanwhile::acme_native(&target.base_url, &*target.key)?;
        Ok(provider.with_client(target.http_client.clone()).into())
    };
    Conformance::new("anvil-1", connect)
        .exchange(
            Exchange::new("a text")
                .whole(r#"{"say":"Hello, world","end":"done","tokens":{"read":9,"written":4}}"#)
                .streamed("{\"say\":\"Hello\"}\n{\"say\":\", world\"}\n{\"end\":\"done\",\"tokens\":{\"read\":9,\"written\":4}}\n")
                .text("Hello, world")
                .finish(FinishReason::Stop)
                .usage(9, 4),
        )
        .exchange(
            Exchange::new("a tool call")
                .whole(r#"{"say":"Wait.","calls":[{"id":"1","tool":"weather","input":{"city":"Paris"}}],"end":"calls"}"#)
                .streamed("{\"say\":\"Wait.\"}\n{\"calls\":[{\"id\":\"1\",\"tool\":\"weather\",\"input\":{\"city\":\"Paris\"}}]}\n{\"end\":\"calls\"}\n")
                .tool_call("weather", json!({ "city": "Paris" }))
                .finish(FinishReason::ToolCalls),
        )
        .refusal(Refusal::new(
            404,
            r#"{"error":{"code":"no_such_model","text":"we sell no anvil-9"}}"#,
            ErrorKind::ModelNotFound,
        ))
        .run()
        .await
        .assert();
}

#[tokio::test]
async fn acme() {
    let connect = |target: &meanwhile_testkit::Target| -> Result<AnyProvider> {
        let host = acme_meanwhile::acme().base_url(&*target.base_url).api_key(&*target.key);
        host.http_client(target.http_client.clone()).build()
    };
    let usage = r#""usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}"#;
    let message = |message: &str, reason: &str| {
        format!(
            r#"{{"choices":[{{"message":{{"role":"assistant",{message}}},"finish_reason":"{reason}"}}],{usage}}}"#
        )
    };
    let chunk = |delta: &str, reason: &str| {
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{{delta}}},\"finish_reason\":{reason}}}]}}\n\n"
        )
    };
    let end = format!("data: {{\"choices\":[],{usage}}}\n\ndata: [DONE]\n\n");
    let call = r#""tool_calls":[{"index":0,"id":"1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Paris\"}"}}]"#;
    let thought = r#""reasoning_content":"Let me see.","content":"Yes""#;
    Conformance::new("acme-large", connect)
        .exchange(
            Exchange::new("a text")
                .whole(message(r#""content":"Hello""#, "stop"))
                .streamed(chunk(r#""content":"Hello""#, "null") + &chunk("", "\"stop\"") + &end)
                .text("Hello")
                .usage(9, 4),
        )
        .exchange(
            Exchange::new("a tool call")
                .whole(message(call, "tool_calls"))
                .streamed(chunk(call, "null") + &chunk("", "\"tool_calls\"") + &end)
                .tool_call("weather", json!({ "city": "Paris" })),
        )
        .exchange(
            Exchange::new("a thought")
                .whole(message(thought, "stop"))
                .streamed(chunk(thought, "null") + &chunk("", "\"stop\"") + &end)
                .thinking("Let me see."),
        )
        .refusal(Refusal::new(
            400,
            r#"{"error":{"message":"no anvils left","code":"anvil_shortage"}}"#,
            ErrorKind::Overloaded,
        ))
        .run()
        .await
        .assert();
}
