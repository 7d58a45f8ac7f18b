//! Requests, byte for byte.

use meanwhile_core::{
    Audio, Document, Effort, ErrorKind, Image, Message, OnUnsupported, OutputFormat, OutputSchema,
    Params, Part, ProviderData, Reasoning, Request, Role, Schema, Thinking, ToolCall, ToolChoice,
    ToolResult, ToolSpec,
};
use meanwhile_http::{Codec as _, Framing};
use meanwhile_ollama::{OllamaCodec, OllamaOptions};
use serde_json::json;

/// Checks the body and the subjects of the warnings.
fn check(request: &Request, expected: &str, warnings: &[&str]) {
    let wire = OllamaCodec::new().encode(request).unwrap();
    assert_eq!(std::str::from_utf8(&wire.body).unwrap(), expected);
    let subjects: Vec<_> = wire.warnings.iter().map(|warning| &*warning.subject).collect();
    assert_eq!(subjects, warnings);
    assert_eq!(wire.path, "/api/chat");
    assert_eq!(OllamaCodec::new().encode(request).unwrap().body, wire.body);
    // In strict mode, what is left out or weakened is an error instead.
    if warnings.is_empty() {
        let mut strict = request.clone();
        strict.unsupported = OnUnsupported::Error;
        assert_eq!(OllamaCodec::new().encode(&strict).unwrap().body, wire.body);
    }
}

fn ask(text: &str) -> Request {
    Request::new("m", vec![Message::user(text)])
}

#[test]
fn a_question() {
    let expected = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":false}"#;
    check(&ask("Hi"), expected, &[]);
    let streamed = ask("Hi").streamed();
    check(&streamed, &expected.replace("false", "true"), &[]);
    assert_eq!(OllamaCodec::new().encode(&streamed).unwrap().framing, Framing::JsonLines);
}

#[test]
fn texts_that_stand_for_themselves_are_kept_apart() {
    let call = ToolCall::new("1", "f", "{}");
    let messages = vec![
        Message::user([
            Part::text("Summarise this:"),
            Document::text("All is well.").with_name("report.txt").into(),
        ]),
        // The model's own go on where the last one ended.
        Message::assistant([Part::text("All "), Part::text("well."), call.clone().into()]),
        Message::tool_results([ToolResult::new(&call, [Part::text("4"), Part::text("2")])]),
    ];
    let wire = OllamaCodec::new().encode(&Request::new("m", messages)).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&wire.body).unwrap();
    let texts: Vec<_> =
        (0..3).map(|at| body["messages"][at]["content"].as_str().unwrap()).collect();
    assert_eq!(texts, ["Summarise this:\n\nreport.txt:\n\nAll is well.", "All well.", "4\n\n2"]);
}

