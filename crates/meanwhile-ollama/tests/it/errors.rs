//! Errors, row by row.

use http::{HeaderMap, StatusCode};
use meanwhile_core::ErrorKind;
use meanwhile_http::{Codec as _, Framing};
use meanwhile_ollama::OllamaCodec;
use serde_json::json;

use crate::fold;

#[test]
fn statuses_and_sentences() {
    for (status, message, kind, retryable) in [
        (404, "model \"qwen9\" not found, try pulling it first", ErrorKind::ModelNotFound, false),
        (404, "model 'qwen9' not found", ErrorKind::ModelNotFound, false),
        (404, "404 page not found", ErrorKind::NotFound, false),
        (
            400,
            "registry.ollama.ai/library/gemma:2b does not support tools",
            ErrorKind::InvalidRequest,
            false,
        ),
        (400, "invalid think value: \"lots\"", ErrorKind::InvalidRequest, false),
        (400, "the input length exceeds the context length", ErrorKind::ContextLength, false),
        (
            400,
            "json: cannot unmarshal string into Go struct field",
            ErrorKind::InvalidRequest,
            false,
        ),
        (401, "unauthorized", ErrorKind::Authentication, false),
        (
            403,
            "this model requires a subscription, upgrade for access",
            ErrorKind::PermissionDenied,
            false,
        ),
        (429, "you have reached your hourly usage limit", ErrorKind::RateLimit, true),
        (
            503,
            "server busy, please try again. maximum pending requests exceeded",
            ErrorKind::Overloaded,
            true,
        ),
        (
            500,
            "model requires more system memory (9.5 GiB) than is available (3.1 GiB)",
            ErrorKind::Server,
            false,
        ),
        (500, "llama runner process has terminated: exit status 2", ErrorKind::Server, true),
        (502, "upstream error", ErrorKind::Server, true),
    ] {
        let body = json!({ "error": message }).to_string();
        let status = StatusCode::from_u16(status).unwrap();
        let error = OllamaCodec::new().error(status, &HeaderMap::new(), body.as_bytes());
        assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{message}");
        assert_eq!(error.message(), message);
        assert_eq!((error.status(), error.provider()), (Some(status.as_u16()), Some("ollama")));
    }
}

#[test]
fn bodies_of_proxies() {
    for (body, message) in [
        (r#"{"error":{"message":"no such route"}}"#, "no such route"),
        (r#"{"message":"no such route"}"#, "no such route"),
        ("404 page not found", "404 page not found"),
        ("", "the server answered Not Found without a message"),
        (r#"{"error":""}"#, r#"{"error":""}"#),
    ] {
        let error =
            OllamaCodec::new().error(StatusCode::NOT_FOUND, &HeaderMap::new(), body.as_bytes());
        assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, message));
    }
}

#[test]
fn errors_inside_an_answer() {
    let text = json!({ "message": { "content": "Once" }, "done": false });
    for (line, kind) in [
        (json!({ "error": "an error was encountered while running the model" }), ErrorKind::Server),
        (json!({ "error": "server busy", "status_code": 503 }), ErrorKind::Overloaded),
        (json!({ "error": { "message": "boom" } }), ErrorKind::Server),
        (json!({ "error": 3 }), ErrorKind::Server),
    ] {
        let (error, partial) = fold(Framing::JsonLines, &format!("{text}\n{line}\n")).unwrap_err();
        assert_eq!((error.kind(), partial.text().as_str()), (kind, "Once"), "{line}");
        let (error, _) = fold(Framing::Whole, &line.to_string()).unwrap_err();
        assert_eq!(error.kind(), kind, "{line}");
    }
    let body = json!({ "message": { "content": "x" }, "done": true, "error": null });
    assert_eq!(fold(Framing::Whole, &body.to_string()).unwrap().text(), "x");
}
