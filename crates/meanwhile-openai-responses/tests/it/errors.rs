//! Failures: their classes, row by row, wherever they are reported.

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, ErrorKind};
use meanwhile_http::{Codec as _, Framing};
use serde_json::{Value, json};

use crate::{fold, openai, stream};

fn refused(status: u16, body: &Value) -> Error {
    let status = StatusCode::from_u16(status).unwrap();
    openai().error(status, &HeaderMap::new(), body.to_string().as_bytes())
}

fn coded(code: &str) -> Value {
    json!({ "code": code, "message": "m" })
}

#[test]
fn refusals_are_classified_by_code_then_status_then_text() {
    let check = |status: u16, error: Value, kind: ErrorKind| {
        let error = refused(status, &json!({ "error": error }));
        assert_eq!((error.kind(), error.status()), (kind, Some(status)), "{error}");
        assert_eq!(error.provider(), Some("openai"));
    };
    check(400, coded("model_not_found"), ErrorKind::ModelNotFound);
    check(400, coded("context_length_exceeded"), ErrorKind::ContextLength);
    check(400, coded("unsupported_parameter"), ErrorKind::InvalidRequest);
    check(400, coded("previous_response_not_found"), ErrorKind::NotFound);
    check(401, coded("invalid_api_key"), ErrorKind::Authentication);
    check(403, json!({ "message": "no" }), ErrorKind::PermissionDenied);
    check(404, json!({ "message": "x" }), ErrorKind::NotFound);
    check(429, coded("insufficient_quota"), ErrorKind::InsufficientFunds);
    check(429, coded("rate_limit_exceeded"), ErrorKind::RateLimit);
    check(500, coded("server_error"), ErrorKind::Server);
    check(503, json!({ "message": "m" }), ErrorKind::Overloaded);
    // xAI says everything in words.
    let xai =
        |text: &str| refused(400, &json!({ "code": "invalid-argument", "error": text })).kind();
    assert_eq!(xai("Model not found: grok-x"), ErrorKind::ModelNotFound);
    assert_eq!(xai("Incorrect API key provided."), ErrorKind::Authentication);
}

#[test]
fn a_failed_response_is_an_error_with_what_had_come() {
    let check = |code: &str, kind: ErrorKind| {
        let failed = json!({ "type": "response.failed", "response": { "id": "r", "status": "failed",
            "error": coded(code), "output": [], "usage": { "input_tokens": 3 } } });
        let begun =
            json!({ "type": "response.output_text.delta", "output_index": 0, "delta": "so" });
        let (error, partial) =
            fold(Framing::ServerSentEvents, &stream(&[begun, failed.clone()])).unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, Some(code)), "{error}");
        assert_eq!((&*partial.text(), partial.usage.input.total), ("so", Some(3)));
        let (error, _) = fold(Framing::Whole, &failed["response"].to_string()).unwrap_err();
        assert_eq!(error.kind(), kind);
    };
    check("server_error", ErrorKind::Server);
    check("rate_limit_exceeded", ErrorKind::RateLimit);
    check("insufficient_quota", ErrorKind::InsufficientFunds);
    check("invalid_prompt", ErrorKind::InvalidRequest);
    check("invalid_image_url", ErrorKind::InvalidRequest);
    check("image_content_policy_violation", ErrorKind::ContentFilter);
    check("bio_policy", ErrorKind::ContentFilter);
    check("tomorrow", ErrorKind::Server);
}

#[test]
fn errors_inside_a_stream() {
    let check = |event: Value, kind: ErrorKind, message: &str| {
        let (error, _) = fold(Framing::ServerSentEvents, &stream(&[event])).unwrap_err();
        assert_eq!((error.kind(), error.message()), (kind, message));
    };
    check(
        json!({ "type": "error", "error": { "code": "insufficient_quota", "message": "pay" } }),
        ErrorKind::InsufficientFunds,
        "pay",
    );
    check(
        json!({ "type": "error", "code": "rate_limit_exceeded", "message": "slow" }),
        ErrorKind::RateLimit,
        "slow",
    );
    check(json!({ "error": { "code": 503, "message": "busy" } }), ErrorKind::Overloaded, "busy");
    check(json!({ "type": "error", "message": "broke" }), ErrorKind::Server, "broke");
}

#[test]
fn a_cancelled_response() {
    let body = json!({ "status": "cancelled", "output": [] });
    let (error, _) = fold(Framing::Whole, &body.to_string()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn what_is_no_answer() {
    let check = |framing: Framing, body: &str, kind: ErrorKind| {
        let (error, _) = fold(framing, body).unwrap_err();
        assert_eq!(error.kind(), kind, "{body}");
    };
    check(Framing::Whole, "", ErrorKind::StreamInterrupted);
    check(Framing::Whole, "<html>", ErrorKind::Decode);
    check(Framing::Whole, "{}", ErrorKind::Decode);
    check(Framing::Whole, "[]", ErrorKind::Decode);
    check(
        Framing::Whole,
        r#"{"error":{"message":"m","code":"invalid_api_key"}}"#,
        ErrorKind::Authentication,
    );
    check(
        Framing::Whole,
        r#"[{"error":{"message":"m","code":"invalid_api_key"}}]"#,
        ErrorKind::Authentication,
    );
    check(Framing::Whole, r#"{"message":"m"}"#, ErrorKind::Server);
    check(Framing::ServerSentEvents, "data: ?\n\n", ErrorKind::Decode);
    check(Framing::ServerSentEvents, "data: [DONE]\n\n", ErrorKind::StreamInterrupted);
    check(Framing::ServerSentEvents, "", ErrorKind::StreamInterrupted);
    check(
        Framing::ServerSentEvents,
        "data: {\"type\":\"response.completed\"}\n\n",
        ErrorKind::Decode,
    );
}
