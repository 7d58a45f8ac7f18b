//! Requests: what is written, and what is said about the rest.

use meanwhile_core::{
    Audio, Document, Effort, ErrorKind, Image, Message, OnUnsupported, OutputFormat, Params, Part,
    ProviderData, Reasoning, Refusal, Request, Schema, Thinking, ToolCall, ToolChoice, ToolResult,
    ToolSpec, WarningKind,
};
use meanwhile_http::{Codec as _, Framing, Wire};
use meanwhile_openai_compatible::{ChatCodec, Quirks, TextLists, presets};
use serde_json::{Value, json};

use crate::acme;

fn ask(parts: impl meanwhile_core::IntoParts) -> Request {
    Request::new("m", vec![Message::user(parts)])
}

fn body(wire: &Wire) -> Value {
    serde_json::from_slice(&wire.body).unwrap()
}

/// The body and the subjects of the warnings.
fn written(codec: &ChatCodec, request: &Request) -> (Value, Vec<String>) {
    let wire = codec.encode(request).unwrap();
    let subjects = wire.warnings.iter().map(|warning| warning.subject.to_string()).collect();
    (body(&wire), subjects)
}

fn messages(codec: &ChatCodec, messages: Vec<Message>) -> (Value, Vec<String>) {
    let (mut body, warnings) = written(codec, &Request::new("m", messages));
    (body["messages"].take(), warnings)
}

fn vendor(id: &str) -> ChatCodec {
    ChatCodec::new(id, presets::Preset::find(id).unwrap().quirks)
}

fn tool() -> ToolSpec {
    ToolSpec::new("f", "Does f.", Schema::from(json!({ "type": "object", "properties": {} })))
}

#[test]
fn a_full_request_in_its_order() {
    let mut request = Request::new(
        "m",
        vec![
            Message::system("Be brief."),
            Message::user("f(1)?").with_name("ann"),
            Message::assistant([ToolCall::new("a", "f", "{\"x\":1}").into()]),
            Message::tool_results([ToolResult::new(&ToolCall::new("a", "f", "{}"), "2")]),
        ],
    )
    .streamed();
    request.tools = vec![tool()];
    request.tool_choice = ToolChoice::Tool("f".into());
    request.params = Params::new()
        .temperature(0.5)
        .top_p(0.9)
        .max_tokens(64)
        .stop(["END"])
        .seed(u64::MAX)
        .presence_penalty(0.1)
        .frequency_penalty(0.2)
        .parallel_tool_calls(false)
        .reasoning(Effort::Low)
        .logprobs(2)
        .user("u")
        .service_tier("flex")
        .prompt_cache_key("k")
        .option("acme", "zeta", 1)
        .option("acme", "temperature", 0.75)
        .option("other", "ignored", true);
    let wire = acme().encode(&request).unwrap();
    assert_eq!(wire.path, "/chat/completions");
    assert_eq!(wire.framing, Framing::ServerSentEvents);
    assert!(wire.warnings.is_empty(), "{:?}", wire.warnings);
    let expected = concat!(
        r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},"#,
        r#"{"role":"user","content":"f(1)?","name":"ann"},"#,
        r#"{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","#,
        r#""function":{"name":"f","arguments":"{\"x\":1}"}}]},"#,
        r#"{"role":"tool","content":"2","tool_call_id":"a"}],"#,
        r#""tools":[{"type":"function","function":{"name":"f","description":"Does f.","#,
        r#""parameters":{"type":"object","properties":{}}}}],"#,
        r#""tool_choice":{"type":"function","function":{"name":"f"}},"#,
        r#""parallel_tool_calls":false,"top_p":0.9,"max_tokens":64,"stop":["END"],"#,
        r#""seed":18446744073709551615,"presence_penalty":0.1,"frequency_penalty":0.2,"#,
        r#""logprobs":true,"top_logprobs":2,"user":"u","service_tier":"flex","#,
        r#""prompt_cache_key":"k","reasoning_effort":"low","stream":true,"#,
        r#""stream_options":{"include_usage":true},"zeta":1,"temperature":0.75}"#,
    );
    assert_eq!(std::str::from_utf8(&wire.body).unwrap(), expected);
    assert_eq!(acme().encode(&request).unwrap().body, wire.body, "the same bytes");
}

