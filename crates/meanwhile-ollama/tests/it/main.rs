//! Ollama's wire from the outside: what is written, what is read, and what becomes of errors.

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
mod lenient;
mod properties;
mod provider;

use meanwhile_core::{Error, Event, Fold, Request, Response, Result};
use meanwhile_http::{Answer, Codec as _, Framing};
use meanwhile_ollama::OllamaCodec;

/// Decodes a body that arrives in pieces of this size.
fn events(framing: Framing, body: &[u8], size: usize) -> Vec<Result<Event>> {
    let request = Request::new("m", Vec::new());
    let mut answer = Answer::new(OllamaCodec::new().decoder(&request), framing);
    let mut events = Vec::new();
    for chunk in body.chunks(size) {
        answer.push(chunk.to_vec().into());
        events.extend(std::iter::from_fn(|| answer.next()));
    }
    answer.end();
    events.extend(std::iter::from_fn(|| answer.next()));
    events
}

/// Folds a body; the error comes with what arrived before it.
fn fold(framing: Framing, body: &str) -> Result<Response, (Error, Response)> {
    let mut fold = Fold::new("ollama", "m");
    for event in events(framing, body.as_bytes(), body.len().max(1)) {
        match event {
            Ok(event) => fold.push(&event).expect("the events keep to their grammar"),
            Err(error) => return Err((error, fold.into_partial())),
        }
    }
    Ok(fold.finish().expect("a finish came"))
}
