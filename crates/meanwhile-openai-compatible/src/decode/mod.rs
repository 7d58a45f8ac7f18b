//! [`ChatDecoder`]: whole answers and streamed chunks to events, by one path.
//!
//! Thinking, text and refusal open a part when they begin and close it when something else begins;
//! tool calls stay open until the answer ends, because their fragments may interleave and may
//! even follow the finish reason. The finish is pushed at `[DONE]`, or at the end of the body once a
//! finish reason has come.

mod content;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::mem::take;
use std::sync::Arc;

use meanwhile_core::{
    Error, ErrorKind, Event, Finish, FinishReason, Metadata, Part, ProviderData, Request, Result,
    Warning,
};
use meanwhile_http::{CallFragment, Decoder, Frame, ToolCalls};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::fields::Content;
use crate::media::Spoken;
use crate::sources::Sources;
use crate::text_chunk::TextChunk;
use crate::usage::Counted;
use crate::wire::{Choice, Chunk, Delta};
use crate::{Quirks, error, usage, wire};

/// The decoding state of one Chat Completions answer.
#[derive(Debug)]
pub struct ChatDecoder {
    provider: Arc<str>,
    quirks: Quirks,
    /// What of the metadata has been reported.
    metadata: Metadata,
    next_part: u32,
    /// The part that text is being added to.
    open: Option<(Kind, u32)>,
    /// The latest text part, open or ended.
    latest_text: Option<u32>,
    /// The details of the thinking part that is open.
    details: Vec<Value>,
    /// The signature of the thinking part that is open (Mistral).
    signature: Option<Value>,
    /// What the thinking part that is open holds beside text (Mistral).
    asides: Vec<Value>,
    calls: ToolCalls,
    audio: Option<Spoken>,
    sources: Sources,
    /// The text of the last counters, because many servers repeat them.
    counters: String,
    finish: Option<Finish>,
    started: bool,
    /// How many chunks in a row were more than text.
    other_chunks: u8,
    warned_choices: bool,
    warned_logprobs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Thinking,
    Text,
    Refusal,
}

type Events = VecDeque<Event>;

/// After so many chunks in a row that are more than text, text alone is not looked for any more.
const OTHER_CHUNKS: u8 = 8;

impl ChatDecoder {
    pub(crate) fn new(provider: Arc<str>, quirks: Quirks, request: &Request) -> Self {
        Self {
            provider,
            quirks,
            metadata: Metadata::default(),
            next_part: 0,
            open: None,
            latest_text: None,
            details: Vec::new(),
            signature: None,
            asides: Vec::new(),
            calls: ToolCalls::after(request),
            audio: None,
            sources: Sources::default(),
            counters: String::new(),
            finish: None,
            started: false,
            other_chunks: 0,
            warned_choices: false,
            warned_logprobs: false,
        }
    }

    /// Reads the JSON of a whole answer.
    fn body(&mut self, body: &[u8], events: &mut Events) -> Result<()> {
        let chunk = self.parse(body)?;
        if chunk.choices.first.is_none() {
            self.fail(&chunk, body, events)?;
            let message = "the answer has no choices; the server may not speak this dialect";
            return Err(error::decode(message, body));
        }
        self.chunk(chunk, body, true, events)?;
        self.complete(events);
        Ok(())
    }

