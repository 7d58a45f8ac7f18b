//! Refusals, row by row.

use http::{HeaderMap, StatusCode};
use meanwhile_cohere::{ChatCodec, Cohere};
use meanwhile_core::{Error, ErrorKind, TimeoutPhase};
use meanwhile_http::{Codec as _, Framing};
use serde_json::json;

use crate::fold;

fn refusal(status: u16, body: &str) -> Error {
    let status = StatusCode::from_u16(status).unwrap();
    ChatCodec::default().error(status, &HeaderMap::new(), body.as_bytes())
}

#[test]
fn refusals() {
    for (status, message, kind) in [
        (400, "invalid request: message must be at least 1 token long", ErrorKind::InvalidRequest),
        (
            400,
            "too many tokens: total number of tokens in the prompt cannot exceed 4081",
            ErrorKind::ContextLength,
        ),
        (401, "invalid api token", ErrorKind::Authentication),
        (402, "Please add a payment method", ErrorKind::InsufficientFunds),
        (403, "not allowed", ErrorKind::PermissionDenied),
        (
            404,
            "model 'nonexistent' not found, make sure the correct model ID was used",
            ErrorKind::ModelNotFound,
        ),
        (404, "model 'command' was removed on September 15, 2025.", ErrorKind::ModelNotFound),
        (404, "no such endpoint", ErrorKind::NotFound),
        (422, "unknown field", ErrorKind::InvalidRequest),
        (
            429,
            "You are using a Trial key, which is limited to 10 API calls / minute.",
            ErrorKind::RateLimit,
        ),
        (498, "blocked output", ErrorKind::ContentFilter),
        (499, "request cancelled", ErrorKind::Cancelled),
        (500, "internal server error", ErrorKind::Server),
        (503, "busy", ErrorKind::Overloaded),
        (504, "slow", ErrorKind::Timeout(TimeoutPhase::FirstEvent)),
    ] {
        let error = refusal(status, &json!({ "id": "id-1", "message": message }).to_string());
        assert_eq!(error.kind(), kind, "{status} {message}");
        assert_eq!(error.message(), message);
        assert_eq!((error.status(), error.request_id()), (Some(status), Some("id-1")));
    }
    let error = refusal(502, "<html><title>Bad Gateway</title></html>");
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(refusal(500, "").kind(), ErrorKind::Server);
}

#[test]
fn bodies_that_are_no_answers() {
    let read = |body: &str| fold(Framing::Whole, body).unwrap_err().0;
    assert_eq!(read("{}").kind(), ErrorKind::Decode);
    assert_eq!(read("not json").kind(), ErrorKind::Decode);
    let error = read(r#"{"id":"x","message":"it broke"}"#);
    assert_eq!((error.kind(), error.message()), (ErrorKind::Server, "it broke"));
}

#[test]
fn failures_inside_a_stream() {
    let text = json!({ "type": "content-delta", "index": 0,
        "delta": { "message": { "content": { "text": "so far" } } } });
    let named = |event: &str, failure: &str| format!("event: {event}\ndata: {failure}\n\n");
    for (message, kind) in [
        ("it broke", ErrorKind::Server),
        ("too many tokens: total number of tokens cannot exceed 4081", ErrorKind::ContextLength),
        ("invalid api token", ErrorKind::Authentication),
        (
            "You are using a Trial key, which is limited to 10 API calls / minute.",
            ErrorKind::RateLimit,
        ),
        ("model 'x' not found, make sure the correct model ID was used", ErrorKind::ModelNotFound),
    ] {
        let failure = json!({ "id": "id-1", "message": message }).to_string();
        // As an event with a name, without one, and as plain JSON behind the events.
        let bodies = [
            named("error", &failure),
            format!("data: {failure}\n\n"),
            failure.clone(),
            named("", &failure),
        ];
        for body in bodies {
            let body = format!("data: {text}\n\n{body}");
            let (error, partial) = fold(Framing::ServerSentEvents, &body).unwrap_err();
            assert_eq!((error.kind(), error.message()), (kind, message), "{body}");
            assert_eq!((error.request_id(), partial.text().as_str()), (None, "so far"));
            assert!(error.body().is_some_and(|body| body.contains("id-1")), "{body}");
        }
    }
    let failure = json!({ "message": "slow down", "status_code": 429, "code": "limits" });
    let (error, _) = fold(Framing::ServerSentEvents, &format!("data: {failure}\n\n")).unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::RateLimit, Some(429)));
    assert_eq!(error.code(), Some("limits"));
}

#[test]
fn keys_are_not_printed() {
    let cohere = Cohere::builder().api_key("the-secret-key").build().unwrap();
    let shown = format!("{cohere:?}");
    assert!(shown.contains("https://api.cohere.com") && !shown.contains("the-secret"), "{shown}");
}
