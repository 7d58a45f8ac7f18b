//! Many calls at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::channel::oneshot;
use meanwhile_core::{Error, ErrorKind, Result, Scripted, gather};

use crate::{model, wait};

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
