//! [`AnswerStream`], an answer while it is written.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::stream::FusedStream;
use meanwhile_core::{Error, ErrorKind, Result};

use super::Answer;
use crate::Scored;

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnswerDelta {
    /// What is added to the text.
    pub delta: String,
}

/// What happens while an answer is made.
pub(crate) enum Step {
    /// More text.
    Delta(String),
    /// The text begins anew, with these chunks more.
    Restart(Vec<Scored>),
    /// It is complete, and kept where it is to be kept.
    Done(Box<Answer>),
}

/// An answer while it is written: a stream of what is added to its text.
///
/// Ends after the last piece, or after an error. [`finish`](Self::finish) reads the rest and returns the whole
/// answer. Nothing runs between polls; dropping the stream cancels what is under way, and a chat forgets
/// the turn.
#[must_use = "a stream does nothing unless polled"]
pub struct AnswerStream {
    steps: Steps,
    sources: Vec<Scored>,
    text: String,
    answer: Option<Box<Answer>>,
    // How many pieces were there at once, one after the other.
    at_once: u8,
    ended: bool,
}

pub(super) type Steps = Pin<Box<dyn Stream<Item = Result<Step>> + Send>>;

/// So many pieces that are there at once are given out before other tasks have a turn: an answer out of a
/// cache is there as a whole.
const AT_ONCE: u8 = 16;

impl AnswerStream {
    pub(crate) fn new(
        sources: Vec<Scored>,
        steps: impl Stream<Item = Result<Step>> + Send + 'static,
    ) -> Self {
        let (text, answer) = (String::new(), None);
        Self { steps: Box::pin(steps), sources, text, answer, at_once: 0, ended: false }
    }

    /// What it is made of, before it has been polled.
    pub(super) fn into_parts(self) -> (Vec<Scored>, Steps) {
        (self.sources, self.steps)
    }

    /// Waits for the next piece; `None` after the last one or an error. Cancel-safe: no piece is lost.
    pub async fn next(&mut self) -> Option<Result<AnswerDelta>> {
        futures_util::StreamExt::next(self).await
    }

    /// The chunks that the answer is made of, in the order of their numbers, from 1. Known from the beginning,
    /// but where the model searches itself: then those that it has found so far.
    #[must_use]
    pub fn sources(&self) -> &[Scored] {
        &self.sources
    }

    /// The text so far. Where the model runs tools, the text of its newest turn.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The whole answer, once the stream has ended well.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        self.answer.as_deref()
    }

    /// Reads the rest and returns the whole answer.
    ///
    /// # Errors
    ///
    /// Whatever ends the stream, with what had arrived.
    pub async fn finish(mut self) -> Result<Answer> {
        while let Some(delta) = self.next().await {
            delta?;
        }
        self.answer.map(|answer| *answer).ok_or_else(|| {
            Error::new(ErrorKind::Other, "the stream had already ended with an error")
        })
    }
}

impl Stream for AnswerStream {
    type Item = Result<AnswerDelta>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.ended {
                return Poll::Ready(None);
            }
            if this.at_once >= AT_ONCE {
                this.at_once = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Poll::Ready(step) = this.steps.as_mut().poll_next(cx) else {
                this.at_once = 0;
                return Poll::Pending;
            };
            this.at_once += 1;
            match step {
                Some(Ok(Step::Delta(delta))) => {
                    this.text.push_str(&delta);
                    return Poll::Ready(Some(Ok(AnswerDelta { delta })));
                }
                Some(Ok(Step::Restart(found))) => {
                    this.text.clear();
                    this.sources.extend(found);
                }
                Some(Ok(Step::Done(answer))) => {
                    this.answer = Some(answer);
                    this.ended = true;
                }
                Some(Err(error)) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => this.ended = true,
            }
        }
    }
}

impl FusedStream for AnswerStream {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl fmt::Debug for AnswerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerStream")
            .field("text", &self.text)
            .field("sources", &self.sources.len())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
