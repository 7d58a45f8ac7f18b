//! [`GenerateContentDecoder`]: whole answers and streamed chunks to events, by one path.
//!
//! The stream has no terminator: it is complete once a finish reason has come and the body ends.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use meanwhile_core::{
    Error, ErrorKind, Event, Finish, FinishReason, Logprob, Metadata, Request, Result, Warning,
    WarningKind,
};
use meanwhile_http::lenient::Halves;
use meanwhile_http::{Decoder, Frame, redact};
use serde::de::{Deserializer as _, SeqAccess, Visitor};

use crate::parts::Parts;
use crate::usage::{self, Counters};
use crate::wire::{Candidate, Chunk, LogprobsResult};
use crate::{error, time};

/// The decoding state of one answer.
#[derive(Debug)]
pub struct GenerateContentDecoder {
    metadata: Metadata,
    parts: Parts,
    counters: Counters,
    finish: Option<Finish>,
    warned_candidates: bool,
    halves: Halves,
}

type Events = VecDeque<Event>;

impl GenerateContentDecoder {
    pub(crate) fn new(provider: Arc<str>, request: &Request) -> Self {
        Self {
            metadata: Metadata::default(),
            parts: Parts::after(provider, request),
            counters: Counters::default(),
            finish: None,
            warned_candidates: false,
            halves: Halves::of(&["text", "stringValue"]),
        }
    }

    /// Reads a whole answer, or the list that a stream without `alt=sse` is.
    fn body(&mut self, body: &[u8], events: &mut Events) -> Result<()> {
        if body.trim_ascii_start().starts_with(b"[") {
            self.list(body, events)?;
            return self.end(events);
        }
        let mended;
        let (chunk, body) = match serde_json::from_slice::<Chunk<'_>>(body) {
            Ok(chunk) => (chunk, body),
            Err(_) => {
                mended = Halves::mended(body);
                let body = mended.as_deref().unwrap_or(body);
                (parse(body)?, body)
            }
        };
        let answered = !chunk.candidates.0.is_empty();
        let known = chunk.usage_metadata.is_some() || chunk.response_id.given().is_some();
        self.chunk(chunk, body, events)?;
        if !answered {
            let message = "the answer has no candidates; send the request again";
            // Google now and then answers with nothing but the counters.
            let kind = if known { ErrorKind::Server } else { ErrorKind::Decode };
            self.report_usage(events);
            return Err(Error::new(kind, message).with_body(redact::shown(body)));
        }
        self.complete(events);
        Ok(())
    }

    /// Reads the chunks of a list, as far as it goes.
    fn list(&mut self, body: &[u8], events: &mut Events) -> Result<()> {
        struct Chunks<'s> {
            decoder: &'s mut GenerateContentDecoder,
            body: &'s [u8],
            events: &'s mut Events,
        }

        impl<'de> Visitor<'de> for Chunks<'_> {
            type Value = Result<()>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of chunks")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut read = Ok(());
                while let Some(chunk) = seq.next_element::<Chunk<'de>>()? {
                    if read.is_ok() {
                        read = self.decoder.chunk(chunk, self.body, self.events);
                    }
                }
                Ok(read)
            }
        }

        // A chunk is told of before the next one is read, so that half a character is looked for here.
        let mended = if Halves::are_in(body) { self.halves.mend(body, false) } else { None };
        let body = mended.as_deref().unwrap_or(body);
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let chunks = Chunks { decoder: self, body, events };
        deserializer.deserialize_seq(chunks).unwrap_or_else(|source| {
            if source.is_eof() {
                let message = "the answer broke off in the middle; send the request again";
                return Err(Error::new(ErrorKind::StreamInterrupted, message).with_source(source));
            }
            Err(error::decode("the answer is no list of chunks", body).with_source(source))
        })
    }

    fn chunk(&mut self, chunk: Chunk<'_>, data: &[u8], events: &mut Events) -> Result<()> {
        self.describe(&chunk, events);
        if chunk.error.is_some_and(|raw| !matches!(raw.get(), "null" | "{}")) {
            self.report_usage(events);
            return Err(error::in_answer(data));
        }
        let answers = !chunk.candidates.0.is_empty();
        let mut first = None;
        for candidate in chunk.candidates.0 {
            if first.is_none() && candidate.index.0.unwrap_or(0) == 0 {
                first = Some(candidate);
            } else if !self.warned_candidates {
                self.warned_candidates = true;
                let message = "only the first of several alternatives is kept";
                events.push_back(Event::warning(Warning::dropped("candidateCount", message)));
            }
        }
        if let Some(candidate) = first {
            self.candidate(candidate, events);
        }
        if let Some(feedback) = chunk.prompt_feedback.0
            && let Some(reason) = feedback.block_reason.given()
            && !answers
        {
            self.report_usage(events);
            return Err(error::blocked(reason, feedback.block_reason_message.given(), data));
        }
        Ok(())
    }

    /// Reads what a chunk says about the answer: its id, the model, the counters.
    fn describe(&mut self, chunk: &Chunk<'_>, events: &mut Events) {
        let known = &mut self.metadata;
        let mut news = Metadata::default();
        if known.id.is_none() {
            news.id = chunk.response_id.given().map(str::to_owned);
        }
        if known.model.is_none() {
            news.model = chunk.model_version.given().map(str::to_owned);
        }
        if known.created.is_none() {
            news.created = chunk.create_time.given().and_then(time::seconds);
        }
        if let Some(raw) = chunk.usage_metadata {
            let counted = self.counters.read(raw);
            if let Some(usage) = counted.usage {
                events.push_back(Event::usage(usage));
            }
            if counted.service_tier != known.service_tier {
                news.service_tier = counted.service_tier;
            }
        }
        if news != Metadata::default() {
            known.update(news.clone());
            events.push_back(Event::Metadata(Box::new(news)));
        }
    }

    fn candidate(&mut self, candidate: Candidate<'_>, events: &mut Events) {
        for part in candidate.content.0.unwrap_or_default().parts.0 {
            self.parts.add(part, events);
        }
        if let Some(logprobs) = candidate.logprobs.0 {
            self.parts.logprobs(tokens(logprobs), events);
        }
        for (name, raw) in candidate.others {
            self.parts.keep(&name, raw);
        }
        let stopped = candidate.finish_reason.given().filter(|raw| *raw != usage::UNSPECIFIED);
        let Some(raw) = stopped else { return };
        let reason = usage::finish_reason(raw);
        if reason != FinishReason::Stop
            && let Some(message) = candidate.finish_message.given()
        {
            let warning = Warning::new(WarningKind::Other, "finish", message.to_owned());
            events.push_back(Event::warning(warning));
        }
        let cut = [FinishReason::Length, FinishReason::ContentFilter];
        // A later reason is the better one, except that a cut answer stays cut.
        match &self.finish {
            Some(finish) if cut.contains(&finish.reason) && !cut.contains(&reason) => {}
            _ => self.finish = Some(Finish::new(reason).with_raw(raw)),
        }
    }

    /// Tells the half of a character that the text ended with, which no other follows.
    fn flush(&mut self, events: &mut Events) {
        if self.halves.take() == Some("text") {
            self.parts.half(events);
        }
    }

    /// Reports all counts with the raw ones, once, in front of the end.
    fn report_usage(&mut self, events: &mut Events) {
        events.extend(self.counters.total().map(Event::usage));
    }

    /// Ends every part and the answer.
    fn complete(&mut self, events: &mut Events) {
        let mut finish = self.finish.take().unwrap_or_else(|| Finish::new(FinishReason::Other));
        self.flush(events);
        self.parts.end(finish.reason, events);
        self.report_usage(events);
        if self.parts.called() && finish.reason == FinishReason::Stop {
            finish.reason = FinishReason::ToolCalls;
        }
        events.push_back(Event::finish(finish));
    }
}

