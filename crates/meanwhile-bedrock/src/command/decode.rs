//! [`CommandDecoder`]: answers of Command R, whole or in pieces, to events.
//!
//! The end of a stream repeats the whole answer: what came before is not said again, and what did not is
//! taken from there.

use std::borrow::Cow;
use std::collections::VecDeque;

use meanwhile_core::{
    Citation, Error, ErrorKind, Event, Finish, FinishReason, Metadata, ProviderData, Request,
    Result, Usage,
};
use meanwhile_http::lenient::{Arguments, Halves, List, Number, Str, record};
use meanwhile_http::{CallFragment, Decoder, Frame, ToolCalls};
use memchr::memmem;
use serde::Deserialize as _;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::ID;
use crate::error;
use crate::usage::metered;

type Events = VecDeque<Event>;

record! {
    /// A whole answer, or an event of a stream.
    struct Piece<'a> {
        event_type: Str<'a>,
        response_id: Str<'a>,
        generation_id: Str<'a>,
        text: Str<'a>,
        tool_calls: List<Call<'a>>,
        citations: Option<&'a RawValue>,
        finish_reason: Str<'a>,
        meta: Option<&'a RawValue>,
        token_count: Option<&'a RawValue>,
        response: Option<&'a RawValue>,
        metrics as "amazon-bedrock-invocationMetrics": Option<&'a RawValue>,
    }

    struct Call<'a> {
        name: Str<'a>,
        parameters: Arguments<'a>,
    }
}

/// The decoding state of one answer.
#[derive(Debug)]
pub(crate) struct CommandDecoder {
    next_part: u32,
    text: Option<u32>,
    calls: ToolCalls,
    is_cited: bool,
    /// Citations that came before the text that they are about.
    early: Vec<Citation>,
    usage: Option<Usage>,
    /// Whether the service has told what it counted.
    metered: bool,
    reason: Option<String>,
    done: bool,
    halves: Halves,
}

impl CommandDecoder {
    pub(super) fn new(request: &Request) -> Self {
        Self {
            next_part: 0,
            text: None,
            calls: ToolCalls::after(request),
            is_cited: false,
            early: Vec::new(),
            usage: None,
            metered: false,
            reason: None,
            done: false,
            halves: Halves::of(&["text"]),
        }
    }

    /// Reads an answer, or what a stream says of one at its end.
    fn answer(&mut self, piece: Piece<'_>, events: &mut Events) {
        if self.text.is_none() {
            self.say(piece.text.into_text(), events);
        }
        self.call(piece.tool_calls, events);
        if !self.is_cited {
            self.cite(piece.citations, events);
        }
        self.count(piece.meta, piece.token_count);
        if let Some(reason) = piece.finish_reason.given() {
            self.reason = Some(reason.to_owned());
        }
    }

    fn body(&mut self, body: &[u8], events: &mut Events) -> Result<()> {
        let mended = Halves::mended(body);
        let whole = mended.as_deref().unwrap_or(body);
        let piece: Piece<'_> = serde_json::from_slice(whole).map_err(unreadable)?;
        let is_answer = piece.text.0.is_some()
            || piece.finish_reason.given().is_some()
            || !piece.tool_calls.0.is_empty();
        if !is_answer {
            return Err(error::in_answer(None, body).unwrap_or_else(|| {
                let message = "the answer has no text; the server may not be Bedrock";
                Error::new(ErrorKind::Decode, message)
            }));
        }
        identify(&piece, events);
        self.answer(piece, events);
        self.complete(events);
        Ok(())
    }

    fn event(&mut self, data: &[u8], events: &mut Events) -> Result<()> {
        let mended = match self.halves.is_waiting() || Halves::are_in(data) {
            // The end repeats the whole text.
            true => self.halves.mend(data, memmem::find(data, b"stream-end").is_some()),
            false => None,
        };
        let data = mended.as_deref().unwrap_or(data);
        let piece: Piece<'_> = serde_json::from_slice(data).map_err(unreadable)?;
        if let Some(metrics) = piece.metrics {
            self.usage = Some(metered(metrics));
            self.metered = true;
        }
        match piece.event_type.given() {
            Some("stream-start") => identify(&piece, events),
            Some("text-generation") => self.say(piece.text.into_text(), events),
            Some("tool-calls-generation") => self.call(piece.tool_calls, events),
            Some("citation-generation") => self.cite(piece.citations, events),
            Some("stream-end") => {
                let whole = piece.response.map(|raw| serde_json::from_str(raw.get()));
                if let Some(Ok(whole)) = whole {
                    self.answer(whole, events);
                }
                let reason = piece.finish_reason.given().map(str::to_owned);
                self.reason = reason.or(self.reason.take()).or_else(|| Some(String::new()));
            }
            // The wire may grow; what the tools' calls are made of comes again as a whole.
            _ => {}
        }
        // What was counted stands in the last piece.
        if self.metered && self.reason.is_some() {
            self.complete(events);
        }
        Ok(())
    }

    fn say(&mut self, text: Cow<'_, str>, events: &mut Events) {
        if text.is_empty() {
            return;
        }
        let part = self.text.unwrap_or_else(|| {
            let part = self.next_part;
            self.next_part += 1;
            self.text = Some(part);
            events.push_back(Event::text_start(part));
            part
        });
        events.push_back(Event::text_delta(part, text));
        for citation in self.early.drain(..) {
            events.push_back(Event::citation(part, citation));
        }
    }

