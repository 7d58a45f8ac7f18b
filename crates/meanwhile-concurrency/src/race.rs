//! [`race`]: several calls at once, of which the first that succeeds counts.

use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::vec;

use meanwhile_core::{Attempt, Error, ErrorKind, Result};
use tokio::time::Instant;

use crate::pool::{Options, Pool};

/// Makes several calls at once and returns the first that succeeds; the others are cancelled.
///
/// Every call counts as used that was begun: providers may charge for an answer that nobody waits for.
/// A second call only after a while, and only when it is needed, is the layer
/// [`Hedge`](meanwhile_layers::Hedge).
///
/// Awaiting it fails when all have failed: the message lists each, and
/// [`attempts`](Error::attempts) holds all but the last. Dropping it cancels the calls.
///
/// ```
/// # use meanwhile_core::{Error, ErrorKind, Model, Scripted};
/// # use meanwhile_concurrency::race;
/// # futures::executor::block_on(async {
/// let down = Scripted::new().error(Error::new(ErrorKind::Server, "down"));
/// let up = Scripted::new().reply("hello");
/// let models = [Model::new(down, "first"), Model::new(up, "second")];
/// let answer = race(models.iter().map(|model| model.call::<String>("hi"))).await?;
/// assert_eq!(answer, "hello");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub fn race<I>(calls: I) -> Race<I::Item>
where
    I: IntoIterator,
    I::Item: IntoFuture,
{
    Race { calls: calls.into_iter().collect(), options: Options::default() }
}

/// Several calls, of which the first that succeeds counts. See [`race`].
#[derive(Debug, Clone)]
#[must_use = "a race does nothing unless it is awaited"]
pub struct Race<C> {
    calls: Vec<C>,
    options: Options,
}

impl<C, T> Race<C>
where
    C: IntoFuture<Output = Result<T>>,
{
    /// Fails every call that takes longer than `limit`. Needs a tokio runtime with its time enabled.
    pub fn each_within(mut self, limit: Duration) -> Self {
        self.options.each = Some(limit);
        self
    }

    /// Ends the race when `limit` is over. Needs a tokio runtime with its time enabled.
    pub fn within(mut self, limit: Duration) -> Self {
        self.options.whole = Some(limit);
        self
    }
}

impl<C, T> IntoFuture for Race<C>
where
    C: IntoFuture<Output = Result<T>>,
{
    type Output = Result<T>;
    type IntoFuture = RaceFirst<C>;

    fn into_future(self) -> RaceFirst<C> {
        let pool = Pool::new(self.calls.into_iter(), self.options);
        RaceFirst { pool, failed: Vec::new(), started: None }
    }
}

/// The future of a [`Race`]. Dropping it cancels the calls.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct RaceFirst<C: IntoFuture> {
    pool: Pool<vec::IntoIter<C>>,
    /// In the order in which they failed, with the time each took.
    failed: Vec<(Duration, Error)>,
    started: Option<Instant>,
}

impl<C, T> Future for RaceFirst<C>
where
    C: IntoFuture<Output = Result<T>>,
{
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let started = *this.started.get_or_insert_with(Instant::now);
        loop {
            match ready!(this.pool.poll_next(cx, usize::MAX)) {
                Some((_, Ok(value))) => {
                    this.pool.cancel();
                    return Poll::Ready(Ok(value));
                }
                Some((_, Err(error))) => this.failed.push((started.elapsed(), error)),
                None => return Poll::Ready(Err(all_failed(std::mem::take(&mut this.failed)))),
            }
        }
    }
}

/// One error for a race that nobody won.
fn all_failed(mut failed: Vec<(Duration, Error)>) -> Error {
    let Some((_, last)) = failed.pop() else {
        return Error::new(ErrorKind::Config, "a race needs at least one call");
    };
    if failed.is_empty() {
        return last;
    }
    let all = || failed.iter().map(|(_, error)| error).chain([&last]);
    let kind = last.kind();
    let kind = if all().all(|error| error.kind() == kind) { kind } else { ErrorKind::Other };
    let retryable = all().any(Error::is_retryable);
    let listed: Vec<String> = all().map(|error| format!("{error}")).collect();
    let message = format!("all {} calls of the race failed: {}", listed.len(), listed.join("; "));
    let attempts = failed.iter().flat_map(|(elapsed, error)| {
        let attempt = Attempt::new(error, error.model().unwrap_or_default(), *elapsed);
        error.attempts().iter().cloned().chain([attempt])
    });
    let attempts: Vec<Attempt> = attempts.chain(last.attempts().iter().cloned()).collect();
    let mut error = Error::new(kind, message).with_retryable(retryable).with_attempts(attempts);
    // The most that any of them had answered.
    let mut last = last;
    let partials = failed.iter_mut().map(|(_, error)| error).chain([&mut last]);
    let partial =
        partials.filter_map(Error::take_partial).max_by_key(|partial| partial.text().len());
    if let Some(partial) = partial {
        error = error.with_partial(partial);
    }
    error.with_source(last)
}