#[test]
fn text_is_written_plain_and_media_as_parts() {
    let codec = acme();
    let text =
        |parts: Vec<Part>| messages(&codec, vec![Message::user(parts)]).0[0]["content"].take();
    assert_eq!(text(vec!["a".into()]), "a");
    assert_eq!(text(vec![]), "");
    assert_eq!(text(vec![Document::text("t").with_name("n.txt").into()]), "n.txt:\n\nt");
    let parts = text(vec![
        "see".into(),
        Image::url("https://x.example/i.png").with_detail("low").into(),
        Image::bytes(&b"abc"[..], "image/png").into(),
        Audio::bytes(&b"abc"[..], "audio/mpeg").into(),
        Document::bytes(&b"abc"[..], "application/pdf").into(),
        Document::reference("acme", "file_1").into(),
    ]);
    assert_eq!(
        parts,
        json!([
            { "type": "text", "text": "see" },
            { "type": "image_url", "image_url": { "url": "https://x.example/i.png", "detail": "low" } },
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,YWJj" } },
            { "type": "input_audio", "input_audio": { "data": "YWJj", "format": "mp3" } },
            { "type": "file", "file": { "filename": "document.pdf", "file_data": "data:application/pdf;base64,YWJj" } },
            { "type": "file", "file": { "file_id": "file_1" } },
        ])
    );
}

#[test]
fn media_that_a_vendor_does_not_take_is_dropped_aloud() {
    let deepseek = vendor("deepseek");
    let parts: Vec<Part> = vec![
        "see".into(),
        Image::url("https://x.example/i.png").into(),
        Audio::bytes(&b"abc"[..], "audio/wav").into(),
        Document::bytes(&b"abc"[..], "application/pdf").into(),
    ];
    let (written, warnings) = messages(&deepseek, vec![Message::user(parts.clone())]);
    assert_eq!(written[0]["content"], "see");
    assert_eq!(warnings, ["image", "audio", "document"]);

    let mut request = ask(parts);
    request.unsupported = OnUnsupported::Error;
    assert_eq!(deepseek.encode(&request).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn tool_results_are_text_and_their_pictures_follow() {
    let call = ToolCall::new("a", "f", "");
    let shot =
        ToolResult::new(&call, [Part::text("here"), Image::url("https://x.example/i").into()]);
    let results =
        Message::tool_results([shot, ToolResult::error(&ToolCall::new("b", "f", ""), "no")]);
    let (written, warnings) = messages(&acme(), vec![Message::assistant([call.into()]), results]);
    assert_eq!(
        written,
        json!([
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "a", "type": "function", "function": { "name": "f", "arguments": "{}" } } ] },
            { "role": "tool", "content": "here", "tool_call_id": "a" },
            { "role": "tool", "content": "error: no", "tool_call_id": "b" },
            { "role": "user", "content": [
                { "type": "image_url", "image_url": { "url": "https://x.example/i" } } ] },
        ])
    );
    assert_eq!(warnings, ["tool result"]);
}

fn thought(provider: &str, value: Value) -> Part {
    Thinking::new("hm").with_data(ProviderData::new(provider, value)).into()
}

