//! What a server may say, right and wrong, from its bytes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, Part, TimeoutPhase};
use meanwhile_mcp::Client;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};

use crate::support::{answered, call, context, refused, scripted};

async fn answering(result: Value) -> Client {
    let client = scripted(Client::over, move |message| match message["method"].as_str() {
        Some("tools/list") => {
            let tool = json!({"name": "it", "inputSchema": {"type": "object"}});
            vec![answered(message, json!({"tools": [tool]}))]
        }
        Some("tools/call") => vec![answered(message, result.clone())],
        _ => vec![],
    });
    client.await.unwrap()
}

#[tokio::test]
async fn an_error_of_the_protocol_has_its_kind() {
    let cases = [
        (-32601, ErrorKind::Unsupported),
        (-32602, ErrorKind::InvalidRequest),
        (-32600, ErrorKind::InvalidRequest),
        (-32603, ErrorKind::Server),
        (-32002, ErrorKind::NotFound),
        (-1, ErrorKind::Server),
    ];
    for (code, kind) in cases {
        let client = scripted(Client::over, move |message| vec![refused(message, code, "no")]);
        let error = client.await.unwrap().call_tool("it", Map::new()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{code}");
        assert_eq!(error.code(), Some(code.to_string().as_str()));
        assert!(error.message().ends_with("no"), "{error}");
        assert_eq!(error.body(), Some(r#"{"hint":"look"}"#));
    }
}

#[tokio::test]
async fn what_a_server_does_not_offer_is_an_empty_list() {
    let client = scripted(Client::over, |message| vec![refused(message, -32601, "no")]);
    let client = client.await.unwrap();
    assert!(client.resources().await.unwrap().is_empty());
    assert!(client.prompts().await.unwrap().is_empty());
    // It said that it has tools.
    assert_eq!(client.tools().await.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_structured_result_is_kept() {
    let structured = json!({"degrees": 21.5});
    let cases = [
        // Said in a text already, if in other words.
        (json!([{"type": "text", "text": "{ \"degrees\": 21.5 }"}]), vec!["{ \"degrees\": 21.5 }"]),
        (json!([{"type": "text", "text": "warm"}]), vec!["warm", r#"{"degrees":21.5}"#]),
        (json!([]), vec![r#"{"degrees":21.5}"#]),
    ];
    for (content, shown) in cases {
        let client = answering(json!({"content": content, "structuredContent": structured})).await;
        let tools = client.tools().await.unwrap();
        let output = tools.call(&call("it", &json!({})), &context()).await.unwrap();
        assert_eq!(output.parts.iter().filter_map(Part::as_text).collect::<Vec<_>>(), shown);
        let whole = client.call_tool("it", Map::new()).await.unwrap();
        assert_eq!(whole.structured.as_ref(), Some(&structured));
    }
}

#[tokio::test]
async fn a_failed_tool_says_everything_it_said() {
    let client = answering(json!({"isError": true, "structuredContent": {"line": 3}, "content": [
        {"type": "text", "text": "bad"}, {"type": "text", "text": "worse"},
        {"type": "image", "data": "AQID", "mimeType": "image/png"}]}))
    .await;
    let tools = client.tools().await.unwrap();
    let error = tools.call(&call("it", &json!({})), &context()).await.unwrap_err();
    assert_eq!((error.kind(), error.body()), (ErrorKind::Tool, Some(r#"{"line":3}"#)));
    assert_eq!(error.message(), "bad\nworse (image left out)");
    let result = tools.run(&call("it", &json!({})), &context()).await;
    assert!(result.is_error && result.text().starts_with("bad"));
}

#[tokio::test]
async fn content_that_is_broken_is_an_error_and_unpadded_base64_is_not() {
    let broken = json!({"content": [{"type": "image", "data": "!", "mimeType": "image/png"}]});
    let error = answering(broken).await.call_tool("it", Map::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    let unpadded = json!({"content": [{"type": "image", "data": "AQ", "mimeType": "image/png"}]});
    let output = answering(unpadded).await.call_tool("it", Map::new()).await.unwrap();
    assert_eq!(output.parts, [meanwhile_core::Image::bytes(vec![1_u8], "image/png").into()]);
}

#[tokio::test]
async fn arguments_that_are_no_object_are_not_sent() {
    let client = answering(json!({"content": []})).await;
    let tools = client.tools().await.unwrap();
    for arguments in [json!([1]), json!("x"), json!(3)] {
        let error = tools.call(&call("it", &arguments), &context()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Output, "{arguments}");
    }
}

#[tokio::test]
async fn all_pages_are_read_and_a_list_without_end_is_an_error() {
    let pages = |last: bool| {
        scripted(Client::over, move |message| {
            if message["method"] != "tools/list" {
                return vec![];
            }
            let page: u64 =
                message["params"]["cursor"].as_str().map_or(0, |at| at.parse().unwrap());
            let tool = json!({"name": format!("tool_{page}"), "inputSchema": {"type": "object"}});
            let next = match page {
                2 if last => Value::Null,
                2 => json!("1"),
                page => json!((page + 1).to_string()),
            };
            let mut result = json!({"tools": [tool]});
            if !next.is_null() {
                result["nextCursor"] = next;
            }
            vec![answered(message, result)]
        })
    };
    let tools = pages(true).await.unwrap().tools().await.unwrap();
    let names: Vec<&str> = tools.specs().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names, ["tool_0", "tool_1", "tool_2"]);
    let error = pages(false).await.unwrap().tools().await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Decode, Some("tools/list")));
}

#[tokio::test]
async fn a_change_of_the_tools_is_told_once() {
    let client = scripted(Client::over, {
        let mut tools = vec![json!({"name": "first", "inputSchema": {"type": "object"}})];
        move |message| match message["method"].as_str() {
            Some("tools/list") => vec![answered(message, json!({"tools": tools}))],
            Some("tools/call") => {
                tools.push(json!({"name": "second", "inputSchema": {"type": "object"}}));
                vec![
                    json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}),
                    answered(message, json!({"content": []})),
                ]
            }
            _ => vec![],
        }
    });
    let client = client.await.unwrap();
    assert_eq!(client.tools().await.unwrap().specs().count(), 1);
    let unchanged = tokio::time::timeout(Duration::from_millis(50), client.tools_changed()).await;
    assert!(unchanged.is_err());
    client.call_tool("first", Map::new()).await.unwrap();
    client.tools_changed().await.unwrap();
    assert_eq!(client.tools().await.unwrap().specs().count(), 2);
    let unchanged = tokio::time::timeout(Duration::from_millis(50), client.tools_changed()).await;
    assert!(unchanged.is_err());
}

#[tokio::test]
async fn a_dropped_call_names_its_request() {
    let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
    let client = scripted(Client::over, {
        let seen = Arc::clone(&seen);
        move |message| {
            seen.lock().unwrap().push(message.clone());
            vec![]
        }
    });
    let client = client.await.unwrap();
    let find = |method: &'static str| {
        let find = {
            let seen = Arc::clone(&seen);
            move || seen.lock().unwrap().iter().find(|message| message["method"] == method).cloned()
        };
        tokio::time::timeout(Duration::from_secs(10), async move {
            loop {
                match find() {
                    Some(found) => break found,
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        })
    };
    // Dropped when its request has arrived.
    let called = tokio::select! {
        answer = client.call_tool("it", Map::new()) => panic!("nobody answers: {answer:?}"),
        called = find("tools/call") => called.expect("the request has not gone out"),
    };
    let cancelled = find("notifications/cancelled").await.expect("no word of the cancellation");
    assert_eq!(cancelled["params"]["requestId"], called["id"]);
}

async fn connecting_to(bytes: &'static [u8], then_close: bool, limit: Duration) -> Error {
    let (here, mut there) = tokio::io::duplex(1 << 12);
    let talking = tokio::spawn(async move {
        there.write_all(bytes).await.unwrap();
        if !then_close {
            std::future::pending::<()>().await;
        }
    });
    let builder = Client::over(here).timeout(limit);
    let error = builder.connect().await.unwrap_err();
    talking.abort();
    error
}

#[tokio::test]
async fn what_is_no_server_is_an_error_in_time() {
    let cases = [
        (&b""[..], true, ErrorKind::Connection),
        (&b""[..], false, ErrorKind::Timeout(TimeoutPhase::Connect)),
        (&b"Usage: server [options]\n"[..], true, ErrorKind::Connection),
        (
            &b"{\"jsonrpc\":\"2.0\",\"id\":0,\"error\":{\"code\":-32603,\"message\":\"no licence\"}}\n"[..],
            false,
            ErrorKind::Server,
        ),
    ];
    for (bytes, then_close, kind) in cases {
        // Only the silent one is not waited for.
        let limit = match kind {
            ErrorKind::Timeout(_) => Duration::from_millis(300),
            _ => Duration::from_secs(30),
        };
        let error = connecting_to(bytes, then_close, limit).await;
        assert_eq!(error.kind(), kind, "{}: {error}", String::from_utf8_lossy(bytes));
        assert_eq!(error.operation(), Some("initialize"));
    }
}

/// A client of a server whose tool `big` gives so many bytes, written as `shape` has it.
async fn giving(shape: &'static str, bytes: usize) -> Client {
    let (here, there) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let (read, mut write) = tokio::io::split(there);
        let mut lines = tokio::io::BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let asked: Value = serde_json::from_str(&line).unwrap();
            let id = asked["id"].to_string();
            let answer = match asked["method"].as_str() {
                Some("initialize") => answered(
                    &asked,
                    json!({"protocolVersion": asked["params"]["protocolVersion"],
                        "capabilities": {}, "serverInfo": {"name": "big", "version": "1"}}),
                )
                .to_string(),
                Some("tools/call") if asked["params"]["name"] == "big" => {
                    let text = "x".repeat(bytes);
                    shape.replace("ID", &id).replace("TEXT", &text)
                }
                Some("tools/call") => answered(&asked, json!({"content": []})).to_string(),
                _ => continue,
            };
            // The next line comes in one piece with the end of this one.
            let _ = write.write_all(format!("{answer}\n").as_bytes()).await;
        }
    });
    Client::over(here).timeout(Duration::from_secs(20)).connect().await.unwrap()
}

const ID_FIRST: &str =
    r#"{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"TEXT"}]}}"#;
const ID_LAST: &str =
    r#"{"result":{"content":[{"type":"text","text":"TEXT"}]},"jsonrpc":"2.0","id":ID}"#;
const NO_ANSWER: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":"TEXT"}"#;

#[tokio::test]
async fn an_answer_that_is_too_long_fails_alone() {
    for shape in [ID_FIRST, ID_LAST] {
        let client = giving(shape, 17 << 20).await;
        let (big, small) = tokio::join!(
            client.call_tool("big", Map::new()),
            client.call_tool("small", Map::new())
        );
        let error = big.unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Decode, Some("tools/call")));
        assert!(error.message().contains("longer than 16 MiB"), "{error}");
        assert!(!error.is_retryable());
        small.unwrap();
        client.call_tool("small", Map::new()).await.unwrap();
    }
    let client = giving(ID_FIRST, 15 << 20).await;
    assert_eq!(client.call_tool("big", Map::new()).await.unwrap().text().len(), 15 << 20);
}

#[tokio::test]
async fn a_message_that_is_too_long_and_no_answer_ends_the_connection() {
    let client = giving(NO_ANSWER, 17 << 20).await;
    let error = client.call_tool("big", Map::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
    assert!(error.message().contains("more than 16 MiB, which ends the connection"), "{error}");
}

#[tokio::test]
async fn questions_of_the_server_are_told_from_answers() {
    let client = scripted(Client::over, |message| {
        let asked = json!({"resultType": "input_required", "inputRequests": {"name": {
            "method": "elicitation/create", "params": {"mode": "form", "message": "Who?",
                "requestedSchema": {"type": "object", "properties": {}}}}}});
        vec![answered(message, asked)]
    });
    let client = client.await.unwrap();
    let check = |error: Error, what: &str| {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.message().contains(&format!("questions of its own before it gives {what}")));
    };
    check(client.call_tool("it", Map::new()).await.unwrap_err(), "an answer of the tool `it`");
    check(client.read_resource("a://b").await.unwrap_err(), "the resource `a://b`");
    check(client.prompt("p", []).await.unwrap_err(), "the prompt `p`");
}