    /// Calls come all at once, without ids.
    fn call(&mut self, calls: List<Call<'_>>, events: &mut Events) {
        if !self.calls.is_empty() {
            return;
        }
        for (index, call) in (0..).zip(calls.0) {
            let name = call.name.given().unwrap_or_default();
            let fragment = CallFragment::new(Some(index)).named("", name).begins(true);
            let fragment = fragment.arguments(call.parameters.0);
            self.calls.add(fragment, &mut self.next_part, events);
            self.calls.close(index, &mut self.next_part, events);
        }
    }

    fn cite(&mut self, raw: Option<&RawValue>, events: &mut Events) {
        let all = raw.and_then(|raw| serde_json::from_str::<Vec<Value>>(raw.get()).ok());
        for citation in all.into_iter().flatten().map(citation) {
            self.is_cited = true;
            match self.text {
                Some(part) => events.push_back(Event::citation(part, citation)),
                None => self.early.push(citation),
            }
        }
    }

    /// Counts what was read and written, where that is told, or what is billed.
    fn count(&mut self, meta: Option<&RawValue>, tokens: Option<&RawValue>) {
        if self.metered {
            return;
        }
        let value = |raw: Option<&RawValue>| {
            raw.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok()).unwrap_or_default()
        };
        let (meta, tokens) = (value(meta), value(tokens));
        let count = |pointers: [&str; 2], name: &str| {
            let found = tokens.get(name);
            let found = found.or_else(|| pointers.iter().find_map(|at| meta.pointer(at)))?;
            Number::deserialize(found).ok()?.0
        };
        let input = ["/tokens/input_tokens", "/billed_units/input_tokens"];
        let output = ["/tokens/output_tokens", "/billed_units/output_tokens"];
        let mut usage = Usage::default();
        usage.input.total = count(input, "prompt_tokens");
        usage.output.total = count(output, "response_tokens");
        if usage != Usage::default() {
            let raw = if tokens.is_null() { meta } else { tokens };
            usage.raw = Some(raw.into());
            self.usage = Some(usage);
        }
    }

    fn complete(&mut self, events: &mut Events) {
        self.done = true;
        self.calls.end(&mut self.next_part, events, |_| None);
        // An answer without words or calls is an empty text.
        if self.text.is_none() && self.calls.is_empty() {
            self.text = Some(self.next_part);
            events.push_back(Event::text_start(self.next_part));
        }
        if let Some(part) = self.text {
            // Half a character whose other half has not come.
            if self.halves.take().is_some() {
                events.push_back(Event::text_delta(part, "\u{fffd}"));
            }
            events.push_back(Event::part_end(part));
        }
        events.extend(self.usage.take().map(Event::usage));
        let raw = self.reason.take().unwrap_or_default();
        let mut finish = Finish::new(finish_reason(&raw, !self.calls.is_empty()));
        if !raw.is_empty() {
            finish = finish.with_raw(raw);
        }
        events.push_back(Event::finish(finish));
    }
}

impl Decoder for CommandDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut Events) -> Result<()> {
        match frame {
            _ if self.done => Ok(()),
            Frame::Body(body) => self.body(body, events),
            Frame::Event { data, .. } => self.event(data, events),
            _ => Err(Error::new(ErrorKind::Decode, "this wire has no such frame")),
        }
    }

    fn end(&mut self, events: &mut Events) -> Result<()> {
        if self.done {
            return Ok(());
        }
        if self.reason.is_none() {
            let message = "the stream ended without a finish reason; send the request again";
            return Err(Error::new(ErrorKind::StreamInterrupted, message));
        }
        self.complete(events);
        Ok(())
    }
}

fn unreadable(source: serde_json::Error) -> Error {
    Error::new(ErrorKind::Decode, "the answer is not JSON of this model").with_source(source)
}

fn identify(piece: &Piece<'_>, events: &mut Events) {
    if let Some(id) = piece.response_id.given().or(piece.generation_id.given()) {
        let mut metadata = Metadata::default();
        metadata.id = Some(id.to_owned());
        events.push_back(Event::Metadata(Box::new(metadata)));
    }
}

/// Reads what backs a stretch of the answer: documents of the request, or what tools gave.
fn citation(raw: Value) -> Citation {
    let position = |name: &str| raw.get(name)?.as_u64().and_then(|at| u32::try_from(at).ok());
    let mut citation = Citation::new();
    citation.span = position("start").zip(position("end")).map(|(start, end)| start..end);
    let document = raw.pointer("/document_ids/0").and_then(Value::as_str);
    citation.document = document.map(str::to_owned);
    citation.with_data(ProviderData::new(ID, raw))
}

/// Reads a finish reason, which this service has in small letters and large ones.
fn finish_reason(raw: &str, has_calls: bool) -> FinishReason {
    match &*raw.to_ascii_uppercase() {
        "MAX_TOKENS" | "ERROR_LIMIT" => FinishReason::Length,
        "ERROR_TOXIC" => FinishReason::ContentFilter,
        "ERROR" => FinishReason::Error,
        "COMPLETE" | "STOP_SEQUENCE" if has_calls => FinishReason::ToolCalls,
        "COMPLETE" | "STOP_SEQUENCE" => FinishReason::Stop,
        _ => FinishReason::Other,
    }
}
