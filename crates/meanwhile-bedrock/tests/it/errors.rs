//! Failures, row by row.

use http::{HeaderMap, HeaderValue, StatusCode};
use meanwhile_bedrock::ConverseCodec;
use meanwhile_core::{Error, ErrorKind, TimeoutPhase};
use meanwhile_http::{Codec as _, Framing};
use serde_json::json;

use crate::{CLAUDE, ask, fold, message, stream};

fn refusal(status: u16, name: &str, body: &str) -> Error {
    let mut headers = HeaderMap::new();
    if !name.is_empty() {
        headers.insert("x-amzn-errortype", HeaderValue::from_str(name).unwrap());
    }
    headers.insert("x-amzn-requestid", HeaderValue::from_static("r-1"));
    let status = StatusCode::from_u16(status).unwrap();
    ConverseCodec::default().error(status, &headers, body.as_bytes())
}

#[test]
fn refusals() {
    let coral = ":http://internal.amazon.com/coral/com.amazon.bedrock/";
    for (status, name, message, kind) in [
        (400, "ValidationException", "1 validation error detected", ErrorKind::InvalidRequest),
        (
            400,
            "ValidationException",
            "The provided model identifier is invalid.",
            ErrorKind::ModelNotFound,
        ),
        (400, "", "The provided model identifier is invalid.", ErrorKind::ModelNotFound),
        (
            400,
            "ValidationException",
            "Input is too long for requested model.",
            ErrorKind::ContextLength,
        ),
        (
            400,
            "",
            "The model returned the following errors: Input Tokens Exceeded: Number of input tokens exceeds maximum length.",
            ErrorKind::ContextLength,
        ),
        (
            400,
            "ValidationException",
            "Output blocked by content filtering policy",
            ErrorKind::ContentFilter,
        ),
        (
            403,
            "AccessDeniedException",
            "You don't have access to the model with the specified model ID.",
            ErrorKind::PermissionDenied,
        ),
        (
            403,
            "",
            "You don't have access to the model with the specified model ID.",
            ErrorKind::PermissionDenied,
        ),
        (
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            ErrorKind::Authentication,
        ),
        (
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
            ErrorKind::Authentication,
        ),
        (
            403,
            "",
            "The security token included in the request is expired",
            ErrorKind::Authentication,
        ),
        (
            403,
            "AccessDeniedException",
            "Authentication failed: Please make sure your API Key is valid.",
            ErrorKind::Authentication,
        ),
        (
            404,
            "ResourceNotFoundException",
            "This model version has reached the end of its life.",
            ErrorKind::ModelNotFound,
        ),
        (404, "ResourceNotFoundException", "No such guardrail", ErrorKind::NotFound),
        (
            429,
            "ThrottlingException",
            "Too many requests, please wait before trying again.",
            ErrorKind::RateLimit,
        ),
        (
            400,
            "ServiceQuotaExceededException",
            "Your request exceeds the service quota",
            ErrorKind::RateLimit,
        ),
        (429, "ModelNotReadyException", "Model is not ready for inference.", ErrorKind::Overloaded),
        (408, "ModelTimeoutException", "slow", ErrorKind::Timeout(TimeoutPhase::FirstEvent)),
        (424, "ModelErrorException", "broken", ErrorKind::Server),
        (424, "", "broken", ErrorKind::Server),
        (500, "InternalServerException", "a content filter", ErrorKind::Server),
        (503, "ServiceUnavailableException", "busy", ErrorKind::Overloaded),
        (503, "", "Model is getting throttled. Try your request again.", ErrorKind::Overloaded),
        (418, "TeapotException", "short and stout", ErrorKind::InvalidRequest),
    ] {
        for named in [name.to_owned(), format!("{name}{coral}")] {
            let named = if name.is_empty() { String::new() } else { named };
            for field in ["message", "Message"] {
                let error = refusal(status, &named, &json!({ field: message }).to_string());
                assert_eq!(error.kind(), kind, "{status} {name} {message}");
                assert_eq!(error.message(), message);
                assert_eq!(error.status(), Some(status));
                assert_eq!(error.code(), (!name.is_empty()).then_some(name));
                assert_eq!(error.request_id(), Some("r-1"));
            }
        }
    }
}

