//! An answer goes back as it came: everything the API wants to see again, verbatim and in place.

use meanwhile_anthropic::{AnthropicOptions, Host, MessagesCodec};
use meanwhile_core::{Fold, Message, Params, Request, ToolResult};
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::{Value, json};

use crate::{MODEL, body, host, whole, written};

/// The body of the next request of a conversation in which these blocks were the answer.
fn next(content: &Value) -> (Value, Vec<String>) {
    let response = whole(content, "end_turn");
    let request =
        Request::new(MODEL, vec![Message::user("x"), response.message, Message::user("go on")]);
    written(&request)
}

#[test]
fn blocks_go_back_verbatim_and_in_place() {
    let content = json!([
        { "type": "thinking", "thinking": "hm", "signature": "s" },
        { "type": "thinking", "thinking": "", "signature": "omitted" },
        { "type": "redacted_thinking", "data": "r" },
        { "type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search",
          "input": { "query": "q", "f": 1.10 } },
        { "type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
            { "type": "web_search_result", "encrypted_content": "e", "url": "https://x.example",
              "title": "t", "page_age": null }] },
        { "type": "text", "text": "so", "citations": [
            { "type": "web_search_result_location", "cited_text": "q", "encrypted_index": "e",
              "title": "t", "url": "https://x.example" },
            { "type": "char_location", "cited_text": "c", "document_index": 0,
              "document_title": null, "start_char_index": 0, "end_char_index": 1 }] },
        { "type": "mcp_tool_use", "id": "m", "name": "n", "server_name": "s", "input": {} },
        { "type": "mcp_tool_result", "tool_use_id": "m", "is_error": false, "content": [] },
        { "type": "bash_code_execution_tool_result", "tool_use_id": "b", "content": { "stdout": "" } },
        { "type": "tool_use", "id": "toolu_1", "name": "f", "input": { "x": [1, 2.50] },
          "caller": { "type": "code_execution_20260120", "tool_id": "srvtoolu_1" } },
        { "type": "tomorrow", "anything": { "z": 1, "a": 2 } },
    ]);
    let (body, warnings) = next(&content);
    assert_eq!(body["messages"][1], json!({ "role": "assistant", "content": content }));
    assert!(warnings.is_empty(), "{warnings:?}");
    // Not only the same values: the same text.
    let text = body["messages"][1]["content"].to_string();
    assert_eq!(text, content.to_string());
}

#[test]
fn what_requests_may_not_carry_stays_out() {
    let (body, _) = next(&json!([
        { "type": "text", "text": "so", "citations": [
            { "type": "page_location", "cited_text": "c", "file_id": null }] },
        { "type": "text", "text": "" },
        { "type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": { "type": "direct" } },
    ]));
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            { "type": "text", "text": "so", "citations": [
                { "type": "page_location", "cited_text": "c" }] },
            { "type": "tool_use", "id": "t", "name": "f", "input": {} },
        ])
    );
}

#[test]
fn the_container_of_an_answer_is_used_again() {
    let answer = json!({ "content": [{ "type": "text", "text": "a" }], "stop_reason": "pause_turn",
        "container": { "id": "container_1", "expires_at": "2026-01-01T00:00:00Z" } });
    let response = crate::read(Framing::Whole, &answer.to_string()).unwrap();
    let mut request = Request::new(MODEL, vec![Message::user("x"), response.message]);
    let (body, warnings) = written(&request);
    assert_eq!((&body["container"], warnings.len()), (&json!("container_1"), 0));
    assert_eq!(body["messages"][1]["content"], "a");
    request.params = AnthropicOptions::new().container("other").apply(Params::new());
    assert_eq!(written(&request).0["container"], "other");
    // It is on no other host.
    request.params = Params::new();
    for elsewhere in [Host::Vertex, Host::Bedrock] {
        let wire = host(elsewhere).encode(&request).unwrap();
        assert_eq!(crate::body(&wire).get("container"), None, "{elsewhere:?}");
        let subjects: Vec<_> = wire.warnings.iter().map(|told| &*told.subject).collect();
        assert_eq!(subjects, ["container"], "{elsewhere:?}");
    }
    // Also where that host takes the same requests.
    let there = MessagesCodec::new("elsewhere", Host::Anthropic);
    let wire = there.encode(&request).unwrap();
    assert_eq!((crate::body(&wire).get("container"), wire.warnings.len()), (None, 1));
    let mut read = Answer::new(there.decoder(&request), Framing::Whole);
    read.push(answer.to_string().into());
    read.end();
    let mut fold = Fold::new("elsewhere", MODEL);
    std::iter::from_fn(|| read.next()).for_each(|event| fold.push(&event.unwrap()).unwrap());
    let answer = fold.finish().unwrap().message;
    let request = Request::new(MODEL, vec![Message::user("x"), answer]);
    assert_eq!(crate::body(&there.encode(&request).unwrap())["container"], "container_1");
    assert_eq!(written(&request).0.get("container"), None);
}

#[test]
fn an_empty_answer_leaves_no_message() {
    let refusal = json!({ "content": [], "stop_reason": "refusal",
        "stop_details": { "type": "refusal", "explanation": "No." } });
    let response = crate::read(Framing::Whole, &refusal.to_string()).unwrap();
    let request =
        Request::new(MODEL, vec![Message::user("x"), response.message, Message::user("y")]);
    let (body, warnings) = written(&request);
    assert!(warnings.is_empty());
    assert_eq!(body["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn signatures_of_one_host_are_good_on_another() {
    let content = json!([{ "type": "thinking", "thinking": "hm", "signature": "s" }]);
    let message = whole(&content, "end_turn").message;
    let request = Request::new(MODEL, vec![Message::user("x"), message]);
    for at in [Host::Vertex, Host::Bedrock] {
        let wire = host(at).encode(&request).unwrap();
        assert_eq!(body(&wire)["messages"][1]["content"], content);
    }
}

#[test]
fn tool_results_follow_their_calls() {
    let response = whole(
        &json!([
            { "type": "thinking", "thinking": "hm", "signature": "s" },
            { "type": "tool_use", "id": "toolu_1", "name": "f", "input": {} },
        ]),
        "tool_use",
    );
    let call = response.tool_calls().next().unwrap().clone();
    let messages = vec![
        Message::user("x"),
        response.message,
        Message::tool_results([ToolResult::new(&call, "2")]),
    ];
    let (body, _) = written(&Request::new(MODEL, messages));
    assert_eq!(body["messages"][1]["content"][0]["signature"], "s");
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], "toolu_1");
}
