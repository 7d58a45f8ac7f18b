//! [`TokioTimer`]: tokio's clock for the time limits of runs and tools.

use std::panic::catch_unwind;
use std::time::Duration;

use futures_util::future::BoxFuture;
use meanwhile_core::{Error, ErrorKind, Result, Timer};
use tokio::runtime::Handle;

/// Measures the time of runs and tools by tokio's clock.
///
/// ```
/// use std::time::Duration;
/// use meanwhile_core::{ErrorKind, Model, RunLimits, Scripted};
/// use meanwhile_layers::TokioTimer;
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let silent = Model::new(Scripted::new().silence_after([]), "any");
/// let limits = RunLimits::new().time(Duration::from_secs(30));
/// let call = silent.call::<String>("Hello?").limits(limits).timer(TokioTimer);
/// assert!(matches!(call.await.unwrap_err().kind(), ErrorKind::Timeout(_)));
/// # });
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioTimer;

impl Timer for TokioTimer {
    fn sleep(&self, duration: Duration) -> Result<BoxFuture<'static, ()>> {
        let none = || {
            Error::new(
                ErrorKind::Config,
                "a limit in time needs a tokio runtime with its time enabled to measure it; await \
                 this inside of one, or drop the limit",
            )
        };
        if Handle::try_current().is_err() {
            return Err(none());
        }
        // Tokio tells nobody whether its runtime measures time; it panics where it does not.
        let sleep = catch_unwind(|| tokio::time::sleep(duration)).map_err(|_| none())?;
        Ok(Box::pin(sleep))
    }
}
