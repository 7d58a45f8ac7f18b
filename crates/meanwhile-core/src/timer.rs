//! [`Timer`]: how the core waits for a time, without a runtime of its own.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::Result;

/// Waits. The core has no runtime; whoever brings one brings a timer with it: the `meanwhile` facade
/// sets one of tokio's.
pub trait Timer: fmt::Debug + Send + Sync + 'static {
    /// Returns a future that is ready after `duration`. Dropping it stops the wait.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) where nothing can measure time here: outside of
    /// the runtime that the timer belongs to, for one.
    fn sleep(&self, duration: Duration) -> Result<BoxFuture<'static, ()>>;
}
