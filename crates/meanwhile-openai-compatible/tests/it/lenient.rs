//! Answers that a strict reader takes amiss, or reads in part: half characters in fields that are kept raw,
//! fields of another form, words that a program stops at, errors in front of the mark.

use meanwhile_core::{ErrorKind, Fold, Message, Params, Part, Request};
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::{Value, json};

use crate::{acme, fold, stream, whole};

const SSE: Framing = Framing::ServerSentEvents;

#[test]
fn half_a_character_in_a_raw_field_takes_nothing_with_it() {
    let chunk =
        |delta: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{{delta}}}}}]}}\n\n");
    for name in ["thinking", "reasoning_text", "reasoning_content"] {
        let pieces = [r"ok \ud83d", r"\ude00!"].map(|text| chunk(&format!(r#""{name}":"{text}""#)));
        let response = fold(&acme(), SSE, &(pieces.concat() + &stream(&[], "stop"))).unwrap();
        assert_eq!(response.thinking(), "ok \u{1f600}!", "{name}");
    }
    let details =
        r#""reasoning_details":[{"type":"reasoning.text","text":"a\ud83d","signature":"s"}]"#;
    let body = chunk(details) + &stream(&[], "stop");
    let response = fold(&acme(), SSE, &body).unwrap();
    assert_eq!(response.thinking(), "a\u{fffd}");
    let kept = &response.message.parts[0].data().unwrap().value;
    assert_eq!(kept["reasoning_details"][0]["signature"], "s");
    let body =
        r#"{"choices":[{"message":{"content":"a","thinking":"b\ud83d"},"finish_reason":"stop"}]}"#;
    assert_eq!(fold(&acme(), Framing::Whole, body).unwrap().thinking(), "b\u{fffd}");
}

#[test]
fn thinking_in_an_object_is_thinking() {
    for name in ["reasoning_content", "reasoning"] {
        let deltas = [
            json!({ name: { "text": "I nee" } }),
            json!({ name: { "text": "d" } }),
            json!({ "content": "so" }),
        ];
        let response = fold(&acme(), SSE, &stream(&deltas, "stop")).unwrap();
        assert_eq!((response.thinking(), response.text()), ("I need".into(), "so".into()));
    }
}

#[test]
fn a_signature_without_a_word_signs_nothing() {
    let piece = |text: &str, signature: &str| json!({ "content": [{ "type": "reasoning", "summary": [{ "text": text, "signature": signature }] }] });
    let deltas = [piece("a", ""), piece("b", ""), piece("c", "s")];
    let response = fold(&acme(), SSE, &stream(&deltas, "stop")).unwrap();
    assert_eq!((response.thinking().as_str(), response.message.parts.len()), ("abc", 1));
}

#[test]
fn a_stop_sequence_may_be_a_word_for_an_end() {
    let check = |stops: &[&str], expected: Option<&str>| {
        let mut request = Request::new("m", vec![Message::user("hi")]);
        request.params = Params::new().stop(stops.iter().copied());
        let mut answer = Answer::new(acme().decoder(&request), Framing::Whole);
        let body = r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop","stop_reason":"error"}]}"#;
        answer.push(body.into());
        answer.end();
        let mut fold = Fold::new("acme", "m");
        std::iter::from_fn(|| answer.next()).for_each(|event| fold.push(&event.unwrap()).unwrap());
        let finish = fold.finish().unwrap().finish.unwrap();
        assert_eq!(finish.stop_sequence.as_deref(), expected, "{stops:?}");
    };
    check(&["x", "error"], Some("error"));
    check(&["x"], None);
}

#[test]
fn calls_of_free_text_under_one_number_are_each_complete() {
    let begin = |id: &str, index: Value| {
        json!({ "tool_calls": [{ "index": index, "id": id, "type": "custom",
            "custom": { "name": "f", "input": id } }] })
    };
    for index in [json!(0), Value::Null] {
        let deltas = [begin("a", index.clone()), begin("b", index.clone())];
        let response = fold(&acme(), SSE, &stream(&deltas, "tool_calls")).unwrap();
        let calls: Vec<_> = response.tool_calls().map(|call| &*call.arguments).collect();
        assert_eq!(calls, ["\"a\"", "\"b\""], "{index}");
    }
}

#[test]
fn an_extra_field_that_is_named_twice_counts_once() {
    let image = r#"[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]"#;
    let body = format!(
        r#"{{"choices":[{{"message":{{"content":"a","images":{image},"images":{image}}},"finish_reason":"stop"}}]}}"#
    );
    let response = fold(&acme(), Framing::Whole, &body).unwrap();
    let images = response.message.parts.iter().filter(|part| matches!(part, Part::Image(_)));
    assert_eq!(images.count(), 1);
}

/// What llama.cpp writes where an answer fails after it began.
#[test]
fn an_error_in_front_of_the_mark_is_one() {
    let error =
        "error: {\"code\":500,\"message\":\"Context size exceeded\",\"type\":\"server_error\"}\n\n";
    let text = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"so\"}}]}\n\n";
    for (before, said) in [(text, "so"), ("", "")] {
        let body = format!("{before}{error}data: [DONE]\n\n");
        let (error, partial) = fold(&acme(), SSE, &body).unwrap_err();
        assert_eq!((error.message(), partial.text().as_str()), ("Context size exceeded", said));
        assert_ne!(error.kind(), ErrorKind::StreamInterrupted);
    }
    // What is no error is none there, either.
    let other = whole(&json!({ "content": "b" }), &json!("stop"));
    let body = stream(&[json!({ "content": "so" })], "stop");
    let body = body.replace("data: [DONE]", &format!("{other}\n\ndata: [DONE]"));
    assert_eq!(fold(&acme(), SSE, &body).unwrap().text(), "so");
}
