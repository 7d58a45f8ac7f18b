//! Errors: what they print, what they carry, when they may be retried.

use std::error::Error as _;
use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, Message, Response, TimeoutPhase};

#[test]
fn an_error_is_one_pointer() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}

#[test]
fn display_has_the_context_and_not_the_source() {
    let error = Error::new(ErrorKind::RateLimit, "slow down")
        .with_provider("acme")
        .with_model("large")
        .with_status(429)
        .with_code("tokens")
        .with_request_id("req_1")
        .with_retry_after(Duration::from_millis(1500))
        .with_source(std::io::Error::other("inner"));
    assert_eq!(
        error.to_string(),
        "acme/large: rate limited: slow down (status 429, code tokens, retry after 1.5s, request id req_1)"
    );
    assert_eq!(error.source().unwrap().to_string(), "inner");
    assert_eq!(Error::new(ErrorKind::Config, "plain").to_string(), "configuration error: plain");
}

#[test]
fn the_first_provider_named_stays() {
    let error = Error::new(ErrorKind::Server, "x").with_provider("inner").with_provider("outer");
    assert_eq!(error.provider(), Some("inner"));
}

#[test]
fn kinds_decide_about_retrying_unless_the_provider_did() {
    let check =
        |kind, expected| assert_eq!(Error::new(kind, "x").is_retryable(), expected, "{kind}");
    check(ErrorKind::RateLimit, true);
    check(ErrorKind::Server, true);
    check(ErrorKind::Timeout(TimeoutPhase::Idle), true);
    check(ErrorKind::Timeout(TimeoutPhase::Whole), false);
    check(ErrorKind::Authentication, false);
    check(ErrorKind::InsufficientFunds, false);
    check(ErrorKind::StreamInterrupted, true);
    let mut partial = Response::new("p", "m");
    let nothing = Error::new(ErrorKind::StreamInterrupted, "x").with_partial(partial.clone());
    assert!(nothing.is_retryable(), "nothing of the answer had come");
    partial.message = Message::assistant("half an ans");
    assert!(!Error::new(ErrorKind::StreamInterrupted, "x").with_partial(partial).is_retryable());
    assert!(Error::new(ErrorKind::InvalidRequest, "x").with_retryable(true).is_retryable());
}

#[test]
fn boxing_and_unboxing_changes_nothing() {
    let error = Error::new(ErrorKind::Overloaded, "busy").with_status(529);
    let error = Error::from_boxed(ErrorKind::Other, Box::new(error));
    assert_eq!((error.kind(), error.status()), (ErrorKind::Overloaded, Some(529)));
    let foreign = Error::from_boxed(ErrorKind::Prompt, "plain text".into());
    assert_eq!(foreign.to_string(), "prompt error: plain text");
}
