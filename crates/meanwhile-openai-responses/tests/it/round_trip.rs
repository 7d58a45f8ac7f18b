//! From an answer to the next request: what came goes back in place, in pairs, and to its own vendor.

use meanwhile_core::{Message, Params, Part, Request, ToolResult};
use meanwhile_http::Codec as _;
use meanwhile_openai_responses::{ResponsesCodec, ResponsesOptions, ResponsesQuirks};
use serde_json::{Value, json};

use crate::{input, openai, plain, read, written};

fn thought(id: &str) -> Value {
    json!({ "type": "reasoning", "id": id, "summary": [{ "type": "summary_text", "text": "hm" }],
        "encrypted_content": "secret", "status": null })
}

fn message(id: &str) -> Value {
    json!({ "type": "message", "id": id, "role": "assistant", "status": "completed",
        "content": [{ "type": "output_text", "text": "so", "annotations": [] }],
        "phase": "commentary" })
}

fn call() -> Value {
    json!({ "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f",
        "arguments": "{\"a\":1}", "status": "completed", "namespace": "n" })
}

fn search() -> Value {
    json!({ "type": "web_search_call", "id": "ws_1", "status": "completed", "action": null })
}

/// Without the fields that are `null`, as thinking goes back.
fn sent(mut item: Value) -> Value {
    item.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    item
}

#[test]
fn a_turn_goes_back_as_it_came() {
    let response =
        read(&json!([thought("rs_1"), search(), thought("rs_2"), message("msg_1"), call()]));
    let answer = ToolResult::new(response.tool_calls().next().unwrap(), "fine");
    let messages = vec![response.message, Message::tool_results([answer])];
    let (items, warnings) = input(&openai(), messages);
    let result = json!({ "type": "function_call_output", "call_id": "c1", "output": "fine" });
    assert_eq!(
        items,
        json!([
            sent(thought("rs_1")),
            search(),
            sent(thought("rs_2")),
            message("msg_1"),
            call(),
            result
        ])
    );
    assert!(warnings.is_empty());
}

#[test]
fn ids_go_back_only_with_the_thinking_that_led_to_them() {
    let mut message_ = read(&json!([thought("rs_1"), message("msg_1"), call()])).message;
    message_.parts.remove(0);
    let (items, warnings) = input(&openai(), vec![message_]);
    let without = |mut item: Value, names: &[&str]| {
        item.as_object_mut().unwrap().retain(|name, _| !names.contains(&&**name));
        item
    };
    assert_eq!(
        items,
        json!([without(message("msg_1"), &["id", "status"]), without(call(), &["id"])])
    );
    assert!(warnings.is_empty());
}

#[test]
fn thinking_goes_back_only_with_what_it_led_to() {
    let check = |items: Value, stateful: bool, kept: usize, warned: &[&str]| {
        let mut request = Request::new("m", vec![read(&items).message]);
        request.params = ResponsesOptions::new().store(stateful).apply(Params::new());
        let (body, warnings) = written(&openai(), &request);
        assert_eq!(
            (body["input"].as_array().unwrap().len(), warnings),
            (kept, warned.iter().map(|&w| w.to_owned()).collect())
        );
    };
    check(json!([thought("rs_1"), message("msg_1")]), false, 2, &[]);
    check(json!([thought("rs_1")]), false, 0, &["thinking"]);
    check(json!([message("msg_1"), thought("rs_1")]), false, 1, &["thinking"]);
    // What is neither stored nor encrypted cannot be found again.
    let bare = json!({ "type": "reasoning", "id": "rs_1", "summary": [] });
    check(json!([bare, message("msg_1")]), false, 1, &["thinking"]);
    check(json!([bare, message("msg_1")]), true, 2, &[]);
    // Thinking in plain words is complete.
    let words = json!({ "type": "reasoning", "id": "rs_1", "summary": [],
        "content": [{ "type": "reasoning_text", "text": "hm" }] });
    check(json!([words, message("msg_1")]), false, 2, &[]);
}

#[test]
fn parts_of_one_message_stay_together() {
    let two = json!({ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{ "type": "output_text", "text": "a", "annotations": [] },
            { "type": "refusal", "refusal": "b" }] });
    let (items, _) = input(&openai(), vec![read(&json!([two, message("msg_2")])).message]);
    assert_eq!(items, json!([two, message("msg_2")]));
}

#[test]
fn citations_go_back_with_their_text() {
    let mut cited = message("msg_1");
    cited["content"][0]["annotations"] = json!([{ "type": "url_citation", "url": "https://x",
        "title": "X", "start_index": 0, "end_index": 2 }]);
    let (items, _) = input(&openai(), vec![read(&json!([cited])).message]);
    assert_eq!(items, json!([cited]));
}

#[test]
fn pictures_go_back_whole() {
    let picture = json!({ "type": "image_generation_call", "id": "ig_1", "status": "completed",
        "output_format": "png", "result": "AQID" });
    let (items, _) = input(&openai(), vec![read(&json!([picture])).message]);
    assert_eq!(items, json!([picture]));
}

#[test]
fn calls_of_tools_that_take_free_text() {
    let item = json!({ "type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "note",
        "input": "a \"b\"", "status": "completed" });
    let response = read(&json!([item]));
    let answer = ToolResult::new(response.tool_calls().next().unwrap(), "noted");
    let (items, _) = input(&openai(), vec![response.message, Message::tool_results([answer])]);
    let output = json!({ "type": "custom_tool_call_output", "call_id": "c1", "output": "noted" });
    assert_eq!(items, json!([item, output]));
}

#[test]
fn another_vendor_sees_nothing_of_it() {
    let response = read(&json!([thought("rs_1"), search(), message("msg_1"), call()]));
    let (items, warnings) = input(&plain(), vec![response.message.clone()]);
    assert_eq!(
        items,
        json!([{ "role": "assistant", "content": "so" },
            { "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}" }])
    );
    assert_eq!(warnings, ["provider data"]);
    let bytes = plain().encode(&Request::new("m", vec![response.message])).unwrap().body;
    assert!(!String::from_utf8(bytes.to_vec()).unwrap().contains("secret"));
}

#[test]
fn the_other_wire_of_the_same_vendor_is_another() {
    let chat = Part::opaque("openai", json!({ "annotations": [] }));
    let codec = ResponsesCodec::new("openai", ResponsesQuirks::openai());
    let (items, warnings) = input(&codec, vec![Message::assistant(vec!["x".into(), chat])]);
    assert_eq!(
        (items, warnings),
        (json!([{ "role": "assistant", "content": "x" }]), vec!["provider data".to_owned()])
    );
}
