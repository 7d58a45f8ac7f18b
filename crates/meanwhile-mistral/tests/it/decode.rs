//! Answers: what Mistral's content holds beside text, and that it goes back as it came.

use meanwhile_core::{ErrorKind, FinishReason, Message, Part, Request, Response};
use meanwhile_http::{Codec as _, Framing};
use meanwhile_mistral::codec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{events, fold};

fn whole(content: &Value, finish: &str) -> Response {
    let body = json!({ "id": "r", "object": "chat.completion", "created": 1, "model": "m-1",
        "usage": { "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13,
            "num_cached_tokens": 5, "service_tier": "standard" },
        "choices": [{ "index": 0, "finish_reason": finish,
            "message": { "role": "assistant", "tool_calls": null, "content": content } }] });
    fold(Framing::Whole, &body.to_string()).unwrap()
}

fn stream(contents: &[Value]) -> String {
    let mut body = String::new();
    for (at, content) in contents.iter().enumerate() {
        let finish = (at + 1 == contents.len()).then_some("stop");
        let chunk = json!({ "id": "r", "p": "abcdef", "choices": [{ "index": 0,
            "delta": { "content": content }, "finish_reason": finish }] });
        body.push_str(&format!("data: {chunk}\n\n"));
    }
    body + "data: [DONE]\n\n"
}

/// What the next request says of the model's message.
fn again(response: &Response) -> Value {
    let request = Request::new("m", vec![response.message.clone(), Message::user("more")]);
    let wire = codec().encode(&request).unwrap();
    assert!(wire.warnings.is_empty(), "{:?}", wire.warnings);
    let mut body: Value = serde_json::from_slice(&wire.body).unwrap();
    body["messages"][0]["content"].take()
}

#[test]
fn content_goes_back_as_it_came() {
    let reference = json!({ "type": "reference", "reference_ids": [0, "doc"] });
    let found = json!({ "type": "tool_reference", "tool": "web_search", "title": "T", "url": "u",
        "description": "d" });
    let content = json!([
        { "type": "thinking", "thinking": [{ "type": "text", "text": "hm" }, reference],
            "signature": "s" },
        { "type": "thinking", "thinking": [{ "type": "text", "text": "ah" }], "signature": "t" },
        { "type": "text", "text": "Paris" },
        reference,
        { "type": "text", "text": ", says " },
        found,
        { "type": "tool_file", "tool": "image_generation", "file_id": "f" },
        { "type": "text", "text": "." },
    ]);
    let response = whole(&content, "stop");
    assert_eq!((response.thinking(), response.text()), ("hmah".into(), "Paris, says .".into()));
    let cited: Vec<_> = response
        .citations()
        .map(|citation| citation.document.clone().or(citation.url.clone()).unwrap())
        .collect();
    assert_eq!(cited, ["0", "doc", "u"]);
    assert_eq!(again(&response), content);
    assert_eq!(again(&whole(&json!("so"), "stop")), "so");
}

#[test]
fn streamed_thinking_is_one_part() {
    let thought = |text: &str| json!([{ "type": "thinking", "thinking": [{ "type": "text", "text": text }] }]);
    let contents = [
        json!(""),
        thought("Let "),
        thought("me"),
        json!([{ "type": "thinking", "thinking": [] }]),
        json!([{ "type": "text", "text": "So" }]),
        json!(" it is"),
    ];
    let body = stream(&contents);
    let response = fold(Framing::ServerSentEvents, &body).unwrap();
    let kinds: Vec<_> = response.message.parts.iter().map(Part::kind).collect();
    assert_eq!(kinds, ["thinking", "text"]);
    assert_eq!((response.thinking(), response.text()), ("Let me".into(), "So it is".into()));
    let expected = json!([
        { "type": "thinking", "thinking": [{ "type": "text", "text": "Let me" }] },
        { "type": "text", "text": "So it is" },
    ]);
    assert_eq!(again(&response), expected);
}

#[test]
fn finish_reasons() {
    for (raw, reason) in [
        ("stop", FinishReason::Stop),
        ("length", FinishReason::Length),
        ("model_length", FinishReason::Length),
        ("tool_calls", FinishReason::ToolCalls),
        ("error", FinishReason::Error),
        ("something new", FinishReason::Other),
    ] {
        let finish = whole(&json!("x"), raw).finish.unwrap();
        assert_eq!((finish.reason, finish.raw.as_deref()), (reason, Some(raw)));
    }
}

#[test]
fn cached_tokens_in_every_spelling() {
    for cached in [
        json!({ "num_cached_tokens": 5 }),
        json!({ "prompt_tokens_details": { "cached_tokens": 5 } }),
        json!({ "prompt_token_details": { "cached_tokens": 5 } }),
    ] {
        let mut usage = json!({ "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13 });
        usage.as_object_mut().unwrap().extend(cached.as_object().unwrap().clone());
        let body = json!({ "usage": usage,
            "choices": [{ "message": { "content": "x" }, "finish_reason": "stop" }] });
        let usage = fold(Framing::Whole, &body.to_string()).unwrap().usage;
        let input = usage.input;
        assert_eq!((input.total, input.uncached, input.cache_read), (Some(9), Some(4), Some(5)));
    }
    assert_eq!(whole(&json!("x"), "stop").service_tier.as_deref(), Some("standard"));
}

#[test]
fn a_stream_that_breaks_off_is_no_answer() {
    let body = stream(&[json!("Once"), json!(" upon")]);
    let broken = &body[..body.find("\n\n").unwrap() + 2];
    let (error, partial) = fold(Framing::ServerSentEvents, broken).unwrap_err();
    assert_eq!((error.kind(), partial.text()), (ErrorKind::StreamInterrupted, "Once".into()));
}

fn fragment() -> impl Strategy<Value = Value> {
    prop_oneof![
        "\\PC{0,8}".prop_map(Value::from),
        Just(json!(null)),
        Just(json!([{ "type": "thinking", "thinking": "hm" }])),
        Just(
            json!([{ "type": "thinking", "thinking": [{ "type": "reference" }, 3], "signature": 1 }])
        ),
        Just(
            json!([{ "type": "text", "text": "a" }, { "type": "reference", "reference_ids": [[]] }])
        ),
        Just(json!([{ "type": "reference" }, { "type": "document_url" }, "b", 7])),
    ]
}

proptest! {
    #[test]
    fn any_content_folds_however_it_arrives(
        contents in proptest::collection::vec(fragment(), 1..6),
        size in 1_usize..40,
    ) {
        let body = stream(&contents);
        let response = fold(Framing::ServerSentEvents, &body).unwrap();
        again(&response);
        let pieces = events(Framing::ServerSentEvents, body.as_bytes(), size);
        let whole = events(Framing::ServerSentEvents, body.as_bytes(), body.len());
        prop_assert_eq!(format!("{pieces:?}"), format!("{whole:?}"));
    }
}
