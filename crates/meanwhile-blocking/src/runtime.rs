//! [`block_on`]: the one runtime of synchronous code, and where it must not be used.

use std::future::IntoFuture;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Waker};
use std::thread::available_parallelism;

use meanwhile_core::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::coop;

/// Most worker threads. The calling threads do the waiting; workers only run what libraries spawn.
const MOST_WORKERS: usize = 4;

static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread()
        .worker_threads(cores.min(MOST_WORKERS))
        .thread_name("meanwhile-blocking")
        .enable_all()
        .build()
});

/// Waits for a future on this thread. It may borrow, and need not be `Send`.
///
/// For what is awaited for a [`Result`] there is [`blocking`](crate::Blocking::blocking), which does not
/// nest two results.
///
/// ```
/// # use meanwhile_blocking::block_on;
/// let sum = block_on(async { 1 + 1 })?;
/// assert_eq!(sum, 2);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::Config`] in an async task, where waiting would stop everything else on the thread, and
/// when the system gives no threads for a runtime. The future is then dropped without a poll.
pub fn block_on<F: IntoFuture>(future: F) -> Result<F::Output> {
    let runtime = runtime()?;
    Ok(runtime.block_on(future.into_future()))
}

/// The runtime, where this thread may wait.
pub(crate) fn runtime() -> Result<&'static Runtime> {
    let runtime = RUNTIME.as_ref().map_err(|source| {
        let message = format!("the runtime for blocking calls could not be started: {source}");
        Error::new(ErrorKind::Config, message)
    })?;
    if Handle::try_current().is_ok() && (is_polled() || !can_enter(runtime)) {
        return Err(Error::new(
            ErrorKind::Config,
            "this is an async task, which must not block: `.await` the call; code that has to be \
             synchronous belongs in `tokio::task::spawn_blocking`, where `blocking` works",
        ));
    }
    Ok(runtime)
}

/// Whether tokio is polling a task on this thread.
///
/// Tokio tells that to nobody, and has a handle on threads that may block, too. But it gives every
/// task that it polls a number of steps, of which none are left sooner or later, and code that may
/// block an endless one. A task loses its steps by this; it gets new ones with its next poll.
fn is_polled() -> bool {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..=u8::MAX {
        if !coop::has_budget_remaining() {
            return true;
        }
        if pin!(coop::consume_budget()).poll(&mut context).is_pending() {
            return true;
        }
    }
    false
}

/// Whether the runtime lets this thread wait. Left for tasks that were freed of counting steps
/// (`tokio::task::unconstrained`); they, and only they, see tokio's own message in the log.
fn can_enter(runtime: &Runtime) -> bool {
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(std::future::ready(())))).is_ok()
}
