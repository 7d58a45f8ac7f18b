//! [`gather`]: many calls at once, results in the order of the calls.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::Result;

/// Makes many calls at once; their results come in the order of the calls.
///
/// Awaiting the gather fails with the first error and cancels the calls that still run;
/// [`settle`](Gather::settle) waits for all and keeps every result. Without a
/// [`limit`](Gather::limit) all calls run at once. Nothing is sent before the first poll.
///
/// ```
/// # use meanwhile_core::{gather, Model, Scripted};
/// # futures::executor::block_on(async {
/// let model = Model::new(Scripted::new().reply("one").reply("two"), "any");
/// let calls = ["1", "2"].map(|text| model.call::<String>(text));
/// assert_eq!(gather(calls).limit(1).await?, ["one", "two"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub fn gather<I>(calls: I) -> Gather<I::Item>
where
    I: IntoIterator,
    I::Item: IntoFuture,
{
    Gather { calls: calls.into_iter().collect(), limit: usize::MAX }
}

/// Many calls, ready to be made. See [`gather`].
#[derive(Debug, Clone)]
#[must_use = "a gather does nothing unless it is awaited"]
pub struct Gather<C> {
    calls: Vec<C>,
    limit: usize,
}

impl<C, T> Gather<C>
where
    C: IntoFuture<Output = Result<T>>,
{
    /// Runs at most `limit` calls at the same time; 0 counts as 1.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.max(1);
        self
    }

    /// Waits for all calls and returns every result, in the order of the calls.
    pub async fn settle(self) -> Vec<Result<T>> {
        let count = self.calls.len();
        let mut results: Vec<Option<Result<T>>> = Vec::new();
        results.resize_with(count, || None);
        let settled = run(self, |index, result| {
            if let Some(slot) = results.get_mut(index) {
                *slot = Some(result);
            }
            Ok(())
        });
        // The visitor above never fails.
        let _: Result<()> = settled.await;
        results.into_iter().flatten().collect()
    }
}

/// Runs the calls, at most `limit` at once, and hands each result on as it comes.
async fn run<C, T>(
    gather: Gather<C>,
    mut visit: impl FnMut(usize, Result<T>) -> Result<()>,
) -> Result<()>
where
    C: IntoFuture<Output = Result<T>>,
{
    let mut waiting = gather.calls.into_iter().enumerate().map(|(index, call)| {
        let call = call.into_future();
        async move { (index, call.await) }
    });
    let mut running: FuturesUnordered<_> = waiting.by_ref().take(gather.limit).collect();
    while let Some((index, result)) = running.next().await {
        visit(index, result)?;
        running.extend(waiting.next());
    }
    Ok(())
}

impl<C, T> IntoFuture for Gather<C>
where
    C: IntoFuture<Output = Result<T>>,
{
    type Output = Result<Vec<T>>;
    type IntoFuture = GatherAll<C, T>;

    fn into_future(self) -> Self::IntoFuture {
        let mut values = Vec::new();
        values.resize_with(self.calls.len(), || None);
        let waiting = self.calls.into_iter();
        GatherAll { waiting, limit: self.limit, running: FuturesUnordered::new(), values, given: 0 }
    }
}

/// The future of a [`Gather`]: all values, or the first error. Dropping it cancels the calls.
#[must_use = "futures do nothing unless polled"]
pub struct GatherAll<C: IntoFuture, T> {
    waiting: vec::IntoIter<C>,
    limit: usize,
    running: FuturesUnordered<Indexed<C::IntoFuture>>,
    values: Vec<Option<T>>,
    /// How many calls have been started.
    given: usize,
}

// Nothing in it is pinned in place: the futures are where `FuturesUnordered` put them.
impl<C: IntoFuture, T> Unpin for GatherAll<C, T> {}

impl<C, T> Future for GatherAll<C, T>
where
    C: IntoFuture<Output = Result<T>>,
{
    type Output = Result<Vec<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            while this.running.len() < this.limit
                && let Some(call) = this.waiting.next()
            {
                this.running.push(Indexed { index: this.given, future: call.into_future() });
                this.given += 1;
            }
            match ready!(this.running.poll_next_unpin(cx)) {
                Some((index, Ok(value))) => {
                    if let Some(slot) = this.values.get_mut(index) {
                        *slot = Some(value);
                    }
                }
                Some((_, Err(error))) => {
                    this.waiting = Vec::new().into_iter();
                    this.running.clear();
                    return Poll::Ready(Err(error));
                }
                None => {
                    return Poll::Ready(Ok(this.values.drain(..).flatten().collect()));
                }
            }
        }
    }
}

impl<C: IntoFuture, T> fmt::Debug for GatherAll<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatherAll")
            .field("waiting", &self.waiting.len())
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}

pin_project_lite::pin_project! {
    /// A call with its place in the list.
    struct Indexed<F> {
        index: usize,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Indexed<F> {
    type Output = (usize, F::Output);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.future.poll(cx).map(|output| (*this.index, output))
    }
}
