//! The dialect from the outside: what is written, what is read, and what goes back.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::result_large_err,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a test fails by panicking"
)]

mod decode;
mod encode;
mod errors;
mod options;
mod presets;
mod properties;
mod round_trip;
mod vendors;

use meanwhile_core::{Error, Event, Fold, Message, Request, Response, Result};
use meanwhile_http::{Answer, Codec as _, Framing};
use meanwhile_openai_responses::{ResponsesCodec, ResponsesQuirks};
use serde_json::{Value, json};

/// Decodes a body that arrives in pieces of this size.
fn events(framing: Framing, body: &str, size: usize) -> Vec<Result<Event>> {
    let request = Request::new("m", Vec::new());
    let mut answer = Answer::new(openai().decoder(&request), framing);
    let mut events = Vec::new();
    for chunk in body.as_bytes().chunks(size) {
        answer.push(chunk.to_vec().into());
        events.extend(std::iter::from_fn(|| answer.next()));
    }
    answer.end();
    events.extend(std::iter::from_fn(|| answer.next()));
    events
}

/// Folds a body that came at once.
fn fold(framing: Framing, body: &str) -> Result<Response, (Error, Response)> {
    let mut fold = Fold::new("acme", "m");
    for event in events(framing, body, body.len().max(1)) {
        match event {
            Ok(event) => fold.push(&event).expect("the events keep to their grammar"),
            Err(error) => return Err((error, fold.into_partial())),
        }
    }
    Ok(fold.finish().expect("a finish came"))
}

fn openai() -> ResponsesCodec {
    ResponsesCodec::new("openai", ResponsesQuirks::openai())
}

/// A host without any quirk.
fn plain() -> ResponsesCodec {
    ResponsesCodec::new("acme", ResponsesQuirks::new())
}

/// A whole answer of these items.
fn whole(output: &Value) -> String {
    json!({ "id": "resp_1", "object": "response", "model": "m-1", "created_at": 7,
        "status": "completed", "output": output, "usage": null })
    .to_string()
}

/// A stream of these events.
fn stream(events: &[Value]) -> String {
    let event = |event: &Value| {
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("message"))
    };
    events.iter().map(event).collect()
}

/// The last event of a stream whose items came before.
fn completed() -> Value {
    json!({ "type": "response.completed", "response": {
        "id": "resp_1", "status": "completed", "output": [] } })
}

fn read(output: &Value) -> Response {
    fold(Framing::Whole, &whole(output)).unwrap()
}

/// The body that a request is written as, and the subjects of its warnings.
fn written(codec: &ResponsesCodec, request: &Request) -> (Value, Vec<String>) {
    let wire = codec.encode(request).unwrap();
    let warnings = wire.warnings.iter().map(|warning| warning.subject.to_string()).collect();
    (serde_json::from_slice(&wire.body).unwrap(), warnings)
}

/// The input that a conversation is written as.
fn input(codec: &ResponsesCodec, messages: Vec<Message>) -> (Value, Vec<String>) {
    let (body, warnings) = written(codec, &Request::new("m", messages));
    (body["input"].clone(), warnings)
}
