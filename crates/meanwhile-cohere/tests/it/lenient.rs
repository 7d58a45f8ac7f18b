//! Answers with characters that were cut in two, which a strict reader of JSON refuses.

use meanwhile_http::Framing;

use crate::fold;

/// A stream of pieces of one kind, whose messages are written as they are.
fn stream(kind: &str, messages: &[String]) -> String {
    let event = |json: &str| format!("data: {json}\n\n");
    let mut body = event(r#"{"type":"message-start","id":"r","delta":{}}"#);
    for message in messages {
        body +=
            &event(&format!(r#"{{"type":"{kind}","index":0,"delta":{{"message":{message}}}}}"#));
    }
    body + &event(r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE"}}"#)
}

#[test]
fn a_character_that_was_cut_in_two_is_put_together() {
    let check = |texts: &[&str], expected: &str| {
        let body = |kind: &str, before: &str, after: &str| {
            let message = |text: &&str| format!("{{{before}\"{text}\"{after}}}");
            stream(kind, &texts.iter().map(message).collect::<Vec<_>>())
        };
        let read = |body: String| fold(Framing::ServerSentEvents, &body).unwrap();
        let response = read(body("content-delta", r#""content":{"text":"#, "}"));
        assert_eq!(response.text(), expected, "{texts:?}");
        let response = read(body("content-delta", r#""content":{"thinking":"#, "}"));
        assert_eq!(response.thinking(), expected, "{texts:?}");
        let response = read(body("tool-plan-delta", r#""tool_plan":"#, ""));
        assert_eq!(response.thinking(), expected, "{texts:?}");
    };
    check(&["a\\ud83d", "\\ude00b"], "a\u{1f600}b");
    check(&["a\\ud83d", "b"], "a\u{fffd}b");
    check(&["a\\ude00", "b"], "a\u{fffd}b");
    check(&["a\\ud83d"], "a\u{fffd}");
    let call = |arguments: &str| {
        format!(
            r#"{{"tool_calls":{{"id":"c","function":{{"name":"f","arguments":"{arguments}"}}}}}}"#
        )
    };
    let body = stream("tool-call-delta", &[call(r#"{\"a\":\"\ud83d"#), call(r#"\ude00\"}"#)]);
    let response = fold(Framing::ServerSentEvents, &body).unwrap();
    assert_eq!(response.tool_calls().next().unwrap().arguments, "{\"a\":\"\u{1f600}\"}");
    // What a stream that broke off had of a text stays.
    let body = stream("content-delta", &[r#"{"content":{"text":"a\ud83d"}}"#.to_owned()]);
    let cut = body.split_inclusive("\n\n").take(2).collect::<String>();
    let (_, partial) = fold(Framing::ServerSentEvents, &cut).unwrap_err();
    assert_eq!(partial.text(), "a\u{fffd}");
}

#[test]
fn half_a_character_of_a_whole_answer_takes_nothing_with_it() {
    let body = r#"{"id":"r","message":{"tool_plan":"p\ud83d","content":[{"type":"text","text":"a\ud83d"}],
        "tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"b\":\"\ud83d\"}"}}],
        "citations":[{"start":0,"end":1,"text":"\ude00","sources":[{"id":"doc\ud83d"}]}]},
        "finish_reason":"TOOL_CALL","usage":{"tokens":{"input_tokens":3}}}"#;
    let response = fold(Framing::Whole, body).unwrap();
    assert_eq!((response.thinking(), response.text()), ("p\u{fffd}".into(), "a\u{fffd}".into()));
    assert_eq!(response.tool_calls().next().unwrap().arguments, "{\"b\":\"\u{fffd}\"}");
    assert_eq!(response.citations().next().unwrap().document.as_deref(), Some("doc\u{fffd}"));
    assert_eq!(response.usage.input.total, Some(3));
    // An error keeps its words.
    let (error, _) = fold(Framing::Whole, r#"{"message":"busy \ud83d"}"#).unwrap_err();
    assert_eq!(error.message(), "busy \u{fffd}");
}
