//! Requests: what Mistral writes in its own way.

use meanwhile_core::{
    Audio, Document, Effort, Image, Message, Params, Part, ProviderData, Reasoning, Request,
    Schema, Thinking, ToolCall, ToolChoice, ToolResult, ToolSpec,
};
use meanwhile_http::Codec as _;
use meanwhile_mistral::{MistralOptions, codec};
use serde_json::{Value, json};

/// The body and the subjects of the warnings.
fn written(request: &Request) -> (Value, Vec<String>) {
    let wire = codec().encode(request).unwrap();
    assert_eq!(wire.path, "/chat/completions");
    assert_eq!(codec().encode(request).unwrap().body, wire.body);
    let subjects = wire.warnings.iter().map(|warning| warning.subject.to_string()).collect();
    (serde_json::from_slice(&wire.body).unwrap(), subjects)
}

/// Checks how messages are written, without a warning.
fn check(messages: Vec<Message>, expected: &Value) {
    let (body, warnings) = written(&Request::new("m", messages));
    assert_eq!((&body["messages"], warnings), (expected, vec![]));
}

#[test]
fn a_request_byte_for_byte() {
    let schema = Schema::from(json!({ "type": "object", "properties": {} }));
    let call = ToolCall::new("call_far_too_long", "f", "{}");
    let mut request = Request::new(
        "mistral-small-latest",
        vec![
            Message::user("x").with_name("ann"),
            Message::assistant([call.clone().into()]),
            Message::tool_results([ToolResult::new(&call, "1")]),
        ],
    )
    .streamed();
    request.tools = vec![ToolSpec::new("f", "Does f.", schema)];
    request.tool_choice = ToolChoice::Required;
    request.params = MistralOptions::new().safe_prompt(true).reasoning_prompt(true).apply(
        Params::new().seed(7).max_tokens(9).top_k(3).user("u").logprobs(1).reasoning(Effort::High),
    );
    let wire = codec().encode(&request).unwrap();
    let expected = concat!(
        r#"{"model":"mistral-small-latest","messages":[{"role":"user","content":"x"},"#,
        r#"{"role":"assistant","content":null,"tool_calls":[{"id":"ID","type":"function","#,
        r#""function":{"name":"f","arguments":"{}"}}]},"#,
        r#"{"role":"tool","content":"1","tool_call_id":"ID"}],"tools":[{"type":"function","function":"#,
        r#"{"name":"f","description":"Does f.","parameters":{"type":"object","properties":{}}}}],"#,
        r#""tool_choice":"any","max_tokens":9,"random_seed":7,"reasoning_effort":"high","#,
        r#""stream":true,"safe_prompt":true,"prompt_mode":"reasoning"}"#
    );
    let body = String::from_utf8(wire.body.to_vec()).unwrap();
    let parsed: Value = serde_json::from_str(&body).unwrap();
    let id = parsed["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!(body, expected.replace("ID", id));
    let subjects: Vec<_> = wire.warnings.iter().map(|warning| &*warning.subject).collect();
    assert_eq!(subjects, ["name", "top_k", "logprobs", "user"]);
}

#[test]
fn media_of_every_kind() {
    let bytes = &b"hi"[..];
    let parts = [
        Part::text("Look"),
        Image::url("https://a.example/b.png").into(),
        Image::bytes(bytes, "image/png").with_detail("low").into(),
        Audio::bytes(bytes, "audio/wav").into(),
        Audio::url("https://a.example/b.mp3").into(),
        Document::url("https://a.example/b.pdf").with_name("b").into(),
        Document::bytes(bytes, "application/pdf").into(),
        Document::reference("mistral", "file-id").into(),
        Document::text("words").with_name("notes").into(),
    ];
    let content = json!([
        { "type": "text", "text": "Look" },
        { "type": "image_url", "image_url": { "url": "https://a.example/b.png" } },
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,aGk=", "detail": "low" } },
        { "type": "input_audio", "input_audio": "aGk=" },
        { "type": "input_audio", "input_audio": "https://a.example/b.mp3" },
        { "type": "document_url", "document_url": "https://a.example/b.pdf", "document_name": "b" },
        { "type": "document_url", "document_url": "data:application/pdf;base64,aGk=" },
        { "type": "file", "file_id": "file-id" },
        { "type": "text", "text": "notes:\n\nwords" },
    ]);
    check(vec![Message::user(parts)], &json!([{ "role": "user", "content": content }]));
}

#[test]
fn results_may_carry_pictures() {
    let call = ToolCall::new("abcdefghi", "f", "{}");
    let picture = || Part::from(Image::bytes(&b"hi"[..], "image/png"));
    let mut failed = ToolResult::new(&call, [picture()]);
    failed.is_error = true;
    let messages = vec![Message::tool_results([
        ToolResult::new(&call, [Part::text("see"), picture()]),
        failed,
        ToolResult::new(&call, [Part::text("a"), Part::text("b")]),
    ])];
    let image =
        json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,aGk=" } });
    let result =
        |content: Value| json!({ "role": "tool", "content": content, "tool_call_id": "abcdefghi" });
    let expected = json!([
        result(json!([{ "type": "text", "text": "see" }, image])),
        result(json!([{ "type": "text", "text": "error: " }, image])),
        result(json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }])),
    ]);
    check(messages, &expected);
}

