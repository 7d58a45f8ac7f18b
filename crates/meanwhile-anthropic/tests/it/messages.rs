//! Conversations: every part in its place, or a warning.

use meanwhile_anthropic::AnthropicOptions;
use meanwhile_core::{
    Audio, CacheMark, Citation, Document, Image, MediaSource, Message, Params, Part, ProviderData,
    Refusal, Request, Text, Thinking, ToolCall, ToolResult,
};
use serde_json::{Value, json};

use crate::{MODEL, written};

/// The body's system text and messages, and the subjects of the warnings.
fn messages(messages: Vec<Message>) -> (Value, Value, Vec<String>) {
    let (mut body, warnings) = written(&Request::new(MODEL, messages));
    (body["system"].take(), body["messages"].take(), warnings)
}

#[track_caller]
fn check(parts: Vec<Part>, expected: Value, warnings: &[&str]) {
    let (_, mut found, subjects) = messages(vec![Message::user(parts)]);
    assert_eq!(found[0]["content"].take(), expected);
    assert_eq!(subjects, warnings);
}

#[test]
fn parts_of_the_user() {
    check(vec!["a".into()], json!("a"), &[]);
    let text = |text: &str| json!({ "type": "text", "text": text });
    check(vec!["a".into(), "".into(), " ".into(), "b".into()], json!([text("a"), text("b")]), &[]);
    let image = |source: Value| json!([{ "type": "image", "source": source }]);
    check(
        vec![Image::url("https://x.example/i.png").into()],
        image(json!({ "type": "url", "url": "https://x.example/i.png" })),
        &[],
    );
    check(
        vec![Image::bytes(&b"abc"[..], "image/webp").with_detail("low").into()],
        image(json!({ "type": "base64", "media_type": "image/webp", "data": "YWJj" })),
        &["detail"],
    );
    check(
        vec![Image::url("data:image/gif;base64,YWJj").into()],
        image(json!({ "type": "base64", "media_type": "image/gif", "data": "YWJj" })),
        &[],
    );
    let document = |source: Value| json!([{ "type": "document", "source": source }]);
    check(
        vec![Document::bytes(&b"abc"[..], "application/pdf").into()],
        document(json!({ "type": "base64", "media_type": "application/pdf", "data": "YWJj" })),
        &[],
    );
    check(
        vec![Document::url("https://x.example/d.pdf").into()],
        document(json!({ "type": "url", "url": "https://x.example/d.pdf" })),
        &[],
    );
    let plain = |data: &str| json!({ "type": "text", "media_type": "text/plain", "data": data });
    check(vec![Document::text("t").into()], document(plain("t")), &[]);
    check(
        vec![Document::bytes("é".as_bytes().to_vec(), "text/csv").into()],
        document(plain("é")),
        &[],
    );
    check(
        vec![Document::bytes(&b"PK"[..], "application/zip").into(), "x".into()],
        json!("x"),
        &["document"],
    );
    // A type is read off the first bytes or named; it is not guessed.
    let nameless = || MediaSource::Bytes(b"abc"[..].into());
    check(vec![Image::from_source(nameless(), None).into(), "x".into()], json!("x"), &["image"]);
    check(
        vec![Document::from_source(nameless(), None).into(), "x".into()],
        json!("x"),
        &["document"],
    );
    check(
        vec![Document::bytes(&b"\xff"[..], "text/plain").into(), "x".into()],
        json!("x"),
        &["document"],
    );
    check(vec![Audio::bytes(&b"abc"[..], "audio/wav").into(), "x".into()], json!("x"), &["audio"]);
    check(vec![Thinking::new("hm").into(), "x".into()], json!("x"), &["thinking"]);
    let upload = json!({ "type": "container_upload", "file_id": "file_1" });
    check(vec![Part::opaque("anthropic", upload.clone())], json!([upload]), &[]);
    check(vec![Part::opaque("other", upload), "x".into()], json!("x"), &["provider data"]);
}

#[test]
fn documents_are_cited_all_or_none_and_take_more_fields() {
    let mut document = Document::text("t").with_name("n");
    document.data =
        Some(Box::new(ProviderData::new("anthropic", json!({ "context": "c", "title": "own" }))));
    let mut request =
        Request::new(MODEL, vec![Message::user([document.into(), Document::text("u").into()])]);
    request.params = AnthropicOptions::new().citations(true).apply(Params::new());
    let (body, warnings) = written(&request);
    assert!(warnings.is_empty() && body.get("citations").is_none());
    let source = |data: &str| json!({ "type": "text", "media_type": "text/plain", "data": data });
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            { "type": "document", "source": source("t"), "citations": { "enabled": true },
              "context": "c", "title": "own" },
            { "type": "document", "source": source("u"), "citations": { "enabled": true } },
        ])
    );
}

