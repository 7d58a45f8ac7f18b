//! Calls that take a while, and know whether they were dropped.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    AnyProvider, Capabilities, Error, ErrorKind, Event, EventStream, Finish, FinishReason, Model,
    Provider, Request, Result, Scripted, Usage,
};

/// Runs a future (or a call) to its end on this thread, without a runtime.
pub(crate) fn wait<F: IntoFuture>(future: F) -> F::Output {
    futures::executor::block_on(future.into_future())
}

/// A model that plays `scripted`.
pub(crate) fn model(scripted: &Scripted) -> Model {
    Model::new(scripted.clone(), "test-model")
}

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn down(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Server, what.into())
}

/// Waits and gives `value`.
pub(crate) async fn after<T>(wait: Duration, value: T) -> Result<T> {
    tokio::time::sleep(wait).await;
    Ok(value)
}

/// Counts how many things are alive, and how many were at most.
#[derive(Clone, Default)]
pub(crate) struct Alive {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    all: Arc<AtomicUsize>,
}

impl Alive {
    pub(crate) fn begin(&self) -> Living {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.all.fetch_add(1, Ordering::SeqCst);
        Living(self.now.clone())
    }

    pub(crate) fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub(crate) fn all(&self) -> usize {
        self.all.load(Ordering::SeqCst)
    }
}

pub(crate) struct Living(Arc<AtomicUsize>);

impl Drop for Living {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A provider that thinks for a while, then writes two words with a pause in between.
#[derive(Debug, Clone)]
pub(crate) struct Slow {
    pub(crate) id: &'static str,
    pub(crate) first: Duration,
    pub(crate) pause: Duration,
    pub(crate) streaming: bool,
}

#[async_trait]
impl Provider for Slow {
    fn id(&self) -> &str {
        self.id
    }

    fn capabilities(&self, _model: &str) -> Capabilities {
        let mut capabilities = Capabilities::text();
        capabilities.streaming = self.streaming;
        capabilities
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let Self { first, pause, .. } = *self;
        let streamed = request.delivery == meanwhile_core::Delivery::Streamed;
        let wait = if streamed { first } else { first + pause };
        let begin = async move {
            tokio::time::sleep(wait).await;
            let usage = Event::usage(Usage::totals(10, 0));
            futures::stream::iter([Event::text_start(0), Event::text_delta(0, "one "), usage])
        };
        let end = async move {
            if streamed {
                tokio::time::sleep(pause).await;
            }
            futures::stream::iter([
                Event::text_delta(0, "two"),
                Event::part_end(0),
                Event::usage(Usage::totals(10, 2)),
                Event::finish(Finish::new(FinishReason::Stop)),
            ])
        };
        use futures::{FutureExt as _, StreamExt as _};
        let events = begin.flatten_stream().chain(end.flatten_stream()).map(Ok);
        Ok(EventStream::new(events))
    }
}

impl From<Slow> for AnyProvider {
    fn from(slow: Slow) -> Self {
        Self::new(slow)
    }
}
