//! [`ConverseDecoder`]: whole answers and streamed events to events of the core, by one path.
//!
//! A block of the answer is a part. Blocks of text need no beginning on the wire, so a delta opens
//! its block. The finish waits for the counters, which follow it; a stream that ends between the two
//! is complete.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use meanwhile_core::{
    Audio, Error, ErrorKind, Event, Finish, FinishReason, Image, Metadata, Part, Request, Result,
    Warning, WarningKind,
};
use meanwhile_http::frame::MessageHeaders;
use meanwhile_http::lenient::Halves;
use meanwhile_http::{CallFragment, Decoder, Frame, ToolCalls};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::blocks::{Kind, Open};
use crate::models::Model;
use crate::output::{self, Plan};
use crate::wire::{
    Answer, Block, BlockEvent, CitationsContent, MessageStop, Metadata as About, Reasoning,
    ServiceTier, ToolUse,
};
use crate::{blocks, error, media, usage};

type Events = VecDeque<Event>;

/// The decoding state of one Converse answer.
#[derive(Debug)]
pub struct ConverseDecoder {
    provider: Arc<str>,
    /// The tool whose arguments are the answer.
    output_tool: Option<String>,
    next_part: u32,
    open: Vec<Open>,
    calls: ToolCalls,
    /// What is told about the answer and is no part of it.
    told: Map<String, Value>,
    stop_sequence: Option<String>,
    stop_reason: Option<String>,
    counted: bool,
    halves: Halves,
}

impl ConverseDecoder {
    pub(crate) fn new(provider: Arc<str>, request: &Request) -> Self {
        let output_tool = match output::plan(request, Model::of(&request.model)) {
            Plan::Tool(name, _) => Some(name),
            _ => None,
        };
        Self {
            provider,
            output_tool,
            next_part: 0,
            open: Vec::new(),
            calls: ToolCalls::after(request),
            told: Map::new(),
            stop_sequence: None,
            stop_reason: None,
            counted: false,
            halves: Halves::of(&["text", "input"]),
        }
    }

    /// Reads the JSON of a whole answer.
    fn body(&mut self, body: &[u8], events: &mut Events) -> Result<()> {
        let mended = Halves::mended(body);
        let answer: Answer<'_> = parse(mended.as_deref().unwrap_or(body))?;
        let Some(message) = answer.output.0.and_then(|output| output.message.0) else {
            return Err(error::in_answer(None, body).unwrap_or_else(|| {
                let message = "the answer has no message; the server may not be Bedrock";
                Error::new(ErrorKind::Decode, message)
            }));
        };
        for (index, block) in (0..).zip(message.content.0) {
            self.whole_block(index, block, events);
            self.close(index, events);
        }
        self.stop(answer.stop_reason.text(), answer.more);
        self.perform(answer.performance_config);
        self.about(answer.usage, answer.trace, answer.service_tier.0, events);
        self.complete(events);
        Ok(())
    }

    fn whole_block(&mut self, index: u64, block: Block<'_>, events: &mut Events) {
        match block {
            Block::ToolUse(raw) => {
                let Some(call) = self.begin_call(index, raw, events) else { return };
                if let Some(input) = call.input {
                    self.call_input(index, Cow::Borrowed(input.get()), events);
                }
            }
            Block::Reasoning(mut reasoning) => {
                if let Some(inner) = reasoning.reasoning_text.0.take() {
                    reasoning.text = inner.text;
                    reasoning.signature = inner.signature;
                }
                self.reasoning(index, reasoning, events);
            }
            Block::Citations(cited) => self.cited(index, cited, events),
            Block::Image(raw) | Block::Audio(raw) => {
                let name = if matches!(block, Block::Image(_)) { "image" } else { "audio" };
                self.own(name, value(raw), events);
            }
            Block::ToolResult(raw) => {
                let part = self.opaque("toolResult", value(raw));
                self.part(part, events);
            }
            Block::Other(name, raw) => {
                let part = self.opaque(&name, value(raw));
                self.part(part, events);
            }
            Block::Text(text) => {
                // Nothing but an empty text is still an answer.
                self.ensure(index, Kind::Text, events);
                self.text(index, text, events);
            }
            Block::Citation(raw) => self.citation(index, raw, events),
            Block::Empty => {}
        }
    }

