//! [`OllamaDecoder`]: whole answers and lines of a stream to events, by one path.
//!
//! Thinking and text open a part when they begin and close it when something else begins; tool calls
//! and images come whole. The finish is pushed at the line that says `done`, which is the last one.

use std::borrow::Cow;
use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile_core::{
    Error, ErrorKind, Event, Finish, FinishReason, Image, Metadata, Part, Request, Result,
    ToolCall, Usage, Warning, WarningKind,
};
use meanwhile_http::lenient::{Halves, Str};
use meanwhile_http::{CallIds, Decoder, Frame, redact};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::wire::{self, Line, Logprob};
use crate::{error, time};

/// The decoding state of one answer.
#[derive(Debug)]
pub struct OllamaDecoder {
    next_part: u32,
    /// The part that text is being added to.
    open: Option<(Kind, u32)>,
    /// The text part that the line has added to.
    text: Option<u32>,
    /// Many models' calls have none.
    ids: CallIds,
    called: bool,
    announced: bool,
    /// Whether anything of this wire was seen.
    known: bool,
    warned_logprobs: bool,
    halves: Halves,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Thinking,
    Text,
}

impl Kind {
    /// The kind of text that the field of this name holds.
    fn of(field: &str) -> Self {
        if field == "thinking" { Self::Thinking } else { Self::Text }
    }
}

type Events = VecDeque<Event>;

impl OllamaDecoder {
    pub(crate) fn new(request: &Request) -> Self {
        Self {
            next_part: 0,
            open: None,
            text: None,
            ids: CallIds::after(request),
            called: false,
            announced: false,
            known: false,
            warned_logprobs: false,
            halves: Halves::of(&["content", "thinking", "text"]),
        }
    }

    /// Reads a body, which holds one line, or all lines of a stream that came in one piece.
    fn body(&mut self, body: &[u8], events: &mut Events) -> Result<()> {
        let lines = serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>();
        for line in lines {
            let line = line.map_err(|source| unreadable(body).with_source(source))?;
            self.line(line.get().as_bytes(), events)?;
            if events.back().is_some_and(Event::is_terminal) {
                break;
            }
        }
        Ok(())
    }

    fn line(&mut self, data: &[u8], events: &mut Events) -> Result<()> {
        let read = match self.halves.is_waiting() {
            false => serde_json::from_slice::<Line<'_>>(data).ok(),
            true => None,
        };
        let mended;
        let mut data = data;
        let line = match read {
            Some(line) => line,
            None => {
                mended = self.halves.mend(data, false);
                data = mended.as_deref().unwrap_or(data);
                serde_json::from_slice(data)
                    .map_err(|source| unreadable(data).with_source(source))?
            }
        };
        if line.error.is_some_and(error::is_truthy) {
            return Err(error::in_answer(data));
        }
        self.known |= line.message.0.is_some() || line.done.0;
        self.metadata(&line, events);
        self.text = None;
        if let Some(message) = line.message.0 {
            self.message(message, events);
        }
        if !line.logprobs.0.is_empty() {
            self.logprobs(line.logprobs.0, events);
        }
        let counters = [
            ("total_duration", line.total_duration),
            ("load_duration", line.load_duration),
            ("prompt_eval_count", line.prompt_eval_count),
            ("prompt_eval_duration", line.prompt_eval_duration),
            ("eval_count", line.eval_count),
            ("eval_duration", line.eval_duration),
        ];
        if counters.iter().any(|(_, count)| count.is_some()) {
            events.push_back(Event::usage(usage(&counters)));
        }
        if line.done.0 {
            self.complete(wire::text(line.done_reason), events);
        }
        Ok(())
    }

    /// Every line names the model and the time; the first one tells both.
    fn metadata(&mut self, line: &Line<'_>, events: &mut Events) {
        if self.announced {
            return;
        }
        let mut metadata = Metadata::default();
        metadata.model = wire::text(line.model);
        metadata.created = wire::text(line.created_at).as_deref().and_then(time::seconds);
        if metadata != Metadata::default() {
            self.announced = true;
            events.push_back(Event::Metadata(Box::new(metadata)));
        }
    }

    fn message(&mut self, message: wire::Message<'_>, events: &mut Events) {
        self.text(Kind::Thinking, message.thinking.0, events);
        self.text(Kind::Text, message.content.0, events);
        for image in wire::images(message.images) {
            match image.given().and_then(|image| STANDARD.decode(image).ok()) {
                Some(bytes) => self.part(Part::Image(Image::from(bytes)), events),
                None => {
                    let message = "a picture of the answer is not base64 and is missing";
                    let warning = Warning::new(WarningKind::Unreadable, "image", message);
                    events.push_back(Event::warning(warning));
                }
            }
        }
        for call in message.tool_calls.0 {
            self.call(call, events);
        }
    }

    /// Tells the half of a character that a text ended with, which no other follows.
    fn flush(&mut self, events: &mut Events) {
        if let Some(name) = self.halves.take() {
            self.text(Kind::of(name), Some(Cow::Borrowed("\u{fffd}")), events);
        }
    }