#[test]
fn system_text_stands_in_front() {
    let (system, found, warnings) = messages(vec![
        Message::system(["a".into(), Part::cache_mark()]),
        Message::system("b"),
        Message::user("x"),
    ]);
    let marked = json!({ "type": "text", "text": "a", "cache_control": { "type": "ephemeral" } });
    assert_eq!(system, json!([marked, { "type": "text", "text": "b" }]));
    assert_eq!((found.as_array().unwrap().len(), warnings.len()), (1, 0));

    let late = || {
        vec![
            Message::user("x"),
            Message::assistant("y"),
            Message::user("z"),
            Message::system("later"),
        ]
    };
    let (system, found, warnings) = messages(late());
    assert_eq!((system, found.as_array().unwrap().len()), (json!("later"), 3));
    assert_eq!(warnings, ["system message"]);
    let (body, warnings) = written(&Request::new("claude-opus-4-8", late()));
    assert!(body.get("system").is_none() && warnings.is_empty());
    assert_eq!(body["messages"][3], json!({ "role": "system", "content": "later" }));

    let (_, _, warnings) =
        messages(vec![Message::system([Image::url("https://x.example").into()])]);
    assert_eq!(warnings, ["image"]);
}

/// The turns of a model that takes late system messages, as `role: text`.
#[track_caller]
fn check_order(messages: &[(&str, &str)], expected: &[&str], warnings: usize) {
    let messages = messages.iter().map(|(role, text)| match *role {
        "system" => Message::system(*text),
        "assistant" => Message::assistant(*text),
        _ => Message::user(*text),
    });
    let (body, found) = written(&Request::new("claude-opus-5", messages.collect()));
    let mut turns: Vec<String> =
        body.get("system").map(|text| format!("front: {text}")).into_iter().collect();
    for turn in body["messages"].as_array().unwrap() {
        let text = match &turn["content"] {
            Value::Array(blocks) => blocks.iter().map(|b| b["text"].as_str().unwrap()).collect(),
            text => text.as_str().unwrap().to_owned(),
        };
        turns.push(format!("{}: {text}", turn["role"].as_str().unwrap()));
    }
    assert_eq!(
        (turns.iter().map(String::as_str).collect(), found.len()),
        (expected.to_vec(), warnings)
    );
}

#[test]
fn late_system_text_stands_behind_the_user() {
    let (user, system, assistant) = ("user", "system", "assistant");
    check_order(
        &[(user, "a"), (system, "b"), (assistant, "c"), (user, "d"), (system, "e")],
        &["user: a", "system: b", "assistant: c", "user: d", "system: e"],
        0,
    );
    check_order(
        &[(user, "a"), (system, "b"), (user, "c"), (system, "d")],
        &["user: ac", "system: bd"],
        1,
    );
    check_order(
        &[(user, "a"), (assistant, "b"), (system, "c"), (user, "d")],
        &["user: a", "assistant: b", "user: d", "system: c"],
        1,
    );
    check_order(
        &[(user, "a"), (assistant, "b"), (system, "c")],
        &["front: \"c\"", "user: a", "assistant: b"],
        1,
    );
}

#[test]
fn turns_of_one_role_are_one_and_results_come_first() {
    let [a, b] = ["a", "b"].map(|id| ToolCall::new(id, "f", ""));
    let (_, found, warnings) = messages(vec![
        Message::user("x"),
        Message::assistant([a.clone().into()]),
        Message::assistant([b.clone().into()]),
        Message::user("and hurry"),
        Message::tool_results([ToolResult::new(&a, "1")]),
        Message::tool_results([ToolResult::error(&b, "no")]),
        Message::user(""),
    ]);
    assert!(warnings.is_empty());
    assert_eq!(
        found,
        json!([
            { "role": "user", "content": "x" },
            { "role": "assistant", "content": [
                { "type": "tool_use", "id": "a", "name": "f", "input": {} },
                { "type": "tool_use", "id": "b", "name": "f", "input": {} },
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "a", "content": "1" },
                { "type": "tool_result", "tool_use_id": "b", "content": "no", "is_error": true },
                { "type": "text", "text": "and hurry" },
            ] },
        ])
    );
}

#[test]
fn results_carry_images_and_documents() {
    let call = ToolCall::new("a", "f", "{}");
    let reference = json!({ "type": "tool_reference", "tool_name": "g" });
    let parts = vec![
        "see".into(),
        Image::bytes(&b"abc"[..], "image/png").into(),
        Document::text("t").into(),
        Part::opaque("anthropic", reference.clone()),
        Audio::bytes(&b"abc"[..], "audio/wav").into(),
        CacheMark::new().into(),
    ];
    let (_, found, warnings) =
        messages(vec![Message::tool_results([ToolResult::new(&call, parts)])]);
    assert_eq!(warnings, ["audio"]);
    assert_eq!(
        found[0]["content"][0],
        json!({ "type": "tool_result", "tool_use_id": "a", "content": [
            { "type": "text", "text": "see" },
            { "type": "image", "source":
                { "type": "base64", "media_type": "image/png", "data": "YWJj" } },
            { "type": "document", "source":
                { "type": "text", "media_type": "text/plain", "data": "t" } },
            reference,
        ], "cache_control": { "type": "ephemeral" } })
    );
    let (_, found, _) = messages(vec![Message::tool_results([ToolResult::new(&call, "")])]);
    assert_eq!(found[0]["content"][0], json!({ "type": "tool_result", "tool_use_id": "a" }));
}

