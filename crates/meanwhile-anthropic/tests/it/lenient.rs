//! Answers that a strict reader of JSON refuses: fields named twice, characters cut in two.

use meanwhile_http::Framing;

use crate::read;

/// A stream of one block, from its start and the deltas, which are written as they are.
fn stream(start: &str, deltas: &[String]) -> String {
    let event = |json: String| format!("data: {json}\n\n");
    let deltas = deltas.iter().map(|delta| {
        event(format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#))
    });
    let mut body = event(r#"{"type":"message_start","message":{"id":"m","content":[]}}"#.into());
    body +=
        &event(format!(r#"{{"type":"content_block_start","index":0,"content_block":{start}}}"#));
    body.extend(deltas);
    body += &event(r#"{"type":"content_block_stop","index":0}"#.into());
    body += &event(r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#.into());
    body + &event(r#"{"type":"message_stop"}"#.into())
}

#[test]
fn a_field_that_is_named_twice_counts_as_it_came_last() {
    let body = r#"{"id":"a","id":"b","content":[],"content":[{"type":"text","text":"x","text":"y"}],
        "stop_reason":"end_turn","stop_reason":"max_tokens"}"#;
    let response = read(Framing::Whole, body).unwrap();
    assert_eq!((response.id.as_deref(), response.text().as_str()), (Some("b"), "y"));
    let delta = r#"{"type":"text_delta","text":"x","text":"z"}"#.to_owned();
    let body = stream(r#"{"type":"text","text":""}"#, &[delta]);
    assert_eq!(read(Framing::ServerSentEvents, &body).unwrap().text(), "z");
}

#[test]
fn a_character_that_was_cut_in_two_is_put_together() {
    let check = |texts: &[&str], expected: &str| {
        let deltas = |kind: &str, field: &str| -> Vec<String> {
            let delta = |text: &&str| format!(r#"{{"type":"{kind}","{field}":"{text}"}}"#);
            texts.iter().map(delta).collect()
        };
        let body = stream(r#"{"type":"text","text":""}"#, &deltas("text_delta", "text"));
        let response = read(Framing::ServerSentEvents, &body).unwrap();
        assert_eq!(response.text(), expected, "{texts:?}");
        let start = r#"{"type":"thinking","thinking":""}"#;
        let body = stream(start, &deltas("thinking_delta", "thinking"));
        let response = read(Framing::ServerSentEvents, &body).unwrap();
        assert_eq!(response.thinking(), expected, "{texts:?}");
    };
    check(&["a\\ud83d", "\\ude00b"], "a\u{1f600}b");
    check(&["a\\ud83d", "b"], "a\u{fffd}b");
    check(&["a\\ude00", "b"], "a\u{fffd}b");
    check(&["a\\ud83d"], "a\u{fffd}");
    let call = r#"{"type":"tool_use","id":"c","name":"f","input":{}}"#;
    let json = |json: &str| format!(r#"{{"type":"input_json_delta","partial_json":"{json}"}}"#);
    let body = stream(call, &[json(r#"{\"a\":\"\ud83d"#), json(r#"\ude00\"}"#)]);
    let response = read(Framing::ServerSentEvents, &body).unwrap();
    assert_eq!(response.tool_calls().next().unwrap().arguments, "{\"a\":\"\u{1f600}\"}");
}

#[test]
fn half_a_character_of_a_whole_answer_takes_nothing_with_it() {
    let body = r#"{"id":"m","content":[
        {"type":"text","text":"a\ud83d","citations":[{"type":"char_location","cited_text":"\ude00c"}]},
        {"type":"web_search_tool_result","content":"d\ud83d"},
        {"type":"tool_use","id":"c","name":"f","input":{"b":"\ud83d"}}],
        "stop_reason":"tool_use","stop_sequence":"\ud83d","stop_details":{"x":"\ud83d"}}"#;
    let response = read(Framing::Whole, body).unwrap();
    assert_eq!(response.text(), "a\u{fffd}");
    assert_eq!(response.citations().next().unwrap().quote.as_deref(), Some("\u{fffd}c"));
    let call = response.tool_calls().next().unwrap();
    assert_eq!(call.json().unwrap()["b"], "\u{fffd}");
    let kinds: Vec<_> = response.message.parts.iter().map(meanwhile_core::Part::kind).collect();
    assert_eq!(kinds, ["text", "opaque part", "tool call", "opaque part"]);
    assert_eq!(response.finish.unwrap().stop_sequence.as_deref(), Some("\u{fffd}"));
    // An error keeps its words.
    let body = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy \ud83d"}}"#;
    let (error, _) = read(Framing::Whole, body).unwrap_err();
    assert_eq!(error.message(), "busy \u{fffd}");
}
