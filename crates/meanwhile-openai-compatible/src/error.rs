//! Errors of every shape that servers of this dialect send, to one [`Error`].
//!
//! Classified by structured code first, by status second, and by text last, and by text only where
//! the first two leave room: a 500 that mentions a policy is no filter.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, ErrorKind};
use meanwhile_http::{redact, status};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::Quirks;
use crate::classify::{by_code, by_text, wait};

/// What an error body says.
#[derive(Debug, Default)]
struct Report {
    message: String,
    code: Option<String>,
    kind: Option<String>,
    param: Option<String>,
    status: Option<u16>,
    retry_after: Option<Duration>,
    request_id: Option<String>,
}

/// Reads an answer whose status is not a success.
pub(crate) fn of_status(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    quirks: &Quirks,
) -> Error {
    let whole = || serde_json::from_slice(body).ok().as_ref().and_then(report);
    let error = match whole().or_else(|| in_events(body)) {
        Some(report) => {
            let kind = classify(&report, status, quirks);
            let error = build(report, kind).with_status(status.as_u16());
            error.with_body(redact::shown(body))
        }
        None => {
            let error = status::error(status, body);
            let kind = by_text(error.kind(), error.message());
            let wait = wait(error.message());
            let error = Error::new(kind, error.message().to_owned()).with_status(status.as_u16());
            let error = if body.is_empty() { error } else { error.with_body(redact::shown(body)) };
            match wait {
                Some(wait) => error.with_retry_after(wait),
                None => error,
            }
        }
    };
    status::with_headers(error, headers)
}

/// Finds the error in a body of server-sent events, which some gateways send with the status of an
/// error.
fn in_events(body: &[u8]) -> Option<Report> {
    let lines = body.split(|byte| *byte == b'\n');
    let mut data = lines.filter_map(|line| line.strip_prefix(b"data:"));
    data.find_map(|data| report(&serde_json::from_slice(data).ok()?))
}

