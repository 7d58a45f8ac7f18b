//! Bytes that arrive in other pieces, and bytes that stop early.

use std::ops::Range;

use bytes::Bytes;
use meanwhile_core::{Event, Request, Result};
use meanwhile_http::Framing;

use crate::aws;
use crate::play::{decode, error_facts};
use crate::wires::Wire;

/// Most bytes to decode for one sweep of one exchange; beyond, positions are sampled.
const BUDGET: usize = 16 << 20;

/// Bodies up to this size are split at every byte.
const EVERY_BYTE: usize = 64 << 10;

/// Whether the events stay the same however the body is split.
///
/// One pass gives single bytes. Then each pass splits every event at the same distance from its
/// start, so that all passes together split the body once at every byte.
pub(crate) fn split(
    wire: &dyn Wire,
    request: &Request,
    framing: Framing,
    body: &Bytes,
    expected: &[Result<Event>],
) -> bool {
    let same = |cuts: &[usize]| {
        let mut start = 0;
        let ends = cuts.iter().copied().chain([body.len()]);
        let chunks = ends.map(|end| body.slice(std::mem::replace(&mut start, end)..end));
        is_same(&decode(wire, request, framing, chunks), expected)
    };
    let every: Vec<usize> = (1..body.len()).collect();
    if !same(&every) {
        return false;
    }
    let starts = match framing {
        Framing::Whole => std::iter::once(0..body.len()).collect(),
        _ => spans(framing, body),
    };
    let longest = starts.iter().map(Range::len).max().unwrap_or(0);
    let passes = match framing {
        // A whole body is only put together again, so a sample is enough.
        Framing::Whole => longest.min(64),
        _ if body.len() <= EVERY_BYTE => longest,
        _ => longest.min(BUDGET / body.len().max(1)),
    };
    let step = longest.div_ceil(passes.max(1)).max(1);
    (0..longest).step_by(step).all(|distance| {
        let cuts: Vec<usize> = starts
            .iter()
            .map(|span| span.start + distance.min(span.len()))
            .filter(|cut| *cut > 0 && *cut < body.len())
            .collect();
        same(&cuts)
    })
}

/// Whether every part of the body that stops before its terminator is an error.
pub(crate) fn cut(wire: &dyn Wire, request: &Request, framing: Framing, body: &Bytes) -> bool {
    let end = terminator(wire, framing, body).unwrap_or(body.len() + 1);
    // Every cut decodes half of the body on average.
    let positions = BUDGET.checked_div(end / 2).unwrap_or(end).max(1);
    let step = end.div_ceil(positions).max(1);
    let edges = spans(framing, body).into_iter().map(|span| span.end);
    let sampled = (0..end).step_by(step);
    edges.chain(sampled).filter(|cut| *cut < end).all(|cut| {
        let events = decode(wire, request, framing, [body.slice(..cut)]);
        matches!(events.last(), Some(Err(_)))
    })
}

/// How many bytes of the body make a complete answer.
fn terminator(wire: &dyn Wire, framing: Framing, body: &Bytes) -> Option<usize> {
    spans(framing, body).into_iter().find_map(|span| {
        if framing == Framing::AwsEventStream {
            let payload = std::str::from_utf8(aws::payload(body.get(span.clone())?)?).ok()?;
            return wire.is_terminal(payload).then_some(span.end);
        }
        let text = std::str::from_utf8(body.get(span.clone())?).ok()?;
        let mut offset = span.start;
        for line in text.split_inclusive('\n') {
            let content = line.trim_end();
            if let Some(data) = content.strip_prefix("data:")
                && wire.is_terminal(data.trim())
            {
                return Some(offset + content.len());
            }
            offset += line.len();
        }
        None
    })
}

/// The events of a body: messages, or what stands between blank lines, the blank lines included.
fn spans(framing: Framing, body: &[u8]) -> Vec<Range<usize>> {
    if framing == Framing::AwsEventStream {
        return aws::spans(body);
    }
    let mut spans = Vec::new();
    let mut start = 0;
    let mut blank = true;
    for (at, byte) in body.iter().enumerate() {
        match byte {
            b'\n' if blank && at + 1 > start => {
                spans.push(start..at + 1);
                start = at + 1;
            }
            b'\n' => blank = true,
            b'\r' => {}
            _ => blank = false,
        }
    }
    if start < body.len() {
        spans.push(start..body.len());
    }
    spans
}

fn is_same(events: &[Result<Event>], expected: &[Result<Event>]) -> bool {
    events.len() == expected.len()
        && events.iter().zip(expected).all(|pair| match pair {
            (Ok(event), Ok(expected)) => event == expected,
            (Err(error), Err(expected)) => error_facts(error) == error_facts(expected),
            _ => false,
        })
}