#[test]
fn thinking_goes_back_as_the_vendor_wants_it() {
    let said = |thinking: Part| vec![Message::assistant([thinking, Part::text("so")])];
    let plain = || Part::from(Thinking::new("hm"));
    let (written, warnings) = messages(&acme(), said(plain()));
    assert_eq!(written[0], json!({ "role": "assistant", "content": "so" }));
    assert_eq!(warnings, ["thinking"]);
    let (written, warnings) = messages(&vendor("deepseek"), said(plain()));
    assert_eq!(written[0]["reasoning_content"], "hm");
    assert!(warnings.is_empty());
    let details = json!([{ "type": "reasoning.text", "text": "hm", "signature": "s", "index": 0 }]);
    let own = thought("openrouter", json!({ "reasoning_details": details }));
    let (written, warnings) = messages(&vendor("openrouter"), said(own.clone()));
    assert_eq!(written[0]["reasoning_details"], details);
    assert!(warnings.is_empty());
    // Another provider's thinking means nothing here.
    let (written, warnings) = messages(&vendor("deepseek"), said(own));
    assert_eq!(written[0], json!({ "role": "assistant", "content": "so" }));
    assert_eq!(warnings, ["provider data"]);
    // It asks for nothing, so it is no error either.
    let mut request = Request::new("m", said(plain()));
    request.unsupported = OnUnsupported::Error;
    assert!(acme().encode(&request).is_ok());
}

#[test]
fn what_a_provider_attached_goes_back_to_it() {
    let mut call = ToolCall::new("a", "f", "{}");
    let extra = json!({ "google": { "thought_signature": "s" } });
    call.data = Some(Box::new(ProviderData::new("acme", json!({ "extra_content": extra }))));
    let mut speech = Audio::bytes(&b"abc"[..], "audio/wav");
    speech.data = Some(Box::new(ProviderData::new("acme", json!({ "audio": { "id": "au" } }))));
    let (written, warnings) =
        messages(&acme(), vec![Message::assistant([call.into(), speech.into()])]);
    assert_eq!(written[0]["tool_calls"][0]["extra_content"], extra);
    assert_eq!(written[0]["audio"], json!({ "id": "au" }));
    assert!(warnings.is_empty());

    let sources = Part::opaque("openrouter", json!({ "annotations": [{ "type": "file" }] }));
    let (written, warnings) = messages(&vendor("openrouter"), vec![Message::assistant([sources])]);
    assert_eq!(written[0]["annotations"], json!([{ "type": "file" }]));
    assert!(warnings.is_empty());
}

fn texts(texts: &[&str]) -> Value {
    texts.iter().map(|text| json!({ "type": "text", "text": text })).collect()
}

#[test]
fn several_texts_stay_apart() {
    let call = ToolCall::new("a", "f", "{}");
    let said = || {
        vec![
            Message::system([Part::text("a"), Part::text("b")]),
            Message::user([Part::text("c"), Part::text("d")]),
            // What a citation has cut is one text; what a call parts is two.
            Message::assistant([Part::text("e"), Part::text("f"), call.clone().into(), "g".into()]),
            Message::tool_results([ToolResult::new(&call, [Part::text("h"), Part::text("i")])]),
        ]
    };
    let check = |lists: TextLists, expected: [Value; 4]| {
        let mut quirks = Quirks::new();
        quirks.text_lists = lists;
        let (written, warnings) = messages(&ChatCodec::new("acme", quirks), said());
        let contents: Vec<&Value> = written.as_array().unwrap().iter().collect();
        for (message, expected) in contents.into_iter().zip(&expected) {
            assert_eq!(message["content"], *expected, "{lists:?}");
        }
        assert!(warnings.is_empty());
    };
    let all = [texts(&["a", "b"]), texts(&["c", "d"]), texts(&["e", "f", "g"]), texts(&["h", "i"])];
    check(TextLists::All, all);
    let joined = [json!("a\n\nb"), texts(&["c", "d"]), json!("ef\n\ng"), json!("h\n\ni")];
    check(TextLists::User, joined.clone());
    let [system, _, model, tool] = joined;
    check(TextLists::None, [system, json!("c\n\nd"), model, tool]);
}

#[test]
fn refusals_go_back() {
    let said = || vec![Message::assistant([Part::from(Refusal::new("no"))])];
    assert_eq!(messages(&acme(), said()).0[0]["content"], "no");
    let openai = ChatCodec::new("openai", Quirks::openai());
    let parts = json!([{ "type": "refusal", "refusal": "no" }]);
    assert_eq!(messages(&openai, said()).0[0]["content"], parts);
}