impl Decoder for GenerateContentDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        match frame {
            Frame::Body(body) => self.body(body, events),
            Frame::Event { data, .. } | Frame::Line(data) => {
                let data = data.trim_ascii();
                // Gateways add the terminator of another wire.
                if data.is_empty() || data == b"[DONE]" {
                    return Ok(());
                }
                if data.starts_with(b"[") {
                    return self.list(data, events);
                }
                let read = match self.halves.is_waiting() {
                    false => serde_json::from_slice::<Chunk<'_>>(data).ok(),
                    true => None,
                };
                match read {
                    Some(chunk) => self.chunk(chunk, data, events),
                    None => {
                        let mended = self.halves.mend(data, false);
                        let data = mended.as_deref().unwrap_or(data);
                        self.chunk(parse(data)?, data, events)
                    }
                }
            }
            _ => Err(Error::new(ErrorKind::Decode, "this wire has no such frame")),
        }
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        if self.finish.is_none() {
            self.flush(events);
            self.report_usage(events);
            let message = "the stream ended without a finish reason; send the request again";
            return Err(Error::new(ErrorKind::StreamInterrupted, message));
        }
        self.complete(events);
        Ok(())
    }
}

fn parse(data: &[u8]) -> Result<Chunk<'_>> {
    serde_json::from_slice(data).map_err(|source| {
        error::decode("the answer is not JSON of this wire", data).with_source(source)
    })
}

fn tokens(result: LogprobsResult<'_>) -> Vec<Logprob> {
    let mut tops = result.top_candidates.0.into_iter();
    let chosen = result.chosen_candidates.0.into_iter().map(|token| {
        let mut logprob = Logprob::new(token.token.given().unwrap_or_default(), token.logprob());
        let top = tops.next().unwrap_or_default().candidates.0;
        logprob.top = top
            .into_iter()
            .map(|token| (token.token.given().unwrap_or_default().to_owned(), token.logprob()))
            .collect();
        logprob
    });
    chosen.collect()
}
