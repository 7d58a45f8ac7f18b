//! Answers to events, whole and streamed.

use meanwhile_core::{
    ErrorKind, Event, FinishReason, Message, Part, Request, Response, ToolResult,
};
use meanwhile_http::Framing;
use serde_json::{Value, json};

use crate::{body, events, fold, stream};

fn usage() -> Value {
    json!({ "billed_units": { "input_tokens": 9, "output_tokens": 2 },
        "tokens": { "input_tokens": 100, "output_tokens": 20, "reasoning_tokens": 5 },
        "cached_tokens": 30 })
}

fn whole(message: Value, reason: &str) -> Response {
    let body = json!({ "id": "r", "message": message, "finish_reason": reason, "usage": usage() });
    fold(Framing::Whole, &body.to_string()).unwrap()
}

fn piece(kind: &str, index: u32, message: Value) -> Value {
    json!({ "type": kind, "index": index, "delta": { "message": message } })
}

fn start() -> Value {
    json!({ "id": "r", "type": "message-start", "delta": { "message": { "role": "assistant",
        "content": [], "tool_plan": "", "tool_calls": [], "citations": [] } } })
}

fn end(reason: &str) -> Value {
    json!({ "type": "message-end", "delta": { "finish_reason": reason, "usage": usage() } })
}

fn streamed(pieces: Vec<Value>, reason: &str) -> Response {
    let mut all = vec![start()];
    all.extend(pieces);
    all.push(end(reason));
    fold(Framing::ServerSentEvents, &stream(&all)).unwrap()
}

/// Checks that both ways give the same response.
fn check(message: Value, pieces: Vec<Value>, reason: &str) -> Response {
    let whole = whole(message, reason);
    let streamed = streamed(pieces, reason);
    assert_eq!(whole, streamed);
    whole
}

fn text(index: u32, text: &str) -> Value {
    piece("content-delta", index, json!({ "content": { "text": text } }))
}

