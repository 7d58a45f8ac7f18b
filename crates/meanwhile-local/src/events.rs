//! [`Events`] turns the reports of a worker into the events of a response.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use meanwhile_core::{Event, Finish, FinishReason, Metadata, Result, Usage, Warning};

use crate::LocalError;
use crate::error;
use crate::prompt::{CALL_CLOSE, CALL_OPEN, Shape};
use crate::queue::Answer;
use crate::sequence::{self, Output};

/// What stands before and after the arguments of a call; its name is between the first two.
const NAME: &str = r#"{"name":""#;
const ARGUMENTS: &str = r#","arguments":"#;

/// The events of one answer. Dropping it cancels the answer.
#[derive(Debug)]
pub(crate) struct Events {
    answer: Answer,
    reader: Reader,
    ready: VecDeque<Event>,
    usage: Usage,
    done: bool,
}

impl Events {
    /// Follows an answer that has started with a prompt of `prompt` tokens, of which `reused` were
    /// known before.
    pub(crate) fn new(
        answer: Answer,
        model: &str,
        shape: Shape,
        warnings: Vec<Warning>,
        (prompt, reused): (usize, usize),
    ) -> Self {
        let mut metadata = Metadata::default();
        metadata.id = Some(unique("local"));
        metadata.model = Some(model.to_owned());
        let mut ready = VecDeque::from([Event::Metadata(Box::new(metadata))]);
        ready.extend(warnings.into_iter().map(Event::warning));
        let mut usage = Usage::default();
        usage.input.total = Some(prompt as u64);
        usage.input.uncached = Some(prompt.saturating_sub(reused) as u64);
        usage.input.cache_read = Some(reused as u64);
        usage.input.cache_write = Some(0);
        Self { answer, reader: Reader::new(shape), ready, usage, done: false }
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Started { .. } => {}
            Output::Text(text) => self.reader.read(&text, &mut self.ready),
            Output::Done { finish, answer } => {
                self.done = true;
                let called = self.reader.finish(&mut self.ready);
                self.usage.output.total = Some(answer as u64);
                self.usage.output.text = Some(answer as u64);
                self.usage.output.reasoning = Some(0);
                self.ready.push_back(Event::usage(self.usage.clone()));
                self.ready.push_back(Event::finish(match finish {
                    sequence::Finish::Length => {
                        Finish::new(FinishReason::Length).with_raw("length")
                    }
                    sequence::Finish::Stop(text) => Finish::new(FinishReason::Stop)
                        .with_raw("stop_text")
                        .with_stop_sequence(text),
                    sequence::Finish::End if called => {
                        Finish::new(FinishReason::ToolCalls).with_raw("tool_call")
                    }
                    sequence::Finish::End => {
                        Finish::new(FinishReason::Stop).with_raw("end_of_turn")
                    }
                }));
            }
        }
    }
}

impl Stream for Events {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            match ready!(Pin::new(&mut self.answer).poll_next(cx)) {
                Some(Ok(output)) => self.take(output),
                Some(Err(error)) => return Poll::Ready(Some(Err(error::to_core(error)))),
                None if self.done => return Poll::Ready(None),
                None => {
                    self.done = true;
                    return Poll::Ready(Some(Err(error::to_core(LocalError::WorkerStopped))));
                }
            }
        }
    }
}

