//! [`Sequence`] is one answer being written: what has been read, what comes next, when to stop.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use meanwhile_core::TimeoutPhase;

use crate::LocalError;
use crate::chat::{self, Turn};
use crate::constraint::{Constraint, Grammar};
use crate::model::{Memory, Model};
use crate::sampler::{Sampler, Sampling};
use crate::tokenizer::{TextDecoder, Vocabulary};

/// What to answer, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Job {
    pub(crate) turns: Vec<Turn>,
    pub(crate) sampling: Sampling,
    /// Most tokens of the answer; `None` is what the context leaves.
    pub(crate) max_tokens: Option<usize>,
    /// Texts that end the answer, and are not part of it.
    pub(crate) stop: Vec<String>,
    pub(crate) grammar: Option<Grammar>,
    pub(crate) clocks: Clocks,
}

/// How long an answer may take. The clocks are looked at before every step of the model.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clocks {
    /// Until the first text.
    pub(crate) first: Option<Duration>,
    /// Between two texts.
    pub(crate) idle: Option<Duration>,
    /// From asking to the end.
    pub(crate) whole: Option<Duration>,
}

impl Clocks {
    /// The clock that has run out, if one has.
    pub(crate) fn expired(
        &self,
        asked: Instant,
        last_text: Option<Instant>,
    ) -> Option<TimeoutPhase> {
        let over = |limit: Option<Duration>, since: Instant| {
            limit.is_some_and(|limit| since.elapsed() >= limit)
        };
        match last_text {
            _ if over(self.whole, asked) => Some(TimeoutPhase::Whole),
            None if over(self.first, asked) => Some(TimeoutPhase::FirstEvent),
            Some(last) if over(self.idle, last) => Some(TimeoutPhase::Idle),
            _ => None,
        }
    }
}

/// What a sequence reports, in this order: `Started`, any number of `Text`, `Done`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Output {
    /// The prompt was accepted.
    Started {
        /// Tokens of the prompt.
        prompt: usize,
        /// How many of them were known from an earlier answer.
        reused: usize,
    },
    /// More of the answer.
    Text(String),
    /// The answer is over.
    Done {
        finish: Finish,
        /// Tokens of the answer.
        answer: usize,
    },
}

/// Why an answer is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The model, or its grammar, had nothing more to say.
    End,
    /// This stop text came up.
    Stop(String),
    /// As many tokens as allowed were written.
    Length,
}

/// One answer being written.
pub(crate) struct Sequence {
    /// The prompt and the answer so far.
    tokens: Vec<u32>,
    prompt: usize,
    limit: usize,
    pub(crate) memory: Memory,
    sampler: Sampler,
    constraint: Option<Constraint>,
    decoder: TextDecoder,
    stops: Stops,
    /// What is to be reported.
    pub(crate) outputs: VecDeque<Output>,
    done: bool,
}

impl Sequence {
    /// Prepares an answer; `recall` offers what an earlier sequence remembers.
    pub(crate) fn start(
        model: &Model,
        vocabulary: &Vocabulary,
        job: &Job,
        recall: impl FnOnce(&[u32]) -> Option<Memory>,
    ) -> Result<Self, LocalError> {
        job.sampling.check()?;
        let tokens = chat::encode(vocabulary, &job.turns)?;
        let (prompt, context) = (tokens.len(), model.shape().context);
        let answer = job.max_tokens.unwrap_or(1).max(1);
        if prompt + answer > context {
            return Err(LocalError::ContextOverflow { prompt, answer, limit: context });
        }
        let constraint = match &job.grammar {
            Some(grammar) => Some(Constraint::new(vocabulary, grammar)?),
            None => None,
        };
        let mut memory = recall(&tokens).unwrap_or_else(|| model.memory());
        // The last token is always read again: its scores are needed.
        memory.truncate(prompt.saturating_sub(1));
        let started = Output::Started { prompt, reused: memory.length() };
        let mut sequence = Self {
            tokens,
            prompt,
            limit: job.max_tokens.unwrap_or(context - prompt),
            memory,
            sampler: Sampler::new(job.sampling),
            constraint,
            decoder: TextDecoder::default(),
            stops: Stops::new(&job.stop),
            outputs: VecDeque::from([started]),
            done: false,
        };
        if sequence.limit == 0 {
            sequence.finish(Finish::Length);
        } else {
            sequence.add_forced(vocabulary)?;
        }
        Ok(sequence)
    }

    /// Whether the answer is over.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// The tokens that have been read and remembered, and what remembers them.
    pub(crate) fn into_memory(mut self) -> (Vec<u32>, Memory) {
        self.tokens.truncate(self.memory.length());
        (self.tokens, self.memory)
    }

    /// How many tokens are to be read before the next one can be picked; at least one.
    pub(crate) fn unread(&self) -> usize {
        self.tokens.len() - self.memory.length()
    }