    fn call(&mut self, call: wire::ToolCall<'_>, events: &mut Events) {
        let Some(function) = call.function.0 else {
            let message = "a tool call without a function cannot be read and is missing";
            let warning = Warning::new(WarningKind::Unreadable, "tool call", message);
            return events.push_back(Event::warning(warning));
        };
        let name = function.name.0.unwrap_or_default();
        if name.is_empty() {
            let message = "a tool call came without the tool's name";
            let warning = Warning::new(WarningKind::Unreadable, "tool call", message);
            events.push_back(Event::warning(warning));
        }
        let id = self.ids.give(call.id.given());
        self.called = true;
        let call = ToolCall::new(id, name.into_owned(), arguments(function.arguments));
        self.part(Part::ToolCall(call), events);
    }

    fn text(&mut self, kind: Kind, text: Option<Cow<'_, str>>, events: &mut Events) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        let index = match self.open {
            Some((open, index)) if open == kind => index,
            _ => {
                self.close(events);
                let index = self.next_index();
                self.open = Some((kind, index));
                events.push_back(match kind {
                    Kind::Thinking => Event::thinking_start(index),
                    Kind::Text => Event::text_start(index),
                });
                index
            }
        };
        if kind == Kind::Text {
            self.text = Some(index);
        }
        let text = text.into_owned();
        events.push_back(match kind {
            Kind::Thinking => Event::ThinkingDelta { index, text },
            Kind::Text => Event::TextDelta { index, text },
        });
    }

    fn logprobs(&mut self, logprobs: Vec<Logprob<'_>>, events: &mut Events) {
        let Some(index) = self.text else {
            if !self.warned_logprobs {
                self.warned_logprobs = true;
                let message =
                    "the probabilities of tokens that are no text have no place and are missing";
                let warning = Warning::new(WarningKind::Unreadable, "logprobs", message);
                events.push_back(Event::warning(warning));
            }
            return;
        };
        let tokens = logprobs.into_iter().filter_map(|token| {
            let text = token.token.0.unwrap_or_default();
            let mut logprob = meanwhile_core::Logprob::new(text, wire::number(token.logprob)?);
            let top = token.top_logprobs.0.into_iter().filter_map(|top| {
                let text = top.token.0.unwrap_or_default().into_owned();
                Some((text, wire::number(top.logprob)?))
            });
            logprob.top = top.collect();
            Some(logprob)
        });
        events.push_back(Event::Logprobs { index, tokens: tokens.collect() });
    }

    fn part(&mut self, part: Part, events: &mut Events) {
        self.close(events);
        let index = self.next_index();
        events.push_back(Event::part(index, part));
    }

    fn next_index(&mut self) -> u32 {
        let index = self.next_part;
        self.next_part += 1;
        index
    }

    fn close(&mut self, events: &mut Events) {
        if self
            .open
            .zip(self.halves.waiting())
            .is_some_and(|((kind, _), name)| kind == Kind::of(name))
        {
            self.flush(events);
        }
        if let Some((_, index)) = self.open.take() {
            events.push_back(Event::part_end(index));
        }
    }

    fn complete(&mut self, raw: Option<String>, events: &mut Events) {
        self.flush(events);
        self.close(events);
        let reason = match raw.as_deref() {
            // Servers before 0.1.40 give no reason.
            Some("stop") | None if self.called => FinishReason::ToolCalls,
            Some("stop") | None => FinishReason::Stop,
            // Look-alikes of other makes use the words of another dialect.
            Some("tool_calls" | "tool_call" | "function_call") => FinishReason::ToolCalls,
            Some("length") => FinishReason::Length,
            // `load` and `unload` answer requests without messages.
            Some(_) => FinishReason::Other,
        };
        let mut finish = Finish::new(reason);
        finish.raw = raw;
        events.push_back(Event::finish(finish));
    }
}

impl Decoder for OllamaDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        match frame {
            Frame::Line(line) | Frame::Event { data: line, .. } => self.line(line, events),
            Frame::Body(body) => self.body(body, events),
            _ => Err(Error::new(ErrorKind::Decode, "Ollama's API has no such frame")),
        }
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        self.flush(events);
        Err(if self.known {
            let message = "the answer ended before its last line; send the request again";
            Error::new(ErrorKind::StreamInterrupted, message)
        } else {
            let message =
                "this is no answer of Ollama's native API; check the address of the server";
            Error::new(ErrorKind::Decode, message)
        })
    }
}

/// The arguments as JSON text.
fn arguments(raw: Option<&RawValue>) -> String {
    let raw = raw.map_or("{}", RawValue::get);
    let mended = Halves::mended(raw.as_bytes()).and_then(|mended| String::from_utf8(mended).ok());
    let raw = mended.as_deref().unwrap_or(raw);
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Str<'_>>(raw).unwrap_or_default().into_text().into(),
        _ if raw == "null" => "{}".to_owned(),
        _ => raw.to_owned(),
    }
}

/// The counters, of which only those of tokens have a place; the times are in nanoseconds.
fn usage(counters: &[(&str, Option<&RawValue>)]) -> Usage {
    let raw: Map<String, Value> = counters
        .iter()
        .filter_map(|(name, raw)| {
            let value: Value = serde_json::from_str((*raw)?.get()).ok()?;
            Some(((*name).to_owned(), value))
        })
        .collect();
    let count = |name: &str| raw.get(name).and_then(Value::as_u64);
    let mut usage = Usage::default();
    // Missing where the server found the whole prompt in its memory.
    usage.input.total = count("prompt_eval_count");
    usage.output.total = count("eval_count");
    usage.raw = Some(Value::Object(raw).into());
    usage
}

fn unreadable(data: &[u8]) -> Error {
    Error::new(ErrorKind::Decode, "the answer is not JSON of Ollama's API")
        .with_body(redact::shown(data))
}
