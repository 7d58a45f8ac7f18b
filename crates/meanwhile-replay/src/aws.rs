//! AWS event streams: recorded events to the bytes that carried them, and where messages begin and end.

use std::ops::Range;

use serde_json::{Map, Value};

/// Writes the messages that carry these events, each an object whose only field names the event.
pub(crate) fn frame(events: &[Map<String, Value>]) -> Vec<u8> {
    let written = events.iter().flatten();
    written.flat_map(|(name, payload)| event(name, payload.to_string().as_bytes())).collect()
}

/// Writes the message that carries one event or exception.
pub(crate) fn event(name: &str, payload: &[u8]) -> Vec<u8> {
    let is_exception = name.ends_with("Exception");
    let kind = if is_exception { "exception" } else { "event" };
    let type_header = if is_exception { ":exception-type" } else { ":event-type" };
    let headers =
        [(type_header, name), (":content-type", "application/json"), (":message-type", kind)];
    let mut out = Vec::new();
    message(&headers, payload, &mut out);
    out
}

fn message(headers: &[(&str, &str)], payload: &[u8], out: &mut Vec<u8>) {
    const TEXT: u8 = 7;
    let mut written = Vec::new();
    for (name, value) in headers {
        written.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        written.extend_from_slice(name.as_bytes());
        written.push(TEXT);
        written.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        written.extend_from_slice(value.as_bytes());
    }
    let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let mut message = length(written.len() + payload.len() + 16).to_vec();
    message.extend(length(written.len()));
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.extend(written);
    message.extend_from_slice(payload);
    message.extend(crc32fast::hash(&message).to_be_bytes());
    out.extend(message);
}

/// Where the messages of a body are.
pub(crate) fn spans(body: &[u8]) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut start = 0;
    while let Some(length) = number(body, start).filter(|length| *length > 0) {
        let end = (start + length).min(body.len());
        spans.push(start..end);
        start = end;
    }
    spans
}

/// The payload of a message.
pub(crate) fn payload(message: &[u8]) -> Option<&[u8]> {
    let headers = number(message, 4)?;
    message.get(12 + headers..message.len().checked_sub(4)?)
}

/// The name of a message's event or exception.
pub(crate) fn name(message: &[u8]) -> Option<String> {
    let mut headers = message.get(12..12 + number(message, 4)?)?;
    loop {
        let (name, rest) = headers.get(1..)?.split_at_checked(usize::from(*headers.first()?))?;
        // After the kind of value, which is a text in all headers of these streams.
        let length = rest.get(1..3).and_then(|bytes| bytes.try_into().ok());
        let length = usize::from(u16::from_be_bytes(length?));
        let value = rest.get(3..3 + length)?;
        if name == b":event-type" || name == b":exception-type" {
            return String::from_utf8(value.to_vec()).ok();
        }
        headers = rest.get(3 + length..)?;
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}
