//! [`ChatDecoder`]: whole answers and streamed chunks to events, by one path.
//!
//! Thinking, text and refusal open a part when they begin and close it when something else begins;
//! tool calls stay open until the answer ends, because their fragments may interleave and may
//! even follow the finish reason. The finish is pushed at `[DONE]`, or at the end of the body once a
//! finish reason has come.

mod calls;
mod choice;
mod content;
mod thinking;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::mem::take;
use std::sync::Arc;

use meanwhile_core::{
    Error, ErrorKind, Event, Finish, FinishReason, Logprob, Metadata, Part, ProviderData, Request,
    Result,
};
use meanwhile_http::lenient::{self, Halves};
use meanwhile_http::{Decoder, Frame, ToolCalls};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::content::Content;
use crate::media::Spoken;
use crate::sources::Sources;
use crate::tags::Tags;
use crate::text_chunk::TextChunk;
use crate::usage::{Beside, Counted};
use crate::wire::{Chunk, Delta};
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
    /// What goes back with the part that is open.
    kept: Map<String, Value>,
    /// Google's marks that came while no part was open.
    loose: Option<Value>,
    /// Tells thinking in the text from the answer.
    tags: Tags,
    /// The probabilities of text that is held back.
    early: Vec<Logprob>,
    /// The program's own words for an end.
    stops: Vec<String>,
    calls: ToolCalls,
    /// The calls of tools that take free text, whose JSON string is still open.
    custom: Vec<Option<u64>>,
    audio: Option<Spoken>,
    sources: Sources,
    /// Which alternative is kept.
    alternative: Option<u64>,
    seen: Seen,
    halves: Halves,
    /// What the vendor behind a router counted.
    beside: Option<Beside>,
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

/// What of the answer has come, so that a message that repeats it adds nothing.
#[derive(Debug, Default)]
struct Seen {
    /// The answer comes in messages, each with a piece of it.
    messages: bool,
    /// There was thinking, and whether it came in a field of its own.
    thinking: bool,
    thinking_field: bool,
    refusal: bool,
    images: bool,
    annotations: bool,
}

type Events = VecDeque<Event>;

