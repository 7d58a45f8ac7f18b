//! Bedrock from the outside: what is written, what is read, and how requests are signed.

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

mod auth;
#[cfg(feature = "invoke")]
mod command;
mod decode;
mod embed;
mod encode;
mod errors;
mod invoke;
#[cfg(feature = "invoke")]
mod invoke_bodies;
mod properties;
mod round_trip;
#[cfg(feature = "invoke")]
mod vendors;

use meanwhile_bedrock::ConverseCodec;
use meanwhile_core::{Error, Event, Fold, Message, Request, Response, Result};
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::Value;

pub(crate) const CLAUDE: &str = "us.anthropic.claude-sonnet-4-6";

pub(crate) fn ask(model: &str) -> Request {
    Request::new(model, vec![Message::user("hi")])
}

/// The body of a request and its warnings.
pub(crate) fn body(request: &Request) -> (Value, Vec<String>) {
    let wire = ConverseCodec::default().encode(request).unwrap();
    let again = ConverseCodec::default().encode(request).unwrap();
    assert_eq!(wire.body, again.body, "the same request gave other bytes");
    let warnings = wire.warnings.iter().map(ToString::to_string).collect();
    (serde_json::from_slice(&wire.body).unwrap(), warnings)
}

/// Writes the messages of a stream: an event's name and its payload.
pub(crate) fn stream(events: &[(&str, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, payload) in events {
        let kind = if name.ends_with("Exception") { "exception" } else { "event" };
        let name_header = format!(":{kind}-type");
        message(
            &[(&name_header, name), (":message-type", kind)],
            payload.to_string().as_bytes(),
            &mut out,
        );
    }
    out
}

pub(crate) fn message(headers: &[(&str, &str)], payload: &[u8], out: &mut Vec<u8>) {
    let mut written = Vec::new();
    for (name, value) in headers {
        written.push(u8::try_from(name.len()).unwrap());
        written.extend_from_slice(name.as_bytes());
        written.push(7);
        written.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        written.extend_from_slice(value.as_bytes());
    }
    let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    let mut message = length(written.len() + payload.len() + 16).to_vec();
    message.extend(length(written.len()));
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.extend(written);
    message.extend_from_slice(payload);
    message.extend(crc32fast::hash(&message).to_be_bytes());
    out.extend(message);
}

/// Decodes a body that arrives in pieces of this size.
pub(crate) fn events(
    request: &Request,
    framing: Framing,
    body: &[u8],
    size: usize,
) -> Vec<Result<Event>> {
    let mut answer = Answer::new(ConverseCodec::default().decoder(request), framing);
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
pub(crate) fn fold(
    request: &Request,
    framing: Framing,
    body: &[u8],
) -> Result<Response, (Error, Response)> {
    let mut fold = Fold::new("bedrock", request.model.clone());
    for event in events(request, framing, body, body.len()) {
        match event {
            Ok(event) => fold.push(&event).expect("the events keep to their grammar"),
            Err(error) => return Err((error, fold.into_partial())),
        }
    }
    Ok(fold.finish().expect("a finish came"))
}

pub(crate) fn whole(body: &Value) -> Response {
    fold(&ask(CLAUDE), Framing::Whole, body.to_string().as_bytes()).unwrap()
}

pub(crate) fn streamed(events: &[(&str, Value)]) -> Response {
    fold(&ask(CLAUDE).streamed(), Framing::AwsEventStream, &stream(events)).unwrap()
}