    /// The next tokens to read, at most `most`, and the memory they go to.
    pub(crate) fn next_piece(&mut self, most: usize) -> crate::model::Piece<'_> {
        let start = self.memory.length();
        let end = self.tokens.len().min(start + most);
        crate::model::Piece {
            tokens: self.tokens.get(start..end).unwrap_or_default(),
            scores: end == self.tokens.len(),
            memory: &mut self.memory,
        }
    }

    /// Picks the next token from its scores.
    pub(crate) fn pick(
        &mut self,
        vocabulary: &Vocabulary,
        mut scores: Vec<f32>,
    ) -> Result<(), LocalError> {
        let answer = self.tokens.get(self.prompt..).unwrap_or_default();
        self.sampler.penalise(answer, &mut scores);
        match &mut self.constraint {
            Some(constraint) => constraint.rule_out(vocabulary, &mut scores)?,
            None => {
                // A control token in the middle of an answer can only be the start of a new turn.
                for token in vocabulary.controls() {
                    if token != vocabulary.end()
                        && let Some(score) = scores.get_mut(token as usize)
                    {
                        *score = f32::NEG_INFINITY;
                    }
                }
            }
        }
        let Some(token) = self.sampler.pick(&scores) else {
            return Err(LocalError::internal("no token can come next"));
        };
        if vocabulary.is_control(token) {
            self.finish(Finish::End);
            return Ok(());
        }
        if let Some(constraint) = &mut self.constraint {
            constraint.accept(vocabulary, token)?;
        }
        self.add(vocabulary, token);
        if !self.done {
            self.add_forced(vocabulary)?;
        }
        Ok(())
    }

    /// Adds the tokens that must come next, and ends the answer if nothing more can come.
    fn add_forced(&mut self, vocabulary: &Vocabulary) -> Result<(), LocalError> {
        if let Some(constraint) = &mut self.constraint {
            let forced = constraint.forced(vocabulary)?;
            let complete = constraint.is_complete();
            for token in forced {
                if vocabulary.is_control(token) {
                    break;
                }
                self.check_length();
                if self.done {
                    return Ok(());
                }
                self.add(vocabulary, token);
            }
            if complete && !self.done {
                self.finish(Finish::End);
            }
        }
        self.check_length();
        Ok(())
    }

    fn check_length(&mut self) {
        if !self.done && self.tokens.len() - self.prompt >= self.limit {
            self.finish(Finish::Length);
        }
    }

    fn add(&mut self, vocabulary: &Vocabulary, token: u32) {
        self.tokens.push(token);
        let text = self.decoder.push(vocabulary.bytes(token));
        let (text, stop) = self.stops.push(&text);
        self.report(text);
        if let Some(stop) = stop {
            self.finish(Finish::Stop(stop));
        }
    }

    fn report(&mut self, text: String) {
        if text.is_empty() {
            return;
        }
        match self.outputs.back_mut() {
            Some(Output::Text(last)) => last.push_str(&text),
            _ => self.outputs.push_back(Output::Text(text)),
        }
    }

    fn finish(&mut self, mut finish: Finish) {
        if self.done {
            return;
        }
        self.done = true;
        if !matches!(finish, Finish::Stop(_)) {
            let text = self.decoder.finish();
            let (text, stop) = self.stops.push(&text);
            self.report(text);
            match stop {
                Some(stop) => finish = Finish::Stop(stop),
                None => {
                    let held = self.stops.finish();
                    self.report(held);
                }
            }
        }
        let answer = self.tokens.len() - self.prompt;
        self.outputs.push_back(Output::Done { finish, answer });
    }
}

/// Finds stop texts in a stream of text, holding back what may be the start of one.
#[derive(Debug)]
struct Stops {
    stops: Vec<String>,
    held: String,
}

impl Stops {
    fn new(stops: &[String]) -> Self {
        Self {
            stops: stops.iter().filter(|stop| !stop.is_empty()).cloned().collect(),
            held: String::new(),
        }
    }

    /// Returns the text that is surely not part of a stop text, and the stop text if there is one.
    fn push(&mut self, text: &str) -> (String, Option<String>) {
        self.held.push_str(text);
        let found = self.stops.iter().filter_map(|stop| Some((self.held.find(stop)?, stop)));
        if let Some((position, stop)) = found.min_by_key(|(position, stop)| (*position, stop.len()))
        {
            let stop = stop.clone();
            self.held.truncate(position);
            return (std::mem::take(&mut self.held), Some(stop));
        }
        let suspicious = self.held.char_indices().map(|(position, _)| position).find(|position| {
            let tail = self.held.get(*position..).unwrap_or_default();
            self.stops.iter().any(|stop| stop.starts_with(tail))
        });
        let held = self.held.split_off(suspicious.unwrap_or(self.held.len()));
        (std::mem::replace(&mut self.held, held), None)
    }

    /// Returns what was held back, at the end.
    fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stops: &[&str], pieces: &[&str], expected: &str, stop: Option<&str>) {
        let stops: Vec<String> = stops.iter().map(ToString::to_string).collect();
        let mut stops = Stops::new(&stops);
        let mut out = String::new();
        for piece in pieces {
            let (text, found) = stops.push(piece);
            out.push_str(&text);
            if found.is_some() {
                assert_eq!((out.as_str(), found.as_deref()), (expected, stop));
                return;
            }
        }
        out.push_str(&stops.finish());
        assert_eq!((out.as_str(), None), (expected, stop));
    }

    #[test]
    fn stop_texts_are_found_across_pieces() {
        check(&["END"], &["one E", "N", "D two"], "one ", Some("END"));
        check(&["END"], &["one E", "N", "X two"], "one ENX two", None);
        check(&["\n\n", "\n"], &["a\n", "\nb"], "a", Some("\n"));
        check(&["aab"], &["aaa", "ab"], "aa", Some("aab"));
        check(&["é!"], &["caf", "é", "?"], "café?", None);
        check(&[], &["a", "b"], "ab", None);
        check(&["", "x"], &["ab"], "ab", None);
        check(&["abc"], &["ab"], "ab", None);
    }
}
