//! [`off_runtime`]: synchronous code that must not stop the tasks around it.

use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use meanwhile_core::{Error, ErrorKind, Result, Scope};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

use crate::tools;

/// Runs synchronous code on a thread that may block, in the [`Scope`] of the task; where there is no
/// tokio runtime, in place.
///
/// Synchronous `#[tool]` functions are run like this. In the code [`blocking`](crate::Blocking::blocking)
/// works. A panic goes on in the task that waits. Dropping the future before the code has begun keeps
/// it from beginning; code that has begun goes on to its end, for a thread cannot be stopped, and its
/// value is dropped.
///
/// ```
/// # use meanwhile_blocking::off_runtime;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> meanwhile_core::Result<()> {
/// let sum = off_runtime(|| (1..=1_000_000_u64).sum::<u64>()).await?;
/// assert_eq!(sum, 500_000_500_000);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`ErrorKind::Cancelled`] when the runtime shuts down before the code has begun.
pub async fn off_runtime<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let Ok(runtime) = Handle::try_current() else { return Ok(work()) };
    let (scope, policy) = (Scope::current(), tools::here());
    let work = move || tools::enter(policy, || scope.enter(work));
    let outcome = Running(runtime.spawn_blocking(work)).await;
    outcome.map_err(|error| match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(_) => Error::new(ErrorKind::Cancelled, "the runtime was shut down"),
    })
}

/// Code that is given up when nobody waits for it any more.
struct Running<T>(JoinHandle<T>);

impl<T> Future for Running<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
