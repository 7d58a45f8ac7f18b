//! Vendor options: what replaces a field, what adds to one, and what they say about storing.

use meanwhile_core::{Effort, Message, Params, Request, Schema, ToolChoice, ToolSpec};
use meanwhile_openai_responses::{BuiltInTool, ResponsesOptions, item};
use serde_json::{Value, json};

use crate::{input, openai, written};

fn body(params: Params) -> Value {
    let mut request = Request::new("m", vec![Message::user("x")]);
    request.params = params;
    written(&openai(), &request).0
}

#[test]
fn options_replace_add_and_merge() {
    let options = ResponsesOptions::new()
        .reasoning_summary("auto")
        .verbosity("low")
        .include("file_search_call.results")
        .include("reasoning.encrypted_content")
        .with("temperature", 0.9)
        .metadata("a", "b")
        .max_tool_calls(3)
        .truncation("auto")
        .instructions("Be kind.")
        .safety_identifier("s")
        .prompt_cache_retention("24h")
        .apply(Params::new());
    let body = body(options.or(Params::new().temperature(0.1).reasoning(Effort::Low)));
    assert_eq!(body["reasoning"], json!({ "effort": "low", "summary": "auto" }));
    assert_eq!(body["text"], json!({ "verbosity": "low" }));
    assert_eq!(body["include"], json!(["reasoning.encrypted_content", "file_search_call.results"]));
    assert_eq!(body["temperature"], 0.9);
    assert_eq!((&body["metadata"], &body["store"]), (&json!({ "a": "b" }), &json!(false)));
    assert_eq!((&body["max_tool_calls"], &body["truncation"]), (&json!(3), &json!("auto")));
    assert_eq!(body["instructions"], "Be kind.");
    assert_eq!(body["safety_identifier"], "s");
    assert_eq!(body["prompt_cache_retention"], "24h");
}

#[test]
fn the_options_of_the_wire_go_before_those_of_the_vendor() {
    let body = body(Params::new().option("openai", "x", 1).option("openai-responses", "x", 2));
    assert_eq!(body["x"], 2);
}

#[test]
fn what_the_vendor_stores_needs_no_encryption() {
    let check = |options: ResponsesOptions, store: Value| {
        let body = body(options.apply(Params::new()));
        assert_eq!((&body["store"], &body["include"]), (&store, &Value::Null));
    };
    check(ResponsesOptions::new().previous_response_id("resp_0"), Value::Null);
    check(ResponsesOptions::new().conversation("conv_0"), Value::Null);
    check(ResponsesOptions::new().store(true), json!(true));
    let elsewhere = ResponsesOptions::new().store(true).of("xai").apply(Params::new());
    assert_eq!(elsewhere.options["xai"]["store"], true);
    assert!(!elsewhere.options.contains_key("openai"));
    check(ResponsesOptions::new().background(true), Value::Null);
    let body = body(ResponsesOptions::new().store(false).apply(Params::new()));
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
}

#[test]
fn tools_of_the_vendor_stand_beside_those_of_the_program() {
    let mut request = Request::new("m", vec![Message::user("x")]);
    request.tools = vec![ToolSpec::new("f", "", Schema::from(json!({ "type": "object" })))];
    let options = ResponsesOptions::new()
        .tool(BuiltInTool::web_search().with("search_context_size", "low"))
        .tool(BuiltInTool::file_search(["vs_1"]))
        .tool(BuiltInTool::code_interpreter())
        .tool(BuiltInTool::image_generation())
        .tool(BuiltInTool::mcp("docs", "https://mcp.example"))
        .tool(BuiltInTool::computer("browser", 1024, 768))
        .tool(BuiltInTool::local_shell())
        .tool(BuiltInTool::custom("note", "Writes."));
    request.params = options.apply(Params::new());
    let choose = |choice: &str| {
        let mut request = request.clone();
        request.tool_choice = ToolChoice::Tool(choice.to_owned());
        written(&openai(), &request).0
    };
    let body = choose("f");
    assert_eq!(
        body["tools"].as_array().unwrap()[1..],
        [
            json!({ "type": "web_search", "search_context_size": "low" }),
            json!({ "type": "file_search", "vector_store_ids": ["vs_1"] }),
            json!({ "type": "code_interpreter", "container": { "type": "auto" } }),
            json!({ "type": "image_generation" }),
            json!({ "type": "mcp", "server_label": "docs", "server_url": "https://mcp.example",
                "require_approval": "never" }),
            json!({ "type": "computer_use_preview", "environment": "browser",
                "display_width": 1024, "display_height": 768 }),
            json!({ "type": "local_shell" }),
            json!({ "type": "custom", "name": "note", "description": "Writes." }),
        ]
    );
    let check = |name: &str, expected: Value| assert_eq!(choose(name)["tool_choice"], expected);
    check("f", json!({ "type": "function", "name": "f" }));
    check("web_search", json!({ "type": "web_search" }));
    check("docs", json!({ "type": "mcp", "server_label": "docs" }));
    check("note", json!({ "type": "custom", "name": "note" }));
}

#[test]
fn an_item_goes_as_it_is() {
    let reference = json!({ "type": "item_reference", "id": "msg_1" });
    for provider in ["openai", "openai-responses"] {
        let message =
            Message::user(vec!["a".into(), item(provider, reference.clone()), "b".into()]);
        let expected = json!([{ "role": "user", "content": "a" }, reference,
            { "role": "user", "content": "b" }]);
        assert_eq!(input(&openai(), vec![message]), (expected, Vec::new()));
    }
}
