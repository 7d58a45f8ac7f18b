//! [`Trace`]: the calls of predictors that were made within a future.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meanwhile_core::{Error, Host, Scope, Settings, Usage, scope};

use crate::{Fields, PredictorId, SignatureSpec};

/// The calls of predictors that were made within a future, in the order in which they ended.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Trace {
    /// The calls.
    pub calls: Vec<PredictorCall>,
    /// What attempts took that are not listed, because others counted.
    apart: Usage,
}

impl Trace {
    /// The calls of one predictor.
    pub fn of(&self, id: PredictorId) -> impl Iterator<Item = &PredictorCall> {
        self.calls.iter().filter(move |call| call.predictor == id)
    }

    /// The tokens of all calls, and of the attempts of a [`BestOfN`](crate::BestOfN) or
    /// [`Refine`](crate::Refine) that did not count, whose calls are not listed.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut sum = self.apart.clone();
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
    let outer = Recorder::current(&Scope::current().host());
    let recorder = Recorder { found: Shared::default(), outer };
    let found = recorder.found.clone();
    let output = scope(Settings::new().host(recorder), future).await;
    let apart = found.apart();
    (output, Trace { calls: std::mem::take(&mut found.lock().calls), apart })
}

/// What has been recorded.
#[derive(Default)]
struct Recorded {
    calls: Vec<PredictorCall>,
    /// What is recorded beside, and becomes a part of this only where it is kept.
    apart: Vec<Shared>,
    /// Whether its calls are listed in what is around, too.
    kept: bool,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Recorded>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tokens of all that is recorded beside and not kept.
    fn apart(&self) -> Usage {
        let beside = self.lock().apart.clone();
        beside.iter().filter(|one| !one.lock().kept).fold(Usage::default(), |mut sum, one| {
            sum.add(&one.usage());
            sum
        })
    }

    fn usage(&self) -> Usage {
        let mut sum = self.apart();
        self.lock().calls.iter().for_each(|call| sum.add(&call.usage));
        sum
    }
}

/// Where calls are listed; a value of the scope.
pub(crate) struct Recorder {
    found: Shared,
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
        self.found.lock().calls.push(call);
    }

    /// Takes the newest call of a predictor out whose error is the one that is meant: it goes on.
    pub(crate) fn take(
        &self,
        predictor: PredictorId,
        is_meant: &dyn Fn(&Error) -> bool,
    ) -> Option<PredictorCall> {
        if let Some(outer) = &self.outer {
            outer.take(predictor, is_meant);
        }
        let mut found = self.found.lock();
        let at = found.calls.iter().rposition(|call| {
            call.predictor == predictor && call.outcome.as_ref().is_err_and(is_meant)
        })?;
        Some(found.calls.remove(at))
    }

    fn beside(&self, apart: &Shared) {
        if let Some(outer) = &self.outer {
            outer.beside(apart);
        }
        self.found.lock().apart.push(apart.clone());
    }
}

/// AttemptTraces of which only one counts: a trace around lists its calls, and has the tokens of all.
#[derive(Clone)]
pub(crate) struct AttemptTraces {
    all: Shared,
    around: Option<Arc<Recorder>>,
}

/// What one attempt did.
#[derive(Clone)]
pub(crate) struct AttemptTrace(Shared);

impl AttemptTraces {
    pub(crate) fn new() -> Self {
        let around = Recorder::current(&Scope::current().host());
        let all = Shared::default();
        if let Some(around) = &around {
            around.beside(&all);
        }
        Self { all, around }
    }

    /// Makes an attempt.
    pub(crate) fn trace<F: Future>(
        &self,
        future: F,
    ) -> impl Future<Output = (F::Output, AttemptTrace)> + use<F> {
        let found = Shared::default();
        self.all.lock().apart.push(found.clone());
        async move {
            let recorder = Recorder { found: found.clone(), outer: None };
            let output = scope(Settings::new().host(recorder), future).await;
            (output, AttemptTrace(found))
        }
    }

    /// The tokens of all attempts so far, of those that were cancelled too.
    pub(crate) fn usage(&self) -> Usage {
        self.all.usage()
    }

    /// Makes the calls of an attempt a part of the trace around.
    pub(crate) fn keep(&self, attempt: &AttemptTrace) {
        let Some(around) = &self.around else { return };
        let (calls, apart) = {
            let mut found = attempt.0.lock();
            found.kept = true;
            (found.calls.clone(), found.apart.clone())
        };
        calls.into_iter().for_each(|call| around.record(call));
        apart.iter().filter(|one| !one.lock().kept).for_each(|one| around.beside(one));
    }
}

impl AttemptTrace {
    /// The calls of the attempt.
    pub(crate) fn calls(&self) -> Vec<PredictorCall> {
        self.0.lock().calls.clone()
    }
}
