//! Requests to bytes.

use meanwhile_cohere::{ChatCodec, CohereOptions};
use meanwhile_core::{
    Document, Effort, ErrorKind, Image, Message, OnUnsupported, OutputFormat, OutputSchema, Params,
    Part, ProviderData, Reasoning, Request, Schema, Thinking, ToolCall, ToolChoice, ToolResult,
    ToolSpec,
};
use meanwhile_http::{Codec as _, Framing};
use serde_json::{Value, json};

use crate::{ask, body};

fn messages(messages: Vec<Message>) -> Value {
    body(&Request::new("m", messages)).0["messages"].clone()
}

/// Checks the body beside model and messages, and the warnings.
fn check(request: &Request, expected: Value, warnings: &[&str]) {
    let (mut body, found) = body(request);
    for field in ["model", "messages"] {
        body.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(body, expected);
    assert_eq!(found.len(), warnings.len(), "{found:?}");
    for (found, expected) in found.iter().zip(warnings) {
        assert!(found.starts_with(expected), "{found} does not begin with {expected}");
    }
}

fn tool(name: &str) -> ToolSpec {
    ToolSpec::new(name, "A tool.", Schema::from(json!({ "type": "object" })))
}

fn spec(name: &str) -> Value {
    json!({ "type": "function", "function": {
        "name": name, "description": "A tool.", "parameters": { "type": "object" } } })
}

#[test]
fn exact_bytes() {
    let mut request = Request::new(
        "command-r7b-12-2024",
        vec![
            Message::system("Be brief."),
            Message::user([Part::text("Look:"), Image::bytes(vec![1, 2, 3], "image/png").into()]),
        ],
    )
    .streamed();
    request.params = Params::new().temperature(0.5);
    let wire = ChatCodec::default().encode(&request).unwrap();
    assert_eq!((&*wire.path, wire.framing), ("/v2/chat", Framing::ServerSentEvents));
    assert_eq!(
        std::str::from_utf8(&wire.body).unwrap(),
        r#"{"model":"command-r7b-12-2024","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Look:"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AQID"}}]}],"stream":true,"temperature":0.5}"#
    );
}

#[test]
fn a_turn_with_tools() {
    let call = ToolCall::new("w_1", "weather", "{\"city\":\"Rome\"}");
    let other = ToolCall::new("t_1", "time", "");
    let plan = Thinking::new("I will look.")
        .with_data(ProviderData::new("cohere", json!({ "tool_plan": true })));
    let found = messages(vec![
        Message::user("hi"),
        Message::assistant([plan.into(), call.clone().into(), other.clone().into()]),
        Message::tool_results([
            ToolResult::new(
                &call,
                [Part::text("sunny"), Document::text("20 C").with_name("report").into()],
            ),
            ToolResult::error(&other, "no clock"),
        ]),
    ]);
    let expected = json!([
        { "role": "user", "content": "hi" },
        { "role": "assistant", "tool_calls": [
            { "id": "w_1", "type": "function", "function": { "name": "weather", "arguments": "{\"city\":\"Rome\"}" } },
            { "id": "t_1", "type": "function", "function": { "name": "time", "arguments": "{}" } } ],
          "tool_plan": "I will look." },
        { "role": "tool", "content": [
            { "type": "text", "text": "sunny" },
            { "type": "document", "document": { "data": { "title": "report", "text": "20 C" } } } ],
          "tool_call_id": "w_1" },
        { "role": "tool", "content": "error: no clock", "tool_call_id": "t_1" },
    ]);
    assert_eq!(found, expected);
}

#[test]
fn documents_go_beside_the_conversation() {
    let mut named = Document::text("The sky is green.").with_name("facts.txt");
    named.data = Some(Box::new(ProviderData::new("cohere", json!({ "id": "doc-7" }))));
    let mut request = Request::new(
        "m",
        vec![Message::user([
            Part::from(named),
            Document::bytes(b"a,b".to_vec(), "text/csv").into(),
            Part::text("What colour?"),
        ])],
    );
    let documents = json!([
        { "id": "doc-7", "data": { "title": "facts.txt", "text": "The sky is green." } },
        { "data": { "text": "a,b" } },
    ]);
    check(&request, json!({ "documents": documents }), &[]);
    assert_eq!(
        body(&request).0["messages"],
        json!([{ "role": "user", "content": "What colour?" }])
    );
    // Those of the options join them.
    let more = CohereOptions::new().document("d", serde_json::Map::new());
    request.params = more.apply(Params::new());
    assert_eq!(body(&request).0["documents"].as_array().unwrap().len(), 3);

    let pdf = Message::user([Part::text("x"), Document::bytes(vec![1], "application/pdf").into()]);
    let mut request = Request::new("m", vec![pdf]);
    check(&request, json!({}), &["document"]);
    request.unsupported = OnUnsupported::Error;
    let error = ChatCodec::default().encode(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn tool_choices() {
    let of = |choice: ToolChoice| {
        let mut request = ask();
        request.tools = vec![tool("a"), tool("b")];
        request.tool_choice = choice;
        request
    };
    let both = json!([spec("a"), spec("b")]);
    check(&of(ToolChoice::Auto), json!({ "tools": both }), &[]);
    check(&of(ToolChoice::None), json!({ "tools": both, "tool_choice": "NONE" }), &[]);
    check(&of(ToolChoice::Required), json!({ "tools": both, "tool_choice": "REQUIRED" }), &[]);
    let named = json!({ "tools": [spec("b")], "tool_choice": "REQUIRED" });
    check(&of(ToolChoice::Tool("b".to_owned())), named, &[]);
}

#[test]
fn settings() {
    let mut request = ask();
    request.params = Params::new()
        .temperature(0.5)
        .top_p(0.9)
        .top_k(20)
        .max_tokens(100)
        .stop(["END"])
        .seed(1)
        .presence_penalty(0.1)
        .frequency_penalty(0.2)
        .logprobs(1)
        .user("u")
        .service_tier("x")
        .prompt_cache_key("k");
    check(
        &request,
        json!({ "max_tokens": 100, "stop_sequences": ["END"], "temperature": 0.5, "p": 0.9, "k": 20,
            "seed": 1, "frequency_penalty": 0.2, "presence_penalty": 0.1, "logprobs": true }),
        &["logprobs", "user", "service_tier", "prompt_cache_key"],
    );
    let options = CohereOptions::new().safety_mode("OFF").citation_mode("FAST").strict_tools(true);
    request.params = options.priority(3).apply(Params::new().temperature(1.0));
    check(
        &request,
        json!({ "temperature": 1.0, "safety_mode": "OFF", "citation_options": { "mode": "FAST" },
            "strict_tools": true, "priority": 3 }),
        &[],
    );
    let thinking = |reasoning: Reasoning, expected: Value, warnings: &[&str]| {
        let mut request = ask();
        request.params = Params::new().reasoning(reasoning);
        check(&request, json!({ "thinking": expected }), warnings);
    };
    thinking(Reasoning::Budget(500), json!({ "type": "enabled", "token_budget": 500 }), &[]);
    thinking(Effort::None.into(), json!({ "type": "disabled" }), &[]);
    thinking(Effort::High.into(), json!({ "type": "enabled" }), &["reasoning"]);
}

#[test]
fn shapes() {
    let of = |schema: Value| {
        let mut request = ask();
        request.output = OutputFormat::Schema(OutputSchema::new("City", Schema::from(schema)));
        request
    };
    let schema =
        json!({ "type": "object", "properties": { "n": { "oneOf": [{ "type": "integer" }] } } });
    let expected = json!({ "type": "object", "properties": { "n": { "anyOf": [{ "type": "integer" }] } }, "required": ["n"] });
    check(
        &of(schema.clone()),
        json!({ "response_format": { "type": "json_object", "json_schema": expected } }),
        &[],
    );
    let any = json!({ "response_format": { "type": "json_object" } });
    check(&of(json!({ "type": "array" })), any.clone(), &["output schema"]);
    check(&of(json!({ "type": "object" })), any.clone(), &["output schema"]);
    let mut json = ask();
    json.output = OutputFormat::Json;
    check(&json, any, &[]);
    let mut with_tools = of(schema);
    with_tools.tools = vec![tool("a")];
    check(&with_tools, json!({ "tools": [spec("a")] }), &["output format"]);
}

#[test]
fn what_is_not_its_own_is_left_out() {
    let foreign = Thinking::new("hm").with_data(ProviderData::new("anthropic", json!({})));
    let own = Thinking::new("well").with_data(ProviderData::new("cohere", json!({})));
    let request = Request::new(
        "m",
        vec![Message::assistant([
            Part::from(foreign),
            own.into(),
            Part::text("x"),
            Part::cache_mark(),
        ])],
    );
    let (found, warnings) = body(&request);
    let content =
        json!([{ "type": "thinking", "thinking": "well" }, { "type": "text", "text": "x" }]);
    assert_eq!(found["messages"][0]["content"], content);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}
