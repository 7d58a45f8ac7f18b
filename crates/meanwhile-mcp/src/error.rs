//! The failures of the protocol, of its transports and of a server, each as an [`Error`] that says what
//! to do.

use std::error::Error as StdError;
use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, TimeoutPhase};
use rmcp::ServiceError;
use rmcp::model::{ErrorCode, ErrorData};
use rmcp::service::ClientInitializeError;
use rmcp::transport::DynamicTransportError;
use rmcp::transport::streamable_http_client::StreamableHttpError;
use rmcp::transport::worker::WorkerQuitReason;

use crate::lines::{LONGEST_TEXT, OVERSIZED};

/// The most of a server's text that is kept.
const LONGEST_BODY: usize = 1000;

type HttpFailure = StreamableHttpError<reqwest::Error>;

/// Why a request failed.
pub(crate) fn request(error: ServiceError) -> Error {
    match error {
        ServiceError::McpError(error) => answered(error),
        ServiceError::TransportSend(error) => transport(&error),
        ServiceError::TransportClosed => closed(),
        ServiceError::UnexpectedResponse => Error::new(
            ErrorKind::Decode,
            "the MCP server sent the answer to another kind of request; report it to who keeps the server",
        ),
        ServiceError::Cancelled { reason } => {
            let reason = reason.unwrap_or_else(|| "it gave no reason".to_owned());
            let message = format!("the MCP server cancelled the request: {reason}");
            Error::new(ErrorKind::Server, message)
        }
        ServiceError::Timeout { timeout } => timed_out(timeout),
        other => Error::new(ErrorKind::Other, format!("the MCP request failed: {other}")),
    }
}

/// Why a connection did not come about.
pub(crate) fn initialize(error: ClientInitializeError) -> Error {
    match error {
        ClientInitializeError::TransportError { error, .. } => transport(&error),
        ClientInitializeError::JsonRpcError(error) => answered(error),
        ClientInitializeError::ConnectionClosed(_) => Error::new(
            ErrorKind::Connection,
            "the MCP server ended before it had answered; see whether it starts by itself",
        ),
        ClientInitializeError::Cancelled => {
            Error::new(ErrorKind::Cancelled, "connecting to the MCP server was cancelled")
        }
        other => {
            let message = format!(
                "the MCP server did not begin as the protocol asks: {}",
                cut(&other.to_string())
            );
            Error::new(ErrorKind::Decode, message)
        }
    }
}

/// A clock of this side ran out.
pub(crate) fn timed_out(after: Duration) -> Error {
    let message = format!(
        "the MCP server did not answer within {after:?}; allow it more with `timeout`, or see whether it hangs"
    );
    Error::new(ErrorKind::Timeout(TimeoutPhase::Whole), message)
}

/// The server wants to know more before it does what it was asked for `what` of this name.
pub(crate) fn input_required(what: &str, name: &str) -> Error {
    let message = format!(
        "the MCP server answered with questions of its own before it gives {what} `{name}`; they cannot be answered from here, so use one that asks none, or give the server what it needs when it is set up"
    );
    Error::new(ErrorKind::Unsupported, message)
}

/// A message was too long to be read, and which request it answers is not known.
pub(crate) fn oversized() -> Error {
    let message = format!(
        "the MCP server sent a message of more than {LONGEST_TEXT}, which ends the connection; connect again, and ask it for less at once"
    );
    Error::new(ErrorKind::Decode, message)
}

/// The connection is gone.
pub(crate) fn closed() -> Error {
    let message = "the connection to the MCP server is closed; connect again";
    // The same question again would meet the same closed connection.
    Error::new(ErrorKind::Connection, message).with_retryable(false)
}

/// The server answered with an error of JSON-RPC.
fn answered(error: ErrorData) -> Error {
    if error.code.0 == OVERSIZED {
        let message = format!(
            "the answer of the MCP server is longer than {LONGEST_TEXT} and was not read; ask it for less at once"
        );
        return Error::new(ErrorKind::Decode, message);
    }
    let kind = match error.code {
        ErrorCode::METHOD_NOT_FOUND => ErrorKind::Unsupported,
        ErrorCode::RESOURCE_NOT_FOUND => ErrorKind::NotFound,
        ErrorCode::INVALID_PARAMS | ErrorCode::INVALID_REQUEST | ErrorCode::PARSE_ERROR => {
            ErrorKind::InvalidRequest
        }
        _ => ErrorKind::Server,
    };
    let made = Error::new(kind, format!("the MCP server answered: {}", cut(&error.message)))
        .with_code(error.code.0.to_string());
    match error.data {
        Some(data) => made.with_body(cut(&data.to_string())),
        None => made,
    }
}

