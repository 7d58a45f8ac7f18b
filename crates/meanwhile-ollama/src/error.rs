//! Errors: a status and one sentence, or that sentence as a line of a stream.
//!
//! The wire has no codes, so the kind is the status's, refined by what the sentence says.

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, ErrorKind};
use meanwhile_http::{lenient, redact, status};
use serde_json::Value;
use serde_json::value::RawValue;

/// Reads an answer whose status is not a success.
pub(crate) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let error = match message(body) {
        Some(message) => build(message, status::kind(status), body).with_status(status.as_u16()),
        None => status::error(status, body),
    };
    status::with_headers(error, headers)
}

/// Reads an error that came inside an answer with a successful status.
pub(crate) fn in_answer(data: &[u8]) -> Error {
    let message = message(data).unwrap_or_else(|| "the server reported a failure".to_owned());
    let error = lenient::value(data).unwrap_or_default();
    let inner = ["status_code", "StatusCode", "status"].iter().find_map(|name| {
        let status = u16::try_from(error.get(name)?.as_u64()?).ok()?;
        StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 400)
    });
    let kind = inner.map_or(ErrorKind::Server, status::kind);
    let error = build(message, kind, data);
    match inner {
        Some(inner) => error.with_status(inner.as_u16()),
        None => error,
    }
}

/// Whether an `error` field reports an error.
pub(crate) fn is_truthy(raw: &RawValue) -> bool {
    !matches!(raw.get(), "null" | "false" | "\"\"" | "{}")
}

fn build(message: String, kind: ErrorKind, body: &[u8]) -> Error {
    let kind = refine(kind, &message);
    let out_of_memory = message.contains("requires more system memory");
    let error = Error::new(kind, message).with_body(redact::shown(body));
    // The model will not fit the next time either.
    if out_of_memory { error.with_retryable(false) } else { error }
}

/// The sentence: `error` itself, or what proxies in front of the server make of it.
fn message(body: &[u8]) -> Option<String> {
    let body = lenient::value(body).ok()?;
    let error = body.get("error").or_else(|| body.get("message"))?;
    let text = match error {
        Value::Object(error) => error.get("message")?.as_str()?,
        error => error.as_str()?,
    };
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}

fn refine(kind: ErrorKind, message: &str) -> ErrorKind {
    let message = message.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    let missing =
        matches!(kind, ErrorKind::NotFound | ErrorKind::InvalidRequest | ErrorKind::Server);
    let failed = matches!(kind, ErrorKind::InvalidRequest | ErrorKind::Server);
    let too_long = [
        "context length",
        "context window",
        "context size",
        "exceeds maximum context",
        "prompt is too long",
        "prompt too long",
        "exceeds the available context",
    ];
    if missing && message.contains("model") && says(&["not found", "try pulling it"]) {
        ErrorKind::ModelNotFound
    } else if failed && says(&too_long) {
        ErrorKind::ContextLength
    } else if failed && says(&["maximum pending requests", "server busy"]) {
        ErrorKind::Overloaded
    } else if failed && says(&["does not support", "invalid think value"]) {
        ErrorKind::InvalidRequest
    } else {
        kind
    }
}
