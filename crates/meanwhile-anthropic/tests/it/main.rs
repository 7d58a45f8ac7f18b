//! The Messages wire from the outside: what is written, what is read, and what its errors mean.

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

mod api;
mod config;
mod decode;
mod encode;
mod errors;
mod lenient;
mod messages;
mod output;
mod properties;
mod round_trip;
mod settings;

use meanwhile_anthropic::{Anthropic, Host, MessagesCodec};
use meanwhile_core::{
    Error, Event, Fold, IntoParts, Message, Request, Response, Result, Schema, ToolSpec,
};
use meanwhile_http::{Answer, Codec as _, Framing, Wire};
use serde_json::{Value, json};

const MODEL: &str = "claude-sonnet-4-5";

fn codec() -> MessagesCodec {
    Anthropic::codec()
}

fn host(host: Host) -> MessagesCodec {
    MessagesCodec::new("somewhere", host)
}

fn ask(parts: impl IntoParts) -> Request {
    Request::new(MODEL, vec![Message::user(parts)])
}

fn tool() -> ToolSpec {
    ToolSpec::new("f", "Does f.", Schema::from(json!({ "type": "object", "properties": {} })))
}

fn body(wire: &Wire) -> Value {
    serde_json::from_slice(&wire.body).unwrap()
}

/// The body and the subjects of the warnings.
fn written(request: &Request) -> (Value, Vec<String>) {
    let wire = codec().encode(request).unwrap();
    let subjects = wire.warnings.iter().map(|warning| warning.subject.to_string()).collect();
    (body(&wire), subjects)
}

/// Decodes a body that arrives in pieces of this size.
fn events(request: &Request, framing: Framing, body: &str, size: usize) -> Vec<Result<Event>> {
    let mut answer = Answer::new(codec().decoder(request), framing);
    let mut events = Vec::new();
    for chunk in body.as_bytes().chunks(size.max(1)) {
        answer.push(chunk.to_vec().into());
        events.extend(std::iter::from_fn(|| answer.next()));
    }
    answer.end();
    events.extend(std::iter::from_fn(|| answer.next()));
    events
}

/// Folds the answer to `request`.
fn answer(request: &Request, framing: Framing, body: &str) -> Result<Response, (Error, Response)> {
    let mut fold = Fold::new("anthropic", MODEL);
    for event in events(request, framing, body, body.len()) {
        match event {
            Ok(event) => fold.push(&event).expect("the events keep to their grammar"),
            Err(error) => return Err((error, fold.into_partial())),
        }
    }
    Ok(fold.finish().expect("a finish came"))
}

fn read(framing: Framing, body: &str) -> Result<Response, (Error, Response)> {
    answer(&ask("x"), framing, body)
}

/// Reads a whole answer of these blocks.
fn whole(content: &Value, reason: &str) -> Response {
    let body = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
        "content": content, "stop_reason": reason, "stop_sequence": null,
        "usage": { "input_tokens": 3, "output_tokens": 5 },
    });
    read(Framing::Whole, &body.to_string()).unwrap()
}

/// A stream of these events, by their types.
fn sse(events: &[Value]) -> String {
    let events = events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()));
    events.collect()
}

/// A stream of blocks, each a start and its deltas, from the first event to the last.
fn stream(blocks: &[(Value, Vec<Value>)], reason: &str) -> String {
    let mut all = vec![json!({ "type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
        "content": [], "stop_reason": null, "usage": { "input_tokens": 3, "output_tokens": 1 } } })];
    for (index, (start, deltas)) in blocks.iter().enumerate() {
        let block =
            json!({ "type": "content_block_start", "index": index, "content_block": start });
        all.push(block);
        for delta in deltas {
            let delta = json!({ "type": "content_block_delta", "index": index, "delta": delta });
            all.push(delta);
        }
        all.push(json!({ "type": "content_block_stop", "index": index }));
        all.push(json!({ "type": "ping" }));
    }
    all.push(json!({ "type": "message_delta",
        "delta": { "stop_reason": reason, "stop_sequence": null },
        "usage": { "output_tokens": 5 } }));
    all.push(json!({ "type": "message_stop" }));
    sse(&all)
}

fn streamed(blocks: &[(Value, Vec<Value>)], reason: &str) -> Response {
    read(Framing::ServerSentEvents, &stream(blocks, reason)).unwrap()
}
