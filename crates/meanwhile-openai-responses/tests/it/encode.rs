//! Requests: exact bytes for the shape of a body, and one small case for each part and setting.

use meanwhile_core::{
    Audio, Document, Effort, ErrorKind, Image, Message, OnUnsupported, OutputFormat, OutputSchema,
    Params, Part, Reasoning, Request, Role, Schema, ToolCall, ToolChoice, ToolResult, ToolSpec,
};
use meanwhile_http::{Codec as _, Framing};
use meanwhile_openai_responses::{ResponsesCodec, ResponsesQuirks, StructuredOutput, System};
use serde_json::{Value, json};

use crate::{input, openai, plain, written};

fn user(parts: Vec<Part>) -> Value {
    input(&plain(), vec![Message::user(parts)]).0[0]["content"].clone()
}

fn tool(parameters: Value) -> ToolSpec {
    ToolSpec::new("look", "Looks.", Schema::from(parameters))
}

#[test]
fn a_body_is_the_same_bytes_every_time() {
    let mut request = Request::new("m", vec![Message::system("Be brief."), Message::user("Hi")]);
    request.params = Params::new().temperature(0.5).max_tokens(16).reasoning(Effort::Low);
    let wire = openai().encode(&request).unwrap();
    let body = std::str::from_utf8(&wire.body).unwrap();
    assert_eq!(
        body,
        concat!(
            r#"{"model":"m","input":[{"role":"system","content":"Be brief."},"#,
            r#"{"role":"user","content":"Hi"}],"reasoning":{"effort":"low"},"temperature":0.5,"#,
            r#""max_output_tokens":16,"store":false,"include":["reasoning.encrypted_content"]}"#
        )
    );
    assert_eq!(wire.body, openai().encode(&request).unwrap().body);
    assert_eq!((&*wire.path, wire.framing), ("/responses", Framing::Whole));

    let streamed =
        plain().encode(&Request::new("m", vec![Message::user("Hi")]).streamed()).unwrap();
    let body = r#"{"model":"m","input":[{"role":"user","content":"Hi"}],"stream":true}"#;
    assert_eq!(streamed.body, body);
    assert_eq!(streamed.framing, Framing::ServerSentEvents);
}

#[test]
fn parts_of_a_message() {
    assert_eq!(user(vec!["a".into()]), "a");
    let texts =
        json!([{ "type": "input_text", "text": "a" }, { "type": "input_text", "text": "b" }]);
    assert_eq!(user(vec!["a".into(), "b".into()]), texts);
    let image = Image::bytes(b"\x01\x02".to_vec(), "image/png").with_detail("low");
    assert_eq!(
        user(vec!["see".into(), image.into(), Image::url("https://x/y.png").into()]),
        json!([
            { "type": "input_text", "text": "see" },
            { "type": "input_image", "detail": "low", "image_url": "data:image/png;base64,AQI=" },
            { "type": "input_image", "detail": "auto", "image_url": "https://x/y.png" },
        ])
    );
    assert_eq!(
        user(vec![
            Document::bytes(b"%PDF-".to_vec(), "application/pdf").with_name("a.pdf").into(),
            Document::bytes(b"%PDF-".to_vec(), "application/pdf").into(),
            Document::url("https://x/y.pdf").into(),
            Document::reference("acme", "file-1").into(),
            Image::reference("acme", "file-2").into(),
            Document::text("plain").with_name("n").into(),
        ]),
        json!([
            { "type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0=" },
            { "type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERi0=" },
            { "type": "input_file", "file_url": "https://x/y.pdf" },
            { "type": "input_file", "file_id": "file-1" },
            { "type": "input_image", "detail": "auto", "file_id": "file-2" },
            { "type": "input_text", "text": "n:\n\nplain" },
        ])
    );
}

#[test]
fn what_cannot_be_carried_is_a_warning_or_an_error() {
    let check = |part: Part, subject: &str| {
        let message = Message::user(vec!["x".into(), part]);
        let (items, warnings) = input(&plain(), vec![message.clone()]);
        assert_eq!((&items[0]["content"], warnings), (&json!("x"), vec![subject.to_owned()]));
        let mut request = Request::new("m", vec![message]);
        request.unsupported = OnUnsupported::Error;
        assert_eq!(plain().encode(&request).unwrap_err().kind(), ErrorKind::Unsupported);
    };
    check(Audio::bytes(vec![1], "audio/wav").into(), "audio");
    check(Image::reference("other", "f").into(), "image");
    check(Document::reference("other", "f").into(), "document");
    check(Part::cache_mark(), "cache mark");
    check(ToolCall::new("c", "f", "{}").into(), "tool call");

    let mut quirks = ResponsesQuirks::new();
    quirks.audio = true;
    quirks.images = false;
    quirks.documents = false;
    quirks.cache_breakpoints = true;
    let codec = ResponsesCodec::new("acme", quirks);
    let parts = vec![
        Audio::bytes(vec![1], "audio/mpeg").into(),
        Part::cache_mark(),
        Image::url("https://x").into(),
        Document::url("https://x").into(),
    ];
    let (items, warnings) = input(&codec, vec![Message::user(parts)]);
    assert_eq!(
        items[0]["content"],
        json!([{ "type": "input_audio", "input_audio": { "data": "AQ==", "format": "mp3" },
            "prompt_cache_breakpoint": { "mode": "explicit" } }])
    );
    assert_eq!(warnings, ["image", "document"]);
    let (_, warnings) = input(&plain(), vec![Message::user("x").with_name("Ann")]);
    assert_eq!(warnings, ["name"]);
}