    /// Reads one message of a stream.
    fn message(
        &mut self,
        headers: MessageHeaders<'_>,
        data: &[u8],
        events: &mut Events,
    ) -> Result<()> {
        if let Some(error) = error::in_headers(&headers, data) {
            return Err(error);
        }
        let is_delta = headers.event_type == Some("contentBlockDelta");
        let mended = match self.halves.is_waiting() || Halves::are_in(data) {
            true => self.halves.mend(data, !is_delta),
            false => None,
        };
        let data = mended.as_deref().unwrap_or(data);
        match headers.event_type {
            Some("contentBlockDelta") => {
                let event: BlockEvent<'_> = parse(data)?;
                self.delta(event.index.0.unwrap_or(0), event.delta, events);
            }
            Some("contentBlockStart") => {
                let event: BlockEvent<'_> = parse(data)?;
                if !matches!(event.start, Block::Empty) {
                    self.start(event.index.0.unwrap_or(0), event.start, events);
                }
            }
            Some("contentBlockStop") => {
                let event: BlockEvent<'_> = parse(data)?;
                self.close(event.index.0.unwrap_or(0), events);
            }
            Some("messageStop") => {
                let event: MessageStop<'_> = parse(data)?;
                self.close_all(events);
                self.stop(event.stop_reason.text(), event.more);
                if self.counted {
                    self.complete(events);
                }
            }
            Some("metadata") => {
                let event: About<'_> = parse(data)?;
                self.perform(event.performance_config);
                self.about(event.usage, event.trace, event.service_tier.0, events);
                self.counted = true;
                if self.stop_reason.is_some() {
                    self.complete(events);
                }
            }
            // The wire may grow.
            _ => {}
        }
        Ok(())
    }

    /// Reads an event that bears its name inside, as behind `InvokeModel`.
    fn named(&mut self, data: &[u8], events: &mut Events) -> Result<()> {
        let event: BTreeMap<Cow<'_, str>, Option<&RawValue>> = parse(data)?;
        for (name, payload) in event {
            let Some(payload) = payload else { continue };
            let mut headers = MessageHeaders::default();
            headers.event_type = Some(&name);
            if name.ends_with("Exception") {
                headers.exception_type = Some(&name);
            }
            self.message(headers, payload.get().as_bytes(), events)?;
        }
        Ok(())
    }

    fn start(&mut self, index: u64, start: Block<'_>, events: &mut Events) {
        self.close(index, events);
        match start {
            Block::ToolUse(raw) => {
                self.begin_call(index, raw, events);
            }
            Block::ToolResult(raw) => {
                self.open.push(Open::own(index, "toolResult", value(raw)));
            }
            Block::Image(raw) => self.open.push(Open::own(index, "image", value(raw))),
            Block::Other(name, raw) => self.open.push(Open::own(index, name, value(raw))),
            other => self.delta(index, other, events),
        }
    }

    fn delta(&mut self, index: u64, delta: Block<'_>, events: &mut Events) {
        match delta {
            Block::Text(text) => self.text(index, text, events),
            Block::ToolUse(raw) => {
                let piece: ToolUse<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
                if self.find(index).is_none() && !self.calls.is_open(index) {
                    self.begin_call(index, raw, events);
                }
                if let Some(input) = piece.input {
                    // Text that is JSON in pieces; some gateways send the JSON itself.
                    let text = serde_json::from_str::<Cow<'_, str>>(input.get());
                    self.call_input(index, text.unwrap_or(Cow::Borrowed(input.get())), events);
                }
            }
            Block::Reasoning(reasoning) => self.reasoning(index, reasoning, events),
            Block::Citation(raw) => self.citation(index, raw, events),
            Block::Citations(cited) => self.cited(index, cited, events),
            Block::ToolResult(raw) => self.own_delta(index, "toolResult", value(raw)),
            Block::Image(raw) => self.own_delta(index, "image", value(raw)),
            Block::Audio(raw) => self.own_delta(index, "audio", value(raw)),
            Block::Other(name, raw) => self.own_delta(index, &name, value(raw)),
            Block::Empty => {}
        }
    }

    /// Adds to a block that is kept as it comes.
    fn own_delta(&mut self, index: u64, name: &str, more: Value) {
        match self.find(index) {
            Some(Open { kind: Kind::Own(block), .. }) => block.grow(more),
            Some(_) => {}
            None => {
                let mut open = Open::own(index, name.to_owned(), json!({}));
                if let Kind::Own(block) = &mut open.kind {
                    block.grow(more);
                }
                self.open.push(open);
            }
        }
    }