/// The fields whose text comes in pieces.
const IN_PIECES: [&str; 8] = [
    "content",
    "arguments",
    "reasoning_content",
    "reasoning",
    "refusal",
    "thinking",
    "reasoning_text",
    "input",
];

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
            kept: Map::new(),
            loose: None,
            tags: Tags::new(quirks.thinking_tags),
            early: Vec::new(),
            stops: request.params.stop.clone().unwrap_or_default(),
            calls: ToolCalls::after(request),
            custom: Vec::new(),
            audio: None,
            sources: Sources::default(),
            alternative: None,
            seen: Seen::default(),
            halves: Halves::of(&IN_PIECES),
            beside: None,
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
        self.read(body, true, events)?;
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
                self.read(data, false, events)
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
        if !introduced || self.other_chunks >= OTHER_CHUNKS || self.halves.is_waiting() {
            return false;
        }
        let same = |tier: &str| known.service_tier.as_deref() == Some(tier);
        match TextChunk::read(data) {
            Some(chunk)
                if chunk.service_tier().is_none_or(same)
                    && self.alternative == Some(chunk.index()) =>
            {
                self.other_chunks = 0;
                self.said(chunk.into_text(), events);
                true
            }
            _ => {
                self.other_chunks += 1;
                false
            }
        }
    }

    /// Reads JSON, mended where it holds half characters.
    fn read(&mut self, data: &[u8], whole: bool, events: &mut Events) -> Result<()> {
        if !self.halves.is_waiting() {
            match wire::read::<Chunk<'_>>(data) {
                Ok(chunk) if !(chunk.is_raw() && Halves::are_in(data)) => {
                    return self.chunk(chunk, data, whole, events);
                }
                Ok(_) => {}
                // Some gateways wrap an error in a list.
                Err(_) if data.starts_with(b"[") && error::is_error(data) => {
                    return Err(error::in_answer(data, &self.quirks));
                }
                Err(_) => {}
            }
        }
        let mended = self.halves.mend(data, whole);
        let data = mended.as_deref().unwrap_or(data);
        let chunk = wire::read(data).map_err(|source| {
            error::decode("the answer is not JSON of this dialect", data).with_source(source)
        })?;
        self.chunk(chunk, data, whole, events)
    }

    fn chunk(
        &mut self,
        mut chunk: Chunk<'_>,
        data: &[u8],
        whole: bool,
        events: &mut Events,
    ) -> Result<()> {
        if let Some(failure) = self.failure(&chunk, data) {
            // What came with the error is handed on before it.
            if let Some(choice) = self.pick(take(&mut chunk.choices), events) {
                self.choice(choice, whole, events);
            }
            self.usage(chunk.usage, events);
            return Err(failure);
        }
        if whole && chunk.choices.first.is_none() {
            let message = "the answer has no choices; the server may not speak this dialect";
            return Err(error::decode(message, data));
        }
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
        for (name, raw) in chunk.extras {
            self.sources.list(name, raw);
        }
        let groq = chunk.x_groq.0.and_then(|groq| groq.usage);
        let mut counters = chunk.usage.or(groq);
        let mut failure = None;
        if let Some(choice) = self.pick(chunk.choices, events) {
            counters = counters.or(choice.usage);
            failure = self.choice(choice, whole, events);
        }
        self.usage(counters, events);
        failure.map_or(Ok(()), Err)
    }

    /// The failure that a chunk reports.
    fn failure(&self, chunk: &Chunk<'_>, data: &[u8]) -> Option<Error> {
        let groq = chunk.x_groq.0.as_ref();
        let raw = chunk.error.or_else(|| groq.and_then(|groq| groq.error));
        let reported = raw.is_some_and(error::is_truthy);
        let refused = chunk.base_resp.and_then(value).is_some_and(|base| error::is_refusal(&base));
        let bare = !chunk.choices.present && chunk.usage.is_none() && error::is_error(data);
        (reported || refused || bare).then(|| error::in_answer(data, &self.quirks))
    }

    fn delta(&mut self, delta: &mut Delta<'_>, whole: bool, events: &mut Events) {
        self.thinking(delta, events);
        let extra = delta.extra("extra_content").and_then(value);
        match take(&mut delta.content) {
            Content::Absent => {}
            Content::Text(text) if thinking::is_marked(extra.as_ref()) => {
                self.marked(&text, events);
            }
            Content::Text(text) => self.said(text, events),
            Content::Parts(parts) => {
                for part in parts {
                    self.content_part(part, events);
                }
            }
        }
        if let Some(extra) = extra {
            self.keep_extra(extra);
        }
        self.text(Kind::Refusal, take(&mut delta.refusal).into_text(), events);
        self.tool_calls(delta, whole, events);
        if let Some(audio) = &delta.audio.0 {
            self.speech(audio, events);
        }
        for (name, raw) in take(&mut delta.extras) {
            match name {
                "images" => {
                    for image in value(raw).iter().filter_map(Value::as_array).flatten() {
                        self.seen.images = true;
                        self.content_part(image.clone(), events);
                    }
                }
                "annotations" => {
                    self.seen.annotations |= raw.get() != "[]";
                    self.sources.annotations(raw, &self.provider, self.latest_text, events);
                }
                "executed_tools" => self.sources.tools(raw),
                "context" | "graph_data" | "web_search_data" => self.sources.list(name, raw),
                "provider_metadata" => self.beside = usage::beside(raw).or(self.beside),
                _ => {}
            }
        }
    }

    fn part(&mut self, part: Part, events: &mut Events) {
        self.break_off(events);
        let index = self.next_part;
        self.next_part += 1;
        events.push_back(Event::part(index, part));
    }

    /// Adds text of the content, which may begin with thinking.
    fn said(&mut self, text: Cow<'_, str>, events: &mut Events) {
        match self.tags.is_passing() {
            true => self.text(Kind::Text, text, events),
            false => self.tagged(&text, events),
        }
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
            Kind::Thinking => {
                self.seen.thinking = true;
                Event::thinking_start(index)
            }
            Kind::Text => {
                self.latest_text = Some(index);
                Event::text_start(index)
            }
            Kind::Refusal => {
                self.seen.refusal = true;
                Event::refusal_start(index)
            }
        });
        if let Some(extra) = self.loose.take() {
            self.kept.insert(EXTRA_CONTENT.to_owned(), extra);
        }
        if !self.early.is_empty() {
            let tokens = take(&mut self.early);
            match kind {
                Kind::Text => events.push_back(Event::Logprobs { index, tokens }),
                Kind::Thinking | Kind::Refusal => self.warn_of_logprobs(events),
            }
        }
        index
    }

    fn close(&mut self, events: &mut Events) {
        let Some((_, index)) = self.open.take() else { return };
        let data = (!self.kept.is_empty()).then(|| {
            let kept = Value::Object(take(&mut self.kept));
            Box::new(ProviderData::new(&*self.provider, kept))
        });
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
        let Some(Counted { usage, service_tier }) = usage::usage(raw, &self.quirks, self.beside)
        else {
            return;
        };
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
        self.flush(events);
        self.close(events);
        let called = !self.calls.is_empty();
        self.end_calls(events);
        if let Some(extra) = self.loose.take() {
            let extra = Value::Object(Map::from_iter([(EXTRA_CONTENT.to_owned(), extra)]));
            self.part(Part::opaque(&*self.provider, extra), events);
        }
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

/// Google's corner of a message, under which it goes back.
pub(crate) const EXTRA_CONTENT: &str = "extra_content";

impl Decoder for ChatDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        let read = match frame {
            Frame::Body(body) => self.body(body, events),
            Frame::Event { name, data } => self.event(name, data, events),
            Frame::Line(line) => self.event(None, line, events),
            _ => Err(Error::new(ErrorKind::Decode, "this dialect has no such frame")),
        };
        if read.is_err() {
            self.flush(events);
        }
        read
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        if self.finish.is_none() {
            self.flush(events);
            let message = "the stream ended without a finish reason; send the request again";
            return Err(Error::new(ErrorKind::StreamInterrupted, message));
        }
        self.complete(events);
        Ok(())
    }
}

fn value(raw: &RawValue) -> Option<Value> {
    lenient::value(raw.get().as_bytes()).ok()
}