#[test]
fn system_messages_go_where_the_vendor_wants_them() {
    let talk = || {
        vec![
            Message::system("one"),
            Message::system("two"),
            Message::user("x"),
            Message::system("three"),
        ]
    };
    let check = |system: System, instructions: Value, roles: &[&str]| {
        let mut quirks = ResponsesQuirks::new();
        quirks.system = system;
        let (body, _) = written(&ResponsesCodec::new("acme", quirks), &Request::new("m", talk()));
        let written: Vec<&str> = body["input"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["role"].as_str().unwrap())
            .collect();
        assert_eq!((&body["instructions"], written), (&instructions, roles.to_vec()));
    };
    check(System::Message("system"), Value::Null, &["system", "system", "user", "system"]);
    check(
        System::Message("developer"),
        Value::Null,
        &["developer", "developer", "user", "developer"],
    );
    check(System::Instructions, json!("one\n\ntwo"), &["user", "developer"]);
}

#[test]
fn an_answer_from_elsewhere_is_plain_text() {
    let message = Message::assistant(vec!["Hello".into(), Part::cache_mark(), "you".into()]);
    let (items, warnings) = input(&plain(), vec![message, Message::user("")]);
    assert_eq!(
        items,
        json!([{ "role": "assistant", "content": "Hello" }, { "role": "assistant", "content": "you" },
            { "role": "user", "content": "" }])
    );
    assert_eq!(warnings, ["cache mark"]);
}

#[test]
fn calls_and_results() {
    let call = ToolCall::new("c1", "look", "");
    let seen = vec!["it ".into(), Image::url("https://x/y.png").into()];
    let messages = vec![
        Message::assistant(call.clone()),
        Message::tool_results([
            ToolResult::new(&call, "fine"),
            ToolResult::new(&call, seen),
            ToolResult::error(&call, "no luck"),
            ToolResult::error(&call, "Error: said so"),
            ToolResult::new(&call, Vec::new()),
        ]),
    ];
    let (items, warnings) = input(&plain(), messages);
    assert_eq!(
        items[0],
        json!({ "type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}" })
    );
    let output = |at: usize| items[at]["output"].clone();
    assert_eq!(items[1]["type"], "function_call_output");
    assert_eq!((output(1), output(3)), (json!("fine"), json!("error: no luck")));
    assert_eq!((output(4), output(5)), (json!("Error: said so"), json!("")));
    assert_eq!(
        output(2),
        json!([{ "type": "input_text", "text": "it " },
            { "type": "input_image", "detail": "auto", "image_url": "https://x/y.png" }])
    );
    assert!(warnings.is_empty());
}

#[test]
fn tools_are_strict_where_their_schema_can_be() {
    let mut request = Request::new("m", vec![Message::user("x")]);
    let loose = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let exact = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    request.tools = vec![tool(exact.clone()), tool(loose.clone())];
    request.params.parallel_tool_calls = Some(false);
    let (body, warnings) = written(&openai(), &request);
    assert_eq!(
        body["tools"][0],
        json!({ "type": "function", "name": "look", "description": "Looks.", "parameters": {
            "type": "object", "properties": { "a": { "type": ["string", "null"] } },
            "required": ["a"], "additionalProperties": false }, "strict": true })
    );
    assert_eq!(
        (&body["tools"][1]["strict"], &body["tools"][1]["parameters"]),
        (&json!(false), &loose)
    );
    assert_eq!((warnings, &body["parallel_tool_calls"]), (vec!["tool".to_owned()], &json!(false)));
    let (body, _) = written(&plain(), &request);
    assert_eq!((body["tools"][0].get("strict"), &body["tools"][0]["parameters"]), (None, &exact));
}

#[test]
fn tool_choice() {
    let check = |choice: ToolChoice, expected: Value| {
        let mut request = Request::new("m", vec![Message::user("x")]);
        request.tools = vec![tool(json!({ "type": "object" }))];
        request.tool_choice = choice;
        assert_eq!(written(&plain(), &request).0["tool_choice"], expected);
    };
    check(ToolChoice::Auto, Value::Null);
    check(ToolChoice::None, json!("none"));
    check(ToolChoice::Required, json!("required"));
    check(ToolChoice::Tool("look".to_owned()), json!({ "type": "function", "name": "look" }));
}

