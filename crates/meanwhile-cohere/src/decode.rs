//! [`ChatDecoder`]: whole answers and streamed pieces to events of the core, by one path.
//!
//! An item of content is a part, found again by its index; the plan before tool calls is a part of
//! its own. The finish comes with `message-end`, counters included.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use meanwhile_core::{
    Citation, Error, ErrorKind, Event, Finish, FinishReason, Logprob, Metadata, Part, ProviderData,
    Request, Result, Warning, WarningKind,
};
use meanwhile_http::lenient::{self, Halves, Object};
use meanwhile_http::{CallFragment, Decoder, Frame, ToolCalls};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::wire::{Answer, Call, Content, Delta, Logprobs, Piece};
use crate::{error, usage};

type Events = VecDeque<Event>;

/// The decoding state of one chat answer.
#[derive(Debug)]
pub struct ChatDecoder {
    provider: Arc<str>,
    next_part: u32,
    open: Vec<Open>,
    /// Every text of the content: its index on the wire and its part.
    texts: Vec<(u64, u32)>,
    /// Citations that came before the text that they are about, with its index.
    early: Vec<(Option<u64>, Citation)>,
    /// Citations of what is no text: a plan, thinking.
    others: Vec<Value>,
    calls: ToolCalls,
    halves: Halves,
    finish: Option<Finish>,
}

/// A part that is being written.
#[derive(Debug, Clone, Copy)]
struct Open {
    place: Place,
    part: u32,
    kind: Kind,
}

/// Where a part stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Content(u64),
    Plan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
}

impl ChatDecoder {
    pub(crate) fn new(provider: Arc<str>, request: &Request) -> Self {
        Self {
            provider,
            next_part: 0,
            open: Vec::new(),
            texts: Vec::new(),
            early: Vec::new(),
            others: Vec::new(),
            calls: ToolCalls::after(request),
            halves: Halves::of(&["text", "thinking", "content", "tool_plan", "arguments"]),
            finish: None,
        }
    }

