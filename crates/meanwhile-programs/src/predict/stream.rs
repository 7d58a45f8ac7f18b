//! [`PredictionStream`]: a prediction field by field, while it is written.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_core::Stream;
use futures_util::StreamExt as _;
use meanwhile_core::{
    Attempt, Error, ErrorKind, Event, Response, ResponseStream, Result, Scope, Settings,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Predictor;
use super::run::{Plan, Spent, unreadable};
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
        let running = Running {
            plan,
            scope,
            spent: Spent::default(),
            started: Instant::now(),
            failed: None,
            step: Step::Call,
            events: VecDeque::new(),
            record,
        };
        PredictionStream(Box::pin(futures_util::stream::unfold(running, Running::next)))
    }
}

struct Running<T> {
    plan: Plan,
    scope: Scope,
    spent: Spent,
    started: Instant,
    failed: Option<Attempt>,
    step: Step,
    events: VecDeque<Result<PredictionEvent<T>>>,
    record: Option<(std::sync::Arc<Recorder>, PredictorCall)>,
}

enum Step {
    Call,
    Read(Box<ResponseStream<Response>>, Box<dyn FieldReader>),
    End,
}

impl<T: DeserializeOwned + Send + 'static> Running<T> {
    async fn next(mut self) -> Option<(Result<PredictionEvent<T>>, Self)> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some((event, self));
            }
            if matches!(self.step, Step::End) {
                return None;
            }
            let scope = self.scope.clone();
            scope.run(self.advance()).await;
        }
    }

    /// Takes one step, which adds events or changes what is next.
    async fn advance(&mut self) {
        match &mut self.step {
            Step::Call => {
                let call = match self.plan.call(self.failed.take()) {
                    Ok(call) => call,
                    Err(error) => return self.end(Err(error)),
                };
                match call.stream().await {
                    Ok(stream) => {
                        let reader = self.plan.adapter.reader(&self.plan.spec);
                        self.step = Step::Read(Box::new(stream), reader);
                    }
                    Err(error) => {
                        self.spent.add_failed(&error);
                        self.end(Err(error));
                    }
                }
            }
            Step::Read(stream, reader) => match stream.next().await {
                Some(Ok(Event::TextDelta { text, .. })) => {
                    // Prose that a second model reads is not the value of any field.
                    reader.push(&text, &mut |change| self.events.extend(told(change)));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.spent.add_failed(&error);
                    self.end(Err(error));
                }
                None => self.finish().await,
            },
            Step::End => {}
        }
    }

    /// Reads the outputs of the answer that has ended.
    async fn finish(&mut self) {
        let Step::Read(stream, reader) = std::mem::replace(&mut self.step, Step::End) else {
            return;
        };
        let response = match stream.response().await {
            Ok(response) => response,
            Err(error) => return self.end(Err(error)),
        };
        self.spent.add(&response);
        let outcome = if self.plan.adapter.extraction(&self.plan.spec).is_some() {
            let text = response.text();
            let read = self.plan.read(response, text, &mut self.spent).await;
            read.map(|answer| (answer.parsed, answer.response))
        } else {
            match reader.finish(&mut |change| self.events.extend(told(change))) {
                Ok(parsed) => Ok((parsed, response)),
                Err(error) => Err(unreadable(error, response)),
            }
        };
        match outcome {
            Ok(read) => self.end(Ok(read)),
            Err(error) => {
                match self.plan.fallback_for(&error).filter(|_| self.spent.failed.is_empty()) {
                    Some(plan) => {
                        let model = error.model().unwrap_or_default();
                        let attempt = Attempt::new(&error, model, self.started.elapsed());
                        self.spent.failed.push(attempt.clone());
                        self.failed = Some(attempt.clone());
                        self.plan = plan;
                        self.step = Step::Call;
                        self.events.push_back(Ok(PredictionEvent::Again(Box::new(attempt))));
                    }
                    None => self.end(Err(error)),
                }
            }
        }
    }

    fn end(&mut self, outcome: Result<(Parsed, Response)>) {
        self.step = Step::End;
        let spent = std::mem::take(&mut self.spent);
        let (usage, requests) = (spent.usage.clone(), spent.requests);
        let outcome = match outcome {
            Ok((parsed, response)) => Ok(spent.prediction(parsed, response)),
            Err(error) => Err(spent.charge(error)),
        };
        if let Some((recorder, call)) = self.record.take() {
            let outcome = match &outcome {
                Ok(prediction) => Ok(prediction.value.clone()),
                Err(error) => Err(error.clone()),
            };
            recorder.record(PredictorCall { outcome, usage, requests, ..call });
        }
        let event = outcome.and_then(Prediction::typed);
        self.events.push_back(event.map(|done| PredictionEvent::Done(Box::new(done))));
    }
}

fn told<T>(change: FieldChange<'_>) -> Option<Result<PredictionEvent<T>>> {
    Some(Ok(match change {
        FieldChange::Text { name, delta } => {
            PredictionEvent::Text { name: name.into(), delta: delta.into(), last: false }
        }
        FieldChange::Completed { name, value: Value::String(_) } => {
            PredictionEvent::Text { name: name.into(), delta: String::new(), last: true }
        }
        FieldChange::Completed { name, value } => {
            PredictionEvent::Value { name: name.into(), value: value.clone() }
        }
    }))
}
