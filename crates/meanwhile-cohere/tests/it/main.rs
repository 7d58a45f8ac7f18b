//! Cohere from the outside: what is written and what is read.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::result_large_err,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a test fails by panicking, and a bench prints"
)]

mod api;
mod decode;
mod encode;
mod errors;
mod lenient;
mod properties;

use meanwhile_cohere::ChatCodec;
use meanwhile_core::{Error, Event, Fold, Message, Request, Response, Result};
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::Value;

pub(crate) fn ask() -> Request {
    Request::new("command-a-03-2025", vec![Message::user("hi")])
}

/// The body of a request and its warnings.
pub(crate) fn body(request: &Request) -> (Value, Vec<String>) {
    let wire = ChatCodec::default().encode(request).unwrap();
    let again = ChatCodec::default().encode(request).unwrap();
    assert_eq!(wire.body, again.body, "the same request gave other bytes");
    let warnings = wire.warnings.iter().map(ToString::to_string).collect();
    (serde_json::from_slice(&wire.body).unwrap(), warnings)
}

/// Writes a stream of these events and its mark.
pub(crate) fn stream(events: &[Value]) -> String {
    let event = |event: &Value| {
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
    };
    events.iter().map(event).collect::<String>() + "data: [DONE]\n\n"
}

/// Decodes a body that arrives in pieces of this size.
pub(crate) fn events(framing: Framing, body: &[u8], size: usize) -> Vec<Result<Event>> {
    let mut answer = Answer::new(ChatCodec::default().decoder(&ask()), framing);
    let mut events = Vec::new();
    for chunk in body.chunks(size.max(1)) {
        answer.push(chunk.to_vec().into());
        events.extend(std::iter::from_fn(|| answer.next()));
    }
    answer.end();
    events.extend(std::iter::from_fn(|| answer.next()));
    events
}

/// Folds a body.
pub(crate) fn fold(framing: Framing, body: &str) -> Result<Response, (Error, Response)> {
    let mut fold = Fold::new("cohere", "m");
    for event in events(framing, body.as_bytes(), body.len()) {
        match event {
            Ok(event) => fold.push(&event).expect("the events keep to their grammar"),
            Err(error) => return Err((error, fold.into_partial())),
        }
    }
    Ok(fold.finish().expect("a finish came"))
}