#[test]
fn other_shapes() {
    let error = refusal(
        400,
        "",
        r#"{"__type":"com.amazon.coral.service#ThrottlingException","message":"slow down"}"#,
    );
    assert_eq!((error.kind(), error.code()), (ErrorKind::RateLimit, Some("ThrottlingException")));
    let error = refusal(
        404,
        "",
        r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#,
    );
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("UnknownOperationException"), "{error}");
    let error = refusal(
        424,
        "ModelErrorException",
        r#"{"message":"failed","originalStatusCode":400,"originalMessage":"prompt is too long"}"#,
    );
    assert_eq!(error.kind(), ErrorKind::ContextLength);
    assert_eq!(error.message(), "failed: prompt is too long");
    let error = refusal(502, "", "<html><title>Bad Gateway</title></html>");
    assert_eq!(error.kind(), ErrorKind::Server);
    assert!(error.message().contains("Bad Gateway"), "{error}");
    assert_eq!(refusal(500, "", "").kind(), ErrorKind::Server);
    assert_eq!(refusal(429, "ThrottlingException", "").kind(), ErrorKind::RateLimit);
}

#[test]
fn exceptions_in_streams() {
    for (name, kind) in [
        ("validationException", ErrorKind::InvalidRequest),
        ("throttlingException", ErrorKind::RateLimit),
        ("serviceUnavailableException", ErrorKind::Overloaded),
        ("internalServerException", ErrorKind::Server),
        ("modelStreamErrorException", ErrorKind::Server),
        ("modelTimeoutException", ErrorKind::Timeout(TimeoutPhase::FirstEvent)),
        ("unheardOfException", ErrorKind::Server),
    ] {
        let text = json!({ "contentBlockIndex": 0, "delta": { "text": "so far" } });
        let body = stream(&[("contentBlockDelta", text), (name, json!({ "message": "no" }))]);
        let (error, partial) =
            fold(&ask(CLAUDE).streamed(), Framing::AwsEventStream, &body).unwrap_err();
        assert_eq!((error.kind(), error.message(), error.code()), (kind, "no", Some(name)));
        assert_eq!(partial.text(), "so far");
    }
    // What the model's own server said counts.
    for (name, original, kind) in [
        ("modelStreamErrorException", 429, ErrorKind::RateLimit),
        ("modelStreamErrorException", 400, ErrorKind::InvalidRequest),
        ("modelErrorException", 503, ErrorKind::Overloaded),
        ("modelErrorException", 200, ErrorKind::Server),
    ] {
        let said = json!({ "message": "no", "originalStatusCode": original });
        let (error, _) =
            fold(&ask(CLAUDE).streamed(), Framing::AwsEventStream, &stream(&[(name, said)]))
                .unwrap_err();
        assert_eq!(error.kind(), kind, "{name} {original}");
    }
    // So it does behind a proxy with a status of its own.
    let said = r#"{"message":"no","originalStatusCode":429}"#;
    assert_eq!(refusal(502, "ModelErrorException", said).kind(), ErrorKind::RateLimit);
    let mut body = Vec::new();
    let headers = [
        (":message-type", "error"),
        (":error-code", "InternalFailure"),
        (":error-message", "gone"),
    ];
    message(&headers, b"", &mut body);
    let (error, _) = fold(&ask(CLAUDE).streamed(), Framing::AwsEventStream, &body).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Server, "gone"));
}

#[test]
fn bodies_that_are_no_answers() {
    let read = |body: &str| fold(&ask(CLAUDE), Framing::Whole, body.as_bytes()).unwrap_err().0;
    assert_eq!(read("{}").kind(), ErrorKind::Decode);
    assert_eq!(read("not json").kind(), ErrorKind::Decode);
    let error =
        read(r#"{"message":"The security token is expired","__type":"ExpiredTokenException"}"#);
    assert_eq!(error.kind(), ErrorKind::Authentication);
}
