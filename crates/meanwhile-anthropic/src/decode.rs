//! [`MessagesDecoder`]: whole answers and streams of the Messages wire to events.

use std::collections::VecDeque;
use std::sync::Arc;

use meanwhile_core::{
    Error, ErrorKind, Event, Finish, FinishReason, Metadata, Part, ProviderData, Request, Result,
};
use meanwhile_http::lenient::{self, Halves, Str};
use meanwhile_http::{Decoder, Frame};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::blocks::Blocks;
use crate::shape::is_output_tool_free;
use crate::wire::{Delta, Message, StreamEvent};
use crate::{DIALECT, error, usage};

/// The decoding state of one answer of the Messages wire.
#[derive(Debug)]
pub struct MessagesDecoder {
    provider: Arc<str>,
    blocks: Blocks,
    counters: Map<String, Value>,
    service_tier: Option<String>,
    /// What was told about the answer as a whole: container, context management, diagnostics, stop
    /// details.
    about: Map<String, Value>,
    halves: Halves,
    finish: Option<Finish>,
    started: bool,
}

type Events = VecDeque<Event>;

/// Names the host, beside what it told about an answer, where that is not Anthropic.
pub(crate) const ANSWERED_BY: &str = "answered_by";

impl MessagesDecoder {
    pub(crate) fn new(provider: Arc<str>, request: &Request) -> Self {
        Self {
            provider,
            blocks: Blocks::new(is_output_tool_free(request), request),
            counters: Map::new(),
            service_tier: None,
            about: Map::new(),
            halves: Halves::of(&["text", "thinking", "partial_json"]),
            finish: None,
            started: false,
        }
    }