#[test]
fn cache_marks_are_sent_where_they_mean_something() {
    let said =
        || vec![Message::user([Part::text("long"), Part::cache_mark(), Part::text("short")])];
    let (written, warnings) = messages(&acme(), said());
    assert_eq!(
        (&written[0]["content"], warnings),
        (&texts(&["long", "short"]), vec!["cache mark".to_owned()])
    );
    let (written, warnings) = messages(&vendor("openrouter"), said());
    assert_eq!(
        written[0]["content"],
        json!([
            { "type": "text", "text": "long", "cache_control": { "type": "ephemeral" } },
            { "type": "text", "text": "short" },
        ])
    );
    assert!(warnings.is_empty());
}

#[test]
fn tools_and_choices_that_a_vendor_lacks_are_reported() {
    let choose = |id: &str, choice: ToolChoice| {
        let mut request = ask("x");
        request.tools = vec![tool()];
        request.tool_choice = choice;
        written(&vendor(id), &request)
    };
    let (body, warnings) = choose("perplexity", ToolChoice::Auto);
    assert_eq!((body.get("tools"), warnings), (None, vec!["tools".to_owned()]));
    let (body, warnings) = choose("zai", ToolChoice::Required);
    assert_eq!((body.get("tool_choice"), warnings), (None, vec!["tool_choice".to_owned()]));
    let (body, warnings) = choose("groq", ToolChoice::None);
    assert_eq!((&body["tool_choice"], warnings.len()), (&json!("none"), 0));
}

#[test]
fn thinking_is_asked_for_in_the_vendors_words() {
    let check = |id: &str, reasoning: Reasoning, expected: Value, warns: usize| {
        let mut request = ask("x");
        request.params.reasoning = Some(reasoning);
        let (body, warnings) = written(&vendor(id), &request);
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&body[name], value, "{id} {reasoning:?}");
        }
        assert_eq!(warnings.len(), warns, "{id} {reasoning:?}");
    };
    let (low, off) = (Reasoning::Effort(Effort::Low), Reasoning::Effort(Effort::None));
    check("together", low, json!({ "reasoning_effort": "low" }), 0);
    check("together", Reasoning::Budget(900), json!({ "reasoning_effort": "low" }), 1);
    check("groq", Reasoning::Effort(Effort::Max), json!({ "reasoning_effort": "high" }), 1);
    check("openrouter", low, json!({ "reasoning": { "effort": "low" } }), 0);
    check("openrouter", Reasoning::Budget(900), json!({ "reasoning": { "max_tokens": 900 } }), 0);
    check("deepseek", off, json!({ "thinking": { "type": "disabled" } }), 0);
    check("deepseek", low, json!({ "thinking": { "type": "enabled" } }), 1);
    check(
        "alibaba",
        Reasoning::Budget(900),
        json!({ "enable_thinking": true, "thinking_budget": 900 }),
        0,
    );
    check("minimax", low, json!({ "reasoning_split": true }), 1);
}

#[test]
fn settings_without_a_field_are_reported() {
    let mut request = ask("x");
    request.params.top_k = Some(4);
    let wire = acme().encode(&request).unwrap();
    assert_eq!(wire.warnings[0].kind, WarningKind::Dropped);
    assert!(body(&wire).get("top_k").is_none());
    request.unsupported = OnUnsupported::Error;
    let error = acme().encode(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("top_k"));
}

#[test]
fn json_is_asked_for() {
    let mut request = ask("x");
    request.output = OutputFormat::Json;
    let (body, _) = written(&acme(), &request);
    assert_eq!(body["response_format"], json!({ "type": "json_object" }));
    let (body, warnings) = written(&vendor("minimax"), &request);
    assert_eq!((body.get("response_format"), warnings.len()), (None, 1));
}
