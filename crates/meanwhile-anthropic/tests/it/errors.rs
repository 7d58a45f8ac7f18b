//! Failures: the kind of each, from the API and from the hosts that serve it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{ErrorKind, TimeoutPhase};
use meanwhile_http::{Codec as _, Framing};
use serde_json::json;

use crate::{codec, read, sse, stream};

#[track_caller]
fn check(status: u16, kind: &str, message: &str, expected: ErrorKind) {
    let body = json!({ "type": "error", "error": { "type": kind, "message": message },
        "request_id": "req_1" });
    let code = StatusCode::from_u16(status).unwrap();
    let error = codec().error(code, &HeaderMap::new(), body.to_string().as_bytes());
    assert_eq!((error.kind(), error.message()), (expected, message), "{status} {kind}");
    assert_eq!((error.error_type(), error.request_id()), (Some(kind), Some("req_1")));
    assert_eq!((error.status(), error.provider()), (Some(status), Some("anthropic")));
}

#[test]
fn the_types_of_the_api() {
    let invalid = "invalid_request_error";
    check(400, invalid, "max_tokens: Field required", ErrorKind::InvalidRequest);
    check(400, invalid, "prompt is too long: 3 tokens > 2 maximum", ErrorKind::ContextLength);
    let text = "input length and `max_tokens` exceed context limit: 9 + 9 > 10";
    check(400, invalid, text, ErrorKind::ContextLength);
    let text = "Your credit balance is too low to access the Anthropic API.";
    check(400, invalid, text, ErrorKind::InsufficientFunds);
    let text = "You have reached your specified API usage limits.";
    check(400, invalid, text, ErrorKind::InsufficientFunds);
    let text = "Output blocked by content filtering policy";
    check(400, invalid, text, ErrorKind::ContentFilter);
    // An echoed number or word is no reason.
    check(400, invalid, "429 is not a model: rate limit", ErrorKind::InvalidRequest);
    check(400, invalid, "model 'no-such-model' not found", ErrorKind::ModelNotFound);
    check(400, invalid, "Invalid model name passed in model=x", ErrorKind::ModelNotFound);
    check(400, "exceed_context_size_error", "request (9 tokens)", ErrorKind::ContextLength);
    check(401, "authentication_error", "invalid x-api-key", ErrorKind::Authentication);
    check(402, "billing_error", "x", ErrorKind::InsufficientFunds);
    check(403, "permission_error", "x", ErrorKind::PermissionDenied);
    check(403, "forbidden", "Request not allowed", ErrorKind::PermissionDenied);
    check(404, "not_found_error", "model: claude-sonet-4-5", ErrorKind::ModelNotFound);
    check(404, "not_found_error", "file_1 not found", ErrorKind::NotFound);
    check(409, "conflict_error", "x", ErrorKind::Conflict);
    check(413, "request_too_large", "Request exceeds the maximum size", ErrorKind::RequestTooLarge);
    check(429, "rate_limit_error", "x", ErrorKind::RateLimit);
    check(500, "api_error", "a policy broke", ErrorKind::Server);
    check(504, "timeout_error", "x", ErrorKind::Timeout(TimeoutPhase::FirstEvent));
    check(529, "overloaded_error", "Overloaded", ErrorKind::Overloaded);
    check(529, "tomorrow_error", "x", ErrorKind::Overloaded);
}

#[test]
fn the_shapes_of_hosts() {
    #[track_caller]
    fn check(status: u16, body: &str, kind: ErrorKind, message: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        let error = codec().error(status, &HeaderMap::new(), body.as_bytes());
        assert_eq!((error.kind(), error.message()), (kind, message), "{body}");
    }
    let google = |status: &str, message: &str| {
        json!({ "error": { "code": 400, "message": message, "status": status } }).to_string()
    };
    check(
        429,
        &google("RESOURCE_EXHAUSTED", "Quota exceeded"),
        ErrorKind::RateLimit,
        "Quota exceeded",
    );
    let missing = "Publisher Model `x` was not found or your project does not have access to it.";
    check(404, &google("NOT_FOUND", missing), ErrorKind::ModelNotFound, missing);
    check(401, &format!("[{}]", google("UNAUTHENTICATED", "no")), ErrorKind::Authentication, "no");
    check(503, &google("UNAVAILABLE", "no"), ErrorKind::Overloaded, "no");
    check(
        401,
        r#"{"error":{"code":"401","message":"bad key"}}"#,
        ErrorKind::Authentication,
        "bad key",
    );
    check(
        404,
        r#"{"error":{"code":"DeploymentNotFound","message":"no"}}"#,
        ErrorKind::ModelNotFound,
        "no",
    );
    check(401, r#"{"statusCode":401,"message":"bad key"}"#, ErrorKind::Authentication, "bad key");
    check(
        403,
        r#"{"message":"You don't have access"}"#,
        ErrorKind::PermissionDenied,
        "You don't have access",
    );
    check(
        502,
        "<html><title>Bad</title>",
        ErrorKind::Server,
        "the server answered Bad Gateway with an HTML page titled `Bad`",
    );
    check(
        529,
        "",
        ErrorKind::Overloaded,
        "the server answered an unknown status without a message",
    );
    check(
        400,
        r#"{"error":{"type":"invalid_request_error"}}"#,
        ErrorKind::InvalidRequest,
        "the server reported `invalid_request_error` without a message",
    );
}

#[test]
fn headers_say_when_to_try_again() {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", "7".parse().unwrap());
    headers.insert("x-should-retry", "false".parse().unwrap());
    headers.insert("request-id", "req_2".parse().unwrap());
    let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"x"}}"#;
    let error = codec().error(StatusCode::TOO_MANY_REQUESTS, &headers, body.as_bytes());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!((error.request_id(), error.is_retryable()), (Some("req_2"), false));
}

#[test]
fn errors_within_an_answer() {
    let overloaded = json!({ "type": "error",
        "error": { "type": "overloaded_error", "message": "Overloaded" }, "request_id": "req_3" });
    let (error, _) =
        read(Framing::ServerSentEvents, &sse(std::slice::from_ref(&overloaded))).unwrap_err();
    assert_eq!((error.kind(), error.request_id()), (ErrorKind::Overloaded, Some("req_3")));
    assert!(error.is_retryable());

    let text = json!({ "type": "text", "text": "half" });
    let body = stream(&[(text, vec![])], "end_turn");
    let head = body.split("event: message_delta").next().unwrap();
    let body = format!("{head}{}", sse(std::slice::from_ref(&overloaded)));
    let (error, partial) = read(Framing::ServerSentEvents, &body).unwrap_err();
    assert_eq!((error.kind(), partial.text()), (ErrorKind::Overloaded, "half".to_owned()));
    assert_eq!(partial.usage.input.total, Some(3));

    let (error, _) = read(Framing::Whole, &overloaded.to_string()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    let (error, _) =
        read(Framing::ServerSentEvents, "event: error\ndata: upstream broke\n\n").unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Server, "upstream broke"));
    let bare = "event: error\ndata: {\"type\":\"overloaded_error\",\"message\":\"busy\"}\n\n";
    let (error, _) = read(Framing::ServerSentEvents, bare).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Overloaded, "busy"));
    let (error, _) = read(
        Framing::ServerSentEvents,
        "data: {\"error\":{\"code\":429,\"message\":\"Quota\",\"status\":\"RESOURCE_EXHAUSTED\"}}\n\n",
    )
    .unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::RateLimit, Some(429)));
}
