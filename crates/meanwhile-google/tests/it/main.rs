//! Google's wire from the outside: what is written, what is read, and who is said to ask.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::result_large_err,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a test fails by panicking"
)]

mod api;
mod config;
#[cfg(feature = "credentials")]
mod credentials;
mod decode;
mod encode;
mod errors;
mod lenient;
mod pieces;
mod properties;
mod round_trip;
mod schema;
mod sources;

use meanwhile_core::{Error, Event, Fold, Request, Response, Result};
use meanwhile_google::GenerateContentCodec;
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::{Value, json};

const SSE: Framing = Framing::ServerSentEvents;

fn google() -> GenerateContentCodec {
    GenerateContentCodec::ai_studio()
}

/// Decodes a body that arrives in pieces of this size.
fn events(framing: Framing, body: &str, size: usize) -> Vec<Result<Event>> {
    let request = Request::new("gemini-2.5-flash", Vec::new());
    let mut answer = Answer::new(google().decoder(&request), framing);
    let mut events = Vec::new();
    for chunk in body.as_bytes().chunks(size) {
        answer.push(chunk.to_vec().into());
        events.extend(std::iter::from_fn(|| answer.next()));
    }
    answer.end();
    events.extend(std::iter::from_fn(|| answer.next()));
    events
}

/// Folds a body that arrives at once.
fn fold(framing: Framing, body: &str) -> Result<Response, (Error, Response)> {
    let mut fold = Fold::new("google", "gemini-2.5-flash");
    for event in events(framing, body, body.len().max(1)) {
        match event {
            Ok(event) => fold.push(&event).expect("the events keep to their grammar"),
            Err(error) => return Err((error, fold.into_partial())),
        }
    }
    Ok(fold.finish().expect("a finish came"))
}

/// An answer of these parts.
fn chunk(parts: &Value, finish: Option<&str>) -> Value {
    let mut candidate = json!({ "index": 0, "content": { "role": "model", "parts": parts } });
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    json!({ "candidates": [candidate], "modelVersion": "gemini-2.5-flash", "responseId": "r" })
}

/// A whole answer of these parts.
fn whole(parts: &Value) -> Response {
    fold(Framing::Whole, &format!("{:#}", chunk(parts, Some("STOP")))).expect("an answer")
}

/// A stream of these chunks, with the line ends that Google sends.
fn stream(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect()
}
