//! Many calls at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Instant;

use futures::channel::oneshot;
use futures::{Stream as _, StreamExt as _};
use meanwhile_concurrency::gather;
use meanwhile_core::{Error, ErrorKind, Result, Scripted};

use crate::support::{Alive, after, down, model, ms, wait};

#[test]
fn results_come_in_the_order_of_the_calls() {
    // The calls are released in reverse order.
    let (release, waits): (Vec<_>, Vec<_>) = (0..5).map(|_| oneshot::channel::<usize>()).unzip();
    let calls = waits.into_iter().map(|wait| async move {
        wait.await.map_err(|_| Error::new(ErrorKind::Cancelled, "dropped"))
    });
    let gathered = gather(calls);
    let results = wait(async {
        let release = async {
            for (index, sender) in release.into_iter().enumerate().rev() {
                sender.send(index).unwrap();
            }
        };
        futures::join!(gathered.settle(), release).0
    });
    let values: Vec<usize> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(values, [0, 1, 2, 3, 4]);
}

#[test]
fn no_more_than_the_limit_run_at_once() {
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let calls = (0..20).map(|index| {
        let (running, most) = (running.clone(), most.clone());
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..index % 4 {
                give_way().await;
            }
            running.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, Error>(index)
        }
    });
    let calls: Vec<_> = calls.map(Box::pin).collect();
    let values = wait(gather(calls).limit(3)).unwrap();
    assert_eq!(values, (0..20).collect::<Vec<_>>());
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[test]
fn between_steps_that_take_long_others_have_their_turn() {
    let steps = AtomicUsize::new(0);
    let calls = (0..20).map(|number| {
        let steps = &steps;
        async move {
            // Longer than a turn.
            let start = Instant::now();
            while start.elapsed() < ms(1) {}
            steps.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Error>(number)
        }
    });
    let calls: Vec<_> = calls.map(Box::pin).collect();
    let mut gathered = gather(calls).settle();
    wait(async {
        let mut polls = 0;
        let results = loop {
            let before = steps.load(Ordering::SeqCst);
            polls += 1;
            match futures::poll!(&mut gathered) {
                Poll::Ready(results) => break results,
                Poll::Pending => {}
            }
            assert!(steps.load(Ordering::SeqCst) <= before + 1);
        };
        let values: Vec<i32> = results.into_iter().map(Result::unwrap).collect();
        assert_eq!(values, (0..20).collect::<Vec<_>>());
        assert!(polls >= 20, "{polls}");
    });
}

