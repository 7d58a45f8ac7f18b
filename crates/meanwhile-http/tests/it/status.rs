//! Status and headers to errors.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use meanwhile_core::{Error, ErrorKind, TimeoutPhase};
use meanwhile_http::status;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

#[test]
fn kinds() {
    let check = |code: u16, kind: ErrorKind, retryable: bool| {
        let status = StatusCode::from_u16(code).unwrap();
        assert_eq!(status::kind(status), kind, "{code}");
        let error = status::error(status, b"");
        assert_eq!((error.is_retryable(), error.status()), (retryable, Some(code)), "{code}");
    };
    check(400, ErrorKind::InvalidRequest, false);
    check(401, ErrorKind::Authentication, false);
    check(402, ErrorKind::InsufficientFunds, false);
    check(403, ErrorKind::PermissionDenied, false);
    check(404, ErrorKind::NotFound, false);
    check(408, ErrorKind::Timeout(TimeoutPhase::FirstEvent), true);
    check(409, ErrorKind::Conflict, true);
    check(413, ErrorKind::RequestTooLarge, false);
    check(418, ErrorKind::InvalidRequest, false);
    check(422, ErrorKind::InvalidRequest, false);
    check(429, ErrorKind::RateLimit, true);
    check(500, ErrorKind::Server, true);
    check(502, ErrorKind::Server, true);
    check(503, ErrorKind::Overloaded, true);
    check(504, ErrorKind::Server, true);
    check(529, ErrorKind::Overloaded, true);
}

#[test]
fn messages() {
    let check = |body: &str, expected: &str| {
        assert_eq!(status::error(StatusCode::BAD_GATEWAY, body.as_bytes()).message(), expected);
    };
    check("", "the server answered Bad Gateway without a message");
    check("upstream is gone\n", "upstream is gone");
    check(
        "<html><title> 502 </title>",
        "the server answered Bad Gateway with an HTML page titled `502`",
    );
    check("<!doctype html><p>", "the server answered Bad Gateway with an HTML page");
    assert!(status::error(StatusCode::BAD_GATEWAY, &[b'x'; 5000]).message().len() < 400);
}

#[test]
fn retry_after() {
    // Half a second past 2026-01-01T00:00:00Z.
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_500);
    let check = |pairs: &[(&'static str, &str)], expected: Option<f64>| {
        let wait = status::retry_after(&headers(pairs), now);
        assert_eq!(wait, expected.map(Duration::from_secs_f64), "{pairs:?}");
    };
    check(&[], None);
    check(&[("retry-after", "2")], Some(2.0));
    check(&[("retry-after", " 1.5 ")], Some(1.5));
    check(&[("retry-after", "300")], Some(300.0));
    check(&[("retry-after-ms", "250"), ("retry-after", "2")], Some(0.25));
    check(&[("retry-after-ms", "0"), ("retry-after", "2")], Some(2.0));
    check(&[("retry-after-ms", "soon"), ("retry-after", "2")], Some(2.0));
    check(&[("retry-after", "Thu, 01 Jan 2026 00:00:10 GMT")], Some(9.5));
    check(&[("retry-after", "Thu, 01 Jan 2026 00:00:00 GMT")], None);
    check(&[("retry-after", "Fri, 01 Jan 9999 00:00:00 GMT")], None);
    for nonsense in ["0", "-1", "NaN", "inf", "1e300", "9e13", "", "tomorrow"] {
        check(&[("retry-after", nonsense)], None);
        check(&[("retry-after-ms", nonsense)], None);
    }
}

#[test]
fn headers_complete_an_error() {
    let error = || status::error(StatusCode::TOO_MANY_REQUESTS, b"slow down");
    let pairs = [("request-id", "r1"), ("retry-after", "2"), ("x-should-retry", "false")];
    let complete = status::with_headers(error(), &headers(&pairs));
    assert_eq!(complete.request_id(), Some("r1"));
    assert_eq!(complete.retry_after(), Some(Duration::from_secs(2)));
    assert!(!complete.is_retryable());

    let own = error().with_request_id("own").with_retry_after(Duration::from_secs(9));
    let own = status::with_headers(own, &headers(&pairs));
    // The header's word about the wait counts more than what was read from the body.
    assert_eq!((own.request_id(), own.retry_after()), (Some("own"), Some(Duration::from_secs(2))));
    let hint = error().with_retry_after(Duration::from_secs(9));
    let hint = status::with_headers(hint, &headers(&[("retry-after", "0")]));
    assert_eq!(hint.retry_after(), Some(Duration::from_secs(9)));

    let bad = status::error(StatusCode::BAD_REQUEST, b"no");
    assert!(status::with_headers(bad, &headers(&[("x-should-retry", "true")])).is_retryable());
}

#[test]
fn a_status_that_blames_the_request_is_not_tried_again() {
    let check = |status: u16, kind: ErrorKind, retried: bool| {
        let error = Error::new(kind, "no").with_status(status);
        let error = status::with_headers(error, &headers(&[]));
        assert_eq!(error.is_retryable(), retried, "{status}");
        // The server's explicit word goes before both.
        for (word, retried) in [("true", true), ("false", false)] {
            let error = Error::new(kind, "no").with_status(status);
            let error = status::with_headers(error, &headers(&[("x-should-retry", word)]));
            assert_eq!(error.is_retryable(), retried, "{status} {word}");
        }
    };
    check(400, ErrorKind::RateLimit, false);
    check(403, ErrorKind::Overloaded, false);
    check(408, ErrorKind::Timeout(TimeoutPhase::FirstEvent), true);
    check(409, ErrorKind::Conflict, true);
    check(422, ErrorKind::Server, false);
    check(429, ErrorKind::RateLimit, true);
    check(429, ErrorKind::InsufficientFunds, false);
    check(500, ErrorKind::Server, true);
    check(529, ErrorKind::Overloaded, true);
}

#[test]
fn request_ids() {
    let check = |pairs: &[(&'static str, &str)], expected: Option<&str>| {
        assert_eq!(status::request_id(&headers(pairs)), expected);
    };
    check(&[("cf-ray", "c"), ("x-request-id", "a")], Some("a"));
    check(&[("cf-ray", "c"), ("apim-request-id", "b")], Some("b"));
    check(&[("x-amzn-requestid", "d")], Some("d"));
    check(&[("cf-ray", "c"), ("x-request-id", "")], Some("c"));
    check(&[], None);
}
