//! [`Trace`]: the calls of predictors that were made within a future.

use std::sync::{Arc, Mutex, PoisonError};

use meanwhile_core::{Error, Host, Scope, Settings, Usage, scope};

use crate::{Fields, PredictorId, SignatureSpec};

/// The calls of predictors that were made within a future, in the order in which they ended.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Trace {
    /// The calls.
    pub calls: Vec<PredictorCall>,
}

impl Trace {
    /// The calls of one predictor.
    pub fn of(&self, id: PredictorId) -> impl Iterator<Item = &PredictorCall> {
        self.calls.iter().filter(move |call| call.predictor == id)
    }

    /// The tokens of all calls.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut sum = Usage::default();
        self.calls.iter().for_each(|call| sum.add(&call.usage));
        sum
    }
}

/// One call of a predictor.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PredictorCall {
    /// Which predictor.
    pub predictor: PredictorId,
    /// The signature with which it was called, overlay included.
    pub spec: Arc<SignatureSpec>,
    /// What it was given.
    pub inputs: Fields,
    /// What it answered, or why it did not; the error carries the reply.
    pub outcome: Result<Fields, Error>,
    /// The tokens of all its requests.
    pub usage: Usage,
    /// How many requests it took.
    pub requests: u32,
}

/// Runs a future, and says which calls of predictors were made in it.
///
/// A call that is dropped is not listed. As with [`with_overlay`](crate::with_overlay), a task that is
/// spawned inside is not seen unless `Scope::current().run(…)` carries the scope into it.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Predict, fields, traced};
///
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().reply("[[ ## answer ## ]]\nLima\n\n[[ ## completed ## ]]");
/// let predict = Predict::parse("question -> answer")?.model(Model::new(scripted, "any"));
/// let (answer, trace) = traced(predict.call(fields! { question: "Where?" })).await;
/// assert_eq!(trace.calls[0].outcome.as_ref().unwrap(), &answer?.value);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub async fn traced<F: Future>(future: F) -> (F::Output, Trace) {
    let outer = Scope::current().host().get::<Recorder>();
    let recorder = Recorder { calls: Arc::default(), outer };
    let calls = recorder.calls.clone();
    let output = scope(Settings::new().host(recorder), future).await;
    let calls = std::mem::take(&mut *calls.lock().unwrap_or_else(PoisonError::into_inner));
    (output, Trace { calls })
}

/// Where calls are listed; a value of the scope.
pub(crate) struct Recorder {
    calls: Arc<Mutex<Vec<PredictorCall>>>,
    outer: Option<Arc<Recorder>>,
}

impl Recorder {
    pub(crate) fn current(host: &Host) -> Option<Arc<Self>> {
        host.get()
    }

    pub(crate) fn record(&self, call: PredictorCall) {
        if let Some(outer) = &self.outer {
            outer.record(call.clone());
        }
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

/// Runs a future and says which calls of predictors were made in it, unseen by a trace around it: for
/// attempts of which only some count.
pub(crate) async fn traced_apart<F: Future>(future: F) -> (F::Output, Trace) {
    let recorder = Recorder { calls: Arc::default(), outer: None };
    let calls = recorder.calls.clone();
    let output = scope(Settings::new().host(recorder), future).await;
    let calls = std::mem::take(&mut *calls.lock().unwrap_or_else(PoisonError::into_inner));
    (output, Trace { calls })
}

impl Trace {
    /// Adds the calls to the trace that is collected around, where there is one.
    pub(crate) fn pass_on(&self) {
        if let Some(recorder) = Recorder::current(&Scope::current().host()) {
            self.calls.iter().for_each(|call| recorder.record(call.clone()));
        }
    }
}
