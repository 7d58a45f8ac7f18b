//! Refusals, errors inside answers, and blocked prompts.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, ErrorKind, TimeoutPhase};
use meanwhile_http::{Codec as _, Framing};
use serde_json::{Value, json};

use crate::{SSE, chunk, fold, google, stream};

fn refused(status: u16, body: &str) -> Error {
    google().error(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes())
}

fn body(code: u16, status: &str, message: &str, details: &Value) -> String {
    let error = json!({ "code": code, "message": message, "status": status, "details": details });
    format!("{:#}", json!({ "error": error }))
}

#[test]
fn refusals_are_classified_row_by_row() {
    use ErrorKind::{
        Authentication, Cancelled, Conflict, ContentFilter, ContextLength, InsufficientFunds,
        InvalidRequest, ModelNotFound, NotFound, Overloaded, PermissionDenied, RateLimit,
        RequestTooLarge, Server, Timeout, Unsupported,
    };
    let none = json!([]);
    let reason = |reason: &str| json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason }]);
    let quota = |value: &str| {
        json!([{ "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{ "quotaId": "q", "quotaValue": value }] }])
    };
    let limited = |value: &str| {
        json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED",
            "metadata": { "quota_limit_value": value } }])
    };
    for (code, status, message, details, expected) in [
        (400, "INVALID_ARGUMENT", "API key not valid.", reason("API_KEY_INVALID"), Authentication),
        (400, "INVALID_ARGUMENT", "API key expired. Please renew.", none.clone(), Authentication),
        (400, "INVALID_ARGUMENT", "Invalid value at 'contents'", none.clone(), InvalidRequest),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            none.clone(),
            ContextLength,
        ),
        (
            400,
            "INVALID_ARGUMENT",
            "Request payload size exceeds the limit: 20971520 bytes.",
            none.clone(),
            RequestTooLarge,
        ),
        (
            400,
            "INVALID_ARGUMENT",
            "The prompt was blocked by our safety filters",
            none.clone(),
            ContentFilter,
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "User location is not supported for the API use.",
            none.clone(),
            PermissionDenied,
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "Please enable billing on project 1",
            none.clone(),
            InsufficientFunds,
        ),
        (
            401,
            "UNAUTHENTICATED",
            "API keys are not supported by this API.",
            reason("CREDENTIALS_MISSING"),
            Authentication,
        ),
        (403, "PERMISSION_DENIED", "No.", none.clone(), PermissionDenied),
        (403, "PERMISSION_DENIED", "No.", reason("SERVICE_DISABLED"), PermissionDenied),
        (403, "PERMISSION_DENIED", "No.", reason("API_KEY_SERVICE_BLOCKED"), PermissionDenied),
        (403, "PERMISSION_DENIED", "No.", reason("BILLING_DISABLED"), InsufficientFunds),
        (
            404,
            "NOT_FOUND",
            "models/x is not found for API version v1beta",
            none.clone(),
            ModelNotFound,
        ),
        (
            404,
            "NOT_FOUND",
            "Publisher Model `projects/p` was not found",
            none.clone(),
            ModelNotFound,
        ),
        (404, "NOT_FOUND", "Cached content not found", none.clone(), NotFound),
        (409, "ABORTED", "again", none.clone(), Conflict),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, check your billing details.",
            quota("10"),
            RateLimit,
        ),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota.",
            quota("0"),
            InsufficientFunds,
        ),
        // A reason says less than a quota of nothing does.
        (
            429,
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for quota metric 'requests'.",
            limited("60"),
            RateLimit,
        ),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for quota metric 'requests'.",
            limited("0"),
            InsufficientFunds,
        ),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "Your prepayment credits are depleted.",
            none.clone(),
            InsufficientFunds,
        ),
        (499, "CANCELLED", "gone", none.clone(), Cancelled),
        (500, "INTERNAL", "An internal error, blocked by nothing", none.clone(), Server),
        (501, "UNIMPLEMENTED", "not here", none.clone(), Unsupported),
        (503, "UNAVAILABLE", "The model is overloaded.", none.clone(), Overloaded),
        (504, "DEADLINE_EXCEEDED", "too slow", none.clone(), Timeout(TimeoutPhase::FirstEvent)),
        (418, "TOMORROWS_CODE", "?", none.clone(), InvalidRequest),
    ] {
        let text = body(code, status, message, &details);
        let error = refused(code, &text);
        assert_eq!(error.kind(), expected, "{text}");
        assert_eq!((error.status(), error.code()), (Some(code), Some(status)));
        assert_eq!((error.message(), error.provider()), (message, Some("google")));
        // A stream without `alt=sse` has its error in a list; one with it may have it inside.
        assert_eq!(refused(code, &format!("[{text}\n]")).kind(), expected, "in a list: {text}");
        let compact: Value = serde_json::from_str(&text).unwrap();
        let (error, partial) =
            fold(SSE, &stream(&[chunk(&json!([{ "text": "so far" }]), None), compact]))
                .unwrap_err();
        assert_eq!(
            (error.kind(), partial.text()),
            (expected, "so far".to_owned()),
            "in a stream: {text}"
        );
        assert_eq!(
            fold(Framing::Whole, &text).unwrap_err().0.kind(),
            expected,
            "in an answer: {text}"
        );
    }
}

