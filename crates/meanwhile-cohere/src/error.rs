//! Errors of Cohere: `{id, message}` by status, and failures that an answer ends with.

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, ErrorKind, TimeoutPhase};
use meanwhile_http::{lenient, redact, status};
use serde_json::Value;

/// Reads an answer whose status is not a success.
pub(crate) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let parsed = lenient::value(body).ok();
    let text = |name: &str| {
        let value = parsed.as_ref().and_then(|parsed| parsed.get(name)).and_then(Value::as_str);
        value.map(str::trim).filter(|text| !text.is_empty())
    };
    let message = text("message").or_else(|| text("error")).or_else(|| text("data"));
    let base = match message {
        Some(message) => Error::new(status::kind(status), message.to_owned()),
        None => status::error(status, body),
    };
    let kind = kind(status, base.message());
    let mut error = Error::new(kind, base.message().to_owned()).with_status(status.as_u16());
    if let Some(code) = text("error_type").or_else(|| text("code")) {
        error = error.with_code(code);
    }
    // The id names the request, whatever the headers say.
    if let Some(id) = text("id") {
        error = error.with_request_id(id);
    }
    if !body.is_empty() {
        error = error.with_body(redact::shown(body));
    }
    status::with_headers(error, headers)
}

/// The error of an answer that ended with this reason; `None` where it is no failure.
pub(crate) fn of_finish(
    reason: &str,
    message: Option<&str>,
    error_type: Option<&str>,
) -> Option<Error> {
    let (kind, default) = match reason {
        "TIMEOUT" => (
            ErrorKind::Timeout(TimeoutPhase::Idle),
            "the model took too long to answer; send the request again",
        ),
        "ERROR" => {
            (ErrorKind::Server, "the model failed while it answered; send the request again")
        }
        _ => return None,
    };
    let message = message.filter(|message| !message.is_empty()).unwrap_or(default);
    let error = Error::new(kind, message.to_owned());
    Some(match error_type {
        Some(code) if !code.is_empty() => error.with_code(code),
        _ => error.with_code(reason),
    })
}

/// An error that is an event of its own, or the body of an answer with a successful status.
pub(crate) fn in_answer(body: &[u8]) -> Option<Error> {
    let parsed = lenient::value(body).ok()?;
    let text = |name: &str| {
        let value = parsed.get(name).and_then(Value::as_str);
        value.map(str::trim).filter(|text| !text.is_empty())
    };
    let message = text("message").or_else(|| text("error"))?;
    // The true status may be inside; without one, the words decide, and then the server failed.
    let status = ["status_code", "status", "code"].iter().find_map(|name| {
        let status = u16::try_from(parsed.get(name)?.as_u64()?).ok()?;
        StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 400)
    });
    let assumed = status.unwrap_or_else(|| by_words(message));
    let mut error = Error::new(kind(assumed, message), message.to_owned());
    if let Some(status) = status {
        error = error.with_status(status.as_u16());
    }
    if let Some(code) = text("error_type").or_else(|| text("code")) {
        error = error.with_code(code);
    }
    // Its `id` is that of the answer; the request's is in the headers.
    Some(error.with_body(redact::shown(body)))
}

/// The status that a refusal of these words has.
fn by_words(message: &str) -> StatusCode {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["rate limit", "trial key", "too many requests", "limited to"]) {
        StatusCode::TOO_MANY_REQUESTS
    } else if says(&["invalid api token", "invalid api key", "no api key"]) {
        StatusCode::UNAUTHORIZED
    } else if says(&["too many tokens", "total number of tokens", "invalid request"])
        || (message.contains("model") && says(&["not found", "was removed"]))
    {
        StatusCode::BAD_REQUEST
    } else if says(&["overloaded", "temporarily unavailable", "try again later"]) {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}

fn kind(status: StatusCode, message: &str) -> ErrorKind {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let too_long = [
        "too many tokens",
        "total number of tokens",
        "context length",
        "maximum context",
        "exceeds the limit of",
        "prompt is too long",
    ];
    let kind = match status.as_u16() {
        498 => ErrorKind::ContentFilter,
        499 => ErrorKind::Cancelled,
        504 => ErrorKind::Timeout(TimeoutPhase::FirstEvent),
        _ => status::kind(status),
    };
    match kind {
        ErrorKind::InvalidRequest if message.contains("token") && says(&too_long) => {
            ErrorKind::ContextLength
        }
        ErrorKind::InvalidRequest if says(&["invalid api token", "invalid api key"]) => {
            ErrorKind::Authentication
        }
        ErrorKind::NotFound | ErrorKind::InvalidRequest
            if message.contains("model") && says(&["not found", "was removed", "deprecated"]) =>
        {
            ErrorKind::ModelNotFound
        }
        ErrorKind::RateLimit if says(&["out of credit", "billing", "spend limit"]) => {
            ErrorKind::InsufficientFunds
        }
        kind => kind,
    }
}