#[test]
fn a_message_of_the_model_at_the_end_begins_the_answer() {
    check(
        vec![Message::user("x"), Message::assistant("So")],
        &json!([{ "role": "user", "content": "x" },
            { "role": "assistant", "content": "So", "prefix": true }]),
    );
    let mut earlier = Message::assistant("So");
    earlier.data = Some(Box::new(ProviderData::new("mistral", json!({ "prefix": false }))));
    check(
        vec![earlier, Message::user("x")],
        &json!([{ "role": "assistant", "content": "So", "prefix": false },
            { "role": "user", "content": "x" }]),
    );
}

#[test]
fn thinking_of_others_stays_with_them() {
    let foreign = Thinking::new("hm").with_data(ProviderData::new("anthropic", json!("s")));
    let messages = vec![Message::assistant([foreign.into(), Part::text("so")]), Message::user("x")];
    let (body, warnings) = written(&Request::new("m", messages));
    assert_eq!((&body["messages"][0]["content"], warnings.len()), (&json!("so"), 1));
}

#[test]
fn only_some_models_can_be_told_how_much_to_think() {
    for (model, effort, warnings) in [
        ("mistral-small-latest", Some("high"), 0),
        ("mistral-medium-latest", Some("high"), 0),
        ("something-new", Some("high"), 0),
        ("magistral-medium-latest", None, 1),
        ("codestral-latest", None, 1),
        ("ft:open-mistral-nemo:a", None, 1),
    ] {
        let mut request = Request::new(model, vec![Message::user("x")]);
        request.params.reasoning = Some(Reasoning::Effort(Effort::High));
        let (body, subjects) = written(&request);
        assert_eq!(body.get("reasoning_effort").and_then(Value::as_str), effort, "{model}");
        assert_eq!(subjects.len(), warnings, "{model}");
    }
}

#[test]
fn vendor_options_are_fields_of_the_body() {
    let options = MistralOptions::new()
        .prediction("fn main() {}")
        .metadata(json!({ "a": 1 }).as_object().unwrap().clone())
        .guardrails(vec![json!({ "block_on_error": true })])
        .reasoning_prompt(false);
    let mut request = Request::new("m", vec![Message::user("x")]);
    request.params = options.apply(Params::new());
    let (body, _) = written(&request);
    assert_eq!(body["prediction"], json!({ "type": "content", "content": "fn main() {}" }));
    assert_eq!((&body["metadata"], &body["prompt_mode"]), (&json!({ "a": 1 }), &Value::Null));
    assert_eq!(body["guardrails"], json!([{ "block_on_error": true }]));
}