    /// Reads the JSON of a whole answer.
    fn body(&mut self, body: &[u8], events: &mut Events) -> Result<()> {
        let mended;
        let message = match serde_json::from_slice::<Message<'_>>(body) {
            Ok(message) => message,
            Err(_) => {
                mended = Halves::mended(body);
                serde_json::from_slice(mended.as_deref().unwrap_or(body)).map_err(|source| {
                    let message = "the answer is not JSON of the Messages API";
                    error::decode(message, body).with_source(source)
                })?
            }
        };
        if message.content.0.is_none() {
            if error::is_error(body) {
                return Err(error::in_answer(body));
            }
            let message = "the answer has no content; the server may not speak the Messages API";
            return Err(error::decode(message, body));
        }
        self.message(message, events);
        self.complete(events);
        Ok(())
    }

    /// Reads the data of one server-sent event.
    fn event(&mut self, name: Option<&[u8]>, data: &[u8], events: &mut Events) -> Result<()> {
        let data = data.trim_ascii();
        // Keep-alives, and the end that some gateways add, say nothing.
        if data.is_empty() || data == b"[DONE]" || name == Some(b"ping") {
            return Ok(());
        }
        if name == Some(b"error") {
            return Err(error::in_answer(data));
        }
        let read = match self.halves.is_waiting() {
            false => serde_json::from_slice::<StreamEvent<'_>>(data).ok(),
            true => None,
        };
        let mended;
        let mut data = data;
        let event = match read {
            Some(event) => event,
            None => {
                mended = self.halves.mend(data, false);
                data = mended.as_deref().unwrap_or(data);
                serde_json::from_slice(data).map_err(|source| {
                    let message = "an event of the stream is not JSON of the Messages API";
                    error::decode(message, data).with_source(source)
                })?
            }
        };
        let name = name.and_then(|name| std::str::from_utf8(name).ok());
        match event.r#type.given().or(name).unwrap_or_default() {
            "message_start" => {
                self.started = true;
                if let Some(message) = event.message.0 {
                    self.message(message, events);
                }
            }
            "content_block_start" => {
                if let Some(block) = event.content_block {
                    self.blocks.start(event.index.0, block, events);
                }
            }
            "content_block_delta" => {
                if let Some(delta) = event.delta.0 {
                    self.blocks.delta(event.index.0, delta, data, events);
                }
            }
            "content_block_stop" => {
                self.flush(event.index.0, events);
                self.blocks.stop(event.index.0, events);
            }
            "message_delta" => {
                let delta = event.delta.0.unwrap_or_default();
                self.message_delta(&delta, event.context_management, event.usage, events);
            }
            "message_stop" if !self.started => {
                let message = "the stream ended before it began; send the request again";
                return Err(Error::new(ErrorKind::StreamInterrupted, message));
            }
            "message_stop" => self.complete(events),
            "error" => return Err(error::in_answer(data)),
            // A server that was asked for a stream may answer at once.
            "message" => return self.body(data, events),
            // A gateway's failure has no type of this API, and no other event looks like one.
            "" if error::is_error(data) => return Err(error::in_answer(data)),
            _ => {}
        }
        Ok(())
    }

    fn message(&mut self, message: Message<'_>, events: &mut Events) {
        let mut metadata = Metadata::default();
        metadata.id = message.id.given().map(str::to_owned);
        metadata.model = message.model.given().map(str::to_owned);
        if metadata != Metadata::default() {
            events.push_back(Event::Metadata(Box::new(metadata)));
        }
        for block in message.content.0.into_iter().flatten() {
            self.blocks.whole(block, events);
        }
        self.tell("container", message.container);
        self.tell("context_management", message.context_management);
        self.tell("diagnostics", message.diagnostics);
        self.tell("stop_details", message.stop_details);
        self.usage(message.usage, events);
        self.stop(message.stop_reason.given(), message.stop_sequence.given());
    }

    fn message_delta(
        &mut self,
        delta: &Delta<'_>,
        context_management: Option<&RawValue>,
        counters: Option<&RawValue>,
        events: &mut Events,
    ) {
        self.tell("container", delta.container);
        self.tell("context_management", context_management);
        self.tell("stop_details", delta.stop_details);
        self.usage(counters, events);
        self.stop(delta.stop_reason.given(), delta.stop_sequence.given());
    }

    fn stop(&mut self, reason: Option<&str>, sequence: Option<&str>) {
        let Some(raw) = reason else { return };
        let mut finish = Finish::new(usage::finish_reason(raw)).with_raw(raw);
        if let Some(sequence) = sequence {
            finish = finish.with_stop_sequence(sequence);
        }
        self.finish = Some(finish);
    }

    /// Tells the half of a character that the text of a block ended with, which no other follows.
    fn flush(&mut self, index: Option<u64>, events: &mut Events) {
        let half = || Str::from("\u{fffd}");
        let delta = match self.halves.take() {
            Some("text") => Delta { text: half(), ..Delta::default() },
            Some("thinking") => Delta { thinking: half(), ..Delta::default() },
            // The JSON of arguments does not end within a text, so that they are cut off.
            _ => return,
        };
        self.blocks.delta(index, delta, b"{}", events);
    }

    /// Keeps what is told about the answer as a whole.
    fn tell(&mut self, name: &str, raw: Option<&RawValue>) {
        let Some(raw) = raw else { return };
        if let Ok(value @ Value::Object(_)) = lenient::value(raw.get().as_bytes()) {
            self.about.insert(name.to_owned(), value);
        }
    }

    fn usage(&mut self, raw: Option<&RawValue>, events: &mut Events) {
        let Some(raw) = raw else { return };
        let Ok(Value::Object(later)) = lenient::value(raw.get().as_bytes()) else { return };
        if later.is_empty() {
            return;
        }
        let tier = later.get("service_tier").and_then(Value::as_str);
        if tier.is_some() && tier != self.service_tier.as_deref() {
            self.service_tier = tier.map(str::to_owned);
            let mut metadata = Metadata::default();
            metadata.service_tier.clone_from(&self.service_tier);
            events.push_back(Event::Metadata(Box::new(metadata)));
        }
        usage::update(&mut self.counters, later);
        self.blocks.answered_by(usage::fallback(&self.counters), events);
        events.push_back(Event::usage(usage::usage(&self.counters)));
    }

    /// Ends every part and the answer.
    fn complete(&mut self, events: &mut Events) {
        self.flush(None, events);
        self.blocks.end(events);
        let mut finish = self.finish.take().unwrap_or_else(|| Finish::new(FinishReason::Other));
        let mut about = std::mem::take(&mut self.about);
        if !about.is_empty() {
            if *self.provider != *DIALECT {
                about.insert(ANSWERED_BY.to_owned(), (*self.provider).into());
            }
            let about = ProviderData::new(DIALECT, Value::Object(about));
            self.blocks.part(Part::Opaque(about), events);
        }
        finish.reason = match finish.reason {
            // The call of the tool that is the answer asks for nothing.
            FinishReason::ToolCalls if self.blocks.answered && !self.blocks.called => {
                FinishReason::Stop
            }
            // Hosts that copy this wire do not always say that the calls are to be answered.
            FinishReason::Stop if self.blocks.called => FinishReason::ToolCalls,
            reason => reason,
        };
        events.push_back(Event::finish(finish));
    }
}

impl Decoder for MessagesDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        match frame {
            Frame::Body(body) => self.body(body, events),
            Frame::Event { name, data } => self.event(name, data, events),
            Frame::Line(line) => self.event(None, line, events),
            _ => Err(Error::new(ErrorKind::Decode, "the Messages API has no such frame")),
        }
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        self.flush(None, events);
        let message = "the stream ended without `message_stop`; send the request again";
        Err(Error::new(ErrorKind::StreamInterrupted, message))
    }
}
