//! Errors in the form of `google.rpc.Status`, plain or in a list, to one [`Error`].
//!
//! Classified by the reason in the details, then by the canonical code, then by the HTTP status, and by
//! text only where those leave room. See <https://cloud.google.com/apis/design/errors>.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, ErrorKind, TimeoutPhase};
use meanwhile_http::{lenient, redact, status};
use serde_json::Value;

/// What an error body says.
#[derive(Debug, Default)]
struct Report {
    message: String,
    /// The canonical code: `INVALID_ARGUMENT`.
    code: Option<String>,
    /// The reason of the first `ErrorInfo`: `API_KEY_INVALID`.
    reason: Option<String>,
    status: Option<u16>,
    param: Option<String>,
    wait: Option<Duration>,
    /// A quota of which the account has none at all.
    no_quota: bool,
}

/// Reads an answer whose status is not a success.
pub(crate) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let error = match lenient::value(body).ok().as_ref().and_then(report) {
        Some(report) => {
            let kind = classify(&report, status);
            build(report, kind).with_status(status.as_u16()).with_body(redact::shown(body))
        }
        None => status::error(status, body),
    };
    status::with_headers(error, headers)
}

/// Reads an error that came inside an answer with a successful status.
pub(crate) fn in_answer(data: &[u8]) -> Error {
    let body = lenient::value(data).unwrap_or_default();
    let report = report(&body).unwrap_or_else(|| Report {
        message: "the server reported a failure without a message".to_owned(),
        ..Report::default()
    });
    // The true status is inside; without one, the server failed while it answered.
    let inner = report.status.and_then(|status| StatusCode::from_u16(status).ok());
    let kind = classify(&report, inner.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    let error = build(report, kind).with_body(redact::shown(data));
    match inner {
        Some(status) => error.with_status(status.as_u16()),
        None => error,
    }
}

/// Makes the error for a prompt that was blocked before the model saw it; `data` says what was found in it.
pub(crate) fn blocked(reason: &str, message: Option<&str>, data: &[u8]) -> Error {
    let text = match message {
        Some(message) => format!("the prompt was blocked ({reason}): {message}"),
        None => format!("the prompt was blocked ({reason}); rephrase it"),
    };
    let error = Error::new(ErrorKind::ContentFilter, text).with_body(redact::shown(data));
    error.with_code(reason).with_param("contents")
}

/// Makes the error for data that is not of this wire, with the beginning of it.
pub(crate) fn decode(message: impl Into<Cow<'static, str>>, data: &[u8]) -> Error {
    Error::new(ErrorKind::Decode, message).with_body(redact::shown(data))
}

fn build(report: Report, kind: ErrorKind) -> Error {
    let mut error = Error::new(kind, report.message);
    if let Some(code) = report.code {
        error = error.with_code(code);
    }
    if let Some(reason) = report.reason {
        error = error.with_error_type(reason);
    }
    if let Some(param) = report.param {
        error = error.with_param(param);
    }
    match report.wait {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// Finds the error in a body; `None` where it holds none of the known shapes.
fn report(body: &Value) -> Option<Report> {
    // A stream without `alt=sse` is a list, also where it is an error.
    let body = match body {
        Value::Array(items) => items.iter().find(|item| item.get("error").is_some())?,
        body => body,
    };
    let error = body.get("error")?;
    let text = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_str).map(|text| text.trim().to_owned())
    };
    if let Value::String(code) = error {
        // The token endpoint and some gateways: the code alone, its text beside it.
        let message = text(body, "error_description").or_else(|| text(body, "message"));
        let message = message.unwrap_or_else(|| code.clone());
        return Some(Report { message, code: Some(code.clone()), ..Report::default() });
    }
    error.as_object()?;
    let mut report = Report {
        message: text(error, "message").unwrap_or_default(),
        code: text(error, "status"),
        ..Report::default()
    };
    let number = error.get("code").and_then(Value::as_u64);
    report.status = number
        .and_then(|code| u16::try_from(code).ok())
        .filter(|status| (400..600).contains(status));
    for detail in error.get("details").and_then(Value::as_array).into_iter().flatten() {
        read_detail(detail, &mut report);
    }
    if report.message.is_empty() {
        let code = report.code.as_deref().unwrap_or("an error without a message");
        report.message = format!("the server answered {code}");
    }
    // The text is the more exact of the two.
    report.wait = report.wait.max(wait_in_text(&report.message));
    report.no_quota |= ["limit: 0,", "limit: 0\n"].iter().any(|none| report.message.contains(none));
    Some(report)
}

fn read_detail(detail: &Value, report: &mut Report) {
    let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
    let kind = detail.get("@type").and_then(Value::as_str).unwrap_or_default();
    match kind.rsplit('.').next().unwrap_or_default() {
        "ErrorInfo" => {
            report.reason = report.reason.take().or_else(|| text(detail, "reason"));
            let limit =
                detail.get("metadata").and_then(|metadata| metadata.get("quota_limit_value"));
            report.no_quota |= limit.and_then(Value::as_str) == Some("0");
        }
        "RetryInfo" => {
            let delay = text(detail, "retryDelay").and_then(|delay| seconds(&delay));
            report.wait = report.wait.max(delay);
        }
        "QuotaFailure" => {
            let violations = detail.get("violations").and_then(Value::as_array);
            report.no_quota |= violations
                .into_iter()
                .flatten()
                .any(|violation| violation.get("quotaValue").and_then(Value::as_str) == Some("0"));
        }
        "BadRequest" => {
            let first = detail.get("fieldViolations").and_then(|fields| fields.get(0));
            report.param = first.and_then(|violation| text(violation, "field"));
        }
        _ => {}
    }
}

/// Reads `34.4s`.
fn seconds(delay: &str) -> Option<Duration> {
    let seconds: f64 = delay.trim().strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| !wait.is_zero())
}

