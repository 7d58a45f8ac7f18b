//! The binary framing of AWS services, to write answers in.

/// A stream of events, each with its name and its JSON.
pub(crate) fn stream(events: &[(&str, String)]) -> Vec<u8> {
    events.iter().flat_map(|(name, data)| message(name, data.as_bytes())).collect()
}

fn message(name: &str, payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    let fields =
        [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    for (field, value) in fields {
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
