//! [`Body`]: the JSON documents of a recorded body and what stands between them, to be changed and put
//! together again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use meanwhile_http::Framing;

use super::json::Json;
use crate::aws;

/// A body, cut at its frames.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) frames: Vec<Frame>,
    framing: Framing,
}

/// What stands between two frames, and one frame.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The bytes before the document: names of events, comments, blank lines.
    before: String,
    /// The name of the event, where the framing has names outside the document.
    pub(super) name: String,
    /// The document; `None` where it is no JSON.
    pub(super) json: Option<Json>,
    /// The document as it came, where it is no JSON.
    text: String,
    /// Whether the document came as base64 within another one, as hosts of other wires send it.
    is_wrapped: bool,
}

impl Frame {
    /// Makes an event that was not recorded.
    pub(super) fn new(name: &str, json: Json) -> Self {
        Self {
            before: String::new(),
            name: name.to_owned(),
            json: Some(json),
            text: String::new(),
            is_wrapped: false,
        }
    }
}

impl Body {
    /// Cuts a body; `None` where nothing in it is JSON.
    pub(super) fn parse(framing: Framing, bytes: &Bytes) -> Option<Self> {
        let frames = match framing {
            Framing::AwsEventStream => messages(bytes)?,
            Framing::Whole => vec![document(std::str::from_utf8(bytes).ok()?)],
            _ => lines(std::str::from_utf8(bytes).ok()?),
        };
        let body = Self { frames, framing };
        body.frames.iter().any(|frame| frame.json.is_some()).then_some(body)
    }

    /// Whether the frames are events, not one whole answer.
    pub(super) fn is_stream(&self) -> bool {
        self.framing != Framing::Whole
    }

    /// The documents.
    pub(super) fn documents(&mut self) -> impl Iterator<Item = &mut Json> {
        self.frames.iter_mut().filter_map(|frame| frame.json.as_mut())
    }

    /// Puts `new` before the frame at `at`, written as that frame is; names are left out where
    /// `is_named` is not set.
    pub(super) fn insert(&mut self, at: usize, mut new: Vec<Frame>, is_named: bool) {
        let Some(next) = self.frames.get_mut(at) else { return };
        let (end, between) = match self.framing {
            Framing::ServerSentEvents => (after_blank_line(&next.before), "\n\n"),
            Framing::JsonLines => (next.before.len(), "\n"),
            _ => (0, ""),
        };
        if at > 0 && end == 0 && !between.is_empty() {
            return;
        }
        // What ends the frame before stays with that frame.
        let own = next.before.split_off(end);
        let mut before = std::mem::replace(&mut next.before, format!("{between}{own}"));
        for frame in &mut new {
            frame.is_wrapped = next.is_wrapped;
            if next.is_wrapped {
                frame.name.clone_from(&next.name);
            }
            frame.before = std::mem::replace(&mut before, between.to_owned());
            if self.framing == Framing::ServerSentEvents {
                if is_named {
                    frame.before.push_str(&format!("event: {}\n", frame.name));
                }
                frame.before.push_str("data: ");
            }
        }
        self.frames.splice(at..at, new);
    }

    /// Writes the body.
    pub(super) fn bytes(&self) -> Bytes {
        if self.framing == Framing::AwsEventStream {
            let mut out = Vec::new();
            for frame in &self.frames {
                out.extend_from_slice(&aws::event(&frame.name, payload(frame).as_bytes()));
            }
            return out.into();
        }
        let mut out = String::new();
        for frame in &self.frames {
            out.push_str(&frame.before);
            out.push_str(&payload(frame));
        }
        out.into()
    }
}

/// Where the last blank line of a text ends.
fn after_blank_line(text: &str) -> usize {
    let ends = ["\n\n", "\r\n\r\n"].into_iter();
    ends.filter_map(|blank| Some(text.rfind(blank)? + blank.len())).max().unwrap_or(0)
}

fn payload(frame: &Frame) -> String {
    match &frame.json {
        Some(json) if frame.is_wrapped => {
            format!("{{\"bytes\":\"{}\"}}", STANDARD.encode(json.to_string()))
        }
        Some(json) => json.to_string(),
        None => frame.text.clone(),
    }
}

fn document(text: &str) -> Frame {
    Frame {
        before: String::new(),
        name: String::new(),
        json: Json::parse(text),
        text: text.to_owned(),
        is_wrapped: false,
    }
}

/// The data of server-sent events, or lines of JSON.
fn lines(text: &str) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut before = String::new();
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']);
        let data = content.strip_prefix("data:").unwrap_or(content);
        let data = data.trim_start();
        let json = if data.starts_with(['{', '[']) { Json::parse(data) } else { None };
        if json.is_none() {
            before.push_str(line);
            continue;
        }
        let at = content.len() - data.len();
        before.push_str(content.get(..at).unwrap_or_default());
        let mut frame = document("");
        frame.json = json;
        frame.before = std::mem::take(&mut before);
        frames.push(frame);
        before.push_str(line.get(content.len()..).unwrap_or_default());
    }
    let mut last = document("");
    last.before = before;
    frames.push(last);
    frames
}

fn messages(bytes: &[u8]) -> Option<Vec<Frame>> {
    let mut frames = Vec::new();
    for span in aws::spans(bytes) {
        let message = bytes.get(span)?;
        let mut frame = document(std::str::from_utf8(aws::payload(message)?).ok()?);
        frame.name = aws::name(message)?;
        let inner = frame.json.as_ref().and_then(|json| json.get("bytes")?.as_text());
        let inner = inner.and_then(|inner| STANDARD.decode(inner).ok());
        if let Some(json) = inner.and_then(|inner| Json::parse(std::str::from_utf8(&inner).ok()?)) {
            frame.json = Some(json);
            frame.is_wrapped = true;
        }
        frames.push(frame);
    }
    Some(frames)
}