#[test]
fn thinking_text_and_citations() {
    let citation = json!({ "start": 4, "end": 7, "text": "sky", "type": "TEXT_CONTENT", "content_index": 1,
        "sources": [{ "type": "document", "id": "doc-0", "document": { "id": "doc-0", "title": "facts", "url": "https://x.example/", "text": "…" } }] });
    let plan = json!({ "start": 0, "end": 1, "text": "h", "type": "PLAN", "sources": [] });
    let response = check(
        json!({ "role": "assistant", "content": [
            { "type": "thinking", "thinking": "hm hm" }, { "type": "text", "text": "The sky" }],
            "citations": [citation, plan] }),
        vec![
            piece("content-start", 0, json!({ "content": { "type": "thinking", "thinking": "" } })),
            piece("content-delta", 0, json!({ "content": { "thinking": "hm " } })),
            piece("content-delta", 0, json!({ "content": { "thinking": "hm" } })),
            json!({ "type": "content-end", "index": 0 }),
            piece("content-start", 1, json!({ "content": { "type": "text", "text": "" } })),
            text(1, "The "),
            text(1, "sky"),
            json!({ "type": "content-end", "index": 1 }),
            piece("citation-start", 0, json!({ "citations": citation })),
            json!({ "type": "citation-end", "index": 0 }),
            piece("citation-start", 1, json!({ "citations": plan })),
        ],
        "COMPLETE",
    );
    assert_eq!((response.text(), response.thinking()), ("The sky".into(), "hm hm".into()));
    assert_eq!(response.id.as_deref(), Some("r"));
    let found = response.citations().next().unwrap();
    assert_eq!(found.span, Some(4..7));
    assert_eq!((found.document.as_deref(), found.title.as_deref()), (Some("doc-0"), Some("facts")));
    assert_eq!(found.url.as_deref(), Some("https://x.example/"));

    // It goes back as it came.
    let request = Request::new("m", vec![response.message.clone(), Message::user("and?")]);
    let (sent, warnings) = body(&request);
    assert_eq!(sent["messages"][0]["citations"], json!([citation]));
    assert_eq!(
        sent["messages"][0]["content"][0],
        json!({ "type": "thinking", "thinking": "hm hm" })
    );
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn a_plan_and_calls() {
    let function = |name: &str, arguments: &str| json!({ "name": name, "arguments": arguments });
    let response = check(
        json!({ "role": "assistant", "tool_plan": "I will look.", "tool_calls": [
            { "id": "a_1", "type": "function", "function": function("a", "{\"x\":1}") },
            { "id": "b_1", "type": "function", "function": function("b", "") }] }),
        vec![
            json!({ "type": "tool-plan-delta", "delta": { "message": { "tool_plan": "I will " } } }),
            json!({ "type": "tool-plan-delta", "delta": { "message": { "tool_plan": "look." } } }),
            piece(
                "tool-call-start",
                0,
                json!({ "tool_calls": { "id": "a_1", "type": "function", "function": function("a", "") } }),
            ),
            piece(
                "tool-call-delta",
                0,
                json!({ "tool_calls": { "function": { "arguments": "{\"x\"" } } }),
            ),
            piece(
                "tool-call-delta",
                0,
                json!({ "tool_calls": { "function": { "arguments": ":1}" } } }),
            ),
            json!({ "type": "tool-call-end", "index": 0 }),
            piece(
                "tool-call-start",
                1,
                json!({ "tool_calls": { "id": "b_1", "type": "function", "function": function("b", "") } }),
            ),
            json!({ "type": "tool-call-end", "index": 1 }),
        ],
        "TOOL_CALL",
    );
    assert_eq!(response.thinking(), "I will look.");
    let calls: Vec<_> = response.tool_calls().map(|call| (&*call.id, &*call.arguments)).collect();
    assert_eq!(calls, [("a_1", "{\"x\":1}"), ("b_1", "{}")]);
    assert_eq!(response.finish_reason(), Some(FinishReason::ToolCalls));

    let results = response.tool_calls().map(|call| ToolResult::new(call, "ok")).collect::<Vec<_>>();
    let request = Request::new("m", vec![response.message.clone(), Message::tool_results(results)]);
    let (sent, _) = body(&request);
    assert_eq!(sent["messages"][0]["tool_plan"], "I will look.");
    assert_eq!(sent["messages"][2]["tool_call_id"], "b_1");
}

#[test]
fn finish_reasons_and_failures() {
    for (raw, expected) in [
        ("COMPLETE", FinishReason::Stop),
        ("STOP_SEQUENCE", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("TOOL_CALL", FinishReason::ToolCalls),
        ("ERROR_TOXIC", FinishReason::ContentFilter),
        ("SOMETHING", FinishReason::Other),
    ] {
        let message = json!({ "content": [{ "type": "text", "text": "x" }] });
        let response =
            check(message, vec![text(0, "x"), json!({ "type": "content-end", "index": 0 })], raw);
        let finish = response.finish.unwrap();
        assert_eq!((finish.reason, finish.raw.as_deref()), (expected, Some(raw)));
    }
    for (raw, kind) in [
        ("ERROR", ErrorKind::Server),
        ("TIMEOUT", ErrorKind::Timeout(meanwhile_core::TimeoutPhase::Idle)),
    ] {
        let end = json!({ "type": "message-end", "delta": { "finish_reason": raw, "usage": usage(),
            "error": "invalid tool generation", "error_type": "INVALID_TOOL_GENERATION" } });
        let body = stream(&[start(), text(0, "so far"), end]);
        let (error, partial) = fold(Framing::ServerSentEvents, &body).unwrap_err();
        assert_eq!((error.kind(), error.message()), (kind, "invalid tool generation"));
        assert_eq!(error.code(), Some("INVALID_TOOL_GENERATION"));
        assert!(error.is_retryable());
        assert_eq!((partial.text(), partial.usage.total()), ("so far".into(), Some(120)));
    }
    let whole = json!({ "message": { "content": [] }, "finish_reason": "ERROR" }).to_string();
    assert_eq!(fold(Framing::Whole, &whole).unwrap_err().0.kind(), ErrorKind::Server);
}

#[test]
fn counters() {
    let response = whole(json!({ "content": [] }), "COMPLETE");
    let usage = response.usage;
    assert_eq!((usage.input.total, usage.input.cache_read), (Some(100), Some(30)));
    assert_eq!(usage.input.uncached, Some(70));
    assert_eq!((usage.output.total, usage.output.reasoning), (Some(20), Some(5)));
    assert_eq!(usage.output.text, Some(15));
    assert_eq!(usage.raw.unwrap().json().unwrap()["billed_units"]["input_tokens"], 9);
    let body = json!({ "message": {}, "finish_reason": "COMPLETE",
        "usage": { "tokens": { "input_tokens": 12.0 }, "cached_tokens": 40 } });
    let usage = fold(Framing::Whole, &body.to_string()).unwrap().usage;
    assert_eq!((usage.input.total, usage.input.uncached), (Some(12), Some(0)));
    assert_eq!(usage.output.total, None);
}

#[test]
fn probabilities() {
    let body = json!({ "message": { "content": [{ "type": "text", "text": "Hi" }] }, "finish_reason": "COMPLETE",
        "logprobs": [{ "text": "Hi", "token_ids": [1, 2], "logprobs": [-0.1, -0.2] }] });
    let found = events(Framing::Whole, body.to_string().as_bytes(), 1 << 20);
    let tokens = found.iter().find_map(|event| match event {
        Ok(Event::Logprobs { tokens, .. }) => Some(tokens.clone()),
        _ => None,
    });
    let tokens = tokens.unwrap();
    assert_eq!((&*tokens[0].token, tokens[1].logprob), ("Hi", -0.2));
}

#[test]
fn odd_fields_are_no_failure() {
    let response = whole(json!({ "content": "said" }), "COMPLETE");
    assert_eq!(response.text(), "said");
    let function = json!({ "name": "f", "arguments": { "x": 1.50 } });
    let message = json!({ "content": ["a", { "type": "text", "text": 5 }, null, 3],
        "tool_calls": [{ "id": 7, "function": function }, "noise"] });
    let response = whole(message, "COMPLETE");
    assert_eq!(response.text(), "a5");
    let call = response.tool_calls().next().unwrap();
    assert_eq!((&*call.id, &*call.arguments), ("7", "{\"x\":1.5}"));

    let odd = json!({ "type": "content-delta", "index": "0", "id": ["x"],
        "delta": { "message": { "content": { "text": "Hi" }, "tool_plan": {} } },
        "logprobs": { "text": "Hi", "logprobs": [-0.5, null] } });
    let more = json!({ "type": "content-delta", "index": 0.0, "delta": { "message": { "content": "!" } } });
    let response = streamed(vec![odd, more], "COMPLETE");
    assert_eq!(response.text(), "Hi!");
    let Part::Text(text) = &response.message.parts[0] else { panic!("{response:?}") };
    assert_eq!((text.logprobs.len(), text.logprobs[0].logprob), (1, -0.5));
}

#[test]
fn a_field_that_is_named_twice_counts_as_it_came_last() {
    let body = r#"{"id":"a","id":"b","message":{"content":[],"content":[{"text":"x","text":"y"}]},
        "finish_reason":"COMPLETE","finish_reason":"MAX_TOKENS"}"#;
    let response = fold(Framing::Whole, body).unwrap();
    assert_eq!((response.id.as_deref(), response.text().as_str()), (Some("b"), "y"));
    assert_eq!(response.finish_reason(), Some(FinishReason::Length));
    let piece = r#"{"type":"content-delta","index":1,"index":0,"delta":{},
        "delta":{"message":{"content":{"text":"z"}}}}"#
        .replace('\n', "");
    let body = format!("data: {piece}\n\n{}", stream(&[end("COMPLETE")]));
    assert_eq!(fold(Framing::ServerSentEvents, &body).unwrap().text(), "z");
}

#[test]
fn the_end_of_a_stream() {
    let complete = stream(&[start(), text(0, "é"), end("COMPLETE")]);
    let terminator = complete.find("\n\ndata: [DONE]").unwrap();
    for cut in 0..complete.len() {
        let found = events(Framing::ServerSentEvents, &complete.as_bytes()[..cut], cut.max(1));
        let is_complete = matches!(found.last(), Some(Ok(Event::Finish(_))));
        assert_eq!(is_complete, cut >= terminator, "cut at {cut}");
    }
    let show = |size| format!("{:?}", events(Framing::ServerSentEvents, complete.as_bytes(), size));
    for size in 1..complete.len() {
        assert_eq!(show(size), show(complete.len()), "pieces of {size}");
    }
}
