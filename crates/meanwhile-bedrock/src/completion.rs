//! [`PromptedDecoder`]: what completes a prompt behind `InvokeModel`, whole or in pieces, to events.

use std::borrow::Cow;
use std::collections::VecDeque;

use meanwhile_core::{Error, ErrorKind, Event, Finish, FinishReason, Result, Usage};
use meanwhile_http::lenient::{Halves, List, Number, Str, record};
use meanwhile_http::{Decoder, Frame};
use serde_json::value::RawValue;

use crate::error;
use crate::thoughts::Thoughts;
use crate::usage::metered;

/// The decoding state of what completes a prompt.
#[derive(Debug)]
pub(crate) struct PromptedDecoder {
    thoughts: Option<Thoughts>,
    started: bool,
    reason: Option<String>,
    usage: Usage,
    /// Whether the service has told what it counted.
    metered: bool,
    done: bool,
    halves: Halves,
}

record! {
    /// A whole answer, a piece of one, or one of the completions in it, of which only one is asked for: each
    /// vendor has some of the fields.
    struct Piece<'a> {
        generation: Str<'a>,
        output_text as "outputText": Str<'a>,
        text: Str<'a>,
        stop_reason: Str<'a>,
        completion_reason as "completionReason": Str<'a>,
        results: List<Piece<'a>>,
        outputs: List<Piece<'a>>,
        choices: List<Piece<'a>>,
        prompt_token_count: Number,
        input_text_token_count as "inputTextTokenCount": Number,
        generation_token_count: Number,
        total_output_text_token_count as "totalOutputTextTokenCount": Number,
        token_count as "tokenCount": Number,
        metrics as "amazon-bedrock-invocationMetrics": Option<&'a RawValue>,
    }
}

impl<'a> Piece<'a> {
    /// The first of the completions in it.
    fn completion(&mut self) -> Option<Self> {
        let lists = [&mut self.results, &mut self.outputs, &mut self.choices];
        lists.into_iter().flat_map(|list| std::mem::take(&mut list.0)).next()
    }

    fn take_text(&mut self) -> Option<Cow<'a, str>> {
        let fields = [&mut self.generation, &mut self.output_text, &mut self.text];
        fields.into_iter().find_map(|field| field.0.take())
    }

    fn reason(&self) -> Option<&str> {
        self.stop_reason.given().or(self.completion_reason.given())
    }

    fn input(&self) -> Option<u64> {
        self.prompt_token_count.0.or(self.input_text_token_count.0)
    }

    fn output(&self) -> Option<u64> {
        let total = self.total_output_text_token_count.0;
        self.generation_token_count.0.or(total).or(self.token_count.0)
    }
}

impl PromptedDecoder {
    /// Begins an answer; one to a prompt that ends with the beginning of a thought `thinks`.
    pub(crate) fn new(thinks: bool) -> Self {
        Self {
            thoughts: thinks.then(|| Thoughts::between("<think>", "</think>")),
            started: false,
            reason: None,
            usage: Usage::default(),
            metered: false,
            done: false,
            halves: Halves::of(&["generation", "outputText", "text"]),
        }
    }

    /// Reads a whole answer or a piece; whether there was any of it.
    fn read(&mut self, data: &[u8], whole: bool, events: &mut VecDeque<Event>) -> Result<bool> {
        let mended = match self.halves.is_waiting() || Halves::are_in(data) {
            true => self.halves.mend(data, whole),
            false => None,
        };
        let data = mended.as_deref().unwrap_or(data);
        let mut piece: Piece<'_> = serde_json::from_slice(data).map_err(|source| {
            Error::new(ErrorKind::Decode, "the answer is not JSON of this model")
                .with_source(source)
        })?;
        let completion = piece.completion();
        let mut is_any = completion.is_some();
        let mut completion = completion.unwrap_or_default();
        let text = piece.take_text().inspect(|_| is_any = true);
        let text = text.or_else(|| completion.take_text());
        self.count(piece.input(), piece.output().or(completion.output()));
        if let Some(metrics) = piece.metrics {
            self.usage = metered(metrics);
            self.metered = true;
        }
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.start(events);
            self.push(Event::text_delta(0, text), events);
        }
        if let Some(reason) = piece.reason().or(completion.reason()) {
            self.reason = Some(reason.to_owned());
        }
        Ok(is_any)
    }

    fn count(&mut self, input: Option<u64>, output: Option<u64>) {
        if self.metered {
            return;
        }
        let usage = &mut self.usage;
        usage.input.total = input.or(usage.input.total);
        usage.output.total = output.or(usage.output.total);
    }

    fn start(&mut self, events: &mut VecDeque<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            self.push(Event::text_start(0), events);
            // The prompt ends with it.
            if self.thoughts.is_some() {
                self.push(Event::text_delta(0, "<think>"), events);
            }
        }
    }

    fn push(&mut self, event: Event, events: &mut VecDeque<Event>) {
        match &mut self.thoughts {
            Some(thoughts) => thoughts.pass(event, events),
            None => events.push_back(event),
        }
    }

    fn complete(&mut self, raw: &str, events: &mut VecDeque<Event>) {
        self.done = true;
        self.start(events);
        // Half a character whose other half has not come.
        if self.halves.take().is_some() {
            self.push(Event::text_delta(0, "\u{fffd}"), events);
        }
        self.push(Event::part_end(0), events);
        if self.usage != Usage::default() {
            events.push_back(Event::usage(std::mem::take(&mut self.usage)));
        }
        let mut finish = Finish::new(finish_reason(raw));
        if !raw.is_empty() {
            finish = finish.with_raw(raw);
        }
        events.push_back(Event::finish(finish));
    }
}

fn finish_reason(raw: &str) -> FinishReason {
    match raw {
        "stop" | "FINISH" | "FINISHED" | "STOP_CRITERIA_MET" => FinishReason::Stop,
        "length" | "LENGTH" => FinishReason::Length,
        "CONTENT_FILTERED" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

impl Decoder for PromptedDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        if self.done {
            return Ok(());
        }
        match frame {
            Frame::Body(body) => {
                if !self.read(body, true, events)? {
                    return Err(error::in_answer(None, body).unwrap_or_else(|| {
                        let message = "the answer has no text; the server may not be Bedrock";
                        Error::new(ErrorKind::Decode, message)
                    }));
                }
                let reason = self.reason.take().unwrap_or_default();
                self.complete(&reason, events);
                Ok(())
            }
            Frame::Event { data, .. } => {
                self.read(data, false, events)?;
                // What was counted stands in the last piece.
                if self.metered
                    && let Some(reason) = self.reason.take()
                {
                    self.complete(&reason, events);
                }
                Ok(())
            }
            _ => Err(Error::new(ErrorKind::Decode, "this wire has no such frame")),
        }
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        if self.done {
            return Ok(());
        }
        match self.reason.take() {
            Some(reason) => {
                self.complete(&reason, events);
                Ok(())
            }
            None => {
                if let Some(thoughts) = &mut self.thoughts {
                    thoughts.finish(events);
                }
                let message = "the stream ended without a stop reason; send the request again";
                Err(Error::new(ErrorKind::StreamInterrupted, message))
            }
        }
    }
}
