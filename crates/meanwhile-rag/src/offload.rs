//! [`offload`], long computations on a thread of their own, away from whoever polls.

use std::thread;

use futures_channel::oneshot;
use meanwhile_core::{Error, ErrorKind, Result};

/// Runs `work` on a thread of its own. Dropping the future lets the result go; the work itself, which is
/// computation only, comes to its end.
///
/// # Errors
///
/// [`Other`](ErrorKind::Other) where `work` panics or no thread can be had; `what` names it.
pub(crate) async fn offload<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = oneshot::channel();
    let spawned = thread::Builder::new().name(format!("meanwhile {what}")).spawn(move || {
        // Nobody may be waiting any more.
        let _ = sender.send(work());
    });
    if let Err(source) = spawned {
        let error = Error::new(ErrorKind::Other, format!("there is no thread for the {what}"));
        return Err(error.with_source(source));
    }
    receiver.await.map_err(|_| Error::new(ErrorKind::Other, format!("the {what} panicked")))
}
