//! Refusals and failures, in every shape.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use meanwhile_core::ErrorKind;
use meanwhile_http::{Codec as _, Framing};
use meanwhile_openai_compatible::ChatCodec;
use meanwhile_openai_compatible::presets;

use crate::{acme, fold};

#[track_caller]
fn check(status: u16, body: &str, kind: ErrorKind, message: &str) {
    let status = StatusCode::from_u16(status).unwrap();
    let error = acme().error(status, &HeaderMap::new(), body.as_bytes());
    assert_eq!((error.kind(), error.message()), (kind, message), "{body}");
    assert_eq!(error.status(), Some(status.as_u16()));
    assert_eq!(error.provider(), Some("acme"));
}

#[test]
fn every_shape_of_a_body_is_read() {
    let invalid = ErrorKind::InvalidRequest;
    check(400, r#"{"error":{"message":"no","type":"t","param":"p","code":null}}"#, invalid, "no");
    check(400, r#"{"code":"c","error":"no"}"#, invalid, "no");
    check(400, r#"{"error":"no","error_type":"t"}"#, invalid, "no");
    check(400, r#"{"object":"error","message":"no","code":3051}"#, invalid, "no");
    check(
        400,
        r#"{"object":"error","message":{"detail":[{"loc":["body","x"],"msg":"no"}]}}"#,
        invalid,
        "body.x: no",
    );
    check(
        422,
        r#"{"detail":[{"loc":["body",0],"msg":"no"},{"msg":"nor"}]}"#,
        invalid,
        "body.0: no; nor",
    );
    check(401, r#"{"detail":"no"}"#, ErrorKind::Authentication, "no");
    check(400, r#"{"id":"i","message":"no"}"#, invalid, "no");
    check(
        400,
        r#"[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]"#,
        invalid,
        "no",
    );
    check(400, r#"{"errors":[{"message":"no"}]}"#, invalid, "no");
    // LiteLLM answers a failed stream with events, behind the status of an error.
    check(
        500,
        "data: {\"error\": {\"message\": \"no\", \"type\": null, \"param\": null, \"code\": \"500\"}}\n\n",
        ErrorKind::Server,
        "no",
    );
    check(
        422,
        "event: error\r\ndata: {\"detail\":\"no\"}\r\n\r\ndata: [DONE]\r\n\r\n",
        invalid,
        "no",
    );
    check(422, "no", invalid, "no");
    check(
        502,
        "<html><title>Bad Gateway</title>",
        ErrorKind::Server,
        "the server answered Bad Gateway with an HTML page titled `Bad Gateway`",
    );
    check(
        500,
        "",
        ErrorKind::Server,
        "the server answered Internal Server Error without a message",
    );
}

#[test]
fn a_router_passes_on_what_its_upstream_said() {
    let body = r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"too long\",\"code\":\"context_length_exceeded\",\"param\":\"messages\"}}"}}}"#;
    let error = acme().error(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes());
    assert_eq!(error.kind(), ErrorKind::ContextLength);
    assert_eq!(error.message(), "Provider returned error: too long");
    assert_eq!((error.code(), error.param()), (Some("context_length_exceeded"), Some("messages")));
}

#[test]
fn code_counts_before_status_before_text() {
    let body = |message: &str, code: &str| {
        format!(r#"{{"error":{{"message":"{message}","code":"{code}"}}}}"#)
    };
    #[track_caller]
    fn kind(status: u16, body: &str, kind: ErrorKind) {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(acme().error(status, &HeaderMap::new(), body.as_bytes()).kind(), kind, "{body}");
    }
    kind(400, &body("x", "context_length_exceeded"), ErrorKind::ContextLength);
    kind(400, &body("x", "content_policy_violation"), ErrorKind::ContentFilter);
    kind(400, &body("x", "model_not_found"), ErrorKind::ModelNotFound);
    kind(404, &body("x", "DeploymentNotFound"), ErrorKind::ModelNotFound);
    kind(400, &body("x", "invalid_api_key"), ErrorKind::Authentication);
    kind(429, &body("x", "insufficient_quota"), ErrorKind::InsufficientFunds);
    kind(429, &body("You exceeded your current quota", "x"), ErrorKind::InsufficientFunds);
    kind(429, &body("slow down", "rate_limit_exceeded"), ErrorKind::RateLimit);
    kind(402, &body("x", "y"), ErrorKind::InsufficientFunds);
    kind(503, &body("x", "y"), ErrorKind::Overloaded);
    kind(413, &body("x", "y"), ErrorKind::RequestTooLarge);
    kind(400, &body("maximum context length is 8", "y"), ErrorKind::ContextLength);
    kind(404, &body("The model `x` does not exist", "y"), ErrorKind::ModelNotFound);
    kind(
        400,
        &body("Model x is not supported. Supported models are [y].", "z"),
        ErrorKind::ModelNotFound,
    );
    kind(
        501,
        r#"{"error":{"message":"m","type":"not_supported_error"}}"#,
        ErrorKind::InvalidRequest,
    );
    kind(400, &body("Incorrect API key provided", "y"), ErrorKind::Authentication);
    // Text does not turn a failure of the server into one of the request, nor an echo into a limit.
    kind(500, &body("content policy check crashed", "y"), ErrorKind::Server);
    kind(400, &body("the text 429 rate limit", "y"), ErrorKind::InvalidRequest);
}

#[test]
fn waits_are_found_in_messages() {
    #[track_caller]
    fn wait(message: &str, expected: Option<Duration>) {
        let body = format!(r#"{{"error":{{"message":"{message}"}}}}"#);
        let error = acme().error(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), body.as_bytes());
        assert_eq!(error.retry_after(), expected, "{message}");
        assert!(error.is_retryable());
    }
    wait("Please try again in 1.2s.", Some(Duration::from_millis(1200)));
    wait("try again in 1m2.5s", Some(Duration::from_millis(62_500)));
    wait("try again in 300ms", Some(Duration::from_millis(300)));
    wait("Please retry after 26 seconds. Or not.", Some(Duration::from_secs(26)));
    wait("try again in 2 hours", Some(Duration::from_secs(7200)));
    wait("try again in a while", None);
    wait("try again in ", None);
}

#[test]
fn errors_come_inside_answers_too() {
    #[track_caller]
    fn inside(framing: Framing, body: &str, kind: ErrorKind, message: &str) {
        let (error, _) = fold(&acme(), framing, body).unwrap_err();
        assert_eq!((error.kind(), error.message()), (kind, message), "{body}");
    }
    let sse = Framing::ServerSentEvents;
    inside(Framing::Whole, r#"{"error":{"message":"no","code":429}}"#, ErrorKind::RateLimit, "no");
    inside(
        Framing::Whole,
        r#"{"object":"error","message":"no","code":404}"#,
        ErrorKind::NotFound,
        "no",
    );
    inside(sse, "data: {\"error\":{\"message\":\"no\"}}\n\n", ErrorKind::Server, "no");
    inside(sse, "data: {\"error\":\"no\"}\n\n", ErrorKind::Server, "no");
    inside(sse, "data: {\"code\":429,\"error\":\"no\"}\n\n", ErrorKind::RateLimit, "no");
    inside(
        sse,
        "event: error\ndata: {\"error\":{\"message\":\"no\",\"status_code\":400}}\n\n",
        ErrorKind::InvalidRequest,
        "no",
    );
    inside(sse, "event: error\ndata: no\n\n", ErrorKind::Server, "no");
    inside(
        sse,
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"error\",\"error\":{\"code\":502,\"message\":\"no\"}}]}\n\n",
        ErrorKind::Server,
        "no",
    );
    inside(
        sse,
        "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: {\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\"}}\n\n",
        ErrorKind::InvalidRequest,
        "no",
    );
}

#[test]
fn counters_of_a_failed_answer_are_kept() {
    let body = "data: {\"error\":{\"message\":\"no\"},\"usage\":{\"prompt_tokens\":5}}\n\n";
    let (_, partial) = fold(&acme(), Framing::ServerSentEvents, body).unwrap_err();
    assert_eq!(partial.usage.input.total, Some(5));
}

#[test]
fn vendors_have_codes_of_their_own() {
    let minimax = ChatCodec::new("minimax", presets::MINIMAX.quirks);
    let body = r#"{"choices":null,"base_resp":{"status_code":1008,"status_msg":"no money"}}"#;
    let (error, _) = fold(&minimax, Framing::Whole, body).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::InsufficientFunds, "no money"));
    assert_eq!(error.code(), Some("1008"));
}
