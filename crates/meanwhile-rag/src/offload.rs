//! [`offload`], long computations on a thread of their own, away from whoever polls; [`give_way`] and [`pause`].

use std::future;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures_channel::oneshot;
use meanwhile_core::{Error, ErrorKind, Result};

/// The stack of a thread, in bytes: parsers of nested formats call themselves. Pages that are not used cost
/// nothing.
const STACK: usize = 32 * 1024 * 1024;

/// Runs `work` on a thread of its own: for stores, parsers and splitters whose computations take longer than
/// the thread that polls may be kept, some hundred microseconds. `what` names it in errors.
///
/// Dropping the future lets the result go; the work itself, which is computation only, comes to its end.
///
/// ```
/// # futures::executor::block_on(async {
/// let sum = meanwhile_rag::offload("sum", || (1..=1_000_u64).sum::<u64>()).await?;
/// assert_eq!(sum, 500_500);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
///
/// # Errors
///
/// [`Other`](ErrorKind::Other) where `work` panics or no thread can be had.
pub async fn offload<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = oneshot::channel();
    start(what, move || {
        // Nobody may be waiting any more.
        let _ = sender.send(work());
    })?;
    receiver.await.map_err(|_| Error::new(ErrorKind::Other, format!("the {what} panicked")))
}

/// Lets others on the thread go first.
pub(crate) async fn give_way() {
    let mut is_given = false;
    future::poll_fn(|cx| {
        if is_given {
            return Poll::Ready(());
        }
        is_given = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits: there is no runtime here whose clock could be asked. Dropping the future ends the wait, and with it
/// its thread.
pub(crate) async fn pause(time: Duration) -> Result<()> {
    let (sender, receiver) = oneshot::channel();
    // Nothing is ever sent: that this end is dropped wakes the thread.
    let (_waiting, dropped) = mpsc::channel::<()>();
    start("wait", move || {
        let _ = dropped.recv_timeout(time);
        let _ = sender.send(());
    })?;
    receiver.await.map_err(|_| Error::new(ErrorKind::Other, "the wait panicked"))
}

fn start(what: &'static str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = thread::Builder::new().name(format!("meanwhile {}", what.replace('\0', " ")));
    let thread = thread.stack_size(STACK);
    thread.spawn(run).map(drop).map_err(|source| {
        let error = Error::new(ErrorKind::Other, format!("there is no thread for the {what}"));
        error.with_source(source)
    })
}
