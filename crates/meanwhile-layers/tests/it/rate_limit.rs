//! Limits a minute: never more in any minute, not much less, in order, and on the provider's own count.

use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::tool::ToolSpec;
use meanwhile_core::{
    AnyProvider, Error, ErrorKind, Event, Finish, FinishReason, Layer as _, Message, Model, Part,
    Provider as _, Request, Response, Result, Schema, Scripted, TimeoutPhase, Usage,
};
use meanwhile_layers::{
    Booked, Limits, MemoryRateStore, RateLimit, RateStore, Retry, estimate_tokens,
};
use proptest::prelude::*;
use serde_json::json;
use tokio::time::{Instant, advance, sleep, timeout};

use crate::all;
use crate::paced::{Paced, Step, words};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn always() -> Scripted {
    Scripted::new().reply_with(|_| "ok".to_owned())
}

fn limited(scripted: &Scripted, limit: &RateLimit) -> Model {
    Model::of(limit.wrap(AnyProvider::from(scripted.clone())), "m")
}

#[tokio::test(start_paused = true)]
async fn requests_wait_their_turn_in_order() {
    let scripted = always();
    let limit = RateLimit::new().requests_per_minute(5);
    let model = limited(&scripted, &limit);
    let start = Instant::now();
    let calls = (0..20).map(|n| model.call::<String>(n.to_string()));
    let answers = all(calls).await;
    assert!(answers.iter().all(Result::is_ok));
    // Four batches, a minute and at most a sixtieth apart.
    let took = start.elapsed().as_secs();
    assert!((180..=184).contains(&took), "{took}");
    let order: Vec<_> = scripted.requests().iter().map(|r| r.messages[0].text()).collect();
    let expected: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    assert_eq!(order, expected);
}