#[test]
fn cache_marks_find_the_block_before_them() {
    let control = json!({ "type": "ephemeral", "ttl": "1h" });
    let mark = || Part::from(CacheMark::new().with_ttl("1h"));
    let signed =
        Thinking::new("hm").with_data(ProviderData::new("anthropic", json!({ "signature": "s" })));
    let (_, found, warnings) = messages(vec![
        Message::user("a"),
        Message::assistant(["b".into(), signed.into(), mark()]),
        Message::user([mark(), "c".into()]),
    ]);
    assert!(warnings.is_empty());
    assert_eq!(found[1]["content"][0]["cache_control"], control, "thinking takes no mark");
    assert!(found[1]["content"][1].get("cache_control").is_none());
    assert_eq!(found[2]["content"], "c");
    let (_, _, warnings) = messages(vec![Message::user([mark(), "c".into()])]);
    assert_eq!(warnings, ["cache mark"]);
}

#[test]
fn the_last_four_cache_marks_are_kept() {
    let turns = |count: usize| {
        (0..count).map(|_| Message::user(["a".into(), Part::cache_mark()])).collect::<Vec<_>>()
    };
    let marked = |body: &Value| -> Vec<bool> {
        let blocks = body["messages"][0]["content"].as_array().unwrap();
        blocks.iter().map(|block| block.get("cache_control").is_some()).collect()
    };
    let (body, warnings) = written(&Request::new(MODEL, turns(6)));
    assert_eq!(marked(&body), [false, false, true, true, true, true]);
    assert_eq!(warnings, ["cache mark"]);
    let mut request = Request::new(MODEL, turns(4));
    request.params = AnthropicOptions::new().cache(None).apply(Params::new());
    assert_eq!(marked(&written(&request).0), [false, true, true, true]);
}

#[test]
fn the_model_goes_on_from_its_last_words() {
    let (_, found, warnings) =
        messages(vec![Message::user("x"), Message::assistant("The answer is: ")]);
    assert_eq!((&found[1]["content"], warnings), (&json!("The answer is:"), vec!["text".into()]));
}

#[test]
fn arguments_go_back_as_they_were_written() {
    #[track_caller]
    fn check(arguments: &str, expected: &str, warnings: usize) {
        let call = ToolCall::new("a", "f", arguments);
        let request = Request::new(MODEL, vec![Message::assistant([call.into()])]);
        let wire = meanwhile_http::Codec::encode(&crate::codec(), &request).unwrap();
        let body = std::str::from_utf8(&wire.body).unwrap();
        assert!(body.contains(&format!("\"input\":{expected}}}")), "{body}");
        assert_eq!(wire.warnings.len(), warnings, "{arguments}");
    }
    check("{ \"a\" : 1.50 }", "{ \"a\" : 1.50 }", 0);
    check("", "{}", 0);
    check("null", "{}", 0);
    check("{}{\"a\":1}", "{\"a\":1}", 0);
    check("{\"a\":", "{\"invalid_arguments\":\"{\\\"a\\\":\"}", 1);
    check("[1]", "{\"invalid_arguments\":\"[1]\"}", 1);
}

#[test]
fn ids_of_other_providers_are_made_to_fit() {
    let calls =
        ["toolu_01-A", "functions.f:0", "functions_f.0", ""].map(|id| ToolCall::new(id, "f", "{}"));
    let results = calls.iter().map(|call| ToolResult::new(call, "1"));
    let (_, found, _) = messages(vec![
        Message::assistant(calls.clone().map(Part::from)),
        Message::tool_results(results),
    ]);
    let ids = |at: usize, name: &str| -> Vec<String> {
        let blocks = found[at]["content"].as_array().unwrap();
        blocks.iter().map(|block| block[name].as_str().unwrap().to_owned()).collect()
    };
    let sent = ids(0, "id");
    assert_eq!(sent, ids(1, "tool_use_id"));
    assert_eq!(sent[0], "toolu_01-A");
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    assert!(sent.iter().all(|id| !id.is_empty() && id.chars().all(legal)), "{sent:?}");
    assert!(sent[1] != sent[2]);
}

#[test]
fn what_belongs_to_another_provider_stays_away() {
    let foreign = || ProviderData::new("google", json!({ "signature": "s" }));
    let (_, found, warnings) = messages(vec![
        Message::user("x").with_name("ann"),
        Message::assistant([
            Thinking::new("hm").with_data(foreign()).into(),
            Thinking::new("unsigned").into(),
            Part::Opaque(foreign()),
            Refusal::new("I will not.").into(),
            Image::url("https://x.example/i.png").into(),
        ]),
        Message::assistant([Part::from({
            let mut text = Text::new("cited");
            text.citations = vec![Citation::url("https://x.example")];
            text
        })]),
    ]);
    assert_eq!(warnings, ["name", "provider data", "thinking", "image", "citation"]);
    assert_eq!(
        found[1]["content"],
        json!([{ "type": "text", "text": "I will not." }, { "type": "text", "text": "cited" }])
    );
}
