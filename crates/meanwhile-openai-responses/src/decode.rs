//! [`ResponsesDecoder`]: whole answers and streamed events to events of the core, by one path.
//!
//! A stream is over with the event that holds the finished response. Its type tells how it ended;
//! events of unknown types are passed over.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use meanwhile_core::{Error, ErrorKind, Event, Finish, FinishReason, Metadata, Request, Result};
use meanwhile_http::lenient::{Halves, Number, Str};
use meanwhile_http::{Decoder, Frame};
use meanwhile_openai_compatible::ChatDecoder;
use meanwhile_openai_compatible::dialect::{self, ErrorCodes};
use serde_json::value::RawValue;

use crate::items::Items;
use crate::wire::{self, Reply};

/// The decoding state of one answer of the Responses dialect.
#[derive(Debug)]
pub struct ResponsesDecoder {
    label: Arc<str>,
    codes: ErrorCodes,
    /// What of the metadata has been reported.
    metadata: Metadata,
    items: Items,
    halves: Halves,
    /// Where the half of a character stands that waits for the other.
    cut: Option<Cut>,
    finished: bool,
    /// Reads answers in the other dialect, which some hosts give.
    chat: ChatDecoder,
    is_chat: bool,
}

/// A piece that ended with half a character: the event that brought it, without its text.
#[derive(Debug)]
struct Cut {
    kind: String,
    output_index: Option<u64>,
    content_index: Option<u64>,
    summary_index: Option<u64>,
    item_id: Option<String>,
}

type Events = VecDeque<Event>;

impl ResponsesDecoder {
    pub(crate) fn new(
        label: Arc<str>,
        codes: ErrorCodes,
        chat: ChatDecoder,
        request: &Request,
    ) -> Self {
        Self {
            items: Items::after(label.clone(), request),
            label,
            codes,
            metadata: Metadata::default(),
            halves: Halves::of(&["delta"]),
            cut: None,
            finished: false,
            chat,
            is_chat: false,
        }
    }