    /// Begins a call, of the program's tool, of the tool that is the answer, or of the service's own.
    fn begin_call<'a>(
        &mut self,
        index: u64,
        raw: &'a RawValue,
        events: &mut Events,
    ) -> Option<ToolUse<'a>> {
        let Ok(call) = serde_json::from_str::<ToolUse<'a>>(raw.get()) else {
            let message = "a call of the answer is no object and is missing";
            let warning = Warning::new(WarningKind::Unreadable, "tool call", message);
            events.push_back(Event::warning(warning));
            return None;
        };
        let name = call.name.text();
        if call.r#type.given() == Some("server_tool_use") {
            self.open.push(Open::own(index, "toolUse", value(raw)));
            // A whole answer holds the arguments already.
            return None;
        }
        if self.output_tool.as_deref() == Some(name) {
            self.ensure(index, Kind::Output, events);
            return Some(call);
        }
        let fragment = CallFragment::new(Some(index)).named(call.tool_use_id.text(), name);
        let fragment = fragment.begins(true);
        self.calls.add(fragment, &mut self.next_part, events);
        Some(call)
    }

    fn call_input(&mut self, index: u64, input: Cow<'_, str>, events: &mut Events) {
        if self.calls.is_open(index) {
            let fragment = CallFragment::new(Some(index)).arguments(input);
            return self.calls.add(fragment, &mut self.next_part, events);
        }
        let Some(open) = self.find(index) else { return };
        let part = open.part;
        match &mut open.kind {
            _ if input.is_empty() => {}
            Kind::Output => events.push_back(Event::text_delta(part, input)),
            Kind::Own(block) => block.input.push_str(&input),
            _ => {}
        }
    }

    fn text(&mut self, index: u64, text: Cow<'_, str>, events: &mut Events) {
        if !text.is_empty() {
            let part = self.ensure(index, Kind::Text, events);
            events.push_back(Event::text_delta(part, text));
        }
    }

    fn reasoning(&mut self, index: u64, reasoning: Reasoning<'_>, events: &mut Events) {
        let Reasoning { text, signature, redacted_content, .. } = reasoning;
        let part = self.ensure(index, Kind::Thinking(blocks::Sealed::default()), events);
        if let Some(text) = text.0.filter(|text| !text.is_empty()) {
            events.push_back(Event::thinking_delta(part, text));
        }
        if let Some(Open { kind: Kind::Thinking(sealed), .. }) = self.find(index) {
            sealed.add(signature.0.as_deref(), redacted_content.0.as_deref());
        }
    }

    fn cited(&mut self, index: u64, cited: CitationsContent<'_>, events: &mut Events) {
        self.ensure(index, Kind::Text, events);
        for text in cited.content.0.into_iter().filter_map(|generated| generated.text.0) {
            self.text(index, text, events);
        }
        for raw in cited.citations.0.into_iter().flatten() {
            self.citation(index, raw, events);
        }
    }

    fn citation(&mut self, index: u64, raw: &RawValue, events: &mut Events) {
        let citation = blocks::citation(value(raw), &self.provider);
        let part = self.ensure(index, Kind::Text, events);
        events.push_back(Event::citation(part, citation));
    }

    /// Makes sure that a part of this kind is open for the block, and returns it.
    fn ensure(&mut self, index: u64, kind: Kind, events: &mut Events) -> u32 {
        match self.find(index) {
            Some(open) if open.kind.is_like(&kind) => return open.part,
            Some(_) => self.close(index, events),
            None => self.calls.close(index, &mut self.next_part, events),
        }
        let part = self.next();
        events.push_back(match kind {
            Kind::Thinking(_) => Event::thinking_start(part),
            _ => Event::text_start(part),
        });
        self.open.push(Open { index, part, kind });
        part
    }

    fn find(&mut self, index: u64) -> Option<&mut Open> {
        self.open.iter_mut().rev().find(|open| open.index == index)
    }

    fn close(&mut self, index: u64, events: &mut Events) {
        self.rest(index, events);
        let Some(at) = self.open.iter().position(|open| open.index == index) else {
            return self.calls.close(index, &mut self.next_part, events);
        };
        let Open { part, kind, .. } = self.open.remove(at);
        let data = match kind {
            Kind::Own(block) => {
                let (name, value) = block.finish();
                return self.own(&name, value, events);
            }
            Kind::Thinking(sealed) => sealed.into_data(&self.provider),
            Kind::Text | Kind::Output => None,
        };
        events.push_back(Event::PartEnd { index: part, data });
    }

    /// Adds what stands for half a character whose other half has not come.
    fn rest(&mut self, index: u64, events: &mut Events) {
        const LOST: &str = "\u{fffd}";
        match self.halves.take() {
            Some("input") => self.call_input(index, Cow::Borrowed(LOST), events),
            Some(_) => match self.find(index).map(|open| (open.part, &open.kind)) {
                Some((part, Kind::Thinking(_))) => {
                    events.push_back(Event::thinking_delta(part, LOST));
                }
                _ => self.text(index, Cow::Borrowed(LOST), events),
            },
            None => {}
        }
    }

    fn close_all(&mut self, events: &mut Events) {
        while let Some(index) = self.open.first().map(|open| open.index) {
            self.close(index, events);
        }
        self.calls.end(&mut self.next_part, events, |_| None);
    }

    fn part(&mut self, part: Part, events: &mut Events) {
        let index = self.next();
        events.push_back(Event::part(index, part));
    }

    /// A block that was kept as it came: a picture, a sound, or one of the service's own.
    fn own(&mut self, name: &str, value: Value, events: &mut Events) {
        if let Some(error) = value.pointer("/error/message").and_then(Value::as_str) {
            let message = format!("the service could not make all of a block: {error}");
            let warning = Warning::new(WarningKind::Unreadable, name.to_owned(), message);
            events.push_back(Event::warning(warning));
        }
        let part = match (media::made(&value), name) {
            (Some((format, bytes)), "image") => {
                Part::Image(Image::bytes(bytes, format!("image/{format}")))
            }
            (Some((format, bytes)), "audio") => {
                Part::Audio(Audio::bytes(bytes, format!("audio/{format}")))
            }
            _ => self.opaque(name, value),
        };
        self.part(part, events);
    }

    fn opaque(&self, name: &str, value: Value) -> Part {
        let mut block = Map::new();
        block.insert(name.to_owned(), value);
        Part::opaque(&*self.provider, Value::Object(block))
    }

    fn next(&mut self) -> u32 {
        let part = self.next_part;
        self.next_part += 1;
        part
    }

    fn stop(&mut self, reason: &str, more: Option<&RawValue>) {
        self.stop_reason = Some(reason.to_owned());
        let Some(more) = more.map(value).filter(|more| more.as_object().is_some_and(says_anything))
        else {
            return;
        };
        // Claude tells it under another path in streams.
        let sequence = ["/stop_sequence", "/delta/stop_sequence"];
        let sequence = sequence.iter().find_map(|path| more.pointer(path)?.as_str());
        self.stop_sequence = sequence.map(str::to_owned);
        self.told.insert("additionalModelResponseFields".to_owned(), more);
    }

    /// Keeps which latency the model answered with.
    fn perform(&mut self, config: Option<&RawValue>) {
        if let Some(config) = config.map(value).filter(Value::is_object) {
            self.told.insert("performanceConfig".to_owned(), config);
        }
    }

    fn about(
        &mut self,
        counters: Option<&RawValue>,
        trace: Option<&RawValue>,
        tier: Option<ServiceTier<'_>>,
        events: &mut Events,
    ) {
        if let Some(usage) = counters.and_then(|counters| usage::usage(value(counters))) {
            events.push_back(Event::usage(usage));
        }
        let mut metadata = Metadata::default();
        metadata.service_tier = tier.and_then(|tier| tier.r#type.0).map(String::from);
        if let Some(trace) = trace.map(value).filter(Value::is_object) {
            // The model that a router chose.
            let model = trace.pointer("/promptRouter/invokedModelId").and_then(Value::as_str);
            metadata.model = model.map(str::to_owned);
            self.told.insert("trace".to_owned(), trace);
        }
        if metadata != Metadata::default() {
            events.push_back(Event::Metadata(Box::new(metadata)));
        }
    }

    /// Ends every part and the answer.
    fn complete(&mut self, events: &mut Events) {
        self.close_all(events);
        if !self.told.is_empty() {
            let told = std::mem::take(&mut self.told);
            let part = Part::opaque(&*self.provider, Value::Object(told));
            self.part(part, events);
        }
        let raw = self.stop_reason.take().unwrap_or_default();
        let reason = match usage::finish_reason(&raw) {
            // The call of the tool that is the answer asks for nothing.
            FinishReason::ToolCalls if self.calls.is_empty() && self.output_tool.is_some() => {
                FinishReason::Stop
            }
            FinishReason::Stop if !self.calls.is_empty() => FinishReason::ToolCalls,
            reason => reason,
        };
        let mut finish = Finish::new(reason);
        if !raw.is_empty() {
            finish = finish.with_raw(raw);
        }
        if let Some(sequence) = self.stop_sequence.take() {
            finish = finish.with_stop_sequence(sequence);
        }
        events.push_back(Event::finish(finish));
    }
}

impl Decoder for ConverseDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        match frame {
            Frame::Body(body) => self.body(body, events),
            Frame::Message { headers, data } => self.message(headers, data, events),
            Frame::Event { data, .. } | Frame::Line(data) => self.named(data, events),
            _ => Err(Error::new(ErrorKind::Decode, "this wire has no such frame")),
        }
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        if self.stop_reason.is_none() {
            let message = "the stream ended without a stop reason; send the request again";
            return Err(Error::new(ErrorKind::StreamInterrupted, message));
        }
        self.complete(events);
        Ok(())
    }
}

fn says_anything(fields: &Map<String, Value>) -> bool {
    fields.values().any(|value| !value.is_null())
}

fn parse<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T> {
    serde_json::from_slice(data).map_err(|source| {
        Error::new(ErrorKind::Decode, "the answer is not JSON of Converse").with_source(source)
    })
}

fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}
