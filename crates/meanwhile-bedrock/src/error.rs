//! Errors of every shape that the service sends, to one [`Error`]: the name of the exception in a header,
//! in the body or in the headers of a message; the status; and the text, where the first two leave
//! room.

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, ErrorKind, TimeoutPhase};
use meanwhile_http::frame::MessageHeaders;
use meanwhile_http::{redact, status};
use serde_json::Value;

/// Reads an answer whose status is not a success.
pub(crate) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let named = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let error = match Report::read(body) {
        Some(report) => {
            report.or_named(named).into_error(Some(status)).with_body(redact::shown(body))
        }
        None => {
            let error = status::error(status, body);
            let report = Report { message: error.message().to_owned(), ..Report::default() };
            let error = report.or_named(named).into_error(Some(status));
            if body.is_empty() { error } else { error.with_body(redact::shown(body)) }
        }
    };
    status::with_headers(error.with_status(status.as_u16()), headers)
}

/// The failure that a message of a stream reports, if it is one.
pub(crate) fn in_headers(headers: &MessageHeaders<'_>, data: &[u8]) -> Option<Error> {
    match (headers.message_type, headers.exception_type) {
        (Some("error"), _) => {
            let code = headers.error_code.unwrap_or("error");
            Some(of_code(code, headers.error_message))
        }
        (_, Some(name)) => Some(of_exception(name, data)),
        (Some("exception"), None) => Some(of_exception("exception", data)),
        _ => None,
    }
}

/// Reads a message of a stream that reports the exception of this name.
fn of_exception(name: &str, data: &[u8]) -> Error {
    let report = Report::read(data).unwrap_or_else(|| Report {
        message: redact::shown(data.trim_ascii()),
        ..Report::default()
    });
    let error = Report { code: Some(name.to_owned()), ..report }.into_error(None);
    if data.is_empty() { error } else { error.with_body(redact::shown(data)) }
}

/// Reads a message of a stream that reports another failure.
fn of_code(code: &str, message: Option<&str>) -> Error {
    let message = message.unwrap_or_default().to_owned();
    Report { code: Some(code.to_owned()), message, ..Report::default() }.into_error(None)
}

/// Reads a body with a successful status that is no answer; `None` where it is no error either.
pub(crate) fn in_answer(status: Option<StatusCode>, body: &[u8]) -> Option<Error> {
    Some(Report::read(body)?.into_error(status).with_body(redact::shown(body)))
}

/// What an error says.
#[derive(Debug, Default)]
struct Report {
    message: String,
    code: Option<String>,
    /// The status that the model's own server answered with.
    original: Option<StatusCode>,
}

impl Report {
    fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        // The front door wraps what it does not know.
        let body = body.get("Output").unwrap_or(&body);
        let text = |names: &[&str]| {
            let found = names.iter().filter_map(|name| body.get(name)).find_map(Value::as_str);
            found.map(str::trim).filter(|text| !text.is_empty())
        };
        let inner = body.get("error").and_then(|error| error.get("message").or(Some(error)));
        let message = text(&["message", "Message", "errorMessage"]);
        let mut message =
            message.or_else(|| inner.and_then(Value::as_str)).unwrap_or_default().to_owned();
        let code = text(&["__type", "code", "Code"]);
        if message.is_empty() && code.is_none() {
            return None;
        }
        if let Some(original) = text(&["originalMessage"]).filter(|text| !message.contains(text)) {
            message = if message.is_empty() {
                original.to_owned()
            } else {
                format!("{message}: {original}")
            };
        }
        let original = body.get("originalStatusCode").and_then(Value::as_u64);
        let original = original.and_then(|code| u16::try_from(code).ok());
        Some(Self {
            message,
            code: code.map(str::to_owned),
            original: original.and_then(|code| StatusCode::from_u16(code).ok()),
        })
    }

    /// Takes the name of the exception from the header, which says it best.
    fn or_named(mut self, named: Option<&str>) -> Self {
        if let Some(named) = named.filter(|named| !named.is_empty()) {
            self.code = Some(named.to_owned());
        }
        self
    }

    fn into_error(self, status: Option<StatusCode>) -> Error {
        let Self { message, code, original } = self;
        // `com.amazon.coral.service#Name`, `Name:http://internal…`.
        let code = code.as_deref().map(|code| {
            let code = code.rsplit('#').next().unwrap_or(code);
            code.split(':').next().unwrap_or(code).trim()
        });
        let kind = kind(code, status, original, &message);
        let message = match code {
            _ if !message.is_empty() => message,
            Some(code) => format!("the service reported `{code}` without a message"),
            None => "the service reported a failure without a message".to_owned(),
        };
        let error = Error::new(kind, message);
        match code {
            Some(code) => error.with_code(code),
            None => error,
        }
    }
}

