//! [`kind`] and [`error`]: from a status and headers to an error, and how long the server asks to wait.
//!
//! A codec classifies by the structured code in its vendor's error body first; what is here is
//! the second step, for everything that the body does not say.

use std::time::{Duration, SystemTime};

use http::header::{AsHeaderName, HeaderName};
use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, ErrorKind, TimeoutPhase};

use crate::redact::shown;

// Where services put their id of a request, the more specific names first.
static REQUEST_ID: [HeaderName; 5] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("apim-request-id"),
    HeaderName::from_static("x-amzn-requestid"),
    HeaderName::from_static("cf-ray"),
];

// A server that asks for more than this is out of its mind or its clock is.
const LONGEST_WAIT: Duration = Duration::from_secs(366 * 24 * 3600);

/// Which class of failure a status is.
#[must_use]
pub fn kind(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 => ErrorKind::Authentication,
        402 => ErrorKind::InsufficientFunds,
        403 => ErrorKind::PermissionDenied,
        404 | 410 => ErrorKind::NotFound,
        // The server waited for the request or for a worker that never came.
        408 => ErrorKind::Timeout(TimeoutPhase::FirstEvent),
        409 => ErrorKind::Conflict,
        413 => ErrorKind::RequestTooLarge,
        429 => ErrorKind::RateLimit,
        503 | 529 => ErrorKind::Overloaded,
        400..=499 => ErrorKind::InvalidRequest,
        500..=599 => ErrorKind::Server,
        _ => ErrorKind::Other,
    }
}

/// Makes an error of a status and a body that no codec could read: a gateway's page, plain text,
/// nothing at all.
#[must_use]
pub fn error(status: StatusCode, body: &[u8]) -> Error {
    let body = body.trim_ascii();
    let reason = status.canonical_reason().unwrap_or("an unknown status");
    let message = match std::str::from_utf8(body) {
        Ok("") => format!("the server answered {reason} without a message"),
        Ok(text) if looks_like_html(body) => match html_title(text) {
            Some(title) => {
                format!("the server answered {reason} with an HTML page titled `{title}`")
            }
            None => format!("the server answered {reason} with an HTML page"),
        },
        Ok(text) if text.len() <= 300 => text.to_owned(),
        _ => format!("the server answered {reason}: {}", shown(body.get(..300).unwrap_or(body))),
    };
    Error::new(kind(status), message).with_status(status.as_u16())
}

/// Adds what status and headers say about a failure: request id, wait, and whether to try again.
///
/// The wait of the headers goes before one that the body hints at. `x-should-retry` decides about trying
/// again; without it, a status that blames the request (4xx but 408, 409 and 429) is not worth another
/// try, whatever the body calls the failure.
#[must_use]
pub fn with_headers(mut error: Error, headers: &HeaderMap) -> Error {
    if error.request_id().is_none()
        && let Some(id) = request_id(headers)
    {
        error = error.with_request_id(id);
    }
    if let Some(wait) = retry_after(headers, SystemTime::now()) {
        error = error.with_retry_after(wait);
    }
    let blamed = matches!(error.status(), Some(400..=407 | 410..=428 | 430..=499));
    match text(headers, "x-should-retry") {
        Some("true") => error.with_retryable(true),
        Some("false") => error.with_retryable(false),
        _ if blamed && error.is_retryable() => error.with_retryable(false),
        _ => error,
    }
}

/// The server's own id of the request.
#[must_use]
pub fn request_id(headers: &HeaderMap) -> Option<&str> {
    REQUEST_ID.iter().find_map(|name| text(headers, name).filter(|id| !id.is_empty()))
}

/// How long the server asks to wait: `retry-after-ms`, then `retry-after` as seconds, then as a date.
///
/// A wait that is zero, negative, not a number or absurdly long is none. Whether a long wait is
/// worth it is for the caller to decide.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let seconds = |text: &str, unit: f64| -> Option<Duration> {
        Duration::try_from_secs_f64(text.trim().parse::<f64>().ok()? * unit).ok()
    };
    let sensible = |wait: &Duration| !wait.is_zero() && *wait <= LONGEST_WAIT;
    let milliseconds =
        text(headers, "retry-after-ms").and_then(|text| seconds(text, 1e-3)).filter(sensible);
    milliseconds.or_else(|| {
        let text = text(headers, "retry-after")?;
        let wait = seconds(text, 1.0)
            .or_else(|| httpdate::parse_http_date(text.trim()).ok()?.duration_since(now).ok());
        wait.filter(sensible)
    })
}

/// Whether a body begins like markup.
pub(crate) fn looks_like_html(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'<')
}

/// The title of an HTML page, for messages.
pub(crate) fn html_title(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("<title>")?;
    let (title, _) = rest.split_once("</title>")?;
    let title = title.trim();
    (!title.is_empty() && title.len() <= 100).then_some(title)
}

fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