    fn body(&mut self, body: &[u8], events: &mut Events) -> Result<()> {
        let mended;
        let answer = match serde_json::from_slice::<Answer<'_>>(body) {
            Ok(answer) => answer,
            Err(_) => {
                mended = Halves::mended(body);
                serde_json::from_slice(mended.as_deref().unwrap_or(body)).map_err(|source| {
                    error::in_answer(body).unwrap_or_else(|| unreadable(source))
                })?
            }
        };
        let Some(message) = answer.message.0 else {
            let message = "the answer has no message; the server may not be Cohere";
            return Err(
                error::in_answer(body).unwrap_or_else(|| Error::new(ErrorKind::Decode, message))
            );
        };
        self.identify(answer.id.given(), events);
        self.plan(message.tool_plan.0, events);
        self.close(Place::Plan, events);
        for (index, content) in (0..).zip(message.content.0) {
            self.content(index, content, events);
            self.close(Place::Content(index), events);
        }
        self.citations(message.citations, None, events);
        for logprobs in answer.logprobs.0 {
            let part = self.texts.first().map(|(_, part)| *part);
            logprob(logprobs, part, events);
        }
        for (index, call) in (0..).zip(message.tool_calls.0) {
            self.call(index, call, true, events);
        }
        let delta = Delta {
            finish_reason: answer.finish_reason,
            usage: answer.usage,
            error: answer.error,
            error_type: answer.error_type,
            message: Object::default(),
        };
        self.stop(delta, events)
    }

    fn piece(&mut self, name: Option<&[u8]>, data: &[u8], events: &mut Events) -> Result<()> {
        let data = data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let read = match self.halves.is_waiting() {
            false => serde_json::from_slice::<Piece<'_>>(data).ok(),
            true => None,
        };
        let mended;
        let piece = match read {
            Some(piece) => piece,
            None => {
                mended = self.halves.mend(data, false);
                serde_json::from_slice(mended.as_deref().unwrap_or(data)).map_err(unreadable)?
            }
        };
        let name = name.and_then(|name| std::str::from_utf8(name).ok());
        let name = piece.r#type.given().or(name).unwrap_or_default();
        let index = piece.index.0.unwrap_or(0);
        let delta = piece.delta.0.unwrap_or_default();
        match name {
            "message-end" => return self.stop(delta, events),
            "error" => {
                let failed = || Error::new(ErrorKind::Server, "the server reported a failure");
                return Err(error::in_answer(data).unwrap_or_else(failed));
            }
            "content-end" => self.close(Place::Content(index), events),
            "tool-call-end" => self.calls.close(index, &mut self.next_part, events),
            "message-start" => self.identify(piece.id.given(), events),
            "content-start" | "content-delta" => {
                for content in delta.message.0.into_iter().flat_map(|message| message.content.0) {
                    self.content(index, content, events);
                }
                if let Some(logprobs) = piece.logprobs.0 {
                    let part = self.text_part(Some(index));
                    logprob(logprobs, part, events);
                }
            }
            "tool-plan-delta" => {
                let plan = delta.message.0.and_then(|message| message.tool_plan.0);
                self.plan(plan, events);
            }
            "tool-call-start" | "tool-call-delta" => {
                // The plan is complete when the first call begins.
                self.close(Place::Plan, events);
                for call in delta.message.0.into_iter().flat_map(|message| message.tool_calls.0) {
                    self.call(index, call, name == "tool-call-start", events);
                }
            }
            "citation-start" => {
                self.citations(delta.message.0.and_then(|message| message.citations), None, events);
            }
            // Failures have the form of a refusal: an id and a message, and no type.
            "" => error::in_answer(data).map_or(Ok(()), Err)?,
            _ => {}
        }
        Ok(())
    }

    fn identify(&mut self, id: Option<&str>, events: &mut Events) {
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            let mut metadata = Metadata::default();
            metadata.id = Some(id.to_owned());
            events.push_back(Event::Metadata(Box::new(metadata)));
        }
    }

    fn plan(&mut self, plan: Option<Cow<'_, str>>, events: &mut Events) {
        if let Some(plan) = plan.filter(|plan| !plan.is_empty()) {
            let part = self.ensure(Place::Plan, Kind::Thinking, events);
            events.push_back(Event::thinking_delta(part, plan));
        }
    }

    fn content(&mut self, index: u64, content: Content<'_>, events: &mut Events) {
        let place = Place::Content(index);
        let is_thinking = content.r#type.given() == Some("thinking");
        if is_thinking || content.thinking.0.is_some() {
            let part = self.ensure(place, Kind::Thinking, events);
            let text = content.thinking.0.or(content.text.0.filter(|_| is_thinking));
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                events.push_back(Event::thinking_delta(part, text));
            }
        } else if let Some(text) = content.text.0 {
            let part = self.ensure(place, Kind::Text, events);
            if !text.is_empty() {
                events.push_back(Event::text_delta(part, text));
            }
        } else if let Some(kind) = content.r#type.given().filter(|kind| *kind != "text") {
            let message = format!("content of type `{kind}` cannot be read and is missing");
            let warning = Warning::new(WarningKind::Unreadable, "content", message);
            events.push_back(Event::warning(warning));
        }
    }

    fn call(&mut self, index: u64, call: Call<'_>, begins: bool, events: &mut Events) {
        let function = call.function.0.unwrap_or_default();
        let id = call.id.given().unwrap_or_default();
        let name = function.name.given().unwrap_or_default();
        // A number that is used again begins another call.
        if begins {
            self.calls.close(index, &mut self.next_part, events);
        }
        let begins = begins || !self.calls.is_open(index);
        let fragment = CallFragment::new(Some(index)).named(id, name).begins(begins);
        self.calls.add(fragment.arguments(function.arguments.0), &mut self.next_part, events);
    }

    fn citations(&mut self, raw: Option<&RawValue>, index: Option<u64>, events: &mut Events) {
        let raw = raw.and_then(|raw| lenient::value(raw.get().as_bytes()).ok());
        let all = match raw {
            Some(Value::Array(all)) => all,
            Some(one @ Value::Object(_)) => vec![one],
            _ => return,
        };
        for raw in all {
            let kind = raw.get("type").and_then(Value::as_str);
            if !matches!(kind, None | Some("TEXT_CONTENT")) {
                self.others.push(raw);
                continue;
            }
            let index = raw.get("content_index").and_then(Value::as_u64).or(index);
            let citation = citation(raw, &self.provider);
            match self.text_part(index) {
                Some(part) => events.push_back(Event::citation(part, citation)),
                None => self.early.push((index, citation)),
            }
        }
    }

    /// The text at this index of the content, or the newest.
    fn text_part(&self, index: Option<u64>) -> Option<u32> {
        let at = index.and_then(|index| self.texts.iter().find(|(known, _)| *known == index));
        at.or(self.texts.last()).map(|(_, part)| *part)
    }

    /// Makes sure that a part of this kind is open at this place, and returns it.
    fn ensure(&mut self, place: Place, kind: Kind, events: &mut Events) -> u32 {
        match self.open.iter().find(|open| open.place == place) {
            Some(open) if open.kind == kind => return open.part,
            Some(_) => self.close(place, events),
            None => {}
        }
        let part = self.next();
        self.open.push(Open { place, part, kind });
        if kind == Kind::Thinking {
            events.push_back(Event::thinking_start(part));
            return part;
        }
        events.push_back(Event::text_start(part));
        if let Place::Content(index) = place {
            self.texts.push((index, part));
        }
        for (_, citation) in std::mem::take(&mut self.early) {
            events.push_back(Event::citation(part, citation));
        }
        part
    }

    fn close(&mut self, place: Place, events: &mut Events) {
        let Some(at) = self.open.iter().position(|open| open.place == place) else { return };
        let Open { part, kind, .. } = self.open.remove(at);
        self.end_text(part, kind, events);
        let is_own = kind == Kind::Thinking;
        let value = if place == Place::Plan { json!({ "tool_plan": true }) } else { json!({}) };
        let data = is_own.then(|| Box::new(ProviderData::new(&*self.provider, value)));
        events.push_back(Event::PartEnd { index: part, data });
    }

    /// Whether text of this kind ended with half a character, which no other half follows. The JSON of
    /// arguments never does, but where it is cut off.
    fn take_half(&mut self, kind: Kind) -> bool {
        let is_own = match self.halves.waiting() {
            Some("thinking" | "tool_plan") => kind == Kind::Thinking,
            Some("text" | "content") => kind == Kind::Text,
            _ => false,
        };
        is_own && self.halves.take().is_some()
    }

    /// Tells the half of a character that the text of this part ended with.
    fn end_text(&mut self, part: u32, kind: Kind, events: &mut Events) {
        if self.take_half(kind) {
            events.push_back(match kind {
                Kind::Text => Event::text_delta(part, "\u{fffd}"),
                Kind::Thinking => Event::thinking_delta(part, "\u{fffd}"),
            });
        }
    }

    fn next(&mut self) -> u32 {
        let part = self.next_part;
        self.next_part += 1;
        part
    }

    /// Ends every part and the answer, or fails as the answer says.
    fn stop(&mut self, delta: Delta<'_>, events: &mut Events) -> Result<()> {
        while let Some(place) = self.open.first().map(|open| open.place) {
            self.close(place, events);
        }
        self.calls.end(&mut self.next_part, events, |_| None);
        let counters = delta.usage.and_then(|usage| serde_json::from_str(usage.get()).ok());
        events.extend(counters.and_then(usage::usage).map(Event::usage));
        let raw = delta.finish_reason.given().unwrap_or_default();
        if let Some(error) = error::of_finish(raw, delta.error.given(), delta.error_type.given()) {
            return Err(error);
        }
        let early = std::mem::take(&mut self.early).into_iter();
        self.others.extend(early.filter_map(|(_, citation)| Some(citation.data?.value)));
        if !self.others.is_empty() {
            let others = json!({ "citations": std::mem::take(&mut self.others) });
            let index = self.next();
            events.push_back(Event::part(index, Part::opaque(&*self.provider, others)));
        }
        let reason = match usage::finish_reason(raw) {
            FinishReason::Stop if !self.calls.is_empty() => FinishReason::ToolCalls,
            reason => reason,
        };
        let mut finish = Finish::new(reason);
        if !raw.is_empty() {
            finish = finish.with_raw(raw);
        }
        self.finish = Some(finish.clone());
        events.push_back(Event::finish(finish));
        Ok(())
    }
}

