//! [`decide`] and [`look`]: what the body of a successful answer is, whatever was asked for.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use meanwhile_core::{Error, ErrorKind};

use crate::frame::without_mark;
use crate::status::{html_title, looks_like_html};
use crate::{Endpoint, Framing};

/// The content type of AWS event streams.
#[cfg(feature = "aws-event-stream")]
pub(crate) const AWS_EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// What the content type says about a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// How to cut it.
    Cut(Framing),
    /// Nothing; its first bytes have to be looked at.
    Look,
}

/// Decides by the content type. A gateway may ignore whether a stream was asked for.
pub(crate) fn decide(asked: Framing, headers: &HeaderMap) -> Decision {
    // Nearly all answers; the rest may be spelled in many ways.
    match headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) {
        Some(b"text/event-stream" | b"text/event-stream; charset=utf-8") => {
            return Decision::Cut(Framing::ServerSentEvents);
        }
        Some(b"application/json") if asked == Framing::Whole => {
            return Decision::Cut(Framing::Whole);
        }
        _ => {}
    }
    let content_type = content_type(headers).to_ascii_lowercase();
    let lines = ["ndjson", "jsonl", "json-seq", "stream+json"];
    match content_type.as_str() {
        "text/event-stream" => Decision::Cut(Framing::ServerSentEvents),
        #[cfg(feature = "aws-event-stream")]
        AWS_EVENT_STREAM => Decision::Cut(Framing::AwsEventStream),
        // Some gateways pass a stream on under the name of what it is made of.
        other
            if asked != Framing::Whole
                && asked != Framing::JsonLines
                && other.ends_with("json") =>
        {
            Decision::Look
        }
        // One JSON value is one line, too; but a stream of them is often called plain JSON.
        other if asked == Framing::JsonLines && other.contains("json") => Decision::Cut(asked),
        other if lines.iter().any(|lines| other.contains(lines)) => Decision::Look,
        other if other.ends_with("json") => Decision::Cut(Framing::Whole),
        // Also `text/html`, under which some gateways send all they have, answers as well as pages.
        _ => Decision::Look,
    }
}

/// Decides by the first bytes of the body, which are empty only if there are none at all.
pub(crate) fn look(asked: Framing, beginning: &[u8]) -> Option<Framing> {
    const FIELDS: [&[u8]; 5] = [b"data", b"event", b"id", b"retry", b":"];
    let beginning = without_mark(beginning).trim_ascii_start();
    match beginning.first() {
        None => Some(asked),
        Some(b'{' | b'[') if asked == Framing::JsonLines => Some(asked),
        Some(b'{' | b'[') => Some(Framing::Whole),
        // A message begins with its length, and none is as long as to need all four bytes of it.
        #[cfg(feature = "aws-event-stream")]
        Some(0) if asked == Framing::AwsEventStream => Some(asked),
        Some(_) => {
            let field =
                |field: &&[u8]| beginning.starts_with(field) || field.starts_with(beginning);
            FIELDS.iter().any(field).then_some(Framing::ServerSentEvents)
        }
    }
}

/// The error for a body that is no answer.
pub(crate) fn not_an_answer(endpoint: &Endpoint, headers: &HeaderMap, body: &[u8]) -> Error {
    let what = if looks_like_html(body) {
        match std::str::from_utf8(body).ok().and_then(html_title) {
            Some(title) => format!("an HTML page titled `{title}`"),
            None => "an HTML page".to_owned(),
        }
    } else {
        match content_type(headers) {
            "" => "something that is neither JSON nor a stream of events".to_owned(),
            content_type => {
                format!("`{content_type}`, which is neither JSON nor a stream of events")
            }
        }
    };
    Error::new(
        ErrorKind::Decode,
        format!("the server answered with {what}; check the base URL {endpoint}"),
    )
}

fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}