/// Reads "Please retry in 48.9s." out of a message.
fn wait_in_text(message: &str) -> Option<Duration> {
    let (_, rest) = message.split_once("retry in ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = rest.split_at_checked(end)?;
    let number: f64 = number.parse().ok()?;
    let seconds = if unit.starts_with("ms") {
        number / 1000.0
    } else if unit.starts_with('s') {
        number
    } else {
        return None;
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| !wait.is_zero())
}

fn classify(report: &Report, status: StatusCode) -> ErrorKind {
    let reason = report.reason.as_deref().and_then(by_reason);
    let kind = reason.or_else(|| report.code.as_deref().and_then(by_code));
    by_text(kind.unwrap_or_else(|| status::kind(status)), report)
}

/// See <https://cloud.google.com/apis/design/errors#error_info>.
fn by_reason(reason: &str) -> Option<ErrorKind> {
    Some(match reason {
        "API_KEY_INVALID"
        | "API_KEY_EXPIRED"
        | "CREDENTIALS_MISSING"
        | "ACCESS_TOKEN_EXPIRED"
        | "ACCESS_TOKEN_TYPE_UNSUPPORTED"
        | "ACCOUNT_STATE_INVALID" => ErrorKind::Authentication,
        "SERVICE_DISABLED"
        | "CONSUMER_INVALID"
        | "CONSUMER_SUSPENDED"
        | "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
        | "IAM_PERMISSION_DENIED"
        | "USER_PROJECT_DENIED"
        | "LOCATION_POLICY_VIOLATED" => ErrorKind::PermissionDenied,
        "BILLING_DISABLED" => ErrorKind::InsufficientFunds,
        "RATE_LIMIT_EXCEEDED" => ErrorKind::RateLimit,
        blocked if blocked.starts_with("API_KEY_") && blocked.ends_with("_BLOCKED") => {
            ErrorKind::PermissionDenied
        }
        _ => return None,
    })
}

/// See <https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>.
fn by_code(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => ErrorKind::InvalidRequest,
        "UNAUTHENTICATED" | "invalid_grant" | "invalid_client" | "unauthorized_client" => {
            ErrorKind::Authentication
        }
        "PERMISSION_DENIED" => ErrorKind::PermissionDenied,
        "NOT_FOUND" => ErrorKind::NotFound,
        "ABORTED" | "ALREADY_EXISTS" => ErrorKind::Conflict,
        "RESOURCE_EXHAUSTED" => ErrorKind::RateLimit,
        "UNAVAILABLE" => ErrorKind::Overloaded,
        "INTERNAL" | "UNKNOWN" | "DATA_LOSS" => ErrorKind::Server,
        "DEADLINE_EXCEEDED" => ErrorKind::Timeout(TimeoutPhase::FirstEvent),
        "UNIMPLEMENTED" => ErrorKind::Unsupported,
        "CANCELLED" => ErrorKind::Cancelled,
        _ => return None,
    })
}

/// Refines a kind with what the message says.
fn by_text(kind: ErrorKind, report: &Report) -> ErrorKind {
    let message = report.message.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    match kind {
        ErrorKind::InvalidRequest | ErrorKind::RequestTooLarge
            if says(&["token count", "context window", "context length", "input tokens"])
                && says(&["exceed", "too long", "too large", "only supports up to"]) =>
        {
            ErrorKind::ContextLength
        }
        ErrorKind::InvalidRequest if says(&["payload size exceeds", "request is too large"]) => {
            ErrorKind::RequestTooLarge
        }
        ErrorKind::InvalidRequest
            if says(&["api key not valid", "api key not found", "api key expired"]) =>
        {
            ErrorKind::Authentication
        }
        ErrorKind::InvalidRequest if says(&["user location is not supported"]) => {
            ErrorKind::PermissionDenied
        }
        ErrorKind::InvalidRequest | ErrorKind::PermissionDenied
            if says(&["billing is not enabled", "enable billing", "requires billing"]) =>
        {
            ErrorKind::InsufficientFunds
        }
        ErrorKind::InvalidRequest
            if says(&["blocked by", "safety filters", "usage guidelines"]) =>
        {
            ErrorKind::ContentFilter
        }
        ErrorKind::NotFound if says(&["models/", "model "]) => ErrorKind::ModelNotFound,
        // "Check your plan and billing details" is said of every limit; one of zero never lifts.
        ErrorKind::RateLimit if report.no_quota || says(&["credits are depleted"]) => {
            ErrorKind::InsufficientFunds
        }
        kind => kind,
    }
}
