//! [`streamed`]: a run of a program as a stream of what its predictors write and its tools do.

mod listener;
mod program;
mod queue;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt as _;
use meanwhile_core::{Attempt, Error, ErrorKind, Result, Scope, Settings, ToolCall, ToolResult};
use serde_json::Value;

use crate::{Fields, Module};

pub(crate) use listener::{Listener, Listeners, News};
pub(crate) use program::{Telling, within};
pub(crate) use queue::{Next, Queue, Writer, pull};

/// What happens in a run that is [`streamed`].
///
/// Predictors are named by their paths in the program
/// ([`named_predictors`](crate::ModuleExt::named_predictors)), one that is none of the program's by its
/// signature. Calls of predictors are counted from 0 in the order in which they begin, so that those that
/// run side by side can be told apart.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Predict, ProgramEvent, fields, streamed};
///
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().reply("[[ ## answer ## ]]\nSix.\n\n[[ ## completed ## ]]");
/// let predict = Predict::parse("question -> answer")?.model(Model::new(scripted, "any"));
///
/// let mut run = streamed(&predict, predict.call(fields! { question: "How many legs?" }));
/// let mut calls = Vec::new();
/// while let Some(event) = run.next().await {
///     if let ProgramEvent::PredictorEnd { call, outcome, .. } = event? {
///         calls.push((call, outcome?.text("answer").map(str::to_owned)));
///     }
/// }
/// assert_eq!(calls, [(0, Some("Six.".to_owned()))]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ProgramEvent<T> {
    /// A predictor is about to ask. An agent asks once a turn.
    PredictorStart {
        /// Which predictor.
        predictor: String,
        /// Which call.
        call: u32,
    },
    /// A field of text has grown, or ends.
    Text {
        /// Which predictor.
        predictor: String,
        /// Which call.
        call: u32,
        /// Which field.
        name: String,
        /// What came to it; may be empty where it ends.
        delta: String,
        /// Whether the field is complete.
        last: bool,
    },
    /// A field that is no text is complete.
    Value {
        /// Which predictor.
        predictor: String,
        /// Which call.
        call: u32,
        /// Which field.
        name: String,
        /// Its value.
        value: Value,
    },
    /// The answer could not be read, or an agent's outputs were not taken, which its tool says when the call
    /// has ended: forget the fields of the call so far. Where others of the same turn are taken, the fields
    /// follow once more.
    Again {
        /// Which predictor.
        predictor: String,
        /// Which call.
        call: u32,
        /// What was wrong.
        attempt: Box<Attempt>,
    },
    /// A predictor has answered, or failed; the program may bear that. Nothing is told of a call that is
    /// dropped.
    PredictorEnd {
        /// Which predictor.
        predictor: String,
        /// Which call.
        call: u32,
        /// What it answered.
        outcome: Result<Fields>,
    },
    /// A tool begins to run, of an agent or of a prompt function.
    ToolStart(ToolCall),
    /// A tool has answered, or failed.
    ToolEnd(ToolResult),
    /// A piece of the program begins that has a name: a [`chain`](meanwhile_core::chain), or a prompt
    /// function.
    ChainStart {
        /// Its name.
        name: String,
    },
    /// A piece of the program has ended, well or not.
    ChainEnd {
        /// Its name.
        name: String,
    },
    /// The run is complete; the last item.
    Done(Box<T>),
}

/// A run that is streamed: a stream of [`ProgramEvent`]s, whose last item is [`ProgramEvent::Done`] or an
/// error.
///
/// Nothing runs before the first poll, and nothing is spawned: the run goes on while its events are taken.
/// Dropping the stream cancels what is under way.
#[must_use = "a stream does nothing unless polled"]
pub struct ProgramStream<'a, T>(Pin<Box<dyn Stream<Item = Result<ProgramEvent<T>>> + Send + 'a>>);

impl<T> ProgramStream<'_, T> {
    /// Waits for the next event; `None` after the last one. Cancel-safe: no event is lost.
    pub async fn next(&mut self) -> Option<Result<ProgramEvent<T>>> {
        self.0.next().await
    }

    /// Reads the rest, and returns what the run answers.
    ///
    /// # Errors
    ///
    /// Whatever ended the stream.
    pub async fn finish(mut self) -> Result<T> {
        while let Some(event) = self.next().await {
            if let ProgramEvent::Done(output) = event? {
                return Ok(*output);
            }
        }
        Err(Error::new(ErrorKind::StreamInterrupted, "the stream had already ended"))
    }
}

impl<T> Stream for ProgramStream<'_, T> {
    type Item = Result<ProgramEvent<T>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.as_mut().poll_next(cx)
    }
}

impl<T> fmt::Debug for ProgramStream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgramStream(..)")
    }
}

/// Runs a future, and tells what the predictors in it write while they write it, which tools run, and last
/// what the future answers. What DSPy calls `streamify`.
///
/// The program gives the predictors their names; the future is a run of it, or of a part: its
/// [`forward`](crate::Forward::forward), or [`ReAct::continue_with`](crate::ReAct::continue_with). An
/// agent's thoughts are the field `next_thought`; the outputs that it submits are fields of their names.
///
/// As with [`traced`](crate::traced), a task that is spawned inside is not seen unless
/// `Scope::current().run(…)` carries the scope into it. What runs waits until its events are taken: a
/// predictor in it is to be awaited, and would not end if the thread that reads were blocked for it. Nothing
/// is told of a task that goes on behind the end of the run.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{ChainOfThought, ProgramEvent, fields, streamed};
///
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new()
///     .reply("[[ ## reasoning ## ]]\nIt saw the oven.\n\n[[ ## answer ## ]]\nTo flee the oven.");
/// let think = ChainOfThought::parse("question -> answer")?.model(Model::new(scripted, "any"));
///
/// let mut run = streamed(&think, think.call(fields! { question: "Why did it cross?" }));
/// let mut shown = String::new();
/// while let Some(event) = run.next().await {
///     match event? {
///         ProgramEvent::Text { predictor, name, delta, .. } if name == "answer" => {
///             assert_eq!(predictor, "predict");
///             shown += &delta;
///         }
///         ProgramEvent::Done(done) => assert_eq!(done.text("answer"), Some(&*shown)),
///         _ => {}
///     }
/// }
/// assert_eq!(shown, "To flee the oven.");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub fn streamed<'a, M, T>(
    program: &M,
    run: impl Future<Output = Result<T>> + Send + 'a,
) -> ProgramStream<'a, T>
where
    M: Module + ?Sized,
    T: Send + 'a,
{
    let scope = Scope::current();
    let telling = Telling::new(program, &scope.host());
    let (queue, observer) = (telling.queue(), telling.observer());
    let run = scope.with(Settings::new().host(telling).observe(observer)).run(run);
    let events = pull(queue, Box::pin(run)).map(|next| match next {
        Next::Event(event) => Ok(event.typed()),
        Next::Ended(outcome) => outcome.map(|output| ProgramEvent::Done(Box::new(output))),
    });
    ProgramStream(Box::pin(events))
}
