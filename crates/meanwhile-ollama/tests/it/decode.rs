//! Whole answers and streams.

use meanwhile_core::{
    ErrorKind, Event, FinishReason, Message, Part, Request, Response, Role, ToolCall, WarningKind,
};
use meanwhile_http::{Answer, Codec as _, Framing};
use meanwhile_ollama::OllamaCodec;
use serde_json::json;

use crate::{events, fold};

/// A line of a stream.
fn line(message: &serde_json::Value) -> String {
    let line = json!({ "model": "qwen3:latest", "created_at": "2025-01-31T12:30:00.5Z",
        "message": message, "done": false });
    format!("{line}\n")
}

fn last(reason: &str) -> String {
    let line = json!({ "model": "qwen3:latest", "created_at": "2025-01-31T12:30:01Z",
        "message": { "role": "assistant", "content": "" }, "done": true, "done_reason": reason,
        "total_duration": 2_000_000_000_u64, "load_duration": 5, "prompt_eval_count": 11,
        "prompt_eval_duration": 7, "eval_count": 13, "eval_duration": 9 });
    format!("{line}\n")
}

/// Checks a stream, and that the places where it is cut do not matter.
fn check(body: &str) -> Response {
    let facts = |events: Vec<_>| format!("{events:?}");
    let whole = facts(events(Framing::JsonLines, body.as_bytes(), body.len()));
    for size in 1..64 {
        assert_eq!(facts(events(Framing::JsonLines, body.as_bytes(), size)), whole);
    }
    fold(Framing::JsonLines, body).unwrap()
}

#[test]
fn a_stream_of_thinking_and_text() {
    let body = [
        line(&json!({ "role": "assistant", "content": "", "thinking": "Let " })),
        line(&json!({ "role": "assistant", "content": "", "thinking": "me" })),
        line(&json!({ "role": "assistant", "content": "Grüß" })),
        line(&json!({ "role": "assistant", "content": " Gott\n" })),
        last("stop"),
    ];
    let response = check(&body.concat());
    assert_eq!((response.thinking(), response.text()), ("Let me".into(), "Grüß Gott\n".into()));
    assert_eq!(response.model, "qwen3:latest");
    assert_eq!(response.created, Some(1_738_326_600));
    let finish = response.finish.unwrap();
    assert_eq!((finish.reason, finish.raw.as_deref()), (FinishReason::Stop, Some("stop")));
    assert_eq!((response.usage.input.total, response.usage.output.total), (Some(11), Some(13)));
    let raw = response.usage.raw.unwrap().json().unwrap();
    assert_eq!(
        (&raw["total_duration"], &raw["load_duration"]),
        (&json!(2_000_000_000_u64), &json!(5))
    );
}

