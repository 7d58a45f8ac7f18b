//! [`PromptedDecoder`]: what completes a prompt behind `InvokeModel`, whole or in pieces, to events.

use std::collections::VecDeque;

use meanwhile_core::{Error, ErrorKind, Event, Finish, FinishReason, Result, Usage};
use meanwhile_http::{Decoder, Frame};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error;
use crate::thoughts::Thoughts;
use crate::usage::metered;
use crate::wire::{Text, or_absent, words};

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
}

/// A whole answer, or a piece of one: each vendor has some of the fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Piece<'a> {
    #[serde(borrow, deserialize_with = "words")]
    generation: Text<'a>,
    #[serde(borrow, rename = "outputText", deserialize_with = "words")]
    output_text: Text<'a>,
    #[serde(borrow, deserialize_with = "words")]
    stop_reason: Text<'a>,
    #[serde(borrow, rename = "completionReason", deserialize_with = "words")]
    completion_reason: Text<'a>,
    #[serde(borrow, deserialize_with = "or_absent")]
    results: Option<Vec<Said<'a>>>,
    #[serde(borrow, deserialize_with = "or_absent")]
    outputs: Option<Vec<Said<'a>>>,
    #[serde(borrow, deserialize_with = "or_absent")]
    choices: Option<Vec<Said<'a>>>,
    #[serde(deserialize_with = "or_absent")]
    prompt_token_count: Option<u64>,
    #[serde(deserialize_with = "or_absent")]
    generation_token_count: Option<u64>,
    #[serde(rename = "inputTextTokenCount", deserialize_with = "or_absent")]
    input_text_token_count: Option<u64>,
    #[serde(rename = "totalOutputTextTokenCount", deserialize_with = "or_absent")]
    total_output_text_token_count: Option<u64>,
    #[serde(borrow, rename = "amazon-bedrock-invocationMetrics")]
    metrics: Option<&'a RawValue>,
}

/// One of several completions; only one is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow, deserialize_with = "words")]
    text: Text<'a>,
    #[serde(borrow, rename = "outputText", deserialize_with = "words")]
    output_text: Text<'a>,
    #[serde(borrow, deserialize_with = "words")]
    stop_reason: Text<'a>,
    #[serde(borrow, rename = "completionReason", deserialize_with = "words")]
    completion_reason: Text<'a>,
    #[serde(rename = "tokenCount", deserialize_with = "or_absent")]
    token_count: Option<u64>,
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
        }
    }

    /// Reads a whole answer or a piece; whether there was any of it.
    fn read(&mut self, data: &[u8], events: &mut VecDeque<Event>) -> Result<bool> {
        let mut piece: Piece<'_> = serde_json::from_slice(data).map_err(|source| {
            Error::new(ErrorKind::Decode, "the answer is not JSON of this model")
                .with_source(source)
        })?;
        let lists = [piece.results.take(), piece.outputs.take(), piece.choices.take()];
        let said = lists.into_iter().flatten().flatten().next();
        let is_any = said.is_some() || piece.generation.is_some() || piece.output_text.is_some();
        let said = said.unwrap_or_default();
        let text = piece.generation.or(piece.output_text).or(said.text).or(said.output_text);
        let reason = piece.stop_reason.or(piece.completion_reason);
        let reason = reason.or(said.stop_reason).or(said.completion_reason);
        self.count(
            piece.prompt_token_count.or(piece.input_text_token_count),
            piece
                .generation_token_count
                .or(piece.total_output_text_token_count)
                .or(said.token_count),
        );
        if let Some(metrics) = piece.metrics {
            self.usage = metered(metrics);
            self.metered = true;
        }
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.start(events);
            self.push(Event::text_delta(0, text), events);
        }
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            self.reason = Some(reason.into_owned());
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
                if !self.read(body, events)? {
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
                self.read(data, events)?;
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