impl Decoder for ChatDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        match frame {
            Frame::Body(body) => self.body(body, events),
            Frame::Event { name, data } => self.piece(name, data, events),
            Frame::Line(line) => self.piece(None, line, events),
            _ => Err(Error::new(ErrorKind::Decode, "this wire has no such frame")),
        }
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        if self.finish.is_none() {
            if let Some(Open { part, kind, .. }) = self.open.last().copied() {
                self.end_text(part, kind, events);
            }
            let message = "the stream ended without `message-end`; send the request again";
            return Err(Error::new(ErrorKind::StreamInterrupted, message));
        }
        Ok(())
    }
}

fn unreadable(source: serde_json::Error) -> Error {
    Error::new(ErrorKind::Decode, "the answer is not JSON of Cohere").with_source(source)
}

/// Reads a citation and keeps it as it came. Its first source stands for all.
fn citation(raw: Value, provider: &str) -> Citation {
    let mut citation = Citation::new();
    let position = |name: &str| {
        raw.get(name).and_then(Value::as_u64).and_then(|position| u32::try_from(position).ok())
    };
    citation.span = position("start").zip(position("end")).map(|(start, end)| start..end);
    if let Some(source) = raw.pointer("/sources/0") {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let inner = source.get("document").or_else(|| source.get("tool_output"));
        citation.document = text(source.get("id"));
        citation.title = text(inner.and_then(|inner| inner.get("title")));
        citation.url = text(inner.and_then(|inner| inner.get("url")));
    }
    citation.with_data(ProviderData::new(provider, raw))
}

/// Reports the tokens of a stretch of text. Only the text of all of them together is known.
fn logprob(logprobs: Logprobs<'_>, part: Option<u32>, events: &mut Events) {
    let Some(index) = part else { return };
    let numbers = logprobs.numbers();
    let mut text = logprobs.text.0.map(Cow::into_owned).unwrap_or_default();
    let tokens: Vec<Logprob> = numbers
        .into_iter()
        .map(|logprob| Logprob::new(std::mem::take(&mut text), logprob))
        .collect();
    if !tokens.is_empty() {
        events.push_back(Event::Logprobs { index, tokens });
    }
}