#[test]
fn the_shape_of_the_answer() {
    let check =
        |structured: StructuredOutput, output: &OutputFormat, expected: Value, warned: usize| {
            let mut quirks = ResponsesQuirks::new();
            quirks.structured_output = structured;
            let mut request = Request::new("m", vec![Message::user("x")]);
            request.output = output.clone();
            let (body, warnings) = written(&ResponsesCodec::new("acme", quirks), &request);
            assert_eq!((&body["text"]["format"], warnings.len()), (&expected, warned));
        };
    let schema =
        json!({ "type": "object", "properties": { "a": { "type": "integer", "default": 1 } } });
    let named = OutputFormat::Schema(OutputSchema::new("", Schema::from(schema.clone())));
    let strict = json!({ "type": "object", "properties": { "a": { "type": "integer" } },
        "required": ["a"], "additionalProperties": false });
    let object = json!({ "type": "json_object" });
    check(
        StructuredOutput::Strict,
        &named,
        json!({ "type": "json_schema", "name": "output", "schema": strict, "strict": true }),
        0,
    );
    check(
        StructuredOutput::Schema,
        &named,
        json!({ "type": "json_schema", "name": "output", "schema": schema }),
        0,
    );
    check(StructuredOutput::Json, &named, object.clone(), 1);
    check(StructuredOutput::None, &named, Value::Null, 1);
    check(StructuredOutput::Strict, &OutputFormat::Json, object, 0);
    check(StructuredOutput::Strict, &OutputFormat::Text, Value::Null, 0);
    let list = Schema::from(json!({ "type": "array", "items": { "type": "string" } }));
    let list = OutputFormat::Schema(OutputSchema::new("names", list.clone()));
    let format = json!({ "type": "json_schema", "name": "names",
        "schema": { "type": "array", "items": { "type": "string" } }, "strict": false });
    check(StructuredOutput::Strict, &list, format, 1);
}

#[test]
fn every_setting_is_written_or_reported() {
    let mut request = Request::new("m", vec![Message::user("x")]);
    request.params = Params {
        temperature: Some(0.1),
        top_p: Some(0.2),
        top_k: Some(3),
        max_tokens: Some(4),
        stop: Some(vec!["s".to_owned()]),
        seed: Some(5),
        presence_penalty: Some(0.6),
        frequency_penalty: Some(0.7),
        parallel_tool_calls: Some(true),
        reasoning: Some(Effort::High.into()),
        logprobs: Some(2),
        user: Some("u".to_owned()),
        service_tier: Some("flex".to_owned()),
        prompt_cache_key: Some("k".to_owned()),
        options: std::collections::BTreeMap::new(),
    };
    let (body, warnings) = written(&openai(), &request);
    assert_eq!(
        body,
        json!({
            "model": "m", "input": [{ "role": "user", "content": "x" }],
            "reasoning": { "effort": "high" }, "temperature": 0.1, "top_p": 0.2,
            "max_output_tokens": 4, "top_logprobs": 2, "user": "u", "service_tier": "flex",
            "prompt_cache_key": "k", "store": false,
            "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        })
    );
    assert_eq!(warnings, ["top_k", "stop", "seed", "presence_penalty", "frequency_penalty"]);
}

#[test]
fn thinking() {
    let check = |quirks: ResponsesQuirks, reasoning: Reasoning, expected: Value, warned: usize| {
        let mut request = Request::new("m", vec![Message::user("x")]);
        request.params.reasoning = Some(reasoning);
        let (body, warnings) = written(&ResponsesCodec::new("acme", quirks), &request);
        assert_eq!((&body["reasoning"], warnings.len()), (&expected, warned));
    };
    let mut none = ResponsesQuirks::new();
    none.reasoning = false;
    check(none, Effort::Low.into(), Value::Null, 1);
    check(ResponsesQuirks::new(), Effort::Max.into(), json!({ "effort": "max" }), 0);
    check(ResponsesQuirks::new(), Reasoning::Budget(3000), json!({ "effort": "medium" }), 1);
    check(ResponsesQuirks::xai(), Effort::Max.into(), json!({ "effort": "high" }), 1);
    check(ResponsesQuirks::openrouter(), Reasoning::Budget(3000), json!({ "max_tokens": 3000 }), 0);
}

#[test]
fn a_tool_message_may_hold_items_alone() {
    let output = json!({ "type": "computer_call_output", "call_id": "c" });
    let message = Message::new(Role::Tool, Part::opaque("acme-responses", output.clone()));
    assert_eq!(input(&plain(), vec![message]).0, json!([output]));
}
