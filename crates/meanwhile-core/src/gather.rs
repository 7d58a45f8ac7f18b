//! [`gather`]: many calls at once, results in the order of the calls.

use std::future::IntoFuture;

use futures_util::future::BoxFuture;
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

    async fn all(self) -> Result<Vec<T>> {
        let mut values: Vec<Option<T>> = Vec::new();
        values.resize_with(self.calls.len(), || None);
        run(self, |index, result| {
            let value = result?;
            if let Some(slot) = values.get_mut(index) {
                *slot = Some(value);
            }
            Ok(())
        })
        .await?;
        Ok(values.into_iter().flatten().collect())
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
    C: IntoFuture<Output = Result<T>> + Send + 'static,
    C::IntoFuture: Send,
    T: Send + 'static,
{
    type Output = Result<Vec<T>>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.all())
    }
}
