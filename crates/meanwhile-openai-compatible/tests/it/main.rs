//! The dialect from the outside: what is written, what is read, and what the table of vendors holds.

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

mod beside;
mod decode;
mod encode;
mod errors;
mod generation;
mod lenient;
mod modality;
mod presets;
mod properties;
mod schema;
mod thinking;
mod vendors;

use meanwhile_core::{Error, Event, Fold, Request, Response, Result};
use meanwhile_http::{Answer, Codec as _, Framing};
use meanwhile_openai_compatible::{ChatCodec, Quirks};
use serde_json::{Value, json};

/// Decodes a body that arrives in pieces of this size.
fn events(codec: &ChatCodec, framing: Framing, body: &str, size: usize) -> Vec<Result<Event>> {
    let request = Request::new("m", Vec::new());
    let mut answer = Answer::new(codec.decoder(&request), framing);
    let mut events = Vec::new();
    for chunk in body.as_bytes().chunks(size) {
        answer.push(chunk.to_vec().into());
        events.extend(std::iter::from_fn(|| answer.next()));
    }
    answer.end();
    events.extend(std::iter::from_fn(|| answer.next()));
    events
}

/// Folds a body, whatever the pieces it comes in.
fn fold(codec: &ChatCodec, framing: Framing, body: &str) -> Result<Response, (Error, Response)> {
    let mut fold = Fold::new("acme", "m");
    for event in events(codec, framing, body, body.len().max(1)) {
        match event {
            Ok(event) => fold.push(&event).expect("the events keep to their grammar"),
            Err(error) => return Err((error, fold.into_partial())),
        }
    }
    Ok(fold.finish().expect("a finish came"))
}

fn acme() -> ChatCodec {
    ChatCodec::new("acme", Quirks::new())
}

/// A whole answer with this message.
fn whole(message: &Value, finish: &Value) -> String {
    json!({ "id": "r", "model": "m-1", "choices": [
        { "index": 0, "message": message, "finish_reason": finish } ] })
    .to_string()
}

/// A stream of these deltas of choice 0, then a finish and `[DONE]`.
fn stream(deltas: &[Value], finish: &str) -> String {
    let mut body = String::new();
    for delta in deltas {
        let chunk = json!({ "id": "r", "choices": [{ "index": 0, "delta": delta }] });
        body.push_str(&format!("data: {chunk}\n\n"));
    }
    let chunk = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": finish }] });
    body + &format!("data: {chunk}\n\ndata: [DONE]\n\n")
}