#[test]
fn calls_without_ids_get_some_that_stay() {
    let call = |name: &str, arguments: &serde_json::Value| json!({ "function": { "name": name, "arguments": arguments } });
    let body = [
        line(&json!({ "content": "Both:", "tool_calls": [call("a", &json!({ "x": 1.50 }))] })),
        line(
            &json!({ "content": "", "tool_calls": [call("b", &json!({})), call("a", &json!("{\"x\":2}"))] }),
        ),
        last("stop"),
    ];
    let response = check(&body.concat());
    let calls: Vec<_> = response
        .tool_calls()
        .map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str()))
        .collect();
    let expected =
        [("call_0", "a", r#"{"x":1.5}"#), ("call_1", "b", "{}"), ("call_2", "a", r#"{"x":2}"#)];
    assert_eq!(calls, expected);
    assert_eq!(response.finish.unwrap().reason, FinishReason::ToolCalls);

    // In a conversation that holds calls already, the next ids go on from them.
    let earlier = Part::ToolCall(ToolCall::new("call_0", "a", "{}"));
    let request = Request::new("m", vec![Message::new(Role::Assistant, vec![earlier])]);
    let mut answer = Answer::new(OllamaCodec::new().decoder(&request), Framing::JsonLines);
    answer.push(body.concat().into());
    let ids = std::iter::from_fn(|| answer.next()).filter_map(|event| match event.unwrap() {
        Event::Part { part, .. } => part.as_tool_call().map(|call| call.id.clone()),
        _ => None,
    });
    assert_eq!(ids.collect::<Vec<_>>(), ["call_1", "call_2", "call_3"]);
}

#[test]
fn calls_keep_the_ids_they_have() {
    let body = json!({ "model": "m", "message": { "role": "assistant", "content": "", "tool_calls": [
            { "id": "call_xyz", "function": { "index": 0, "name": "now", "arguments": null } } ] },
        "done": true, "done_reason": "stop" });
    let response = fold(Framing::Whole, &body.to_string()).unwrap();
    let call = response.tool_calls().next().unwrap();
    assert_eq!((call.id.as_str(), call.arguments.as_str()), ("call_xyz", "{}"));
}

#[test]
fn finish_reasons() {
    let call = json!([{ "function": { "name": "f", "arguments": {} } }]);
    for (reason, calls, expected) in [
        (json!("stop"), json!(null), FinishReason::Stop),
        (json!("stop"), call.clone(), FinishReason::ToolCalls),
        (json!(null), json!(null), FinishReason::Stop),
        (json!(null), call.clone(), FinishReason::ToolCalls),
        (json!("length"), call, FinishReason::Length),
        (json!("load"), json!(null), FinishReason::Other),
        (json!("unload"), json!(null), FinishReason::Other),
        (json!("something new"), json!(null), FinishReason::Other),
    ] {
        let body = json!({ "message": { "content": "x", "tool_calls": calls }, "done": true,
            "done_reason": reason });
        let finish = fold(Framing::Whole, &body.to_string()).unwrap().finish.unwrap();
        assert_eq!(finish.reason, expected, "{reason}");
        assert_eq!(finish.raw.as_deref(), reason.as_str());
    }
}

#[test]
fn counters_may_be_missing() {
    let body = json!({ "message": { "content": "x" }, "done": true, "eval_count": 3 });
    let usage = fold(Framing::Whole, &body.to_string()).unwrap().usage;
    assert_eq!((usage.input.total, usage.output.total), (None, Some(3)));
    let body = json!({ "message": { "content": "x" }, "done": true });
    assert_eq!(fold(Framing::Whole, &body.to_string()).unwrap().usage.raw, None);
}

#[test]
fn odd_fields_are_no_failure() {
    let body = json!({ "model": 3, "created_at": null, "done_reason": ["stop"], "done": true,
        "message": { "content": "x", "thinking": null, "tool_calls": null, "new": {} },
        "prompt_eval_count": -1, "eval_count": 2, "eval_duration": 1.5, "new": [1],
        "logprobs": [{ "token": "x", "logprob": null }] });
    let response = fold(Framing::Whole, &body.to_string()).unwrap();
    assert_eq!((response.text().as_str(), response.model.as_str()), ("x", "m"));
    assert_eq!((response.usage.input.total, response.usage.output.total), (None, Some(2)));
    assert_eq!(response.usage.raw.unwrap().json().unwrap()["eval_duration"], 1.5);
}

#[test]
fn fields_of_look_alikes_are_no_failure() {
    let parts = json!([{ "type": "text", "text": "one " }, "two", 3, null]);
    for (content, text) in [(parts, "one two3"), (json!(5), "5"), (json!(true), "")] {
        let body = json!({ "message": { "content": content, "tool_calls": {} }, "done": true,
            "done_reason": "tool_calls", "logprobs": [{ "token": null, "logprob": -1 }] });
        let response = fold(Framing::Whole, &body.to_string()).unwrap();
        assert_eq!(response.text(), text, "{body}");
        assert_eq!(response.finish.unwrap().reason, FinishReason::ToolCalls);
    }
    // Of a field that is named twice, the last counts.
    let body = r#"{"message":{},"message":{"content":"a","content":"b"},"done":false,"done":true}"#;
    assert_eq!(fold(Framing::Whole, body).unwrap().text(), "b");
}

#[test]
fn logprobs_and_pictures() {
    let body = json!({ "message": { "content": "Hi", "images": ["aGk=", "?"] }, "done": true,
        "logprobs": [{ "token": "Hi", "logprob": -0.5, "bytes": [72, 105],
            "top_logprobs": [{ "token": "Hi", "logprob": -0.5 }, { "token": "Yo", "logprob": -2.0 }] }] });
    let response = fold(Framing::Whole, &body.to_string()).unwrap();
    let kinds: Vec<_> = response.message.parts.iter().map(Part::kind).collect();
    assert_eq!(kinds, ["text", "image"]);
    assert_eq!(response.warnings[0].kind, WarningKind::Unreadable);
    let Part::Text(text) = &response.message.parts[0] else { panic!() };
    assert_eq!(text.logprobs[0].top, [("Hi".to_owned(), -0.5), ("Yo".to_owned(), -2.0)]);

    let images = |images: &str| {
        let body = format!(r#"{{"message":{{"content":"Hi","images":{images}}},"done":true}}"#);
        let response = fold(Framing::Whole, &body).unwrap();
        (response.message.parts.len() - 1, response.warnings.len())
    };
    assert_eq!(images(r#""aGk=""#), (1, 0));
    assert_eq!(images(r#"[]"#), (0, 0));
    assert_eq!(images(r#""""#), (0, 0));
    assert_eq!(images("null"), (0, 0));
    assert_eq!(images(r#"{"data":"aGk="}"#), (0, 1));
    assert_eq!(images("[7, null]"), (0, 2));
}

#[test]
fn a_logprob_beyond_all_numbers_is_none() {
    let body = r#"{"message":{"content":"Hi"},"done":true,"logprobs":[
        {"token":"H","logprob":1e999},{"token":"i","logprob":-0.5,"top_logprobs":[{"token":"i","logprob":-1e999}]}]}"#;
    let response = fold(Framing::Whole, body).unwrap();
    let Part::Text(text) = &response.message.parts[0] else { panic!() };
    assert_eq!((text.logprobs.len(), text.logprobs[0].top.len()), (1, 0));
    // An answer that was kept is read again.
    let kept = serde_json::to_string(&response).unwrap();
    assert_eq!(serde_json::from_str::<meanwhile_core::Response>(&kept).unwrap(), response);
}

#[test]
fn answers_that_break_off_are_no_answers() {
    let text = line(&json!({ "content": "Once" }));
    for body in [text.clone(), format!("{text}{}", &last("stop")[..40])] {
        let (error, partial) = fold(Framing::JsonLines, &body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamInterrupted, "{body}");
        assert_eq!(partial.text(), "Once");
    }
    let (error, _) = fold(Framing::JsonLines, "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamInterrupted);
    // The other interface of the same server.
    let body = json!({ "object": "chat.completion", "choices": [] });
    let (error, _) = fold(Framing::Whole, &body.to_string()).unwrap_err();
    assert!(error.kind() == ErrorKind::Decode && error.message().contains("address"), "{error}");
}

#[test]
fn a_stream_may_come_whole() {
    let body =
        line(&json!({ "content": "one " })) + &line(&json!({ "content": "two" })) + &last("stop");
    assert_eq!(fold(Framing::Whole, &body).unwrap().text(), "one two");
}