#[test]
fn the_body_tells_how_long_to_wait_and_what_is_wrong() {
    let retry = |delay: &str| {
        json!([
            { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay },
            { "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{ "field": "generation_config.seed", "description": "d" }] },
        ])
    };
    for (message, delay, expected) in [
        ("x", "34.4s", Some(34.4)),
        ("Please retry in 48.5s.", "48s", Some(48.5)),
        ("Please retry in 500ms.", "0s", Some(0.5)),
        ("x", "soon", None),
    ] {
        let error = refused(429, &body(429, "RESOURCE_EXHAUSTED", message, &retry(delay)));
        assert_eq!(error.retry_after(), expected.map(Duration::from_secs_f64), "{message} {delay}");
        assert_eq!(error.param(), Some("generation_config.seed"));
    }
    // A second one that cannot be read does not take the first one away.
    let mut waits = retry("7s");
    waits[1] = retry("soon")[0].clone();
    let error = refused(429, &body(429, "RESOURCE_EXHAUSTED", "x", &waits));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

/// Google writes errors as indented JSON, also into streams of events.
#[test]
fn an_error_behind_events_may_lack_their_form() {
    let details =
        json!([{ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s" }]);
    let refusal = body(429, "RESOURCE_EXHAUSTED", "Slow down.", &details);
    let text = chunk(&json!([{ "text": "so far" }]), None);
    let last = chunk(&json!([]), Some("STOP"));
    let list = format!("[{refusal}]");
    for chunks in [vec![text.clone()], vec![text.clone(), last.clone()]] {
        for refusal in [&refusal, &list] {
            for behind in ["", "\n", "\r\n\r\n"] {
                let body = format!("{}{refusal}{behind}", stream(&chunks));
                let (error, partial) = fold(SSE, &body).unwrap_err();
                assert_eq!(
                    (error.kind(), error.status()),
                    (ErrorKind::RateLimit, Some(429)),
                    "{body}"
                );
                assert_eq!(
                    (error.code(), error.message()),
                    (Some("RESOURCE_EXHAUSTED"), "Slow down.")
                );
                assert_eq!(error.retry_after(), Some(Duration::from_secs(34)));
                assert_eq!(partial.text(), "so far");
            }
        }
    }
    // What is no error changes nothing about an answer that is complete.
    let counters = json!({ "usageMetadata": { "promptTokenCount": 1 } });
    let body = format!("{}{counters:#}", stream(&[text.clone(), last]));
    assert_eq!(fold(SSE, &body).unwrap().text(), "so far");
    // What nobody can read is at least shown.
    for (behind, shown) in [
        (
            "upstream connect error or disconnect/reset before headers. reset reason: overflow",
            "overflow",
        ),
        ("<html><title>Bad Gateway</title></html>", "Bad Gateway"),
        ("{\"error\": {\"code\": 5", "error"),
    ] {
        let (error, partial) =
            fold(SSE, &format!("{}{behind}", stream(std::slice::from_ref(&text)))).unwrap_err();
        assert_eq!((error.kind(), error.body()), (ErrorKind::StreamInterrupted, Some(behind)));
        assert!(error.message().contains(shown) && error.is_retryable(), "{error}");
        assert_eq!(partial.text(), "so far");
    }
}

#[test]
fn other_bodies_are_errors_too() {
    for (status, body, kind) in [
        (502, "<html><title>Bad Gateway</title></html>", ErrorKind::Server),
        (404, "", ErrorKind::NotFound),
        (401, r#"{"error":"invalid_grant","error_description":"gone"}"#, ErrorKind::Authentication),
        (400, r#"{"error":{}}"#, ErrorKind::InvalidRequest),
        (503, "[]", ErrorKind::Overloaded),
    ] {
        assert_eq!(refused(status, body).kind(), kind, "{body}");
    }
    for body in ["", "nonsense", "{}", "3", r#"{"candidates":[]}"#, r#"[{"candidates":3},]"#] {
        let (error, _) = fold(Framing::Whole, body).unwrap_err();
        assert!(
            [ErrorKind::Decode, ErrorKind::StreamInterrupted].contains(&error.kind()),
            "{body}: {error}"
        );
    }
}

#[test]
fn an_answer_of_nothing_may_be_asked_again() {
    let body = json!({ "usageMetadata": { "promptTokenCount": 4 }, "modelVersion": "m" });
    let (error, partial) = fold(Framing::Whole, &body.to_string()).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Server, true));
    assert_eq!(partial.usage.input.total, Some(4));
}

#[test]
fn a_blocked_prompt_is_an_error_of_the_input() {
    let feedback = json!({ "promptFeedback": { "blockReason": "PROHIBITED_CONTENT" },
        "usageMetadata": { "promptTokenCount": 4 } });
    for (framing, body) in [
        (Framing::Whole, feedback.to_string()),
        (SSE, stream(std::slice::from_ref(&feedback))),
        (Framing::Whole, format!("[{feedback}]")),
    ] {
        let (error, partial) = fold(framing, &body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ContentFilter);
        assert_eq!((error.code(), error.param()), (Some("PROHIBITED_CONTENT"), Some("contents")));
        assert!(error.message().contains("rephrase"), "{error}");
        assert_eq!(partial.usage.input.total, Some(4));
    }
    let feedback =
        json!({ "promptFeedback": { "blockReason": "MODEL_ARMOR", "blockReasonMessage": "no" } });
    let (error, _) = fold(Framing::Whole, &feedback.to_string()).unwrap_err();
    assert_eq!(error.message(), "the prompt was blocked (MODEL_ARMOR): no");
    // What was found in the prompt is told as it came.
    let feedback = json!({ "promptFeedback": { "blockReason": "SAFETY", "safetyRatings": [
        { "category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": true }] } });
    let (error, _) = fold(Framing::Whole, &feedback.to_string()).unwrap_err();
    assert!(
        error.body().is_some_and(|body| body.contains("HARM_CATEGORY_HARASSMENT")),
        "{error:?}"
    );
    // Ratings alone block nothing.
    let mut rated = chunk(&json!([{ "text": "a" }]), Some("STOP"));
    rated["promptFeedback"] = json!({ "safetyRatings": [] });
    assert_eq!(fold(Framing::Whole, &rated.to_string()).unwrap().text(), "a");
}