    /// Reads the data of one server-sent event.
    fn event(&mut self, name: Option<&[u8]>, data: &[u8], events: &mut Events) -> Result<()> {
        let data = data.trim_ascii();
        if data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            if !self.started {
                let message = "the stream ended before it began; send the request again";
                return Err(Error::new(ErrorKind::StreamInterrupted, message));
            }
            self.complete(events);
            return Ok(());
        }
        match name {
            None | Some(b"message") => {
                if self.text_chunk(data, events) {
                    return Ok(());
                }
                let chunk = self.parse(data)?;
                self.chunk(chunk, data, false, events)
            }
            Some(b"error") => Err(error::in_answer(data, &self.quirks)),
            // An event of another name counts only if it holds what a chunk holds (not a ping).
            Some(_) => match wire::read::<Chunk<'_>>(data) {
                Ok(chunk) if chunk.choices.present => self.chunk(chunk, data, false, events),
                _ => Ok(()),
            },
        }
    }

    /// Reads a piece that only adds text; false where it does more, and nothing was read.
    fn text_chunk(&mut self, data: &[u8], events: &mut Events) -> bool {
        let known = &self.metadata;
        let introduced = known.id.is_some() && known.model.is_some() && known.created.is_some();
        if !introduced || self.other_chunks >= OTHER_CHUNKS {
            return false;
        }
        let same = |tier: &str| known.service_tier.as_deref() == Some(tier);
        match TextChunk::read(data) {
            Some(chunk) if chunk.service_tier().is_none_or(same) => {
                self.other_chunks = 0;
                self.text(Kind::Text, chunk.into_text(), events);
                true
            }
            _ => {
                self.other_chunks += 1;
                false
            }
        }
    }

    fn parse<'a>(&self, data: &'a [u8]) -> Result<Chunk<'a>> {
        wire::read(data).map_err(|source| {
            // Some gateways wrap an error in a list.
            if data.starts_with(b"[") && error::is_error(data) {
                return error::in_answer(data, &self.quirks);
            }
            error::decode("the answer is not JSON of this dialect", data).with_source(source)
        })
    }

    fn chunk(
        &mut self,
        chunk: Chunk<'_>,
        data: &[u8],
        whole: bool,
        events: &mut Events,
    ) -> Result<()> {
        self.fail(&chunk, data, events)?;
        self.started |= chunk.choices.present || chunk.usage.is_some();
        self.metadata(&chunk, whole, events);
        let venice = chunk.venice_parameters.0.unwrap_or_default().web_search_citations;
        for (name, raw) in [
            ("citations", chunk.citations),
            ("search_results", chunk.search_results),
            ("web_search_citations", venice),
        ] {
            if let Some(raw) = raw {
                self.sources.list(name, raw);
            }
        }
        if chunk.choices.others && !self.warned_choices {
            self.warned_choices = true;
            let message = "only the first of several alternatives is kept";
            events.push_back(Event::warning(Warning::dropped("n", message)));
        }
        let groq = chunk.x_groq.0.and_then(|groq| groq.usage);
        let mut counters = chunk.usage.or(groq);
        if let Some(choice) = chunk.choices.first {
            counters = counters.or(choice.usage);
            let failed = self.choice(choice, whole, events);
            self.usage(counters, events);
            return failed;
        }
        self.usage(counters, events);
        Ok(())
    }

    /// Returns the failure that a chunk reports, with its counters pushed before.
    fn fail(&mut self, chunk: &Chunk<'_>, data: &[u8], events: &mut Events) -> Result<()> {
        let groq = chunk.x_groq.0.as_ref();
        let raw = chunk.error.or_else(|| groq.and_then(|groq| groq.error));
        let reported = raw.is_some_and(error::is_truthy);
        let status = chunk.base_resp.0.as_ref().and_then(|response| response.status_code.0);
        let refused = status.is_some_and(|status| status != 0);
        let bare = !chunk.choices.present && chunk.usage.is_none() && error::is_error(data);
        if reported || refused || bare {
            self.usage(chunk.usage, events);
            return Err(error::in_answer(data, &self.quirks));
        }
        Ok(())
    }

    fn choice(&mut self, mut choice: Choice<'_>, whole: bool, events: &mut Events) -> Result<()> {
        // Some servers answer a request for a stream with whole messages; beside a delta, a
        // message repeats what was said so far.
        let (delta, whole) = match (&mut choice.delta.0, &mut choice.message.0) {
            (delta, Some(message)) if whole || delta.is_none() => (Some(&mut **message), true),
            (delta, _) => (delta.as_mut(), whole),
        };
        if let Some(delta) = delta {
            self.delta(delta, whole, events);
        }
        if let Some(raw) = choice.logprobs {
            self.logprobs(raw, events);
        }
        if let Some(raw) = choice.error.filter(|raw| error::is_truthy(raw)) {
            let error = format!("{{\"error\":{}}}", raw.get());
            return Err(error::in_answer(error.as_bytes(), &self.quirks));
        }
        if let Some(raw) = choice.finish_reason.given().or_else(|| choice.stop_reason.given()) {
            let reason = usage::finish_reason(raw);
            let cut = [FinishReason::Length, FinishReason::ContentFilter];
            // A later reason is the better one, except that a cut answer stays cut.
            match &self.finish {
                Some(finish) if cut.contains(&finish.reason) && !cut.contains(&reason) => {}
                _ => self.finish = Some(Finish::new(reason).with_raw(raw)),
            }
        }
        Ok(())
    }

    fn delta(&mut self, delta: &mut Delta<'_>, whole: bool, events: &mut Events) {
        self.thinking(delta, events);
        match take(&mut delta.content) {
            Content::Absent => {}
            Content::Text(text) => self.text(Kind::Text, text, events),
            Content::Parts(parts) => {
                for part in parts {
                    self.content_part(part, events);
                }
            }
        }
        self.text(Kind::Refusal, take(&mut delta.refusal).0, events);
        for call in take(&mut delta.tool_calls).0 {
            if call.function.0.is_none() && self.foreign_call(&call, events) {
                continue;
            }
            self.close(events);
            let function = call.function.0.unwrap_or_default();
            let fragment = CallFragment::new(call.index.0)
                .named(&call.id.0, &function.name.0)
                .arguments(function.arguments.0)
                .data(call.extra_content.and_then(value))
                .begins(whole);
            self.calls.add(fragment, &mut self.next_part, events);
        }
        // What tools were called before there were several at once.
        if let Some(function) = delta.function_call.0.take() {
            self.close(events);
            let fragment = CallFragment::new(None)
                .named("", &function.name.0)
                .arguments(function.arguments.0)
                .begins(whole);
            self.calls.add(fragment, &mut self.next_part, events);
        }
        if let Some(audio) = &delta.audio.0 {
            self.speech(audio, events);
        }
        for image in delta.images.and_then(value).iter().filter_map(Value::as_array).flatten() {
            self.content_part(image.clone(), events);
        }
        if let Some(raw) = delta.annotations {
            self.sources.annotations(raw, &self.provider, self.latest_text, events);
        }
        if let Some(raw) = delta.executed_tools {
            self.sources.tools(raw);
        }
    }

    fn part(&mut self, part: Part, events: &mut Events) {
        self.close(events);
        let index = self.next_part;
        self.next_part += 1;
        events.push_back(Event::part(index, part));
    }

    fn text(&mut self, kind: Kind, text: Cow<'_, str>, events: &mut Events) {
        if text.is_empty() {
            return;
        }
        let index = self.begin(kind, events);
        let text = text.into_owned();
        events.push_back(match kind {
            Kind::Thinking => Event::ThinkingDelta { index, text },
            Kind::Text => Event::TextDelta { index, text },
            Kind::Refusal => Event::RefusalDelta { index, text },
        });
    }

    /// Makes sure that a part of this kind is open.
    fn begin(&mut self, kind: Kind, events: &mut Events) -> u32 {
        match self.open {
            Some((open, index)) if open == kind => return index,
            Some(_) => self.close(events),
            None => {}
        }
        let index = self.next_part;
        self.next_part += 1;
        self.open = Some((kind, index));
        events.push_back(match kind {
            Kind::Thinking => Event::thinking_start(index),
            Kind::Text => {
                self.latest_text = Some(index);
                Event::text_start(index)
            }
            Kind::Refusal => Event::refusal_start(index),
        });
        index
    }

    fn close(&mut self, events: &mut Events) {
        let Some((_, index)) = self.open.take() else { return };
        let details = take(&mut self.details);
        let mut data = Map::new();
        if !details.is_empty() {
            data.insert("reasoning_details".to_owned(), Value::Array(details));
        }
        if let Some(signature) = self.signature.take() {
            data.insert("signature".to_owned(), signature);
        }
        let asides = take(&mut self.asides);
        if !asides.is_empty() {
            data.insert("thinking".to_owned(), Value::Array(asides));
        }
        let data = (!data.is_empty())
            .then(|| Box::new(ProviderData::new(&*self.provider, Value::Object(data))));
        events.push_back(Event::PartEnd { index, data });
    }

    fn metadata(&mut self, chunk: &Chunk<'_>, whole: bool, events: &mut Events) {
        let known = &mut self.metadata;
        let mut news = Metadata::default();
        if known.id.is_none() {
            news.id = chunk.id.given().map(str::to_owned);
        }
        if known.model.is_none() {
            news.model = chunk.model.given().map(str::to_owned);
        }
        if known.created.is_none() {
            news.created = chunk.created.0.filter(|created| *created != 0);
        }
        if known.service_tier.as_deref() != chunk.service_tier.given() {
            news.service_tier = chunk.service_tier.given().map(str::to_owned);
        }
        if news != Metadata::default() {
            // No more of a whole answer comes.
            if !whole {
                known.update(news.clone());
            }
            events.push_back(Event::Metadata(Box::new(news)));
        }
    }

    fn usage(&mut self, raw: Option<&RawValue>, events: &mut Events) {
        let Some(raw) = raw.filter(|raw| raw.get() != self.counters) else { return };
        raw.get().clone_into(&mut self.counters);
        let Some(Counted { usage, service_tier }) = usage::usage(raw, &self.quirks) else { return };
        if service_tier.is_some() && service_tier != self.metadata.service_tier {
            let mut news = Metadata::default();
            news.service_tier = service_tier;
            self.metadata.update(news.clone());
            events.push_back(Event::Metadata(Box::new(news)));
        }
        events.push_back(Event::usage(usage));
    }

    /// Ends every part and the answer.
    fn complete(&mut self, events: &mut Events) {
        self.close(events);
        let called = !self.calls.is_empty();
        self.calls.end(&mut self.next_part, events, |extra| {
            let extra = json!({ "extra_content": extra });
            Some(Box::new(ProviderData::new(&*self.provider, extra)))
        });
        if let Some(spoken) = self.audio.take() {
            let part = spoken.into_part(&self.provider);
            self.part(part, events);
        }
        let sources = take(&mut self.sources);
        if let Some(part) = sources.end(&self.provider, self.latest_text, events) {
            self.part(part, events);
        }
        let mut finish = self.finish.take().unwrap_or_else(|| Finish::new(FinishReason::Other));
        if called && finish.reason == FinishReason::Stop {
            finish.reason = FinishReason::ToolCalls;
        }
        events.push_back(Event::finish(finish));
    }
}

impl Decoder for ChatDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        match frame {
            Frame::Body(body) => self.body(body, events),
            Frame::Event { name, data } => self.event(name, data, events),
            Frame::Line(line) => self.event(None, line, events),
            _ => Err(Error::new(ErrorKind::Decode, "this dialect has no such frame")),
        }
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        if self.finish.is_none() {
            let message = "the stream ended without a finish reason; send the request again";
            return Err(Error::new(ErrorKind::StreamInterrupted, message));
        }
        self.complete(events);
        Ok(())
    }
}

fn value(raw: &RawValue) -> Option<Value> {
    serde_json::from_str(raw.get()).ok()
}
