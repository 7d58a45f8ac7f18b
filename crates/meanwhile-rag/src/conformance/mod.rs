//! [`StoreConformance`]: what every store must do, as cases that one runs on itself; and [`nobody_is_starved`],
//! whether it leaves its thread to others.

mod concurrency;
mod filters;
mod keeping;
mod report;
mod sample;
mod searching;
mod turns;
mod vectors;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _};
use meanwhile_core::Result;

use crate::Store;

pub use report::{Case, Report};
pub use turns::{LONGEST_TURN, NoiseEmbedder, longest_turn, nobody_is_starved};

/// What a case says: nothing, or what happened instead of what must.
type Verdict = Result<(), String>;

type Open = Box<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Store>>> + Send + Sync>;

/// The conformance suite of a store.
///
/// ```
/// use meanwhile_rag::MemoryStore;
/// use meanwhile_rag::conformance::StoreConformance;
///
/// # futures::executor::block_on(async {
/// let report = StoreConformance::new(async || Ok(MemoryStore::new())).run().await;
/// report.assert();
/// # });
/// ```
pub struct StoreConformance {
    open: Open,
}

impl StoreConformance {
    /// Begins a suite. `open` is called once for each case, and gives a new and empty store every time.
    #[must_use]
    pub fn new<F, W, S>(open: F) -> Self
    where
        F: Fn() -> W + Send + Sync + 'static,
        W: Future<Output = Result<S>> + Send + 'static,
        S: Store,
    {
        let open = move || {
            open().map(|store| store.map(|store| Arc::new(store) as Arc<dyn Store>)).boxed()
        };
        Self { open: Box::new(open) }
    }

    /// Runs all cases, one after the other.
    pub async fn run(&self) -> Report {
        let mut report = Report::default();
        macro_rules! cases {
            ($($name:literal: $case:path,)*) => {$(
                let verdict = match (self.open)().await {
                    Ok(store) => $case(store).await,
                    Err(error) => Err(format!("the store could not be opened: {error:?}")),
                };
                report.cases.push(Case::new($name, verdict));
            )*};
        }
        cases! {
            "an empty store": keeping::empty,
            "documents and chunks come back as they were": keeping::comes_back,
            "a later document replaces the earlier one whole": keeping::replaces,
            "what does not belong together is refused": keeping::refuses,
            "deletes": keeping::deletes,
            "ids in the order of their bytes, by pages": keeping::pages,
            "thousands at once": keeping::thousands,
            "vectors are cached": vectors::cached,
            "vectors of stored chunks are known": vectors::of_chunks,
            "cached vectors are cleared": vectors::cleared,
            "one length of vectors": vectors::one_length,
            "by vector: exact, the best first": searching::by_vector,
            "by vector: equals by id and index": searching::equals,
            "by text: words, the rarer the better": searching::by_text,
            "by text: no character is an operator": searching::no_operators,
            "documents without vectors": searching::without_vectors,
            "filters mean the same": filters::mean_the_same,
            "filters come before the limit": filters::before_the_limit,
            "many at once": concurrency::many_at_once,
            "one document from many sides": concurrency::one_document,
            "written and deleted at once": concurrency::written_and_deleted,
            "dropped writes are whole or not at all": concurrency::dropped,
            "what can be found is listed": concurrency::is_listed,
        }
        report
    }
}

impl fmt::Debug for StoreConformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConformance").finish_non_exhaustive()
    }
}

/// Ends a case where something is not so.
macro_rules! must {
    ($holds:expr, $($what:tt)+) => {
        let holds: bool = $holds;
        if !holds {
            return Err(format!($($what)+));
        }
    };
}
use must;

/// Ends a case where a call of the store fails.
trait Must<T> {
    fn must(self, what: &str) -> Result<T, String>;
}

impl<T> Must<T> for Result<T> {
    fn must(self, what: &str) -> Result<T, String> {
        self.map_err(|error| format!("{what}: {error:?}"))
    }
}
