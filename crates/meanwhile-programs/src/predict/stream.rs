//! [`PredictionStream`]: a prediction field by field, while it is written.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt as _;
use meanwhile_core::{Attempt, Error, ErrorKind, Result, Scope, Settings};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Predictor;
use crate::streaming::{Listener, News, Next, Queue, Writer, pull};
use crate::{FieldChange, Fields, Prediction};

/// What happens in a prediction that is streamed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PredictionEvent<T = Fields> {
    /// A field of text has grown, or ends.
    Text {
        /// Which field.
        name: String,
        /// What came to it; may be empty where it ends.
        delta: String,
        /// Whether the field is complete.
        last: bool,
    },
    /// A field that is no text is complete.
    Value {
        /// Which field.
        name: String,
        /// Its value.
        value: Value,
    },
    /// The answer could not be read, and is asked for again in another form: forget the fields so far.
    Again(Box<Attempt>),
    /// The prediction is complete; the last item.
    Done(Box<Prediction<T>>),
}

/// A prediction that is streamed: a stream of [`PredictionEvent`]s, whose last item is
/// [`PredictionEvent::Done`] or an error.
///
/// Numbers, lists and records come when they are complete, text as it is written. Nothing is sent before
/// the first poll; dropping the stream cancels.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Predict, PredictionEvent, fields};
///
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new()
///     .reply("[[ ## answer ## ]]\nTo flee the oven.\n\n[[ ## completed ## ]]");
/// let predict = Predict::parse("question -> answer")?.model(Model::new(scripted, "any"));
///
/// let mut answer = predict.stream(fields! { question: "Why did it cross the kitchen?" });
/// let mut shown = String::new();
/// while let Some(event) = answer.next().await {
///     match event? {
///         PredictionEvent::Text { delta, .. } => shown += &delta,
///         PredictionEvent::Done(done) => assert_eq!(done.text("answer"), Some(&*shown)),
///         _ => {}
///     }
/// }
/// assert_eq!(shown, "To flee the oven.");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[must_use = "a stream does nothing unless polled"]
pub struct PredictionStream<T = Fields>(
    Pin<Box<dyn Stream<Item = Result<PredictionEvent<T>>> + Send>>,
);

impl<T> PredictionStream<T> {
    /// Waits for the next event; `None` after the last one. Cancel-safe: no event is lost.
    pub async fn next(&mut self) -> Option<Result<PredictionEvent<T>>> {
        self.0.next().await
    }

    /// Reads the rest, and returns the prediction.
    ///
    /// # Errors
    ///
    /// Whatever ended the stream.
    pub async fn finish(mut self) -> Result<Prediction<T>> {
        while let Some(event) = self.next().await {
            if let PredictionEvent::Done(prediction) = event? {
                return Ok(*prediction);
            }
        }
        let message = "the stream had already ended";
        Err(Error::new(ErrorKind::StreamInterrupted, message))
    }
}

impl<T: Send + 'static> PredictionStream<T> {
    pub(super) fn failed(error: Error) -> Self {
        Self(Box::pin(futures_util::stream::iter([Err(error)])))
    }
}

impl<T> Stream for PredictionStream<T> {
    type Item = Result<PredictionEvent<T>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.as_mut().poll_next(cx)
    }
}

impl<T> fmt::Debug for PredictionStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PredictionStream(..)")
    }
}

impl Predictor {
    /// Asks the model, and returns its answer field by field as it is written.
    ///
    /// The fields are read as `T`: [`Fields`] or a type of the program.
    ///
    /// # Errors
    ///
    /// As [`predict`](Self::predict), as an item of the stream, the last one.
    pub fn stream<T: DeserializeOwned + Send + 'static>(
        &self,
        inputs: Fields,
    ) -> PredictionStream<T> {
        let scope = Scope::current();
        let mut asking = match self.asking(inputs, Settings::new(), &scope.host()) {
            Ok(asking) => asking,
            Err(error) => return PredictionStream::failed(error),
        };
        let queue = Arc::new(Queue::new());
        asking.tell(Arc::new(Told(Writer::new(queue.clone()))));
        let events = pull(queue, Box::pin(scope.run(asking.run_as())));
        PredictionStream(Box::pin(events.map(|next| match next {
            Next::Event(event) => Ok(event),
            Next::Ended(outcome) => outcome.map(|done| PredictionEvent::Done(Box::new(done))),
        })))
    }
}

/// Has what is told of a prediction taken by its stream.
struct Told<T>(Writer<PredictionEvent<T>>);

impl<T: Send> Listener for Told<T> {
    fn hear(&self, news: News<'_>) {
        self.0.push(match news {
            News::Change(FieldChange::Text { name, delta }) => {
                PredictionEvent::Text { name: name.into(), delta: delta.into(), last: false }
            }
            News::Change(FieldChange::Completed { name, value: Value::String(_) }) => {
                PredictionEvent::Text { name: name.into(), delta: String::new(), last: true }
            }
            News::Change(FieldChange::Completed { name, value }) => {
                PredictionEvent::Value { name: name.into(), value: value.clone() }
            }
            News::Again(attempt) => PredictionEvent::Again(Box::new(attempt.clone())),
            News::Start | News::End(_) => return,
        });
    }

    fn poll_taken(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_taken(cx)
    }
}