    /// Reads the JSON of a whole answer.
    fn body(&mut self, body: &[u8], events: &mut Events) -> Result<()> {
        let mended;
        let reply: Reply<'_> = match serde_json::from_slice(body) {
            Ok(reply) if !Halves::are_in(body) => reply,
            _ => {
                if let Some(error) = self.listed(body) {
                    return Err(error);
                }
                mended = self.halves.mend(body, true);
                serde_json::from_slice(mended.as_deref().unwrap_or(body)).map_err(|source| {
                    dialect::not_understood("the answer is not the JSON of this dialect", body)
                        .with_source(source)
                })?
            }
        };
        if reply.output.0.is_none() && reply.choices.is_some() {
            self.is_chat = true;
            return self.chat.frame(Frame::Body(body), events);
        }
        if reply.output.0.is_none() && reply.status.given().is_none() {
            if reply.error.is_some_and(is_truthy) || dialect::is_error(body) {
                return Err(dialect::error_in_answer(body, self.codes));
            }
            let message = "the answer has no output; the server may not speak this dialect";
            return Err(dialect::not_understood(message, body));
        }
        self.reply(&reply, "", events)
    }

    /// Reads the data of one server-sent event.
    fn event(&mut self, name: Option<&[u8]>, data: &[u8], events: &mut Events) -> Result<()> {
        let data = data.trim_ascii();
        if data.is_empty() || self.finished {
            return Ok(());
        }
        if self.is_chat {
            let frame = Frame::Line(data);
            return self.chat.frame(frame, events);
        }
        if data == b"[DONE]" {
            let message =
                "the stream ended before the response was finished; send the request again";
            return Err(Error::new(ErrorKind::StreamInterrupted, message));
        }
        let read = match self.halves.is_waiting() {
            false => serde_json::from_slice::<wire::Frame<'_>>(data).ok(),
            true => None,
        };
        // What is kept raw is not read yet.
        let read = read.filter(|frame| {
            let raw = frame.item.or(frame.response).or(frame.output);
            raw.is_none_or(|raw| !Halves::are_in(raw.get().as_bytes()))
        });
        let mended;
        let mut data = data;
        let frame: wire::Frame<'_> = match read {
            Some(frame) => frame,
            None => {
                if let Some(error) = self.listed(data) {
                    return Err(error);
                }
                // Only what comes in pieces is cut in the middle of a character.
                let is_piece = data.windows(7).any(|bytes| bytes == b".delta\"");
                mended = self.halves.mend(data, !is_piece);
                data = mended.as_deref().unwrap_or(data);
                serde_json::from_slice(data).map_err(|source| {
                    let message = "an event of the answer is not the JSON of this dialect";
                    dialect::not_understood(message, data).with_source(source)
                })?
            }
        };
        let name = name.and_then(|name| std::str::from_utf8(name).ok());
        let kind = frame.r#type.given().or(name).unwrap_or_default();
        if self.halves.is_waiting() || self.cut.is_some() {
            self.cut(kind, &frame, events)?;
        }
        match kind {
            "" | "message" => self.untyped(&frame, data, events),
            "error" | "response.error" => Err(dialect::error_in_answer(data, self.codes)),
            kind => self.typed(kind, &frame, data, events),
        }
    }

    /// Remembers where half a character waits for the other. At the end of what it was a piece of, it stays
    /// alone and is told.
    fn cut(&mut self, kind: &str, frame: &wire::Frame<'_>, events: &mut Events) -> Result<()> {
        let ends = [".done", "item.added", "part.added", ".completed", ".incomplete", ".failed"];
        if ends.iter().any(|end| kind.ends_with(end)) {
            return self.flush(events);
        }
        if kind.ends_with(".delta") {
            self.cut = self.halves.waiting().map(|_| Cut {
                kind: kind.to_owned(),
                output_index: frame.output_index.0,
                content_index: frame.content_index.0,
                summary_index: frame.summary_index.0,
                item_id: frame.item_id.given().map(str::to_owned),
            });
        }
        Ok(())
    }

    /// Tells the half of a character that no other follows.
    fn flush(&mut self, events: &mut Events) -> Result<()> {
        let (Some(_), Some(cut)) = (self.halves.take(), self.cut.take()) else { return Ok(()) };
        let frame = wire::Frame {
            output_index: Number(cut.output_index),
            content_index: Number(cut.content_index),
            summary_index: Number(cut.summary_index),
            item_id: Str(cut.item_id.as_deref().map(Cow::Borrowed)),
            delta: Str::from("\u{fffd}"),
            ..wire::Frame::default()
        };
        self.typed(&cut.kind, &frame, b"{}", events)
    }

    /// The error that some gateways wrap in a list.
    fn listed(&self, data: &[u8]) -> Option<Error> {
        (data.starts_with(b"[") && dialect::is_error(data))
            .then(|| dialect::error_in_answer(data, self.codes))
    }

    /// Reads what is no event of this dialect: an error, a whole answer, or the other dialect.
    fn untyped(&mut self, frame: &wire::Frame<'_>, data: &[u8], events: &mut Events) -> Result<()> {
        if frame.choices.is_some() {
            self.is_chat = true;
            return self.chat.frame(Frame::Line(data), events);
        }
        if frame.output.is_some() {
            return self.body(data, events);
        }
        if frame.error.is_some_and(is_truthy) || dialect::is_error(data) {
            return Err(dialect::error_in_answer(data, self.codes));
        }
        Ok(())
    }

    fn typed(
        &mut self,
        kind: &str,
        frame: &wire::Frame<'_>,
        data: &[u8],
        events: &mut Events,
    ) -> Result<()> {
        let kind = kind.strip_prefix("response.").unwrap_or(kind);
        let delta = frame.delta.text();
        match kind {
            "output_text.delta" => self.text(frame, false, delta, false, events),
            "output_text.done" => self.text(frame, false, frame.text.text(), true, events),
            "refusal.delta" => self.text(frame, true, delta, false, events),
            "refusal.done" => self.text(frame, true, frame.refusal.text(), true, events),
            "output_text.annotation.added" => {
                let index = frame.content_index.0.unwrap_or(0);
                if let (Some(annotation), Some((contents, parts))) =
                    (frame.annotation, self.items.contents(frame))
                {
                    contents.cite(index, annotation, &self.label, parts, events);
                }
            }
            "function_call_arguments.delta" | "custom_tool_call_input.delta" => {
                self.items.arguments(frame, delta, false, events);
            }
            "function_call_arguments.done" => {
                self.items.arguments(frame, &frame.arguments.0, true, events);
            }
            "custom_tool_call_input.done" => {
                self.items.arguments(frame, frame.input.text(), true, events);
            }
            "reasoning_summary_text.delta" | "reasoning_summary.delta" => {
                self.items.think(frame, true, delta, false, events);
            }
            "reasoning_summary_text.done" => {
                self.items.think(frame, true, frame.text.text(), true, events);
            }
            "reasoning_text.delta" | "reasoning.delta" => {
                self.items.think(frame, false, delta, false, events);
            }
            "reasoning_text.done" => {
                self.items.think(frame, false, frame.text.text(), true, events);
            }
            "audio.delta" | "output_audio.delta" => self.items.speech(delta, events),
            "audio.transcript.delta" | "output_audio_transcript.delta" => {
                self.items.transcript(delta);
            }
            "output_item.added" => {
                if let Some(item) = frame.item {
                    self.items.added(frame.output_index.0, item, events);
                }
            }
            "output_item.done" => {
                if let Some(item) = frame.item {
                    self.items.done(frame.output_index.0, item, events);
                }
            }
            "created" | "in_progress" | "queued" => {
                if let Some(reply) = frame.response.and_then(read::<Reply<'_>>) {
                    self.metadata(&reply, events);
                }
            }
            "completed" | "done" | "incomplete" | "failed" | "cancelled" => {
                let Some(reply) = frame.response.and_then(read::<Reply<'_>>) else {
                    let message = "the last event of the answer holds no response";
                    return Err(dialect::not_understood(message, data));
                };
                return self.reply(&reply, kind, events);
            }
            _ => {}
        }
        Ok(())
    }

    fn text(
        &mut self,
        frame: &wire::Frame<'_>,
        refusal: bool,
        text: &str,
        whole: bool,
        events: &mut Events,
    ) {
        let index = frame.content_index.0.unwrap_or(0);
        if text.is_empty() && frame.logprobs.0.is_empty() {
            return;
        }
        if let Some((contents, parts)) = self.items.contents(frame) {
            contents.add(index, refusal, text, whole, parts, events);
            contents.logprobs(index, &frame.logprobs.0, whole, events);
        }
    }

    /// Reads a response that is over; `kind` is the type of its event, where it came in one.
    fn reply(&mut self, reply: &Reply<'_>, kind: &str, events: &mut Events) -> Result<()> {
        self.metadata(reply, events);
        self.usage(reply.usage, events);
        let status = reply.status.given().unwrap_or(kind);
        let reason = reply.incomplete_details.0.as_ref().and_then(|why| why.reason.given());
        let mut finish = match status {
            "failed" => return Err(self.failure(reply.error)),
            "cancelled" => {
                let message =
                    "the response was cancelled; send the request again if it was not you";
                return Err(Error::new(ErrorKind::Cancelled, message));
            }
            _ if reply.error.is_some_and(is_truthy) => return Err(self.failure(reply.error)),
            // Why it is incomplete says more than the status, whatever that is.
            status if reason.is_some() || status == "incomplete" => {
                let word = reason.unwrap_or(status);
                Finish::new(incomplete(word)).with_raw(word)
            }
            "" => Finish::new(FinishReason::Stop),
            "completed" | "done" => Finish::new(FinishReason::Stop).with_raw(status),
            status => Finish::new(FinishReason::Other).with_raw(status),
        };
        self.items.finish(reply.output.values(), events);
        if finish.reason == FinishReason::Stop && self.items.called {
            finish.reason = FinishReason::ToolCalls;
        }
        self.finished = true;
        events.push_back(Event::finish(finish));
        Ok(())
    }

    /// The error of a response that failed.
    fn failure(&self, error: Option<&RawValue>) -> Error {
        let error = error.map_or("{}", RawValue::get);
        dialect::error_in_answer(format!("{{\"error\":{error}}}").as_bytes(), self.codes)
    }

    fn metadata(&mut self, reply: &Reply<'_>, events: &mut Events) {
        let known = &mut self.metadata;
        let mut news = Metadata::default();
        if known.id.is_none() {
            news.id = reply.id.given().map(str::to_owned);
        }
        if known.model.is_none() {
            news.model = reply.model.given().map(str::to_owned);
        }
        if known.created.is_none() {
            news.created = reply.created_at.0.filter(|created| *created != 0);
        }
        if known.service_tier.as_deref() != reply.service_tier.given() {
            news.service_tier = reply.service_tier.given().map(str::to_owned);
        }
        if news != Metadata::default() {
            known.update(news.clone());
            events.push_back(Event::Metadata(Box::new(news)));
        }
    }

    fn usage(&mut self, raw: Option<&RawValue>, events: &mut Events) {
        events.extend(raw.and_then(dialect::usage).map(Event::usage));
    }
}

impl Decoder for ResponsesDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        match frame {
            Frame::Body(body) => self.body(body, events),
            Frame::Event { name, data } => self.event(name, data, events),
            Frame::Line(line) => self.event(None, line, events),
            _ => Err(Error::new(ErrorKind::Decode, "this dialect has no such frame")),
        }
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        if self.is_chat {
            return self.chat.end(events);
        }
        self.flush(events)?;
        let message = match self.items.is_empty() {
            true => "the stream ended before it began; send the request again",
            false => "the stream ended before the response was finished; send the request again",
        };
        Err(Error::new(ErrorKind::StreamInterrupted, message))
    }
}

/// Reads why a response is incomplete.
fn incomplete(reason: &str) -> FinishReason {
    match reason {
        "max_output_tokens" | "max_tokens" | "length" | "max_prompt_tokens" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

fn read<'a, T: serde::Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// Whether an `error` field reports an error: `null`, `false`, `""` and `{}` do not.
fn is_truthy(raw: &RawValue) -> bool {
    !matches!(raw.get(), "null" | "false" | "\"\"" | "{}" | "[]" | "0")
}
