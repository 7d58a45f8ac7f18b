//! Answers with characters that were cut in two, which a strict reader of JSON refuses.

use meanwhile_http::Framing;

use crate::fold;

/// A stream of messages, which are written as they are.
fn stream(messages: &[String]) -> String {
    let line = |message: &String| format!("{{\"message\":{{{message}}},\"done\":false}}\n");
    let lines: String = messages.iter().map(line).collect();
    lines + "{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\"}\n"
}

#[test]
fn a_character_that_was_cut_in_two_is_put_together() {
    let check = |texts: &[&str], expected: &str| {
        let read = |field: &str| {
            let message = |text: &&str| format!("\"{field}\":\"{text}\"");
            let body = stream(&texts.iter().map(message).collect::<Vec<_>>());
            fold(Framing::JsonLines, &body).unwrap()
        };
        assert_eq!(read("content").text(), expected, "{texts:?}");
        assert_eq!(read("thinking").thinking(), expected, "{texts:?}");
    };
    check(&["a\\ud83d", "\\ude00b"], "a\u{1f600}b");
    check(&["a\\ud83d", "b"], "a\u{fffd}b");
    check(&["a\\ude00", "b"], "a\u{fffd}b");
    check(&["a\\ud83d"], "a\u{fffd}");
    check(&["\\ud83d"], "\u{fffd}");
    // A half stays with the kind of text that it ended.
    let messages = [r#""thinking":"a\ud83d""#, r#""content":"b""#].map(str::to_owned);
    let response = fold(Framing::JsonLines, &stream(&messages)).unwrap();
    assert_eq!((response.thinking(), response.text()), ("a\u{fffd}".into(), "b".into()));
    // What a stream that broke off had of a text stays.
    let body = "{\"message\":{\"content\":\"a\\ud83d\"},\"done\":false}\n";
    let (_, partial) = fold(Framing::JsonLines, body).unwrap_err();
    assert_eq!(partial.text(), "a\u{fffd}");
}

#[test]
fn half_a_character_of_a_whole_answer_takes_nothing_with_it() {
    let body = r#"{"model":"m","message":{"content":"a\ud83d","thinking":"t\ude00",
        "tool_calls":[{"function":{"name":"f","arguments":{"b":"\ud83d"}}}]},"done":true,"eval_count":3}"#;
    let response = fold(Framing::Whole, body).unwrap();
    assert_eq!((response.thinking(), response.text()), ("t\u{fffd}".into(), "a\u{fffd}".into()));
    assert_eq!(response.tool_calls().next().unwrap().json().unwrap()["b"], "\u{fffd}");
    assert_eq!(response.usage.output.total, Some(3));
    // Arguments that are kept as they came are read on their own.
    let body = body.replace("a\\ud83d", "a").replace("t\\ude00", "t");
    let response = fold(Framing::Whole, &body).unwrap();
    assert_eq!(response.tool_calls().next().unwrap().json().unwrap()["b"], "\u{fffd}");
    // An error keeps its words.
    let (error, _) = fold(Framing::Whole, r#"{"error":"busy \ud83d"}"#).unwrap_err();
    assert_eq!(error.message(), "busy \u{fffd}");
}
