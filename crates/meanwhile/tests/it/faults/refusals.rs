//! Rows: a status that is no success, and every way in which a server asks to wait.

use std::time::{Duration, SystemTime};

use meanwhile::ErrorKind;
use meanwhile_testkit::Reply;

use super::{Ask, Expected, FIRST_EVENT, Row, matrix, milliseconds};

const STATUSES: [(u16, ErrorKind, bool); 11] = [
    (400, ErrorKind::InvalidRequest, false),
    (401, ErrorKind::Authentication, false),
    (403, ErrorKind::PermissionDenied, false),
    (404, ErrorKind::NotFound, false),
    (408, FIRST_EVENT, true),
    (409, ErrorKind::Conflict, true),
    (413, ErrorKind::RequestTooLarge, false),
    (429, ErrorKind::RateLimit, true),
    (500, ErrorKind::Server, true),
    (503, ErrorKind::Overloaded, true),
    (529, ErrorKind::Overloaded, true),
];

#[test]
fn statuses() {
    let mut rows = Vec::new();
    for (status, kind, again) in STATUSES {
        let expected = move |_: Ask| {
            let expected = if again { Expected::fails_twice(kind) } else { Expected::fails(kind) };
            expected.status(status).named().kept()
        };
        rows.push(Row::new(
            format!("{status} in the vendor's words"),
            move |ask| refusal(ask, status, "it is what it is"),
            move |ask| expected(ask).says("it is what it is"),
        ));
        rows.push(Row::new(
            format!("{status} without a body"),
            move |ask| ask.named(status),
            expected,
        ));
        rows.push(Row::new(
            format!("{status} with a page"),
            move |ask| ask.named(status).html("<html><title>No</title></html>"),
            expected,
        ));
        rows.push(Row::new(
            format!("{status} whose body breaks off"),
            move |ask| {
                let body = (ask.wire.refusal)(status, "it is what it is");
                let half = body[..body.len() / 2].to_owned();
                ask.named(status)
                    .header("content-type", "application/json")
                    .length(9999)
                    .piece(half)
                    .cut()
            },
            move |ask| Expected { kept: false, ..expected(ask) },
        ));
    }
    let told = |answer: &'static str, status: u16| {
        move |ask: Ask| refusal(ask, status, "no").header("x-should-retry", answer)
    };
    rows.push(Row::new("500 that should not be tried again", told("false", 500), |_| {
        Expected::fails(ErrorKind::Server).status(500).named().kept()
    }));
    rows.push(Row::new("400 that should be tried again", told("true", 400), |_| {
        Expected::fails_twice(ErrorKind::InvalidRequest).status(400).named().kept()
    }));
    matrix(&rows);
}

fn refusal(ask: Ask, status: u16, message: &str) -> Reply {
    let body = (ask.wire.refusal)(status, message);
    ask.named(status).header("content-type", "application/json").piece(body)
}

fn limited() -> Expected {
    Expected::fails_twice(ErrorKind::RateLimit).status(429).named().kept()
}

/// A 429 with these headers, after which so much is waited.
fn asks(name: &str, headers: &'static [(&str, &str)], wait: Option<Duration>) -> Row {
    let reply = move |ask: Ask| {
        headers
            .iter()
            .fold(refusal(ask, 429, "slow down"), |reply, (name, value)| reply.header(name, value))
    };
    Row::new(format!("429 that asks to wait: {name}"), reply, move |_| {
        let waited = wait.unwrap_or_default();
        Expected { asked: wait, wait: Some((waited, waited)), ..limited() }
    })
}

#[test]
fn waits() {
    let too_long = |_| {
        let asked = Some(Duration::from_secs(3600));
        Expected { asked, tries: 1, wait: None, ..limited() }
    };
    let mut rows = vec![
        asks("no word of it", &[], None),
        asks("seconds", &[("retry-after", "1")], Some(Duration::from_secs(1))),
        asks("a fraction", &[("retry-after", "0.25")], Some(milliseconds(250))),
        asks("milliseconds", &[("retry-after-ms", "150")], Some(milliseconds(150))),
        asks(
            "milliseconds before seconds",
            &[("retry-after", "60"), ("retry-after-ms", "150.5")],
            Some(Duration::from_micros(150_500)),
        ),
        asks(
            "nonsense before seconds",
            &[("retry-after", "0.2"), ("retry-after-ms", "soon")],
            Some(milliseconds(200)),
        ),
        asks("zero", &[("retry-after", "0")], None),
        asks("negative", &[("retry-after", "-5")], None),
        asks("no number", &[("retry-after", "NaN")], None),
        asks("infinite", &[("retry-after", "inf")], None),
        asks("absurd", &[("retry-after", "1e300")], None),
        asks("an age", &[("retry-after", "99999999999")], None),
        asks("nonsense", &[("retry-after", "after lunch")], None),
        asks("a date that is over", &[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")], None),
    ];
    for headers in [("retry-after", "3600"), ("retry-after-ms", "3600000")] {
        rows.push(Row::new(
            format!("429 that asks to wait: too long, {}", headers.0),
            move |ask| refusal(ask, 429, "slow down").header(headers.0, headers.1),
            too_long,
        ));
    }
    rows.push(Row::new(
        "503 that asks to wait",
        |ask| refusal(ask, 503, "busy").header("retry-after", "0.2"),
        |_| {
            let wait = milliseconds(200);
            let expected = Expected::fails_twice(ErrorKind::Overloaded).status(503).named().kept();
            Expected { asked: Some(wait), wait: Some((wait, wait)), ..expected }
        },
    ));
    rows.push(Row::new(
        "429 that asks to wait in its body",
        |ask| {
            let body = ask.wire.hint.map(|hint| hint()).unwrap_or_default();
            ask.named(429).header("content-type", "application/json").piece(body)
        },
        |ask| {
            let wait = milliseconds(150);
            let expected = Expected { asked: Some(wait), wait: Some((wait, wait)), ..limited() };
            Expected { left_out: ask.wire.hint.is_none(), ..expected }
        },
    ));
    matrix(&rows);
}

#[test]
fn dates() {
    // Dates are of whole seconds, so this one is between one and two seconds ahead.
    let reply = |ask: Ask| {
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
        refusal(ask, 429, "slow down").header("retry-after", &date)
    };
    matrix(&[Row::new(
        "429 that asks to wait: until a date",
        move |ask| super::Site::Server(Box::new(move |_| reply(ask))),
        |_| Expected {
            wait: Some((milliseconds(200), milliseconds(2000))),
            any_wait: true,
            ..limited()
        },
    )]);
}
