//! [`PredictionStream`]: a prediction field by field, while it is written.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use futures_core::Stream;
use futures_util::StreamExt as _;
use meanwhile_core::{
    Attempt, Error, ErrorKind, Event, Response, ResponseStream, Result, Scope, Settings, chain,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Predictor;
use super::run::{Answer, Plan, Spent, unreadable};
use crate::trace::Recorder;
use crate::{FieldChange, FieldReader, Fields, Parsed, Prediction, PredictorCall};

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
        let host = scope.host();
        let recorder = Recorder::current(&host);
        let given = recorder.as_ref().map(|_| inputs.clone());
        let plan = match self.plan(inputs, Settings::new(), &host) {
            Ok(plan) => plan,
            Err(error) => return PredictionStream::failed(error),
        };
        let record = recorder.zip(given).map(|(recorder, inputs)| {
            let call = PredictorCall {
                predictor: self.id(),
                spec: plan.spec.clone(),
                inputs,
                outcome: Ok(Fields::new()),
                usage: meanwhile_core::Usage::default(),
                requests: 0,
            };
            (recorder, call)
        });
        let name = plan.spec.name.clone();
        let told: Told<T> = Arc::default();
        let running = Running {
            plan,
            spent: Spent::default(),
            started: Instant::now(),
            failed: None,
            step: Step::Call,
            told: told.clone(),
            record,
        };
        let mut run = Some(Box::pin(scope.run(chain(name, running.run()))));
        PredictionStream(Box::pin(futures_util::stream::poll_fn(move |cx| {
            loop {
                if let Some(event) = lock(&told).pop_front() {
                    return Poll::Ready(Some(event));
                }
                let Some(running) = &mut run else { return Poll::Ready(None) };
                match running.as_mut().poll(cx) {
                    // It waits for its events to be taken, or for the model.
                    Poll::Pending if lock(&told).is_empty() => return Poll::Pending,
                    Poll::Pending => {}
                    Poll::Ready(outcome) => {
                        run = None;
                        let last = outcome.map(|done| PredictionEvent::Done(Box::new(done)));
                        lock(&told).push_back(last);
                    }
                }
            }
        })))
    }
}

/// The events that nobody has taken yet.
type Told<T> = Arc<Mutex<VecDeque<Result<PredictionEvent<T>>>>>;

fn lock<T>(told: &Told<T>) -> MutexGuard<'_, VecDeque<Result<PredictionEvent<T>>>> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Running<T> {
    plan: Plan,
    spent: Spent,
    started: Instant,
    failed: Option<Attempt>,
    step: Step,
    told: Told<T>,
    record: Option<(Arc<Recorder>, PredictorCall)>,
}

enum Step {
    Call,
    Read(Box<ResponseStream<Response>>, Box<dyn FieldReader>),
}

impl<T: DeserializeOwned + Send + 'static> Running<T> {
    /// Makes the prediction, one step each time that all events were taken.
    async fn run(mut self) -> Result<Prediction<T>> {
        self.started = Instant::now();
        let outcome = loop {
            match self.advance().await {
                Ok(None) => self.taken().await,
                Ok(Some(done)) => break Ok(done),
                Err(error) => break Err(error),
            }
        };
        self.end(outcome)
    }

    /// Waits until the events are taken: whoever takes the last one asks for more.
    fn taken(&self) -> impl Future<Output = ()> + use<T> {
        let told = self.told.clone();
        poll_fn(move |_| if lock(&told).is_empty() { Poll::Ready(()) } else { Poll::Pending })
    }

    /// Takes one step, which adds events or changes what is next; `Some` is the end.
    async fn advance(&mut self) -> Result<Option<(Parsed, Response, T)>> {
        match &mut self.step {
            Step::Call => match self.plan.call(self.failed.take())?.stream().await {
                Ok(stream) => {
                    let reader = self.plan.adapter.reader(&self.plan.reading);
                    self.step = Step::Read(Box::new(stream), reader);
                    Ok(None)
                }
                Err(error) => {
                    self.spent.add_failed(&error);
                    Err(error)
                }
            },
            Step::Read(stream, reader) => match stream.next().await {
                Some(Ok(Event::TextDelta { text, .. })) => {
                    // Prose that a second model reads is not the value of any field.
                    let mut told = lock(&self.told);
                    reader.push(&text, &mut |change| told.push_back(Ok(event(change))));
                    Ok(None)
                }
                Some(Ok(_)) => Ok(None),
                Some(Err(error)) => {
                    self.spent.add_failed(&error);
                    Err(error)
                }
                None => self.finish().await,
            },
        }
    }

    /// Reads the outputs of the answer that has ended.
    async fn finish(&mut self) -> Result<Option<(Parsed, Response, T)>> {
        let Step::Read(stream, reader) = std::mem::replace(&mut self.step, Step::Call) else {
            return Ok(None);
        };
        let response = stream.response().await?;
        self.spent.add(&response);
        let read = if self.plan.adapter.extraction(&self.plan.reading).is_some() {
            let text = response.text();
            let mut fitted = None;
            let mut check = |fields: &Fields| {
                fitted = Some(fields.as_typed::<T>()?);
                Ok(())
            };
            let read = self.plan.read(response, text, &mut self.spent, &mut check).await;
            read.and_then(|Answer { parsed, response }| {
                let value = fitted.map_or_else(|| parsed.fields.as_typed(), Ok)?;
                Ok((parsed, response, value))
            })
        } else {
            let parsed = {
                let mut told = lock(&self.told);
                reader.finish(&mut |change| told.push_back(Ok(event(change))))
            };
            match parsed.and_then(|parsed| Ok((parsed.fields.as_typed()?, parsed))) {
                Ok((value, parsed)) => Ok((parsed, response, value)),
                Err(error) => Err(unreadable(error, response)),
            }
        };
        let error = match read {
            Ok(done) => return Ok(Some(done)),
            Err(error) => error,
        };
        let again = self.plan.fallback_for(&error).filter(|_| self.spent.failed.is_empty());
        let Some(plan) = again else { return Err(error) };
        let model = error.model().unwrap_or_default();
        let attempt = Attempt::new(&error, model, self.started.elapsed());
        self.spent.failed.push(attempt.clone());
        self.failed = Some(attempt.clone());
        self.plan = plan;
        lock(&self.told).push_back(Ok(PredictionEvent::Again(Box::new(attempt))));
        Ok(None)
    }

    fn end(self, outcome: Result<(Parsed, Response, T)>) -> Result<Prediction<T>> {
        let Self { spent, record, .. } = self;
        let (usage, requests) = (spent.usage.clone(), spent.requests);
        let outcome = match outcome {
            Ok((parsed, response, value)) => Ok((spent.prediction(parsed, response), value)),
            Err(error) => Err(spent.charge(error)),
        };
        if let Some((recorder, call)) = record {
            let outcome = match &outcome {
                Ok((prediction, _)) => Ok(prediction.value.clone()),
                Err(error) => Err(error.clone()),
            };
            recorder.record(PredictorCall { outcome, usage, requests, ..call });
        }
        outcome.map(|(prediction, value)| prediction.map(|_| value))
    }
}

fn event<T>(change: FieldChange<'_>) -> PredictionEvent<T> {
    match change {
        FieldChange::Text { name, delta } => {
            PredictionEvent::Text { name: name.into(), delta: delta.into(), last: false }
        }
        FieldChange::Completed { name, value: Value::String(_) } => {
            PredictionEvent::Text { name: name.into(), delta: String::new(), last: true }
        }
        FieldChange::Completed { name, value } => {
            PredictionEvent::Value { name: name.into(), value: value.clone() }
        }
    }
}