#[tokio::test(start_paused = true)]
async fn keys_are_apart_and_can_be_chosen() {
    let scripted = always();
    let limit = RateLimit::new().requests_per_minute(1).fail_fast();
    let provider = limit.wrap(AnyProvider::from(scripted.clone()));
    let [one, other] = ["one", "other"].map(|id| Model::of(provider.clone(), id));
    one.call::<String>("hi").await.unwrap();
    other.call::<String>("hi").await.unwrap();
    // Clones and other providers in the same layer share what was counted.
    let again = Model::of(limit.clone().wrap(AnyProvider::from(scripted.clone())), "one");
    let refused = again.call::<String>("hi").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::RateLimit);
    let wait = refused.retry_after().unwrap();
    assert!((60..=61).contains(&wait.as_secs()), "{wait:?}");
    advance(wait).await;
    again.call::<String>("hi").await.unwrap();

    let team =
        |request: &Request| request.tags.iter().map(|(_, team)| team.clone()).collect::<String>();
    let limit = RateLimit::new().requests_per_minute(1).fail_fast().key(team);
    let model = limited(&scripted, &limit);
    model.call::<String>("hi").tag("team", "red").await.unwrap();
    model.call::<String>("hi").tag("team", "blue").await.unwrap();
    model.call::<String>("hi").tag("team", "red").await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_would_overrun_fails_at_once() {
    let scripted = always();
    let limit = RateLimit::new().requests_per_minute(2);
    let model = limited(&scripted, &limit);
    let start = Instant::now();
    for n in 0..2 {
        model.call::<String>(n.to_string()).await.unwrap();
    }
    let late = model.call::<String>("late").timeout(seconds(50)).await.unwrap_err();
    assert_eq!((late.kind(), start.elapsed()), (ErrorKind::RateLimit, Duration::ZERO));
    // With enough time it waits, and the rest of the time is the provider's.
    model.call::<String>("in time").timeout(seconds(90)).await.unwrap();
    let left = scripted.requests()[2].timeouts.whole.unwrap().as_secs();
    assert!((28..=30).contains(&left), "{left}");
    // Those who wait ahead are reckoned with before anybody waits.
    let patient = all((0..6).map(|n| model.call::<String>(n.to_string())));
    let impatient = async {
        sleep(seconds(1)).await;
        let start = Instant::now();
        let error = model.call::<String>("hi").timeout(seconds(100)).await.unwrap_err();
        (error.kind(), start.elapsed())
    };
    let (answers, refused) = tokio::join!(patient, impatient);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(refused, (ErrorKind::RateLimit, Duration::ZERO));

    let brief = RateLimit::new().requests_per_minute(1).longest_wait(seconds(30));
    let model = limited(&scripted, &brief);
    model.call::<String>("hi").await.unwrap();
    model.call::<String>("hi").await.unwrap_err();
    advance(seconds(40)).await;
    model.call::<String>("hi").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_leaves_the_row() {
    let scripted = always();
    let limit = RateLimit::new().requests_per_minute(1);
    let model = limited(&scripted, &limit);
    model.call::<String>("first").await.unwrap();
    let given_up = timeout(seconds(10), model.call::<String>("given up").into_future());
    let kept = model.call::<String>("kept").into_future();
    let (given_up, kept) = tokio::join!(given_up, kept);
    assert!(given_up.is_err() && kept.is_ok());
    let asked: Vec<_> = scripted.requests().iter().map(|r| r.messages[0].text()).collect();
    assert_eq!(asked, ["first", "kept"]);
}

/// How many of the 1000 tokens are left.
async fn left(store: &MemoryRateStore) -> u64 {
    let limits = Limits::new(None, Some(1000), seconds(60));
    let mut left = 0;
    while let Booked::Now(_) = store.book("p/m", &limits, 1).await.unwrap() {
        left += 1;
    }
    left
}

#[tokio::test(start_paused = true)]
async fn tokens_are_corrected_by_what_was_used() {
    let text = "four and twenty blackbirds baked in a pie";
    let usage = |input, output| Step::Event(Event::usage(Usage::totals(input, output)));
    let finish = || Step::Event(Event::finish(Finish::new(FinishReason::Stop)));
    let delta = || Step::Event(Event::text_delta(0, text));
    let begun = || vec![Step::Event(Event::text_start(0)), delta()];
    let complete = |counts: Vec<Step>| {
        let end = vec![Step::Event(Event::part_end(0))];
        [begun(), end, counts, vec![finish()]].concat()
    };
    // The estimate is 500: 100 for the prompt and 400 for the answer.
    let rows: Vec<(&str, Vec<Step>, bool, u64)> = vec![
        ("reported", complete(vec![usage(120, 30)]), false, 150),
        ("more than estimated", complete(vec![usage(500, 300)]), false, 800),
        ("not reported", complete(vec![]), false, 500),
        ("refused", vec![Step::Fail(ErrorKind::Server), Step::Accept], false, 0),
        ("broken", [begun(), vec![Step::Fail(ErrorKind::Server)]].concat(), false, 111),
        ("dropped", [begun(), vec![Step::Wait(99_000)]].concat(), true, 111),
        ("dropped early", vec![Step::Wait(99_000)], true, 100),
        ("dropped late", [begun(), vec![usage(120, 30), Step::Wait(99_000)]].concat(), true, 150),
        (
            "dropped with the input known",
            [vec![usage(120, 1)], begun(), vec![Step::Wait(99_000)]].concat(),
            true,
            131,
        ),
    ];
    for (label, steps, dropped, used) in rows {
        let store = MemoryRateStore::new();
        let limit = RateLimit::new().tokens_per_minute(1000).estimate(|_| 500).store(store.clone());
        let model = Model::of(limit.wrap(Paced::new("p").answer(steps).provider()), "m");
        let call = model.call::<Response>("hi").max_tokens(400);
        if dropped {
            let _ = timeout(seconds(1), call.into_future()).await;
        } else {
            let _ = call.await;
        }
        assert_eq!(left(&store).await, 1000 - used, "{label}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_lets_the_next_one_in_at_once() {
    let paced = Paced::new("p").answer(words(100, 0, "ok"));
    // Eleven tokens each, though each books 600: one at a time, and nobody waits for a window.
    let limit = RateLimit::new().tokens_per_minute(1000).estimate(|_| 600);
    let model = Model::of(limit.wrap(paced.provider()), "m");
    let start = Instant::now();
    assert!(
        all((0..10).map(|n| model.call::<String>(n.to_string()))).await.iter().all(Result::is_ok)
    );
    assert!(start.elapsed() < seconds(2), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_providers_own_limit_pauses_everybody_under_the_key() {
    let told = Error::new(ErrorKind::RateLimit, "too fast").with_retry_after(seconds(20));
    for streamed in [false, true] {
        let told = Error::new(ErrorKind::RateLimit, told.message().to_owned())
            .with_retry_after(seconds(20));
        let scripted = match streamed {
            true => Scripted::new().events([Err(told)]),
            false => Scripted::new().error(told),
        };
        let scripted = scripted.reply_with(|_| "ok".to_owned());
        let limit = RateLimit::new().requests_per_minute(100);
        let model = limited(&scripted, &limit);
        let start = Instant::now();
        model.call::<String>("too fast").await.unwrap_err();
        assert!(
            all((0..5).map(|n| model.call::<String>(n.to_string())))
                .await
                .iter()
                .all(Result::is_ok)
        );
        assert_eq!(start.elapsed().as_secs(), 20);
        let provider = Retry::new().wrap(limit.wrap(AnyProvider::from(scripted.clone())));
        Model::of(provider, "m").call::<String>("hi").await.unwrap();
    }
}

#[derive(Debug, Clone)]
struct Broken;

#[async_trait]
impl RateStore for Broken {
    async fn book(&self, _: &str, _: &Limits, _: u64) -> Result<Booked> {
        Err(Error::new(ErrorKind::Connection, "the store is away"))
    }

    fn settle(&self, _: &str, _: &Limits, _: u64, _: u64, _: u64) {}

    fn pause(&self, _: &str, _: &Limits, _: Duration) {}
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_never_passed_over_in_silence() {
    let limit = RateLimit::new().requests_per_minute(1).store(Broken);
    let failed = limited(&always(), &limit).call::<String>("hi").await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Connection);
    let limit = limit.fail_open();
    let answer = limited(&always(), &limit).call::<Response>("hi").await.unwrap();
    let [warning] = &answer.warnings[..] else { panic!("{:?}", answer.warnings) };
    assert!(warning.to_string().contains("the store is away"), "{warning}");
}

#[tokio::test(start_paused = true)]
async fn windows_of_different_length_share_a_store() {
    let store = MemoryRateStore::new();
    let day = Limits::new(Some(3), None, seconds(24 * 60 * 60));
    let minute = Limits::new(Some(2), None, seconds(60));
    // Slots of a day are numbered in other steps than those of a minute.
    advance(seconds(100_000)).await;
    for _ in 0..3 {
        assert!(matches!(store.book("k", &day, 0).await.unwrap(), Booked::Now(_)));
        assert!(matches!(store.book("k", &minute, 0).await.unwrap(), Booked::Now(_)));
        advance(seconds(61)).await;
    }
    let Booked::Wait(wait) = store.book("k", &day, 0).await.unwrap() else {
        panic!("the limit of the day was forgotten");
    };
    assert!(wait > seconds(23 * 60 * 60), "{wait:?}");
    // What is given back is given back to its own window.
    let tokens = |window| Limits::new(None, Some(100), seconds(window));
    for window in [60, 3600] {
        let Booked::Now(slot) = store.book("t", &tokens(window), 100).await.unwrap() else {
            panic!("{window}");
        };
        assert!(matches!(store.book("t", &tokens(window), 1).await.unwrap(), Booked::Wait(_)));
        store.settle("t", &tokens(window), slot, 100, 40);
        assert!(matches!(store.book("t", &tokens(window), 60).await.unwrap(), Booked::Now(_)));
    }
    // A pause is the provider's, whatever the window.
    store.pause("p", &minute, seconds(20));
    for limits in [&day, &minute] {
        let booked = store.book("p", limits, 0).await.unwrap();
        assert_eq!(booked, Booked::Wait(seconds(20)));
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_no_longer_count_are_forgotten() {
    let store = MemoryRateStore::new();
    let limits = Limits::new(Some(1), None, seconds(1));
    let day = Limits::new(Some(1), None, seconds(24 * 60 * 60));
    store.book("kept", &day, 0).await.unwrap();
    for n in 0..5000 {
        store.pause(&format!("paused-{n}"), &limits, seconds(1));
        store.book(&format!("booked-{n}"), &limits, 0).await.unwrap();
        advance(seconds(1)).await;
    }
    let shown = format!("{store:?}");
    let kept = shown.matches("paused-").count() + shown.matches("booked-").count();
    assert!(kept <= 2048, "{kept}");
    assert!(matches!(store.book("kept", &day, 0).await.unwrap(), Booked::Wait(_)));
}

#[derive(Debug, Clone)]
struct Slow;

#[async_trait]
impl RateStore for Slow {
    async fn book(&self, _: &str, _: &Limits, _: u64) -> Result<Booked> {
        sleep(seconds(30)).await;
        Ok(Booked::Now(0))
    }

    fn settle(&self, _: &str, _: &Limits, _: u64, _: u64, _: u64) {}

    fn pause(&self, _: &str, _: &Limits, _: Duration) {}
}

#[tokio::test(start_paused = true)]
async fn the_store_is_asked_within_the_clock_of_the_whole_call() {
    for limit in [RateLimit::new(), RateLimit::new().fail_open()] {
        let scripted = always();
        let limit = limit.requests_per_minute(1).store(Slow);
        let provider = limit.wrap(AnyProvider::from(scripted.clone()));
        let mut request = Request::new("m", vec![Message::user("hi")]);
        request.timeouts.whole = Some(seconds(5));
        let start = Instant::now();
        let late = provider.send(request).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Timeout(TimeoutPhase::Whole));
        assert_eq!((start.elapsed(), scripted.requests().len()), (seconds(5), 0));
    }
}

#[test]
fn estimates() {
    let check = |request: Request, tokens: u64| assert_eq!(estimate_tokens(&request), tokens);
    check(Request::new("m", vec![]), 0);
    check(Request::new("m", vec![Message::user("abcdefgh")]), 6);
    check(Request::new("m", vec![Message::system("a"), Message::user("b")]), 10);
    let mut request = Request::new("m", vec![Message::user("abcd")]);
    request.params.max_tokens = Some(100);
    check(request.clone(), 105);
    request.tools.push(ToolSpec::new("look", "Looks.", Schema::from(json!({"type": "object"}))));
    check(request.clone(), 112);
    request.messages[0].parts.push(Part::from(meanwhile_core::Image::url("https://host/x.png")));
    check(request, 1112);
}

#[derive(Debug, Clone)]
enum Act {
    Wait(u64),
    Ask(u64),
    // Of the newest that was let through: what it used.
    Settle(u64),
}

fn steps() -> impl Strategy<Value = Vec<Act>> {
    let step = prop_oneof![
        2 => (0u64..30_000).prop_map(Act::Wait),
        1 => (0u64..400).prop_map(Act::Wait),
        6 => (0u64..60).prop_map(Act::Ask),
        2 => (0u64..60).prop_map(Act::Settle),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn no_window_ever_holds_more_than_the_limits(
        requests in 1u64..8,
        tokens in 60u64..150,
        window in 1_000u64..70_000,
        steps in steps(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let window = Duration::from_millis(window);
            let limits = Limits::new(Some(requests), Some(tokens), window);
            let store = MemoryRateStore::new();
            let start = Instant::now();
            // When, and how many tokens.
            let mut through: Vec<(Duration, u64, u64)> = Vec::new();
            for step in steps {
                match step {
                    Act::Wait(wait) => advance(Duration::from_millis(wait)).await,
                    Act::Settle(used) => {
                        if let Some((_, counted, slot)) = through.last_mut() {
                            // Less than booked; more is the provider's affair, and cannot be undone.
                            let used = used.min(*counted);
                            store.settle("k", &limits, *slot, *counted, used);
                            *counted = used;
                        }
                    }
                    Act::Ask(asked) => match store.book("k", &limits, asked).await.unwrap() {
                        Booked::Now(slot) => through.push((start.elapsed(), asked, slot)),
                        Booked::Wait(wait) => {
                            // It is true, and not for ever.
                            assert!(wait > Duration::ZERO && wait <= window * 2, "{wait:?}");
                            if asked % 3 == 0 {
                                advance(wait).await;
                                match store.book("k", &limits, asked).await.unwrap() {
                                    Booked::Now(slot) => {
                                        through.push((start.elapsed(), asked, slot));
                                    }
                                    // One blocker after the other.
                                    Booked::Wait(more) => assert!(more <= window * 2),
                                }
                            }
                        }
                    },
                }
            }
            for (end, ..) in &through {
                let inside = through.iter().filter(|(at, ..)| at <= end && *at + window > *end);
                let (count, sum) =
                    inside.fold((0, 0), |(count, sum), (_, tokens, _)| (count + 1, sum + tokens));
                assert!(count <= requests && sum <= tokens, "{count} and {sum} until {end:?}");
            }
        });
    }

    #[test]
    fn nearly_all_of_the_limit_can_be_used(requests in 1u64..40, pause in 1u64..200) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let limits = Limits::new(Some(requests), None, seconds(60));
            let store = MemoryRateStore::new();
            let start = Instant::now();
            let mut through = 0;
            while start.elapsed() < seconds(600) {
                match store.book("k", &limits, 0).await.unwrap() {
                    Booked::Now(_) => through += 1,
                    Booked::Wait(wait) => advance(wait.min(Duration::from_millis(pause))).await,
                }
            }
            assert!(through * 10 >= requests * 9 * 9, "{through} of {}", requests * 10);
        });
    }
}
