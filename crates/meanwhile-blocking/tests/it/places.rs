//! Where blocking works, and where it is an error.

use std::time::Duration;

use futures::FutureExt as _;
use meanwhile_blocking::{Blocking as _, BlockingCall as _, block_on};
use meanwhile_core::{Error, ErrorKind, Event, Model, Result, Scripted};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{
    LocalSet, block_in_place, spawn_blocking, spawn_local, unconstrained, yield_now,
};

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Makes a call in every way there is; a word for each, all the same.
fn try_all() -> &'static str {
    let scripted = Scripted::new().reply_with(|_| "a b".to_owned());
    let model = Model::new(scripted.clone(), "m");
    let call = || model.call::<String>("x");
    let sleep = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok::<_, Error>(1)
    };
    let outcomes: [Result<()>; 5] = [
        call().blocking().map(drop),
        call().blocking_stream().map(drop),
        call().blocking_stream().and_then(|stream| stream.finish()).map(drop),
        sleep.blocking().map(drop),
        block_on(async { yield_now().await }),
    ];
    if outcomes.iter().all(Result::is_ok) {
        return "works";
    }
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains("`.await`"), "{error}");
        assert!(error.message().contains("spawn_blocking"), "{error}");
    }
    assert!(scripted.requests().is_empty(), "nothing was sent");
    "refused"
}

#[test]
fn a_thread_without_a_runtime_may_block() {
    assert_eq!(try_all(), "works");
    assert_eq!(std::thread::spawn(try_all).join().unwrap(), "works");
    // On an executor that is not tokio's, which this cannot see.
    assert_eq!(futures::executor::block_on(async { try_all() }), "works");
}

#[test]
fn a_thread_that_has_a_handle_may_block() {
    for runtime in [multi_thread(), current_thread()] {
        let _entered = runtime.enter();
        assert_eq!(try_all(), "works");
    }
}

#[test]
fn blocking_threads_of_a_runtime_may_block() {
    for runtime in [multi_thread(), current_thread()] {
        let worked = runtime.block_on(async { spawn_blocking(try_all).await.unwrap() });
        assert_eq!(worked, "works");
    }
    let runtime = multi_thread();
    let inside = runtime.block_on(async { tokio::spawn(async { block_in_place(try_all) }).await });
    assert_eq!(inside.unwrap(), "works");
    assert_eq!(runtime.block_on(async { block_in_place(try_all) }), "works");
}

#[test]
fn the_main_task_of_a_runtime_must_not_block() {
    for runtime in [multi_thread(), current_thread()] {
        assert_eq!(runtime.block_on(async { try_all() }), "refused");
        // It goes on as if nothing had been.
        let went_on = runtime.block_on(async {
            assert_eq!(try_all(), "refused");
            for _ in 0..300 {
                yield_now().await;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            try_all()
        });
        assert_eq!(went_on, "refused");
    }
}

#[test]
fn a_spawned_task_must_not_block() {
    for runtime in [multi_thread(), current_thread()] {
        let tried = runtime.block_on(async {
            let deep = async { async { try_all() }.boxed().await };
            tokio::spawn(deep).await.unwrap()
        });
        assert_eq!(tried, "refused");
    }
}

#[test]
fn a_local_task_must_not_block() {
    for runtime in [multi_thread(), current_thread()] {
        let tried = LocalSet::new().block_on(&runtime, async {
            assert_eq!(try_all(), "refused");
            spawn_local(async { try_all() }).await.unwrap()
        });
        assert_eq!(tried, "refused");
    }
}

#[test]
fn a_task_without_a_budget_must_not_block_either() {
    for runtime in [multi_thread(), current_thread()] {
        let tried = runtime.block_on(async { unconstrained(async { try_all() }).await });
        assert_eq!(tried, "refused");
    }
}

#[test]
fn blocking_inside_of_blocking_is_refused() {
    assert_eq!(block_on(async { try_all() }).unwrap(), "refused");
    let on_our_own_threads = block_on(async { spawn_blocking(try_all).await.unwrap() });
    assert_eq!(on_our_own_threads.unwrap(), "works");
}

#[test]
fn a_stream_that_is_taken_into_a_task_ends_with_an_error() {
    let model = Model::new(Scripted::new().reply("one two"), "m");
    let mut stream = model.call::<String>("x").blocking_stream().unwrap();
    let text = |event: Event| matches!(event, Event::TextDelta { .. });
    assert!(stream.by_ref().any(|event| text(event.unwrap())));
    let left = current_thread().block_on(async { stream.collect::<Vec<_>>() });
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].as_ref().unwrap_err().kind(), ErrorKind::Config);
}
