//! Errors: what they print, what they carry, when they may be retried.

use std::error::Error as _;
use std::time::Duration;

use meanwhile_core::{
    Call, Error, ErrorKind, Event, Message, Model, Registry, Response, Scripted, TimeoutPhase,
    Warning,
};

use crate::wait;

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

#[test]
fn an_error_at_the_end_of_a_stream_says_whose_it_is() {
    let broken = Error::new(ErrorKind::StreamInterrupted, "gone");
    let scripted = Scripted::new()
        .events([Ok(Event::warning(Warning::dropped("top_k", "not here"))), Err(broken)]);
    let call = Call::<String>::new("greet", &Registry::new(), Ok("hi".into()));
    let error = wait(async {
        let mut stream = call.model(Model::new(scripted, "any")).stream().await?;
        while let Some(event) = stream.next().await {
            event?;
        }
        Ok::<(), Error>(())
    });
    let error = error.unwrap_err();
    assert_eq!(error.operation(), Some("greet"));
    assert_eq!((error.provider(), error.model()), (Some("scripted"), Some("any")));
    assert_eq!(error.partial().unwrap().warnings.len(), 1, "warnings ride on the error");
}

#[test]
fn what_the_provider_has_said_is_told_apart_from_what_the_kind_says() {
    for (kind, told) in [
        (ErrorKind::Server, None),
        (ErrorKind::Server, Some(false)),
        (ErrorKind::Decode, None),
        (ErrorKind::Decode, Some(false)),
        (ErrorKind::Decode, Some(true)),
    ] {
        let error = Error::new(kind, "as the test says");
        let expected = told.unwrap_or(error.is_retryable());
        let error = match told {
            Some(told) => error.with_retryable(told),
            None => error,
        };
        assert_eq!((error.told_to_retry(), error.is_retryable()), (told, expected), "{kind}");
    }
}

#[test]
fn a_note_is_added_to_the_message() {
    let error = Error::new(ErrorKind::Server, "down").with_status(503).with_note("not sent again");
    assert_eq!(error.message(), "down; not sent again");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Server, Some(503)));
}
