//! The limit of requests at the same time.

use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use meanwhile_core::{AnyProvider, ErrorKind, Layer as _, Model, Response, Scripted, TimeoutPhase};
use meanwhile_layers::Concurrency;
use proptest::prelude::*;
use tokio::time::{Instant, sleep, timeout};

use crate::all;
use crate::paced::{Paced, words};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn limited(paced: &Paced, limit: &Concurrency) -> Model {
    Model::of(limit.wrap(paced.provider()), "m")
}

#[tokio::test(start_paused = true)]
async fn places_are_held_until_the_answer_ends() {
    let paced = Paced::new("p").answer(words(100, 0, "ok"));
    let limit = Concurrency::new(3);
    let model = limited(&paced, &limit);
    let start = Instant::now();
    let answers = all((0..10).map(|n| model.call::<String>(n.to_string()))).await;
    assert!(answers.iter().all(Result::is_ok));
    // Four rounds of three.
    assert_eq!(start.elapsed().as_millis() / 10, 40);
    assert_eq!((limit.free(), limit.waiting()), (3, 0));

    // A stream that nobody reads on keeps its place.
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(model.call::<Response>("hi").stream().await.unwrap());
    }
    let next = model.call::<String>("hi");
    assert!(timeout(ms(5000), next.into_future()).await.is_err());
    held.pop();
    assert_eq!(limit.free(), 1);
    model.call::<String>("hi").await.unwrap();
    drop(held);
    assert_eq!(limit.free(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_came_first_goes_first() {
    let paced = Paced::new("p").answer(words(100, 0, "ok"));
    let model = limited(&paced, &Concurrency::new(1));
    let mut calls = FuturesUnordered::new();
    for n in 0..8_u64 {
        let model = &model;
        calls.push(async move {
            sleep(ms(n)).await;
            model.call::<String>(n.to_string()).await
        });
    }
    while let Some(answer) = calls.next().await {
        answer.unwrap();
    }
    let order: Vec<_> = paced.requests().iter().map(|r| r.messages[0].text()).collect();
    assert_eq!(order, ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_and_a_late_turn_are_errors() {
    let paced = Paced::new("p").answer(words(100, 0, "ok"));
    let limit = Concurrency::new(1).queue(2);
    let model = limited(&paced, &limit);
    let answers = all((0..5).map(|n| model.call::<String>(n.to_string()))).await;
    let failed: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert_eq!(failed.len(), 2);
    for error in failed {
        assert_eq!(error.kind(), ErrorKind::Overloaded);
        let told = error.message().contains("1 requests run and 2 wait already");
        assert!(told && error.is_retryable(), "{error}");
    }
    assert_eq!(paced.requests().len(), 3);

    // The wait counts towards the clock of the call, and shortens what the provider gets.
    let limit = Concurrency::new(1);
    let model = limited(&paced, &limit);
    let calls = (0..3).map(|n| model.call::<String>(n.to_string()).timeout(ms(150)));
    let answers = all(calls).await;
    let error = answers[2].as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Whole));
    let left: Vec<_> =
        paced.requests()[3..].iter().map(|r| r.timeouts.whole.unwrap().as_millis()).collect();
    assert_eq!(left.len(), 2);
    assert!(left[0] == 150 && (40..=50).contains(&left[1]), "{left:?}");
    assert_eq!((limit.free(), limit.waiting()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_gives_its_place_back() {
    let down = meanwhile_core::Error::new(ErrorKind::Server, "down");
    let scripted = Scripted::new().error(down).reply("ok");
    let limit = Concurrency::new(1);
    let model = Model::of(limit.wrap(AnyProvider::from(scripted)), "m");
    model.call::<String>("hi").await.unwrap_err();
    assert_eq!(limit.free(), 1);
    model.call::<String>("hi").await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_place_is_lost_when_calls_are_dropped_anywhere(
        most in 1usize..5,
        drops in prop::collection::vec((0u64..40, 0u64..400), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let paced = Paced::new("p").answer(words(20, 15, "a few words that take their time"));
            let limit = Concurrency::new(most);
            let model = limited(&paced, &limit);
            let mut calls: FuturesUnordered<_> = drops.iter().map(|(begin, life)| {
                let (model, paced) = (&model, &paced);
                async move {
                    sleep(ms(*begin)).await;
                    let call = model.call::<String>("hi");
                    let answer = timeout(ms(*life), call.into_future()).await;
                    assert!(paced.live() <= most);
                    answer.is_ok()
                }
            }).collect();
            while calls.next().await.is_some() {}
            drop(calls);
            assert_eq!((limit.free(), limit.waiting(), paced.live()), (most, 0, 0));
        });
    }
}
