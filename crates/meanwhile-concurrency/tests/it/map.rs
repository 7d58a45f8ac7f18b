//! Items that become calls when a place comes free.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use futures::{Stream as _, StreamExt as _};
use meanwhile_concurrency::map_concurrent;
use meanwhile_core::{
    Call, Error, ErrorKind, Model, Prompt, Registry, Result, Scope, Scripted, Settings, scope,
};

use crate::support::{Alive, after, down, model, ms, wait};

#[tokio::test(start_paused = true)]
async fn a_hundred_prompts_run_five_at_a_time_in_order() {
    let alive = Alive::default();
    let prompts: Vec<String> = (0..100).map(|number| format!("prompt {number}")).collect();
    let start = tokio::time::Instant::now();
    let answers = map_concurrent(&prompts, 5, |prompt| {
        let alive = alive.clone();
        async move {
            let _living = alive.begin();
            after(ms(10), prompt.to_uppercase()).await
        }
    });
    let answers = answers.await.unwrap();
    for (prompt, answer) in prompts.iter().zip(&answers) {
        assert_eq!(prompt.to_uppercase(), *answer);
    }
    assert_eq!((answers.len(), alive.most()), (100, 5));
    assert_eq!(start.elapsed(), ms(200));
}

#[test]
fn a_hundred_thousand_items_are_never_futures_at_once() {
    const ITEMS: usize = 100_000;
    let (taken, alive) = (Cell::new(0), Alive::default());
    let items = std::iter::repeat_with(|| taken.replace(taken.get() + 1)).take(ITEMS);
    // A future is counted from when it is made, not from its first poll.
    let call = |item: usize| {
        let living = alive.begin();
        async move {
            let _living = living;
            Ok::<_, Error>(item)
        }
    };
    let mut stream = map_concurrent(items, 8, call).ordered();
    assert_eq!((taken.get(), stream.size_hint()), (0, (ITEMS, Some(ITEMS))));
    let mut expected = 0;
    while let Some(item) = wait(stream.next()) {
        assert_eq!(item.unwrap(), expected);
        expected += 1;
        assert!(taken.get() <= expected + 8, "{} were taken for {expected}", taken.get());
    }
    assert_eq!((expected, alive.all(), alive.most()), (ITEMS, ITEMS, 8));
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_holds_up_no_more_than_a_limit_of_others() {
    let alive = Alive::default();
    let call = |number: u64| {
        let alive = alive.clone();
        async move {
            let _living = alive.begin();
            after(ms(if number == 0 { 1_000 } else { 1 }), number).await
        }
    };
    let mut ordered = map_concurrent(0_u64.., 4, call).ordered();
    assert!(tokio::time::timeout(ms(500), ordered.next()).await.is_err());
    assert_eq!(alive.all(), 4, "what is held back is bounded, too");
    // The timeout took no item away.
    let first: Vec<u64> = ordered.by_ref().take(6).map(Result::unwrap).collect().await;
    assert_eq!(first, [0, 1, 2, 3, 4, 5]);

    let unordered = map_concurrent(0_u64.., 4, call).as_completed().take(20);
    let came: Vec<usize> = unordered.map(|(index, _)| index).collect().await;
    assert!(!came.contains(&0) && came.contains(&19), "{came:?}");
}

#[test]
fn progress_is_told_after_every_outcome() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let check = |hint: bool, expected: &[(usize, usize)]| {
        let log = told.clone();
        // A filter does not say how many it lets through.
        let items = (0..4).filter(move |_| !hint);
        let call = |item: u8| async move { if item == 1 { Err(down("x")) } else { Ok(item) } };
        let report = move |done, total| log.lock().unwrap().push((done, total));
        let results = if hint {
            wait(map_concurrent(0..4, 1, call).progress(report).settle())
        } else {
            wait(map_concurrent(items, 1, call).progress(report).settle())
        };
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
        assert_eq!(std::mem::take(&mut *told.lock().unwrap()), expected);
    };
    check(true, &[(1, 4), (2, 4), (3, 4), (4, 4)]);
    check(false, &[(1, 1), (2, 2), (3, 3), (4, 4)]);
}

#[cfg(feature = "progress")]
#[test]
fn a_bar_follows_the_calls() {
    let bar = indicatif::ProgressBar::hidden();
    let calls = map_concurrent(0..7, 2, |item: u8| async move { Ok::<_, Error>(item) });
    wait(calls.progress_on(bar.clone())).unwrap();
    assert_eq!((bar.position(), bar.length(), bar.is_finished()), (7, Some(7), true));
    // A filter does not say how many it lets through: each might be the last.
    let bar = indicatif::ProgressBar::hidden();
    let items = (0..8).filter(|item| item % 2 == 0);
    let calls = map_concurrent(items, 1, |item: u8| async move { Ok::<_, Error>(item) });
    let mut results = calls.progress_on(bar.clone()).as_completed();
    for _ in 0..4 {
        assert!(wait(results.next()).is_some() && !bar.is_finished());
    }
    assert!(wait(results.next()).is_none() && bar.is_finished());
    assert_eq!((bar.position(), bar.length()), (4, Some(4)));
}

#[test]
fn calls_are_made_in_the_scope_of_the_map() {
    let scripted = Scripted::new().reply_with(|request| request.model.clone());
    let registry = Registry::new();
    let ask = |_: u8| Call::<String>::new("ask", &registry, Ok(Prompt::from("x")));
    let model = |id: &str| Settings::new().model(Model::new(scripted.clone(), id));
    let mapped = Scope::default().with(model("around")).enter(|| map_concurrent(0..3, 1, ask));
    let answers = wait(scope(model("elsewhere"), async { mapped.await }));
    assert_eq!(answers.unwrap(), ["around", "around", "around"]);
    // Without one, nothing of where it is awaited leaks in.
    let mapped = map_concurrent(0..1, 1, ask);
    let error = wait(scope(model("elsewhere"), async { mapped.await })).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[test]
fn the_first_error_ends_it_and_a_stream_goes_on() {
    let scripted = Scripted::new().reply("a").error(down("down")).reply("c");
    let asked = model(&scripted);
    let calls = || map_concurrent(0..3, 1, |_| asked.call::<String>("x"));
    assert_eq!(wait(calls()).unwrap_err().index(), Some(1));
    assert_eq!(scripted.requests().len(), 2);
    let scripted = Scripted::new().reply("a").error(down("down")).reply("c");
    let asked = model(&scripted);
    let results =
        wait(map_concurrent(0..3, 1, |_| asked.call::<String>("x")).ordered().collect::<Vec<_>>());
    let values: Vec<_> =
        results.iter().map(|result| result.as_ref().ok().map(String::as_str)).collect();
    assert_eq!(values, [Some("a"), None, Some("c")]);
}
