//! Errors: Mistral's forms, row by row.

use http::{HeaderMap, StatusCode};
use meanwhile_core::ErrorKind;
use meanwhile_http::{Codec as _, Framing};
use meanwhile_mistral::codec;
use serde_json::{Value, json};

use crate::fold;

#[test]
fn forms_and_kinds() {
    let object = |kind: &str, code: &str, message: &str| {
        json!({ "object": "error", "type": kind, "code": code, "message": message, "param": null,
            "raw_status_code": 400 })
    };
    let check = |status: u16, body: Value, kind: ErrorKind, message: &str| {
        let status = StatusCode::from_u16(status).unwrap();
        let error = codec().error(status, &HeaderMap::new(), body.to_string().as_bytes());
        assert_eq!((error.kind(), error.message()), (kind, message), "{body}");
        assert_eq!((error.status(), error.provider()), (Some(status.as_u16()), Some("mistral")));
        error
    };
    let body = json!({ "message": "No API key found in request", "request_id": "r" });
    let error = check(401, body, ErrorKind::Authentication, "No API key found in request");
    assert_eq!(error.request_id(), Some("r"));
    check(
        401,
        json!({ "detail": "Invalid API Key" }),
        ErrorKind::Authentication,
        "Invalid API Key",
    );
    let detail = json!({ "detail": [{ "type": "missing", "loc": ["body", "messages"], "msg": "Field required" }] });
    check(422, detail, ErrorKind::InvalidRequest, "body.messages: Field required");
    let body = object("invalid_model", "1500", "Invalid model: x");
    let error = check(400, body, ErrorKind::ModelNotFound, "Invalid model: x");
    assert_eq!((error.code(), error.error_type()), (Some("1500"), Some("invalid_model")));
    let long =
        "Prompt contains 65673 tokens, too large for model with 32768 maximum context length";
    let body = object("invalid_request_invalid_args", "3051", long);
    check(400, body, ErrorKind::ContextLength, long);
    let body = object("invalid_request_message_order", "3230", "Unexpected role");
    check(400, body, ErrorKind::InvalidRequest, "Unexpected role");
    let body = object("rate_limited", "1300", "Rate limit exceeded");
    check(429, body, ErrorKind::RateLimit, "Rate limit exceeded");
    let body = object("service_tier_capacity_exceeded", "3505", "Service tier capacity exceeded");
    let error = check(429, body, ErrorKind::RateLimit, "Service tier capacity exceeded");
    assert!(error.is_retryable());
}

#[test]
fn errors_inside_a_stream() {
    let text = json!({ "choices": [{ "index": 0, "delta": { "content": "Once" } }] });
    let failure = json!({ "object": "error", "type": "internal_server_error", "code": "1000",
        "message": "Service unavailable.", "param": null });
    let body = format!("data: {text}\n\ndata: {failure}\n\n");
    let (error, partial) = fold(Framing::ServerSentEvents, &body).unwrap_err();
    assert_eq!((error.kind(), partial.text()), (ErrorKind::Server, "Once".into()));
    assert_eq!(error.message(), "Service unavailable.");
}