/// Why nothing could be sent or received. The causes are not attached: those of HTTP name the address,
/// which may hold a key.
fn transport(error: &DynamicTransportError) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error.error.as_ref());
    while let Some(current) = cause {
        if let Some(failure) = current.downcast_ref::<HttpFailure>() {
            return http(failure);
        }
        if let Some(WorkerQuitReason::Fatal { error, .. }) =
            current.downcast_ref::<WorkerQuitReason<HttpFailure>>()
        {
            return http(error);
        }
        if let Some(failure) = current.downcast_ref::<std::io::Error>() {
            let message =
                format!("the connection to the MCP server broke: {failure}; connect again");
            return Error::new(ErrorKind::Connection, message);
        }
        cause = current.source();
    }
    closed()
}

fn http(failure: &HttpFailure) -> Error {
    match failure {
        StreamableHttpError::AuthRequired(_) => status(401, ""),
        StreamableHttpError::InsufficientScope(_) => status(403, ""),
        StreamableHttpError::HttpStatus(failure) => {
            let error = status(failure.status, "");
            let wait = failure.retry_after.as_ref().and_then(|wait| wait.trim().parse().ok());
            match wait.map(Duration::from_secs) {
                Some(wait) => error.with_retry_after(wait),
                None => error,
            }
        }
        // Its only form for other refusals: `HTTP 404 Not Found: body`.
        StreamableHttpError::UnexpectedServerResponse(text) => {
            let refused = text.strip_prefix("HTTP ").and_then(|text| text.split_once(": "));
            let code = |head: &str| head.split(' ').next().and_then(|code| code.parse().ok());
            match refused.and_then(|(head, body)| Some((code(head)?, body))) {
                Some((code, body)) => status(code, body),
                None => not_the_protocol(&cut(text)),
            }
        }
        StreamableHttpError::Client(failure) => sending(failure),
        StreamableHttpError::SessionExpired => {
            let message = "the MCP server has ended the session; connect again";
            Error::new(ErrorKind::Connection, message).with_status(404).with_retryable(false)
        }
        StreamableHttpError::UnexpectedContentType(media_type) => {
            let media_type = media_type.as_deref().unwrap_or("no media type");
            not_the_protocol(&format!("it sent {}", cut(media_type)))
        }
        StreamableHttpError::ReservedHeaderConflict(name) => {
            let message = format!("the header `{name}` is the protocol's own; do not set it");
            Error::new(ErrorKind::Config, message)
        }
        StreamableHttpError::ReinitializationFailed(error) => answered(error.clone()),
        StreamableHttpError::Deserialize(failure) => not_the_protocol(&failure.to_string()),
        StreamableHttpError::TransportChannelClosed => closed(),
        other => {
            let message =
                format!("the connection to the MCP server broke: {}", cut(&other.to_string()));
            Error::new(ErrorKind::Connection, message)
        }
    }
}

fn not_the_protocol(what: &str) -> Error {
    let message = format!(
        "the MCP server does not speak streamable HTTP: {what}; see whether the address is right, often it ends in `/mcp`"
    );
    Error::new(ErrorKind::Decode, message)
}

fn sending(failure: &reqwest::Error) -> Error {
    if failure.is_timeout() {
        let phase = if failure.is_connect() { TimeoutPhase::Connect } else { TimeoutPhase::Whole };
        return Error::new(ErrorKind::Timeout(phase), "the MCP server did not answer in time");
    }
    if failure.is_builder() {
        let message = "the address of the MCP server is not one; write it like https://host/mcp";
        return Error::new(ErrorKind::Config, message);
    }
    // The innermost cause says it; those above repeat the address.
    let mut innermost: Option<&(dyn StdError + 'static)> = failure.source();
    while let Some(deeper) = innermost.and_then(StdError::source) {
        innermost = Some(deeper);
    }
    let why = innermost.map_or_else(|| "it does not say why".to_owned(), ToString::to_string);
    let message = format!("the MCP server could not be reached: {why}; see whether it runs there");
    Error::new(ErrorKind::Connection, message)
}

fn status(status: u16, body: &str) -> Error {
    let (kind, message) = match status {
        300..=399 => (
            ErrorKind::Config,
            "the MCP server sends on to another address, which is not followed; use that address",
        ),
        401 => (
            ErrorKind::Authentication,
            "the MCP server wants a credential; give a valid one with `bearer` or `header`",
        ),
        403 => (
            ErrorKind::PermissionDenied,
            "the MCP server does not allow this; use a credential that may do it",
        ),
        404 | 405 => {
            (ErrorKind::NotFound, "there is no MCP server at this address; often it ends in `/mcp`")
        }
        413 => (ErrorKind::RequestTooLarge, "the request is larger than the MCP server takes"),
        429 => {
            (ErrorKind::RateLimit, "the MCP server has been asked too often; wait and ask again")
        }
        500.. => (ErrorKind::Server, "the MCP server failed; ask again later"),
        _ => (
            ErrorKind::InvalidRequest,
            "the MCP server refused the request; its words are in the body",
        ),
    };
    let error = Error::new(kind, message).with_status(status);
    if body.is_empty() { error } else { error.with_body(cut(body)) }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_BODY) {
        Some((at, _)) => format!("{}...", text.split_at(at).0),
        None => text.to_owned(),
    }
}
