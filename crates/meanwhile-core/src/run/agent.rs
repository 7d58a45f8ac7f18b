//! [`AgentRun`]: a call with tools as a stream of what happens, that can be stopped and gone on with.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::future::BoxFuture;

use super::{Machine, RunState};
use crate::tool::{ToolCall, ToolResult};
use crate::{Error, ErrorKind, Event, Extract, Response, Result};

/// A step of an [`AgentRun`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RunEvent {
    /// The model is about to be asked.
    TurnStart {
        /// Which turn it is, counted from 1.
        turn: u32,
    },
    /// A step of the model's answer, tokens among them.
    Event(Event),
    /// The model's answer is complete.
    TurnEnd(Box<Response>),
    /// The answer did not hold the value that was asked for; the model is told why and asked again.
    OutputFailed {
        /// What was wrong with it.
        message: String,
    },
    /// A tool begins to run, with these arguments.
    ToolStart(ToolCall),
    /// A tool call is answered: by its tool, or by what was decided about it.
    ToolEnd(ToolResult),
    /// These tool calls wait for a decision, and the run ends here. Decide with
    /// [`RunState::decide`] and go on with [`Call::resume`](crate::Call::resume).
    Paused(Vec<ToolCall>),
}

/// A call with tools as a stream of what happens in it.
///
/// Nothing is sent before the first poll. Between two events the run can be looked at, stored and
/// dropped: [`state`](Self::state) is all that is needed to go on with it, in another process too.
/// Ends after its last event, or after an error, which carries the state. [`finish`](Self::finish)
/// reads the rest and returns the value. Dropping the run cancels what is under way.
///
/// ```
/// # use meanwhile_core::{Model, RunEvent, Scripted};
/// # futures::executor::block_on(async {
/// let model = Model::new(Scripted::new().reply("42"), "any");
/// let mut run = model.call::<u8>("What is six times seven?").run_loop();
/// while let Some(event) = run.next().await {
///     if let RunEvent::TurnEnd(response) = event? {
///         println!("{} tokens", response.usage.total().unwrap_or_default());
///     }
/// }
/// assert_eq!(run.state().unwrap().turns, 1);
/// assert_eq!(run.finish().await?, 42);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[must_use = "a run does nothing unless polled"]
pub struct AgentRun<'a, T> {
    phase: Phase<'a, T>,
}

enum Phase<'a, T> {
    Preparing(BoxFuture<'a, Result<Machine<T>>>),
    Running(Box<Machine<T>>),
    /// Could not be prepared.
    Failed,
}

impl<'a, T: Extract> AgentRun<'a, T> {
    pub(crate) fn new(prepare: BoxFuture<'a, Result<Machine<T>>>) -> Self {
        Self { phase: Phase::Preparing(prepare) }
    }

    /// Waits for the next event; `None` after the last one or an error. Cancel-safe: what is under way
    /// stays so.
    pub async fn next(&mut self) -> Option<Result<RunEvent>> {
        futures_util::StreamExt::next(self).await
    }

    /// How far the run has come; `None` before its first event.
    #[must_use]
    pub fn state(&self) -> Option<&RunState> {
        match &self.phase {
            Phase::Running(machine) => Some(machine.state()),
            Phase::Preparing(_) | Phase::Failed => None,
        }
    }

    /// Reads the rest and returns the value.
    ///
    /// # Errors
    ///
    /// As awaiting the call. [`ErrorKind::Paused`], with the state, where a tool call waits for a
    /// decision.
    pub async fn finish(mut self) -> Result<T> {
        while let Some(event) = self.next().await {
            event?;
        }
        match self.phase {
            Phase::Running(machine) => machine.into_value(),
            Phase::Preparing(_) | Phase::Failed => Err(over()),
        }
    }
}

pub(super) fn over() -> Error {
    Error::new(ErrorKind::Other, "the run had already ended with an error")
}

impl<T: Extract> Stream for AgentRun<'_, T> {
    type Item = Result<RunEvent>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Phase::Preparing(prepare) = &mut this.phase {
            match ready!(prepare.as_mut().poll(cx)) {
                Ok(machine) => this.phase = Phase::Running(Box::new(machine)),
                Err(error) => {
                    this.phase = Phase::Failed;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        match &mut this.phase {
            Phase::Running(machine) => machine.poll_event(cx),
            Phase::Preparing(_) | Phase::Failed => Poll::Ready(None),
        }
    }
}

impl<T: Extract> fmt::Debug for AgentRun<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentRun").field("state", &self.state()).finish_non_exhaustive()
    }
}
