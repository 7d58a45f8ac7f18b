//! Synchronous code that stops no task.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use meanwhile_blocking::off_runtime;
use meanwhile_core::{Scope, Settings, scope};
use tokio::runtime::{Builder, Runtime};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap()
}

/// The longest pause of a task that wants to run every millisecond, while `busy` runs.
async fn longest_pause(busy: impl Future) -> Duration {
    let mut longest = Duration::ZERO;
    let ticker = async {
        loop {
            let last = Instant::now();
            tokio::time::sleep(ms(1)).await;
            longest = longest.max(last.elapsed());
        }
    };
    tokio::select! {
        _ = busy => {}
        () = ticker => {}
    }
    longest
}

#[test]
fn a_ticker_goes_on_at_once_and_in_place_it_would_not() {
    current_thread().block_on(async {
        // A machine with much else to do may hold up one attempt, but hardly all.
        let mut pauses = Vec::new();
        while pauses.iter().all(|pause| *pause >= ms(100)) {
            assert!(pauses.len() < 5, "{pauses:?}");
            pauses.push(longest_pause(off_runtime(|| std::thread::sleep(ms(200)))).await);
        }
    });
}

#[test]
fn without_a_runtime_it_runs_in_place() {
    let here = std::thread::current().id();
    let there = futures::executor::block_on(off_runtime(|| std::thread::current().id()));
    assert_eq!(there.unwrap(), here);
}

#[test]
fn the_scope_comes_along() {
    let read = || Scope::current().settings().params.seed;
    let inside = async move {
        let off = off_runtime(read).await.unwrap();
        (off, read())
    };
    let seen = current_thread().block_on(scope(Settings::new().seed(4), inside));
    assert_eq!(seen, (Some(4), Some(4)));
}

#[test]
fn a_panic_goes_on_in_the_task() {
    let outcome = current_thread().block_on(async {
        let work = || -> u8 { std::panic::resume_unwind(Box::new("gone")) };
        tokio::spawn(off_runtime(work)).await
    });
    let panic = outcome.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"gone"));
}

#[test]
fn what_has_not_begun_never_begins_when_it_is_dropped() {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = |wait: Option<mpsc::Receiver<()>>| {
        let ran = ran.clone();
        off_runtime(move || {
            ran.fetch_add(1, Ordering::SeqCst);
            wait.map(|go_on| go_on.recv())
        })
    };
    current_thread().block_on(async {
        // The one thread is busy with the first; the second waits for it, and is given up.
        let (go_on, wait) = mpsc::channel();
        let first = tokio::spawn(count(Some(wait)));
        while ran.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(ms(1)).await;
        }
        assert!(tokio::time::timeout(ms(10), count(None)).await.is_err());
        go_on.send(()).unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 1);
        count(None).await.unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 2);
    });
}
