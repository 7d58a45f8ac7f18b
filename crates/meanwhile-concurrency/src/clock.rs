//! [`Timed`]: a call with a deadline of its own; and the words for what was late.

use std::future::IntoFuture;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, Result, TimeoutPhase};
use tokio::runtime::Handle;
use tokio::time::Sleep;

/// Starts a clock; an error where there is no runtime that could ring it.
pub(crate) fn sleep(limit: Duration) -> Result<Sleep> {
    if Handle::try_current().is_err() {
        return Err(no_clock());
    }
    // Tokio tells nobody whether its runtime measures time; it panics where it does not.
    catch_unwind(|| tokio::time::sleep(limit)).map_err(|_| no_clock())
}

/// Why a deadline cannot be kept.
pub(crate) fn no_clock() -> Error {
    Error::new(
        ErrorKind::Config,
        "a deadline needs a tokio runtime with its time enabled to measure it; await this inside of one, \
         or drop the deadline",
    )
}

/// What a call fails with that had not finished in its own time.
fn late(limit: Duration) -> Error {
    let message = format!("the call did not finish within {limit:?}; raise `each_within`");
    Error::new(ErrorKind::Timeout(TimeoutPhase::Whole), message)
}

/// What a call fails with that had not finished in the time of all.
pub(crate) fn late_together(limit: Duration) -> Error {
    let message = format!("the calls did not all finish within {limit:?}; raise `within`");
    Error::new(ErrorKind::Timeout(TimeoutPhase::Whole), message)
}

pin_project_lite::pin_project! {
    /// A call that fails when it takes longer than its limit. Its clock starts with the first poll.
    pub(crate) struct Timed<F> {
        #[pin]
        future: F,
        limit: Option<Duration>,
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl<F> Timed<F> {
    pub(crate) fn new(
        call: impl IntoFuture<IntoFuture = F, Output = F::Output>,
        limit: Option<Duration>,
    ) -> Self
    where
        F: Future,
    {
        Self { future: call.into_future(), limit, sleep: None }
    }
}

impl<F, T> Future for Timed<F>
where
    F: Future<Output = Result<T>>,
{
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(limit) = *this.limit else { return this.future.poll(cx) };
        if this.sleep.is_none() {
            match sleep(limit) {
                Ok(sleep) => this.sleep.set(Some(sleep)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        // What is ready in time counts, even when the clock has rung since.
        if let Poll::Ready(outcome) = this.future.poll(cx) {
            return Poll::Ready(outcome);
        }
        if let Some(sleep) = this.sleep.as_pin_mut() {
            ready!(sleep.poll(cx));
        }
        Poll::Ready(Err(late(limit)))
    }
}
