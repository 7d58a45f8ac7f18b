//! Answers and refusals: what Azure adds to those of the wires.

use http::{HeaderMap, StatusCode};
use meanwhile_azure::{AzureCodec, Surface};
use meanwhile_core::{Error, ErrorKind, FinishReason, Fold, Message, Request, Response};
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::{Value, json};

fn codec() -> AzureCodec {
    AzureCodec::new(Surface::V1)
}

fn fold(model: &str, framing: Framing, body: &str) -> Result<Response, (Error, Response)> {
    let request = Request::new(model, vec![Message::user("x")]);
    let mut answer = Answer::new(codec().decoder(&request), framing);
    answer.push(body.to_owned().into());
    answer.end();
    let mut fold = Fold::new("azure", model);
    while let Some(event) = answer.next() {
        match event {
            Ok(event) => fold.push(&event).expect("the events keep to their grammar"),
            Err(error) => return Err((error, fold.into_partial())),
        }
    }
    Ok(fold.finish().unwrap())
}

fn refused(status: u16, body: &Value) -> Error {
    let status = StatusCode::from_u16(status).unwrap();
    codec().error(status, &HeaderMap::new(), body.to_string().as_bytes())
}

#[test]
fn refusals() {
    let check = |status: u16, body: Value, kind: ErrorKind, says: &str| {
        let error = refused(status, &body);
        assert_eq!((error.kind(), error.status()), (kind, Some(status)), "{error}");
        assert!(error.message().contains(says), "{error}");
        assert_eq!(error.provider(), Some("azure"));
        assert!(error.body().is_some());
    };
    let error =
        |code: &str, message: &str| json!({ "error": { "code": code, "message": message } });
    check(
        404,
        error("DeploymentNotFound", "The API deployment for this resource does not exist."),
        ErrorKind::ModelNotFound,
        "named by its deployment",
    );
    check(404, error("404", "Resource not found"), ErrorKind::NotFound, "check the endpoint");
    check(
        401,
        error("401", "Access denied due to invalid subscription key"),
        ErrorKind::Authentication,
        "invalid subscription key",
    );
    check(
        401,
        error("PermissionDenied", "The principal lacks the required data action"),
        ErrorKind::PermissionDenied,
        "principal",
    );
    check(
        429,
        error("RateLimitReached", "Your requests have exceeded rate limit."),
        ErrorKind::RateLimit,
        "exceeded",
    );
    check(
        429,
        error("429", "Requests have exceeded the token rate limit. Please retry after 20 seconds."),
        ErrorKind::RateLimit,
        "retry",
    );
    check(
        422,
        json!({ "error": { "code": "Invalid input", "message": "invalid input error", "status": 422 } }),
        ErrorKind::InvalidRequest,
        "invalid input",
    );
    check(400, error("context_length_exceeded", "too long"), ErrorKind::ContextLength, "too long");
    check(
        400,
        json!({ "error": { "code": "content_filter", "param": "prompt", "status": 400,
            "message": "The response was filtered.", "innererror": {
                "code": "ResponsibleAIPolicyViolation", "content_filter_result": {
                    "hate": { "filtered": false, "severity": "safe" },
                    "jailbreak": { "filtered": true, "detected": true },
                    "violence": { "filtered": true, "severity": "high" } } } } }),
        ErrorKind::ContentFilter,
        "(found: jailbreak, violence)",
    );
    // Anthropic's own shape.
    check(
        529,
        json!({ "type": "error", "error": { "type": "overloaded_error", "message": "busy" } }),
        ErrorKind::Overloaded,
        "busy",
    );
    let wait = refused(429, &error("429", "Please retry after 20 seconds.")).retry_after();
    assert_eq!(wait, Some(std::time::Duration::from_secs(20)));
}

#[test]
fn a_filter_that_found_something_is_a_warning() {
    let results = json!({ "hate": { "filtered": false, "severity": "safe" },
        "violence": { "filtered": true, "severity": "medium" } });
    let chunk = |choices: Value, prompt: Value| {
        format!("data: {}\n\n", json!({ "choices": choices, "prompt_filter_results": prompt }))
    };
    let body = [
        chunk(
            json!([]),
            json!([{ "prompt_index": 0, "content_filter_results": {
            "jailbreak": { "filtered": false, "detected": true } } }]),
        ),
        chunk(json!([{ "index": 0, "delta": { "content": "so" } }]), json!(null)),
        chunk(
            json!([{ "index": 0, "delta": {}, "finish_reason": "content_filter",
            "content_filter_results": results }]),
            json!(null),
        ),
        chunk(json!([{ "index": 0, "content_filter_results": results }]), json!(null)),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let response = fold("gpt-4o", Framing::ServerSentEvents, &body).unwrap();
    assert_eq!(response.finish_reason(), Some(FinishReason::ContentFilter));
    let warnings: Vec<&str> = response.warnings.iter().map(|warning| &*warning.message).collect();
    assert_eq!(
        warnings,
        ["Azure's content filter found `jailbreak`", "Azure's content filter found `violence`"]
    );
    assert_eq!(response.text(), "so");
}

#[test]
fn what_a_model_says_about_filters_is_no_finding() {
    let text = r#"{"water":{"filtered":true}}"#;
    let body = json!({ "choices": [{ "index": 0, "finish_reason": "stop", "message": {
        "content": text, "x": { "water": { "filtered": true } } } }] });
    let response = fold("gpt-4o", Framing::Whole, &body.to_string()).unwrap();
    assert!(response.warnings.is_empty());
}

#[test]
fn each_wire_is_read() {
    let check = |model: &str, body: Value| {
        let response = fold(model, Framing::Whole, &body.to_string()).unwrap();
        assert_eq!((&*response.text(), response.finish_reason()), ("so", Some(FinishReason::Stop)));
    };
    let text = json!([{ "type": "output_text", "text": "so" }]);
    check(
        "gpt-4o:responses",
        json!({ "status": "completed", "output": [
        { "type": "message", "id": "m", "content": text }] }),
    );
    check(
        "gpt-4o",
        json!({ "choices": [{ "index": 0, "message": { "content": "so" },
        "finish_reason": "stop" }] }),
    );
    check(
        "claude-sonnet-4-5",
        json!({ "type": "message", "id": "m", "role": "assistant",
        "model": "claude", "content": [{ "type": "text", "text": "so" }],
        "stop_reason": "end_turn", "usage": { "input_tokens": 1, "output_tokens": 1 } }),
    );
}

#[test]
fn an_error_inside_a_stream() {
    let body = "data: {\"error\":{\"code\":\"content_filter\",\"message\":\"m\",\"innererror\":{\"content_filter_results\":{\"hate\":{\"filtered\":true}}}}}\n\n";
    for model in ["gpt-4o", "gpt-4o:responses"] {
        let (error, _) = fold(model, Framing::ServerSentEvents, body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ContentFilter);
        assert!(error.message().contains("hate"), "{error}");
    }
}
