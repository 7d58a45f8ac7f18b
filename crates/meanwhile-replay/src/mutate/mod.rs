//! Bodies as a newer version of their wire may send them: with more fields, values, events and parts, with
//! `null` for what is absent, and with fields in another order.
//!
//! What must hold: nothing of this is an error, nothing that was read before is read otherwise, and
//! a part that nobody knows is kept or told. The changes are drawn from a seed that is the name of
//! the recording, so that each run makes the same.

mod body;
mod changes;
mod json;
mod seen;
mod shapes;

pub(crate) use shapes::Shapes;

use body::Body;
use bytes::Bytes;
use http::StatusCode;
use meanwhile_core::{Event, FinishReason, Request, Result};
use meanwhile_http::Framing;
use seen::Seen;

use crate::corpus::Exchange;
use crate::wires::Wire;

/// What no wire has.
const UNKNOWN: &str = "zz_unknown";

/// Bodies above this size are changed at random once, not several times.
const LARGE: usize = 32 << 10;

/// Fields whose values are words of the wire, and which may hold a new one.
const WORDS: [&str; 12] = [
    "role",
    "object",
    "service_tier",
    "serviceTier",
    "category",
    "probability",
    "severity",
    "modality",
    "trafficType",
    "phase",
    "language",
    "outcome",
];

/// One answer, and the means to decode it again.
pub(crate) struct Subject<'a> {
    pub(crate) file: &'a str,
    pub(crate) exchange: &'a Exchange,
    pub(crate) wire: &'a dyn Wire,
    pub(crate) request: &'a Request,
    pub(crate) framing: Framing,
    pub(crate) body: &'a Bytes,
}

/// The changes that an answer did not survive; `None` where nothing of it is JSON.
pub(crate) fn mutate(
    subject: &Subject<'_>,
    shapes: &Shapes,
    events: &[Result<Event>],
) -> Option<Vec<&'static str>> {
    let body = Body::parse(subject.framing, subject.body)?;
    let decode =
        |body: &Body| Seen::body(subject.wire, subject.request, subject.framing, &body.bytes());
    let expected = Seen::events(events);
    let mut failed = plain(subject, shapes, &body, &expected, &decode);
    let mut check = |name, holds: bool| failed.extend((!holds).then_some(name));

    for is_named in [true, false] {
        let changed = changes::add_events(&body, is_named);
        check("unknown events", decode(&changed) == expected);
    }
    let mut changed = body.clone();
    let replaced = changes::replace_finish(&mut changed);
    let raw = expected.finish.as_ref().and_then(|finish| finish.raw.as_ref());
    if expected.error.is_none() && raw.is_some_and(|raw| replaced.contains(raw)) {
        let found = decode(&changed);
        let keeps = found.finish.as_ref().is_some_and(|finish| {
            finish.reason == FinishReason::Other && finish.raw.as_deref() == Some(UNKNOWN)
        });
        let (mut found, mut expected) = (found, expected.clone());
        found.replace(&changes::REASONS);
        expected.replace(&changes::REASONS);
        check("unknown finish reason", keeps && found.is_same_but_finish(&expected));
    }
    let mut changed = body.clone();
    if changes::replace_words(&mut changed, &WORDS) {
        let (mut found, mut expected) = (decode(&changed), expected.clone());
        found.replace(&WORDS);
        expected.replace(&WORDS);
        check("unknown words", found == expected);
    }
    if expected.error.is_none() {
        for (name, change) in changes::PARTS {
            let mut changed = body.clone();
            if change(&mut changed) {
                let (mut found, mut expected) = (decode(&changed), expected.clone());
                found.join();
                expected.join();
                check(name, found == expected && found.kept > expected.kept);
            }
        }
    }
    Some(failed)
}

/// The changes that a refusal did not survive.
pub(crate) fn mutate_refusal(
    subject: &Subject<'_>,
    shapes: &Shapes,
    status: StatusCode,
) -> Option<Vec<&'static str>> {
    let body = Body::parse(subject.framing, subject.body)?;
    let headers = subject.exchange.response.headers();
    let decode = |body: &Body| Seen::refusal(&subject.wire.error(status, &headers, &body.bytes()));
    Some(plain(subject, shapes, &body, &decode(&body), &decode))
}

/// The changes that must change nothing.
fn plain(
    subject: &Subject<'_>,
    shapes: &Shapes,
    body: &Body,
    expected: &Seen,
    decode: &dyn Fn(&Body) -> Seen,
) -> Vec<&'static str> {
    let mut failed = Vec::new();
    let mut seed = changes::Seed::of(subject.file);
    let rounds = if subject.body.len() > LARGE { 1 } else { 4 };
    for _ in 0..rounds {
        let mut changed = body.clone();
        changes::add_fields(&mut changed, &mut seed);
        failed.extend((decode(&changed) != *expected).then_some("unknown fields"));

        let mut changed = body.clone();
        changes::reorder(&mut changed, &mut seed);
        failed.extend((decode(&changed) != *expected).then_some("reordered fields"));
    }
    let mut changed = body.clone();
    if shapes.add_nulls(subject.exchange, &mut changed) {
        failed.extend((decode(&changed) != *expected).then_some("null for absent"));
    }
    let mut changed = body.clone();
    if changes::drop_nulls(&mut changed) {
        failed.extend((decode(&changed) != *expected).then_some("absent for null"));
    }
    failed.dedup();
    failed
}