/// Reads an error that came inside an answer with a successful status.
pub(crate) fn in_answer(data: &[u8], quirks: &Quirks) -> Error {
    let report = match serde_json::from_slice::<Value>(data) {
        Ok(value) => report(&value).unwrap_or_else(|| Report {
            message: "the server reported a failure without a message".to_owned(),
            ..Report::default()
        }),
        Err(_) => Report { message: redact::shown(data), ..Report::default() },
    };
    // The true status may be inside; without one, the server failed while it answered.
    let inner = report.status;
    let invalid = [&report.kind, &report.code].into_iter().flatten();
    let assumed = if invalid.into_iter().any(|word| word == "invalid_request_error") {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let status = inner.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(assumed);
    let kind = classify(&report, status, quirks);
    let error = build(report, kind).with_body(redact::shown(data));
    match inner {
        Some(inner) => error.with_status(inner),
        None => error,
    }
}

/// Makes the error for data that is not of this dialect, with the beginning of it.
pub(crate) fn decode(message: &'static str, data: &[u8]) -> Error {
    Error::new(ErrorKind::Decode, message).with_body(redact::shown(data))
}

/// Whether an `error` field reports an error: `null`, `false`, `""` and `{}` do not.
pub(crate) fn is_truthy(raw: &RawValue) -> bool {
    !matches!(raw.get(), "null" | "false" | "\"\"" | "{}" | "[]" | "0")
}

/// Whether JSON without an answer in it is an error.
pub(crate) fn is_error(data: &[u8]) -> bool {
    serde_json::from_slice(data).ok().as_ref().and_then(report).is_some()
}

/// Whether MiniMax's `base_resp` reports a failure: with the status 0 it says that there was none.
pub(crate) fn is_refusal(base: &Value) -> bool {
    let status = base.get("status_code").and_then(scalar);
    base.is_object() && status.is_some_and(|status| status != "0")
}

fn build(report: Report, kind: ErrorKind) -> Error {
    let wait = report.retry_after.or_else(|| wait(&report.message));
    let mut error = Error::new(kind, report.message);
    if let Some(code) = report.code {
        error = error.with_code(code);
    }
    if let Some(kind) = report.kind {
        error = error.with_error_type(kind);
    }
    if let Some(param) = report.param {
        error = error.with_param(param);
    }
    if let Some(id) = report.request_id {
        error = error.with_request_id(id);
    }
    match wait {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// Finds the error in a body; `None` where it holds none of the known shapes.
fn report(body: &Value) -> Option<Report> {
    let body = match body {
        Value::Array(items) => items.first()?,
        body => body,
    };
    match body.get("error") {
        Some(error @ Value::Object(_)) => Some(read(error, Some(body))),
        // xAI, Ollama, Venice, Hugging Face: the text alone, its code and type beside it.
        Some(Value::String(text)) if !text.is_empty() => {
            Some(Report { message: text.clone(), ..read(body, None) })
        }
        // Azure and vLLM (`code`, `message`), Mistral and FastAPI (`detail`), Cohere (`message`).
        _ if (["message", "detail", "errors", "msg", "error_message"]
            .iter()
            .any(|field| body.get(field).is_some_and(|value| !value.is_null()))
            || body.get("base_resp").is_some_and(is_refusal))
            && body.get("choices").and_then(Value::as_array).is_none_or(Vec::is_empty) =>
        {
            let report = read(body, None);
            (!report.message.is_empty()).then_some(report)
        }
        _ => None,
    }
}

fn read(error: &Value, envelope: Option<&Value>) -> Report {
    let text = |names: &[&str]| names.iter().find_map(|name| scalar(error.get(name)?));
    let mut report = Report {
        message: message(error),
        code: text(&["code", "error_code"]),
        kind: text(&["type", "error_type"]),
        param: text(&["param"]),
        request_id: text(&["request_id"])
            .or_else(|| scalar(envelope.and_then(|envelope| envelope.get("request_id"))?)),
        ..Report::default()
    };
    let minimax = error.get("base_resp").and_then(|inner| inner.get("status_code"));
    report.code = report.code.or_else(|| scalar(minimax?));
    let sources = [Some(error), envelope];
    let statuses = sources.iter().flatten().flat_map(|source| {
        ["status_code", "status", "raw_status_code", "code"].map(|name| source.get(name))
    });
    report.status = statuses.flatten().find_map(|value| {
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
        u16::try_from(number).ok().filter(|status| (400..600).contains(status))
    });
    // Routers put what their upstream said beside their own "provider returned error".
    if let Some(metadata) = error.get("metadata") {
        let raw = match metadata.get("raw") {
            Some(Value::String(raw)) => {
                let inner = serde_json::from_str(raw).ok().as_ref().and_then(self::report);
                inner.or_else(|| Some(Report { message: raw.clone(), ..Report::default() }))
            }
            Some(raw) => self::report(raw),
            None => None,
        };
        if let Some(inner) = raw.filter(|inner| !inner.message.is_empty()) {
            if report.message.is_empty() {
                report.message = inner.message;
            } else if report.message != inner.message {
                report.message = format!("{}: {}", report.message, inner.message);
            }
            report.kind = report.kind.or(inner.kind);
            report.param = report.param.or(inner.param);
            report.retry_after = report.retry_after.or(inner.retry_after);
            // The router's code is a status; the upstream's says more.
            report.code = inner.code.or(report.code);
        }
    }
    let metadata = error.get("metadata").unwrap_or(error);
    let wait = ["retry_after", "retry_after_seconds"].iter().find_map(|name| metadata.get(name));
    if let Some(wait) = wait.and_then(Value::as_f64).filter(|wait| *wait > 0.0) {
        report.retry_after = Duration::try_from_secs_f64(wait).ok();
    }
    // Google's `RetryInfo`: seconds with an `s`.
    let details = error.get("details").and_then(Value::as_array).into_iter().flatten();
    let mut delays = details.filter_map(|detail| detail.get("retryDelay")?.as_str());
    let delay = delays.find_map(|delay| delay.strip_suffix('s')?.parse::<f64>().ok());
    if let Some(delay) = delay.filter(|delay| *delay > 0.0) {
        report.retry_after = Duration::try_from_secs_f64(delay).ok().or(report.retry_after);
    }
    report
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The message of an error object, from wherever the server keeps it.
fn message(error: &Value) -> String {
    let fields = ["message", "msg", "error_message", "detail", "details", "errors", "error"];
    let found = fields.iter().filter_map(|field| error.get(field)).map(flatten);
    let minimax = error.get("base_resp").and_then(|inner| inner.get("status_msg"));
    let found = found.chain(minimax.map(flatten)).find(|text| !text.is_empty());
    found.or_else(|| scalar(error.get("code")?)).unwrap_or_default()
}

/// The text in a message: itself, the messages of a list, or that of an inner object.
fn flatten(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Array(items) => {
            let texts = items.iter().map(|item| {
                let place: Vec<String> = match item.get("loc") {
                    Some(Value::Array(path)) => path.iter().filter_map(scalar).collect(),
                    _ => Vec::new(),
                };
                let text = flatten(item);
                if place.is_empty() { text } else { format!("{}: {text}", place.join(".")) }
            });
            texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ")
        }
        Value::Object(_) => message(value),
        _ => String::new(),
    }
}

fn classify(report: &Report, status: StatusCode, quirks: &Quirks) -> ErrorKind {
    let words = [report.code.as_deref(), report.kind.as_deref()];
    let vendor = words.into_iter().flatten().find_map(|word| {
        quirks.error_codes.iter().find(|(code, _)| *code == word).map(|(_, kind)| *kind)
    });
    let known = || words.into_iter().flatten().find_map(by_code);
    if let Some(kind) = vendor.or_else(known) {
        // `rate_limit_exceeded` is said of an empty account too; what is decided stays decided.
        return match kind {
            ErrorKind::RateLimit => by_text(kind, &report.message),
            // `server_error` is said of every status; what is temporary stays so.
            ErrorKind::Server if status::kind(status) == ErrorKind::Overloaded => {
                ErrorKind::Overloaded
            }
            kind => kind,
        };
    }
    let kind = by_text(status::kind(status), &report.message);
    match (kind, report.param.as_deref()) {
        (ErrorKind::NotFound, Some("model")) => ErrorKind::ModelNotFound,
        (kind, _) => kind,
    }
}