fn kind(
    code: Option<&str>,
    status: Option<StatusCode>,
    original: Option<StatusCode>,
    message: &str,
) -> ErrorKind {
    let by_status = || match status {
        // The model failed while it answered.
        Some(StatusCode::FAILED_DEPENDENCY) => original.map_or(ErrorKind::Server, status::kind),
        Some(status) => status::kind(status),
        None => ErrorKind::Server,
    };
    let kind = code.and_then(|code| by_code(code, original)).unwrap_or_else(by_status);
    by_text(kind, message)
}

/// The kind that an exception stands for; streams begin its name with a small letter.
fn by_code(code: &str, original: Option<StatusCode>) -> Option<ErrorKind> {
    let code = code.to_ascii_lowercase();
    let code =
        code.strip_suffix("exception").or_else(|| code.strip_suffix("error")).unwrap_or(&code);
    Some(match code {
        "throttling"
        | "throttled"
        | "toomanyrequests"
        | "requestlimitexceeded"
        | "servicequotaexceeded" => ErrorKind::RateLimit,
        "serviceunavailable" | "modelnotready" => ErrorKind::Overloaded,
        "modeltimeout" => ErrorKind::Timeout(TimeoutPhase::FirstEvent),
        // What the model's own server said counts.
        "model" | "modelerror" | "modelstream" | "modelstreamerror" => {
            let failed = original.filter(|code| code.is_client_error() || code.is_server_error());
            failed.map_or(ErrorKind::Server, status::kind)
        }
        "internalserver" | "internalfailure" | "internalservice" => ErrorKind::Server,
        "validation" | "serialization" | "malformedhttprequest" => ErrorKind::InvalidRequest,
        "accessdenied" => ErrorKind::PermissionDenied,
        "unrecognizedclient"
        | "expiredtoken"
        | "invalidsignature"
        | "signaturedoesnotmatch"
        | "missingauthenticationtoken"
        | "incompletesignature"
        | "invalidclienttokenid"
        | "notauthorized" => ErrorKind::Authentication,
        "resourcenotfound" | "unknownoperation" => ErrorKind::NotFound,
        "conflict" => ErrorKind::Conflict,
        _ => return None,
    })
}

/// What only the text tells, where the kind leaves room.
fn by_text(kind: ErrorKind, message: &str) -> ErrorKind {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let too_long = [
        "input is too long",
        "prompt is too long",
        "input tokens exceeded",
        "input tokens exceeds",
        "too many input tokens",
        "too many total text bytes",
        "context length",
        "context window",
        "context limit",
        "maximum context",
        "maximum number of tokens",
    ];
    let no_model = [
        "model identifier is invalid",
        "end of its life",
        "could not resolve the foundation model",
        "model not found",
        "model was not found",
        "model does not exist",
    ];
    let filtered = ["content filtering policy", "content filter", "blocked by guardrail"];
    let credential = [
        "security token",
        "request signature",
        "api key is valid",
        "invalid api key",
        "authentication failed",
        "authorization header",
        "bearer token",
    ];
    match kind {
        ErrorKind::InvalidRequest if says(&too_long) => ErrorKind::ContextLength,
        ErrorKind::InvalidRequest if says(&filtered) => ErrorKind::ContentFilter,
        ErrorKind::InvalidRequest if says(&no_model) => ErrorKind::ModelNotFound,
        ErrorKind::NotFound if message.contains("model") => ErrorKind::ModelNotFound,
        ErrorKind::PermissionDenied if says(&credential) => ErrorKind::Authentication,
        kind => kind,
    }
}