#[test]
fn every_setting() {
    let mut request = ask("Hi");
    request.params = Params::new()
        .temperature(0.5)
        .top_p(0.9)
        .top_k(40)
        .max_tokens(100)
        .stop(["END"])
        .seed(7)
        .presence_penalty(0.1)
        .frequency_penalty(0.2)
        .reasoning(Effort::High)
        .logprobs(2)
        .user("u")
        .service_tier("t")
        .prompt_cache_key("k");
    let expected = concat!(
        r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"think":"high","#,
        r#""logprobs":true,"top_logprobs":2,"stream":false,"options":{"temperature":0.5,"top_p":0.9,"#,
        r#""top_k":40,"num_predict":100,"stop":["END"],"seed":7,"presence_penalty":0.1,"#,
        r#""frequency_penalty":0.2}}"#
    );
    check(&request, expected, &["user", "service_tier", "prompt_cache_key"]);
    request.unsupported = OnUnsupported::Error;
    let error = OllamaCodec::new().encode(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn vendor_options_find_their_place() {
    let mut request = ask("Hi");
    request.params = OllamaOptions::new()
        .num_ctx(8192)
        .keep_alive("10m")
        .truncate(false)
        .apply(Params::new().temperature(0.5).top_k(3))
        .option("ollama", "options", json!({ "temperature": 1, "new_one": true }))
        .option("ollama", "top_k", 4)
        .option("other", "num_ctx", 1);
    let expected = concat!(
        r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":false,"#,
        r#""keep_alive":"10m","truncate":false,"#,
        r#""options":{"temperature":1,"top_k":4,"num_ctx":8192,"new_one":true}}"#
    );
    check(&request, expected, &[]);
    let seconds = OllamaOptions::new().keep_alive("-1").apply(Params::new());
    assert_eq!(seconds.options["ollama"]["keep_alive"], -1);
}

#[test]
fn thinking_has_four_levels_and_off() {
    for (reasoning, written, warnings) in [
        (Reasoning::Effort(Effort::None), "false", &[][..]),
        (Reasoning::Budget(0), "false", &[]),
        (Reasoning::Effort(Effort::Minimal), r#""low""#, &["reasoning"]),
        (Reasoning::Effort(Effort::Low), r#""low""#, &[]),
        (Reasoning::Effort(Effort::Medium), r#""medium""#, &[]),
        (Reasoning::Effort(Effort::XHigh), r#""max""#, &["reasoning"]),
        (Reasoning::Effort(Effort::Max), r#""max""#, &[]),
        (Reasoning::Budget(4000), r#""medium""#, &["reasoning"]),
    ] {
        let mut request = ask("Hi");
        request.params = Params::new().reasoning(reasoning);
        let expected = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"Hi"}}],"think":{written},"stream":false}}"#
        );
        check(&request, &expected, warnings);
    }
}

#[test]
fn tools_and_the_choice_of_one() {
    let schema = Schema::from(json!({ "type": "object", "properties": {} }));
    let mut request = ask("Hi");
    request.tools = vec![ToolSpec::new("now", "Tells the time", schema)];
    let tools = concat!(
        r#""tools":[{"type":"function","function":{"name":"now","description":"Tells the time","#,
        r#""parameters":{"type":"object","properties":{}}}}],"#
    );
    let start = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"#;
    let with = format!(r#"{start}{tools}"stream":false}}"#);
    check(&request, &with, &[]);
    request.tool_choice = ToolChoice::Required;
    check(&request, &with, &["tool_choice"]);
    request.tool_choice = ToolChoice::Tool("now".into());
    check(&request, &with, &["tool_choice"]);
    request.tool_choice = ToolChoice::None;
    check(&request, &format!(r#"{start}"stream":false}}"#), &["tool_choice"]);
    request.tool_choice = ToolChoice::Auto;
    request.params.parallel_tool_calls = Some(false);
    check(&request, &with, &["parallel_tool_calls"]);
}

#[test]
fn shapes_of_answers() {
    let mut request = ask("Hi");
    let start = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"#;
    request.output = OutputFormat::Json;
    check(&request, &format!(r#"{start}"format":"json","stream":false}}"#), &[]);
    let whole = json!({ "type": "string", "pattern": "^a+$" });
    request.output = OutputFormat::Schema(OutputSchema::new("out", whole.into()));
    let expected = r#""format":{"type":"string","pattern":"^a+$"},"stream":false}"#;
    check(&request, &format!("{start}{expected}"), &[]);
    let open = json!({ "items": [{ "pattern": "a+", "type": "string" }] });
    request.output = OutputFormat::Schema(OutputSchema::new("out", open.into()));
    let expected = r#""format":{"items":[{"type":"string"}]},"stream":false}"#;
    check(&request, &format!("{start}{expected}"), &["output schema"]);
}

#[test]
fn a_whole_conversation() {
    let call = ToolCall::new("call_0", "look", " {\"a\": 1} ");
    let odd = ToolCall::new("call_1", "look", "");
    let result = ToolResult::new(
        &call,
        [Part::text("see"), Part::Image(Image::bytes(&b"hi"[..], "image/png"))],
    );
    let signed = Thinking::new("secret").with_data(ProviderData::new("anthropic", json!("s")));
    let request = Request::new(
        "m",
        vec![
            Message::system("Be brief."),
            Message::user([
                Part::text("Look "),
                Part::Image(Image::bytes(&b"hi"[..], "image/png")),
                Part::text("here"),
                Part::Document(Document::text("words").with_name("notes")),
            ]),
            Message::new(
                Role::Assistant,
                vec![
                    Part::Thinking(signed),
                    Part::Thinking(Thinking::new("hm")),
                    Part::text("I look."),
                    Part::ToolCall(call),
                    Part::ToolCall(odd.clone()),
                ],
            ),
            Message::tool_results([result, ToolResult::error(&odd, "broke")]),
        ],
    );
    let expected = concat!(
        r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},"#,
        r#"{"role":"user","content":"Look \n\nhere\n\nnotes:\n\nwords","images":["aGk="]},"#,
        r#"{"role":"assistant","content":"I look.","thinking":"hm","tool_calls":["#,
        r#"{"id":"call_0","type":"function","function":{"name":"look","arguments":{"a": 1}}},"#,
        r#"{"id":"call_1","type":"function","function":{"name":"look","arguments":{}}}]},"#,
        r#"{"role":"tool","content":"see","images":["aGk="],"tool_name":"look","tool_call_id":"call_0"},"#,
        r#"{"role":"tool","content":"error: broke","tool_name":"look","tool_call_id":"call_1"}],"#,
        r#""stream":false}"#
    );
    check(&request, expected, &["provider data"]);
}

#[test]
fn what_the_wire_cannot_carry() {
    for (part, subject) in [
        (Part::Image(Image::url("https://a.example/b.png")), "image"),
        (Part::Audio(Audio::bytes(&b"hi"[..], "audio/wav")), "audio"),
        (Part::Document(Document::bytes(&b"%PDF-"[..], "application/pdf")), "document"),
        (Part::cache_mark(), "cache mark"),
        (Part::opaque("other", json!(1)), "provider data"),
        (Part::ToolCall(ToolCall::new("i", "n", "{}")), "tool call"),
    ] {
        let request = Request::new("m", vec![Message::user([Part::text("Hi"), part])]);
        let expected =
            r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":false}"#;
        check(&request, expected, &[subject]);
    }
    let broken = ToolCall::new("i", "n", "{\"a\":");
    let request =
        Request::new("m", vec![Message::new(Role::Assistant, vec![Part::ToolCall(broken)])]);
    let expected = concat!(
        r#"{"model":"m","messages":[{"role":"assistant","content":"","tool_calls":[{"id":"i","#,
        r#""type":"function","function":{"name":"n","arguments":{}}}]}],"stream":false}"#
    );
    check(&request, expected, &["tool call"]);
}