/// Splits what the model writes into text and tool calls.
#[derive(Debug)]
enum Reader {
    /// Nothing was read yet that decides.
    Undecided { shape: Shape, held: String },
    /// Text; whether its part has begun.
    Text { begun: bool },
    /// The name of a tool.
    Name { held: String, tail: &'static str },
    /// Arguments; what is held back may be the end of the call.
    Arguments { held: String, tail: &'static str },
}

impl Reader {
    fn new(shape: Shape) -> Self {
        match shape {
            Shape::Text => Self::Text { begun: false },
            _ => Self::Undecided { shape, held: String::new() },
        }
    }

    /// Reads more of the answer.
    fn read(&mut self, text: &str, out: &mut VecDeque<Event>) {
        match self {
            Self::Text { begun } => {
                if !*begun {
                    out.push_back(Event::text_start(0));
                    *begun = true;
                }
                out.push_back(Event::text_delta(0, text));
            }
            Self::Undecided { shape, held } => {
                held.push_str(text);
                let open = if *shape == Shape::Either { CALL_OPEN } else { "" };
                if let Some(call) = held.strip_prefix(open).and_then(|held| held.strip_prefix(NAME))
                {
                    let call = call.to_owned();
                    let tail = if *shape == Shape::Either { CALL_CLOSE } else { "" };
                    *self = Self::Name { held: String::new(), tail };
                    self.read(&call, out);
                } else if !format!("{open}{NAME}").starts_with(held.as_str()) {
                    let text = std::mem::take(held);
                    *self = Self::Text { begun: false };
                    self.read(&text, out);
                }
            }
            Self::Name { held, tail } => {
                held.push_str(text);
                if let Some((name, arguments)) = held.split_once(ARGUMENTS) {
                    // The name is a JSON string whose opening quote has been read.
                    let name = serde_json::from_str(&format!("\"{name}"));
                    let name: String = name.unwrap_or_else(|_| held.clone());
                    out.push_back(Event::tool_call_start(0, unique("call"), name));
                    let arguments = arguments.to_owned();
                    *self = Self::Arguments { held: String::new(), tail };
                    self.read(&arguments, out);
                }
            }
            Self::Arguments { held, tail } => {
                held.push_str(text);
                // The brace that closes the call, and what may follow it, are not arguments.
                let keep = held.len().saturating_sub(1 + tail.len());
                let keep = (0..=keep).rev().find(|at| held.is_char_boundary(*at)).unwrap_or(0);
                let held_back = held.split_off(keep);
                let arguments = std::mem::replace(held, held_back);
                if !arguments.is_empty() {
                    out.push_back(Event::tool_call_delta(0, arguments));
                }
            }
        }
    }

    /// Closes what is open; whether it was a complete or cut-off tool call.
    fn finish(&mut self, out: &mut VecDeque<Event>) -> bool {
        match self {
            Self::Undecided { held, .. } => {
                let text = std::mem::take(held);
                *self = Self::Text { begun: false };
                if !text.is_empty() {
                    self.read(&text, out);
                    out.push_back(Event::part_end(0));
                }
                false
            }
            Self::Text { begun } => {
                if *begun {
                    out.push_back(Event::part_end(0));
                }
                false
            }
            // Cut off before there was anything to call.
            Self::Name { .. } => false,
            Self::Arguments { held, tail } => {
                let end = format!("}}{tail}");
                let rest = held.strip_suffix(end.as_str()).unwrap_or(held);
                if !rest.is_empty() {
                    out.push_back(Event::tool_call_delta(0, rest));
                }
                out.push_back(Event::part_end(0));
                true
            }
        }
    }
}

/// An id that no other response in a conversation has.
fn unique(prefix: &str) -> String {
    let random = std::hash::RandomState::new().build_hasher().finish();
    format!("{prefix}_{random:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `text` cut into pieces of every size; the deltas must come to `expected`.
    fn check(shape: Shape, text: &str, expected: (Option<&str>, &str), called: bool) {
        for size in 1..=text.chars().count().max(1) {
            let letters: Vec<char> = text.chars().collect();
            let mut reader = Reader::new(shape);
            let mut out = VecDeque::new();
            for piece in letters.chunks(size) {
                reader.read(&piece.iter().collect::<String>(), &mut out);
            }
            assert_eq!(reader.finish(&mut out), called, "{text:?} in pieces of {size}");
            let (mut name, mut content, mut ended) = (None, String::new(), false);
            for event in out {
                match event {
                    Event::PartStart {
                        part: meanwhile_core::PartStart::ToolCall { name: n, .. },
                        ..
                    } => {
                        name = Some(n);
                    }
                    Event::TextDelta { text, .. } => content.push_str(&text),
                    Event::ToolCallDelta { arguments, .. } => content.push_str(&arguments),
                    Event::PartEnd { .. } => ended = true,
                    _ => {}
                }
            }
            assert_eq!((name.as_deref(), content.as_str()), expected, "in pieces of {size}");
            assert_eq!(ended, name.is_some() || !content.is_empty());
        }
    }

    #[test]
    fn answers_are_split_into_text_and_calls() {
        check(Shape::Text, "Hi <tool_call>{", (None, "Hi <tool_call>{"), false);
        check(Shape::Text, "", (None, ""), false);
        check(Shape::Either, "Hello é", (None, "Hello é"), false);
        check(Shape::Either, r#"{"name":"x"}"#, (None, r#"{"name":"x"}"#), false);
        let call = r#"{"name":"get \"it\"","arguments":{"é":{"a":1}}}"#;
        check(Shape::Call, call, (Some("get \"it\""), r#"{"é":{"a":1}}"#), true);
        let call = format!("{CALL_OPEN}{call}{CALL_CLOSE}");
        check(Shape::Either, &call, (Some("get \"it\""), r#"{"é":{"a":1}}"#), true);
    }

    #[test]
    fn what_was_cut_off_is_kept() {
        check(
            Shape::Call,
            r#"{"name":"get","arguments":{"a":"bc"#,
            (Some("get"), r#"{"a":"bc"#),
            true,
        );
        check(Shape::Call, r#"{"name":"ge"#, (None, ""), false);
        check(Shape::Either, "<tool_ca", (None, "<tool_ca"), false);
    }
}