#[test]
fn the_first_error_cancels_the_rest_and_settling_keeps_everything() {
    let scripted =
        || Scripted::new().reply("a").error(Error::new(ErrorKind::Server, "down")).reply("c");
    let calls = |scripted: &Scripted| {
        let model = model(scripted);
        [1, 2, 3].map(|_| model.call::<String>("x"))
    };
    let first = scripted();
    let error = wait(gather(calls(&first)).limit(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(first.requests().len(), 2, "the third call was never made");

    let results = wait(gather(calls(&scripted())).limit(1).settle());
    let values: Vec<_> = results.iter().map(|r| r.as_ref().ok().map(String::as_str)).collect();
    assert_eq!(values, [Some("a"), None, Some("c")]);
}

/// Gives way once.
async fn give_way() {
    let mut polled = false;
    std::future::poll_fn(move |cx| {
        if std::mem::replace(&mut polled, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn calls_may_borrow() {
    let texts = ["a".to_owned(), "b".to_owned()];
    async fn length(text: &str) -> Result<usize> {
        Ok(text.len())
    }
    let lengths = wait(async { gather(texts.iter().map(|text| length(text))).limit(1).await });
    assert_eq!(lengths.unwrap(), [1, 1]);
}

#[test]
fn an_error_says_which_call_it_was() {
    let scripted = Scripted::new().reply("a").error(down("down").with_code("x"));
    let model = model(&scripted);
    let calls = || [1, 2].map(|_| model.call::<String>("x"));
    let settled = wait(gather(calls()).limit(1).settle());
    let error = settled[1].as_ref().unwrap_err();
    let labels = (error.index(), error.operation(), error.provider(), error.model());
    assert_eq!(labels, (Some(1), Some("call"), Some("scripted"), Some("test-model")));
    assert_eq!(error.to_string(), "scripted/test-model: server error: down (index 1, code x)");

    // The outermost list counts.
    let inner = || async { gather([1, 2].map(|_| async { Err::<u8, _>(down("x")) })).await };
    let error = wait(gather([inner(), inner()])).unwrap_err();
    assert_eq!(error.index(), Some(0));
}

#[test]
fn no_calls_are_no_results() {
    let none = || gather(Vec::<std::future::Ready<Result<u8>>>::new());
    assert_eq!(wait(none()).unwrap(), [0_u8; 0]);
    assert!(wait(none().settle()).is_empty());
    assert!(wait(none().as_completed().collect::<Vec<_>>()).is_empty());
    assert!(wait(none().ordered().collect::<Vec<_>>()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn results_come_as_they_complete_or_in_order() {
    let waits = [50, 10, 30];
    let calls = || gather(waits.map(|wait| after(ms(wait), wait)));
    let came: Vec<_> = calls().as_completed().map(|(index, _)| index).collect().await;
    assert_eq!(came, [1, 2, 0]);

    let start = tokio::time::Instant::now();
    let mut ordered = calls().ordered();
    let mut came = Vec::new();
    while let Some(value) = ordered.next().await {
        came.push((value.unwrap(), start.elapsed().as_millis()));
    }
    // All ran at once; the first one held the others up.
    assert_eq!(came, [(50, 50), (10, 50), (30, 50)]);
    assert_eq!(ordered.size_hint(), (0, Some(0)));
}

#[tokio::test(start_paused = true)]
async fn failing_and_dropping_cancel_what_runs() {
    let alive = Alive::default();
    let calls = || {
        let alive = alive.clone();
        gather((0..10).map(move |number| {
            let alive = alive.clone();
            async move {
                let _living = alive.begin();
                if number == 3 {
                    after(ms(5), ()).await?;
                    return Err(down("third"));
                }
                after(ms(1_000), number).await
            }
        }))
    };
    let start = tokio::time::Instant::now();
    let error = calls().limit(6).await.unwrap_err();
    assert_eq!((error.index(), start.elapsed()), (Some(3), ms(5)));
    assert_eq!((alive.now(), alive.all()), (0, 6), "four calls were never begun");

    let mut stream = calls().as_completed();
    assert_eq!(stream.next().await.unwrap().0, 3);
    assert_eq!(alive.now(), 9, "an error of one leaves the others running");
    drop(stream);
    assert_eq!(alive.now(), 0);

    let mut settle = calls().settle();
    assert!(futures::poll!(&mut settle).is_pending());
    assert_eq!(alive.now(), 10);
    drop(settle);
    assert_eq!(alive.now(), 0);
}

#[test]
fn calls_of_all_kinds_and_owners_are_gathered() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let scripted = Scripted::new().reply_with(|request| request.messages[0].text());
    let model = model(&scripted);
    let texts = ["a".to_owned(), "b".to_owned()];
    // Calls, and futures over calls that borrow; awaited in a future that must be `Send`.
    let values = wait(is_send(async {
        let calls = gather(texts.iter().map(|text| model.call::<String>(text.as_str()))).await?;
        let futures = texts.iter().map(|text| async {
            let text: String = model.call(text.as_str()).await?;
            Ok::<_, Error>(text.to_uppercase())
        });
        let futures = gather(futures).limit(1).settle().await;
        Ok::<_, Error>((calls, futures.into_iter().collect::<Result<Vec<_>>>()?))
    }));
    let (calls, futures) = values.unwrap();
    assert_eq!((calls, futures), (vec!["a".into(), "b".into()], vec!["A".into(), "B".into()]));
    let dropped = gather([model.call::<String>("unsent")]);
    drop(dropped.settle());
    assert_eq!(scripted.requests().len(), 4, "nothing is sent before the first poll");
}
