//! The framings in which vendors stream, to write answers in.

use serde_json::Value;

/// A server-sent event without a name.
pub(crate) fn event(data: &Value) -> Vec<u8> {
    format!("data: {data}\n\n").into_bytes()
}

/// A server-sent event that is named after the type of its data.
pub(crate) fn named(data: &Value) -> Vec<u8> {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap()).into_bytes()
}

/// A line of JSON.
pub(crate) fn json_line(data: &Value) -> Vec<u8> {
    format!("{data}\n").into_bytes()
}

/// An event of an AWS event stream.
pub(crate) fn aws(name: &str, data: &Value) -> Vec<u8> {
    message(&[(":event-type", name), (":message-type", "event")], data)
}

/// An exception in an AWS event stream.
pub(crate) fn exception(name: &str, data: &Value) -> Vec<u8> {
    message(&[(":exception-type", name), (":message-type", "exception")], data)
}

fn message(fields: &[(&str, &str)], data: &Value) -> Vec<u8> {
    let payload = data.to_string().into_bytes();
    let mut headers = Vec::new();
    for (field, value) in fields.iter().chain(&[(":content-type", "application/json")]) {
        headers.push(u8::try_from(field.len()).unwrap());
        headers.extend(field.as_bytes());
        // A string.
        headers.push(7);
        headers.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let total = u32::try_from(16 + headers.len() + payload.len()).unwrap();
    let mut out = total.to_be_bytes().to_vec();
    out.extend(u32::try_from(headers.len()).unwrap().to_be_bytes());
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out.extend(headers);
    out.extend(payload);
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out
}

/// The beginning of an AWS message of so many bytes, of which nothing else has come yet.
pub(crate) fn unending(bytes: u32) -> Vec<u8> {
    let mut out = bytes.to_be_bytes().to_vec();
    out.extend(16_u32.to_be_bytes());
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out
}
