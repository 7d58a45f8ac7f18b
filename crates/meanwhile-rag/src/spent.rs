//! [`counted`], how many tokens some work takes, and [`record_usage`], by which the work says so.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use meanwhile_core::{Response, Scope, Settings, Usage, scope};

/// Runs a future, and says how many tokens were used in it: by searches for embedding, reranking and further
/// questions, by query and chat engines also for their answers, those of tools among them. For what has no
/// answer that says so, such as a search. An answer out of a cache took nothing; what layers tried before an
/// answer counts.
///
/// What the program asks models itself is not counted, nor is a call of a model that fails, whose error has what
/// it took, nor an ingestion, whose [report](crate::IngestReport) has it, nor what is done by a task that is
/// spawned inside, unless `Scope::current().run(…)` carries the scope into it. Where one of these is around
/// another, each counts.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_rag::{Document, Index, MemoryStore, ModelQueries, counted};
/// # futures::executor::block_on(async {
/// # let index = Index::new(MemoryStore::new());
/// # index.ingest().run_all([Document::new("refunds", "Refunds are paid.")]).await?;
/// # let model = Model::new(Scripted::new().reply("money back"), "any");
/// let search = index.retrieve("When are refunds paid?").expand(ModelQueries::new(1).model(model));
/// let (found, usage) = counted(search).await;
/// assert_eq!(found?.len(), 1);
/// assert_eq!(usage.output.total, Some(2));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub async fn counted<W: IntoFuture>(work: W) -> (W::Output, Usage) {
    let meter = Meter::new();
    let output = meter.run(work.into_future()).await;
    (output, meter.usage())
}

/// Says that a retriever, a query expander or a post-processor of your own has used tokens: they are counted in
/// the answer that it works for ([`Answer::retrieval_usage`](crate::Answer::retrieval_usage)), and where it runs
/// in [`counted`]. Those of this crate do so themselves.
///
/// ```
/// use meanwhile_core::Usage;
/// use meanwhile_rag::{counted, record_usage};
///
/// # futures::executor::block_on(async {
/// let (_, usage) = counted(async { record_usage(&Usage::totals(20, 0)) }).await;
/// assert_eq!(usage.input.total, Some(20));
/// # });
/// ```
pub fn record_usage(usage: &Usage) {
    if let Some(meter) = Meter::current() {
        meter.record(usage);
    }
}

/// What an answer took. One that comes out of a cache is not paid for again, and its counts are those of the first
/// time; what layers have tried before it is in no count of its own.
pub(crate) fn usage_of(response: &Response) -> Usage {
    let mut usage = Usage::default();
    if !response.cached {
        usage.add(&response.usage);
    }
    for attempt in &response.attempts {
        usage.add(&attempt.usage);
    }
    usage
}

/// Counts the tokens of what runs in it; a value of the scope.
#[derive(Clone)]
pub(crate) struct Meter(Arc<Inner>);

struct Inner {
    sum: Mutex<Usage>,
    around: Option<Meter>,
}

impl Meter {
    /// Makes one inside of that which is around, which counts the same.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner { sum: Mutex::default(), around: Self::current() }))
    }

    fn current() -> Option<Self> {
        Scope::current().host().get::<Self>().map(|meter| (*meter).clone())
    }

    fn record(&self, usage: &Usage) {
        self.0.sum.lock().unwrap_or_else(PoisonError::into_inner).add(usage);
        if let Some(around) = &self.0.around {
            around.record(usage);
        }
    }

    /// Runs a future whose tokens it counts.
    pub(crate) fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        scope(Settings::new().host(self.clone()), future)
    }

    /// Makes something, such as a call, whose tools it counts.
    pub(crate) fn enter<T>(&self, make: impl FnOnce() -> T) -> T {
        Scope::current().with(Settings::new().host(self.clone())).enter(make)
    }

    /// What was counted so far.
    pub(crate) fn usage(&self) -> Usage {
        self.0.sum.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the answers of language models that make one answer have taken; what is around counts it too.
pub(crate) struct Spent {
    pub(crate) usage: Usage,
    around: Option<Meter>,
}

impl Spent {
    pub(crate) fn new() -> Self {
        Self { usage: Usage::default(), around: Meter::current() }
    }

    /// Adds what an answer took. That of a call which took several turns speaks for all of them.
    pub(crate) fn add(&mut self, response: &Response) {
        self.add_usage(&usage_of(response));
    }

    pub(crate) fn add_usage(&mut self, usage: &Usage) {
        self.usage.add(usage);
        if let Some(around) = &self.around {
            around.record(usage);
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("usage", &self.usage()).finish_non_exhaustive()
    }
}
