//! Errors of the API and of the hosts that serve it, to one [`Error`].
//!
//! Classified by the error's type first, by status second, and by text last, and by text only where
//! the first two leave room: most of what goes wrong with a request is an `invalid_request_error`.
//! See <https://docs.anthropic.com/en/api/errors>.

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, ErrorKind, TimeoutPhase};
use meanwhile_http::{lenient, redact, status};
use serde_json::Value;

/// What an error body says.
#[derive(Debug, Default)]
struct Report {
    message: String,
    /// Anthropic's type of error, or what a host has in its place.
    kind: Option<String>,
    code: Option<String>,
    request_id: Option<String>,
}

/// Reads an answer whose status is not a success.
pub(crate) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let error = match lenient::value(body).ok().as_ref().and_then(report) {
        Some(report) => build(report, status::kind(status)).with_body(redact::shown(body)),
        None => {
            let error = status::error(status, body);
            let kind = by_text(error.kind(), error.message());
            let error = Error::new(kind, error.message().to_owned());
            if body.is_empty() { error } else { error.with_body(redact::shown(body)) }
        }
    };
    status::with_headers(error.with_status(status.as_u16()), headers)
}

/// Reads an error that came inside an answer with a successful status.
pub(crate) fn in_answer(data: &[u8]) -> Error {
    let report = match lenient::value(data) {
        Ok(value) => report(&value).unwrap_or_else(|| Report {
            message: "the server reported a failure without a message".to_owned(),
            ..Report::default()
        }),
        Err(_) => Report { message: redact::shown(data), ..Report::default() },
    };
    // The true status may be inside; without one, the server failed while it answered.
    let inner = report.code.as_deref().and_then(|code| code.parse().ok());
    let inner = inner.filter(|status| (400..600).contains(status));
    let inner = inner.and_then(|status: u16| StatusCode::from_u16(status).ok());
    let error = build(report, inner.map_or(ErrorKind::Server, status::kind));
    let error = error.with_body(redact::shown(data));
    match inner {
        Some(inner) => error.with_status(inner.as_u16()),
        None => error,
    }
}

/// Makes the error for data that is not of this wire, with the beginning of it.
pub(crate) fn decode(message: &'static str, data: &[u8]) -> Error {
    Error::new(ErrorKind::Decode, message).with_body(redact::shown(data))
}

/// Whether JSON without an answer in it is an error.
pub(crate) fn is_error(data: &[u8]) -> bool {
    lenient::value(data).ok().as_ref().and_then(report).is_some()
}

fn build(report: Report, fallback: ErrorKind) -> Error {
    let words = [report.kind.as_deref(), report.code.as_deref()];
    let known = words.into_iter().flatten().find_map(by_type);
    let kind = by_text(known.unwrap_or(fallback), &report.message);
    let mut error = Error::new(kind, report.message);
    if let Some(code) = report.code {
        error = error.with_code(code);
    }
    if let Some(kind) = report.kind {
        error = error.with_error_type(kind);
    }
    match report.request_id {
        Some(id) => error.with_request_id(id),
        None => error,
    }
}

/// Finds the error in a body; `None` where it holds none of the known shapes.
fn report(body: &Value) -> Option<Report> {
    let body = match body {
        // Google wraps errors in a list where a stream was asked for.
        Value::Array(items) => items.first()?,
        body => body,
    };
    let mut report = match body.get("error") {
        Some(error @ Value::Object(_)) => Report {
            message: text(error, &["message"]).unwrap_or_default(),
            // `status` is Google's word, `code` Azure's.
            kind: text(error, &["type", "status"]),
            code: text(error, &["code"]),
            request_id: None,
        },
        Some(Value::String(message)) if !message.is_empty() => {
            Report { message: message.clone(), ..Report::default() }
        }
        // Azure's gateway and AWS say it without an envelope, and so do some proxies.
        _ => Report {
            message: text(body, &["message", "Message", "detail"])?,
            kind: text(body, &["__type", "type"]).filter(|kind| kind != "error"),
            code: text(body, &["statusCode", "code"]),
            request_id: None,
        },
    };
    if report.message.is_empty() {
        let word = report.kind.as_ref().or(report.code.as_ref())?;
        report.message = format!("the server reported `{word}` without a message");
    }
    report.request_id = text(body, &["request_id"]);
    Some(report)
}

fn text(object: &Value, names: &[&str]) -> Option<String> {
    names.iter().filter_map(|name| object.get(name)).find_map(|value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// The kind that a type of error stands for.
fn by_type(word: &str) -> Option<ErrorKind> {
    Some(match word {
        // Of llama-server.
        "exceed_context_size_error" => ErrorKind::ContextLength,
        "invalid_request_error" | "INVALID_ARGUMENT" | "FAILED_PRECONDITION" => {
            ErrorKind::InvalidRequest
        }
        "authentication_error" | "UNAUTHENTICATED" => ErrorKind::Authentication,
        "billing_error" => ErrorKind::InsufficientFunds,
        "permission_error" | "PERMISSION_DENIED" => ErrorKind::PermissionDenied,
        "not_found_error" | "NOT_FOUND" => ErrorKind::NotFound,
        "DeploymentNotFound" => ErrorKind::ModelNotFound,
        "conflict_error" | "ABORTED" => ErrorKind::Conflict,
        "request_too_large" => ErrorKind::RequestTooLarge,
        "rate_limit_error" | "RESOURCE_EXHAUSTED" => ErrorKind::RateLimit,
        "timeout_error" | "DEADLINE_EXCEEDED" => ErrorKind::Timeout(TimeoutPhase::FirstEvent),
        "api_error" | "INTERNAL" => ErrorKind::Server,
        "overloaded_error" | "UNAVAILABLE" => ErrorKind::Overloaded,
        _ => return None,
    })
}

/// Refines the kind with what the message says.
fn by_text(kind: ErrorKind, message: &str) -> ErrorKind {
    let message = message.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    let too_long = [
        "prompt is too long",
        "exceed context limit",
        "exceeds context limit",
        "context window",
        "context length",
        "input is too long",
    ];
    let broke = [
        "credit balance is too low",
        "purchase credits",
        "usage limits",
        "spend limit",
        "insufficient credits",
    ];
    let filtered = ["content filtering policy", "usage policy", "content policy"];
    match kind {
        ErrorKind::InvalidRequest | ErrorKind::RequestTooLarge if says(&too_long) => {
            ErrorKind::ContextLength
        }
        ErrorKind::InvalidRequest | ErrorKind::PermissionDenied | ErrorKind::RateLimit
            if says(&broke) =>
        {
            ErrorKind::InsufficientFunds
        }
        ErrorKind::InvalidRequest if says(&filtered) => ErrorKind::ContentFilter,
        // What llama-server and LiteLLM say in this wire.
        ErrorKind::InvalidRequest
            if says(&["invalid model name"])
                || message.starts_with("model ") && message.ends_with(" not found") =>
        {
            ErrorKind::ModelNotFound
        }
        ErrorKind::NotFound if message.starts_with("model:") || says(&["publisher model"]) => {
            ErrorKind::ModelNotFound
        }
        kind => kind,
    }
}
