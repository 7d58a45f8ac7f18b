//! Errors behind the events of a stream, without the form of an event: on every wire that streams events,
//! they come with their code, their words and their wait, and what was said before them is kept.

use std::time::Duration;

use meanwhile_anthropic::{Host, MessagesCodec};
use meanwhile_core::{Error, ErrorKind, Fold, Message, Request};
use meanwhile_google::GenerateContentCodec;
use meanwhile_http::{Answer, Codec, Framing};
use meanwhile_openai_compatible::{ChatCodec, Quirks};
use meanwhile_openai_responses::{ResponsesCodec, ResponsesQuirks};
use serde_json::{Value, json};

/// The error that a stream ends with, which arrives in pieces of this size, and what was said before.
fn failure<C: Codec>(codec: &C, body: &str, size: usize) -> (Error, String) {
    let request = Request::new("m", vec![Message::user("x")]);
    let mut answer = Answer::new(codec.decoder(&request), Framing::ServerSentEvents);
    let mut fold = Fold::new("acme", "m");
    let mut items = Vec::new();
    for chunk in body.as_bytes().chunks(size) {
        answer.push(chunk.to_vec().into());
        items.extend(std::iter::from_fn(|| answer.next()));
    }
    answer.end();
    items.extend(std::iter::from_fn(|| answer.next()));
    let error = items.pop().unwrap().unwrap_err();
    for event in items {
        fold.push(&event.unwrap()).unwrap();
    }
    (error, fold.into_partial().text())
}

fn check<C: Codec>(codec: &C, events: &[Value], error: &Value, code: Option<&str>) {
    let events: String = events
        .iter()
        .map(|event| match event["type"].as_str() {
            Some(name) => format!("event: {name}\ndata: {event}\n\n"),
            None => format!("data: {event}\n\n"),
        })
        .collect();
    let wait = "Rate limit reached. Please retry in 20s.";
    let unframed = [format!("{error}"), format!("{error:#}\n"), format!("error: {error}\n\n")];
    // Some servers write the mark of the end behind it, as behind any answer.
    let marked = unframed.iter().map(|error| format!("{}\n\ndata: [DONE]\n\n", error.trim_end()));
    for error in unframed.iter().cloned().chain(marked) {
        let body = format!("{events}{error}");
        for size in [1, 7, body.len()] {
            let (failure, said) = failure(codec, &body, size);
            assert_eq!((failure.kind(), failure.message()), (ErrorKind::RateLimit, wait), "{body}");
            assert_eq!((failure.code(), said.as_str()), (code, "so far"), "{body}");
            assert!(failure.body().is_some_and(|body| body.contains("Rate limit")), "{body}");
        }
    }
    let body = format!("{events}upstream connect error. reset reason: overflow");
    let (failure, said) = failure(codec, &body, 5);
    assert_eq!((failure.kind(), said.as_str()), (ErrorKind::StreamInterrupted, "so far"));
    assert!(failure.message().contains("reset reason: overflow"), "{failure}");
}

#[test]
fn errors_without_the_form_of_an_event_are_read_on_every_wire() {
    let message = "Rate limit reached. Please retry in 20s.";
    let dialect = json!({ "error": { "message": message, "type": "requests", "code": "rate_limit_exceeded" } });
    let delta = json!({ "id": "r", "choices": [{ "index": 0, "delta": { "content": "so far" } }] });
    let chat = ChatCodec::new("acme", Quirks::new());
    check(&chat, std::slice::from_ref(&delta), &dialect, Some("rate_limit_exceeded"));
    // Also where the model had finished, but not the server.
    let last = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    let body = format!("data: {delta}\n\ndata: {last}\n\n{dialect:#}");
    assert_eq!(failure(&chat, &body, 9).0.kind(), ErrorKind::RateLimit);

    // As llama.cpp's server writes it where the context is full.
    let full = json!({ "code": 500, "message": "Context size has been exceeded.", "type": "server_error" });
    for before in [String::new(), format!("data: {delta}\n\n")] {
        let (told, said) = failure(&chat, &format!("{before}error: {full}\n\ndata: [DONE]\n\n"), 9);
        assert_eq!((told.message(), told.status()), ("Context size has been exceeded.", Some(500)));
        assert_eq!(said, if before.is_empty() { "" } else { "so far" });
    }
    // Words in front of the mark, where nobody said why the answer ended.
    let body = format!("data: {delta}\n\nInternal Server Error\n\ndata: [DONE]\n\n");
    let (told, said) = failure(&chat, &body, 9);
    assert_eq!((told.kind(), said.as_str()), (ErrorKind::StreamInterrupted, "so far"));
    assert!(told.message().contains("Internal Server Error"), "{told}");

    let responses = [
        json!({ "type": "response.created", "response": { "id": "r", "status": "in_progress", "output": [] } }),
        json!({ "type": "response.output_item.added", "output_index": 0,
            "item": { "type": "message", "id": "i", "role": "assistant", "content": [] } }),
        json!({ "type": "response.content_part.added", "item_id": "i", "output_index": 0, "content_index": 0,
            "part": { "type": "output_text", "text": "" } }),
        json!({ "type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0,
            "delta": "so far" }),
    ];
    let codec = ResponsesCodec::new("acme", ResponsesQuirks::new());
    check(&codec, &responses, &dialect, Some("rate_limit_exceeded"));

    let messages = [
        json!({ "type": "message_start", "message": { "id": "r", "type": "message", "role": "assistant",
            "content": [], "model": "m", "usage": { "input_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0,
            "delta": { "type": "text_delta", "text": "so far" } }),
    ];
    let error =
        json!({ "type": "error", "error": { "type": "rate_limit_error", "message": message } });
    let codec = MessagesCodec::new("anthropic", Host::Anthropic);
    let (told, _) = failure(&codec, &error.to_string(), 9);
    check(&codec, &messages, &error, told.code());

    let chunk = json!({ "candidates": [{ "content": { "parts": [{ "text": "so far" }] } }] });
    let error =
        json!({ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED", "message": message } });
    let codec = GenerateContentCodec::ai_studio();
    check(&codec, std::slice::from_ref(&chunk), &error, Some("RESOURCE_EXHAUSTED"));
    let (told, _) = failure(&codec, &format!("data: {chunk}\n\n{error:#}"), 9);
    assert_eq!(told.retry_after(), Some(Duration::from_secs(20)));

    let pieces = [json!({ "type": "content-delta", "index": 0,
        "delta": { "message": { "content": { "text": "so far" } } } })];
    let error = json!({ "id": "r", "message": message });
    check(&meanwhile_cohere::ChatCodec::default(), &pieces, &error, None);
}
