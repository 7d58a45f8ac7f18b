//! Hedging: when a request is sent again, and whose answer it is.

use std::time::Duration;

use meanwhile_core::{
    Attempt, Capabilities, Error, ErrorKind, Event, Metadata, Model, OutputSupport, Response,
    Result, Usage, Warning, WarningKind,
};
use meanwhile_layers::{Hedge, HedgeBudget};
use tokio::time::Instant;

use crate::paced::{Paced, Step, words};

const SECOND: Duration = Duration::from_secs(1);

fn slow(time: u64) -> Paced {
    Paced::new("slow").answer(words(time, 10, "slow but sure"))
}

fn quick(time: u64) -> Paced {
    Paced::new("quick").answer(words(time, 10, "quick as a flash"))
}

async fn ask(model: &Model, hedge: &Hedge) -> Result<Response> {
    model.call::<Response>("Hi!").layer(hedge.clone()).await
}

#[tokio::test(start_paused = true)]
async fn whichever_begins_first_wins() {
    for (first, second, winner, time) in [
        // In time: nothing else is sent.
        (900, 0, "slow", 930),
        (5_000, 500, "quick", 1_540),
        // The first one overtakes.
        (1_200, 500, "slow", 1_230),
    ] {
        let (one, two) = (slow(first), quick(second));
        let hedge = Hedge::after(SECOND).to(two.model("two"));
        let began = Instant::now();
        let response = ask(&one.model("one"), &hedge).await.unwrap();
        assert_eq!(response.provider, winner);
        assert_eq!(began.elapsed().as_millis(), time, "{winner}");
        assert_eq!(two.requests().len(), usize::from(first > 1_000));
        assert_eq!(one.live() + two.live(), 0);
        if first > 1_000 {
            let [attempt] = &response.attempts[..] else { panic!("{:?}", response.attempts) };
            let loser = if winner == "slow" { "quick" } else { "slow" };
            assert_eq!(attempt.kind, ErrorKind::Cancelled);
            assert_eq!(attempt.provider.as_deref(), Some(loser));
        }
    }
}

/// The loser is gone when the winner begins, not when it ends.
#[tokio::test(start_paused = true)]
async fn losers_are_closed_at_once() {
    let told = [
        Step::Event(Event::usage(Usage::totals(7, 0))),
        Step::Wait(5_000),
        Step::Fail(ErrorKind::Server),
    ];
    let (one, two) = (Paced::new("slow").answer(told), quick(500));
    let hedge = Hedge::after(SECOND).to(two.model("two"));
    let call = one.model("one").call::<Response>("Hi!").layer(hedge);
    let mut stream = call.stream().await.unwrap();
    let mut begun = false;
    while let Some(event) = stream.next().await {
        begun |= event.unwrap().is_answer();
        assert_eq!(one.live(), 0);
        assert!(!begun || two.live() <= 1);
    }
    let response = stream.response().await.unwrap();
    assert_eq!(response.attempts[0].usage, Usage::totals(7, 0));
    assert_eq!((response.provider.as_str(), response.model.as_str()), ("quick", "two"));
}

#[tokio::test(start_paused = true)]
async fn no_more_are_sent_than_allowed() {
    let one = slow(60_000);
    let hedge = Hedge::after(SECOND).max_hedges(3);
    ask(&one.model("one"), &hedge).await.unwrap();
    assert_eq!(one.requests().len(), 4);

    let [one, two, three] = ["a", "b", "c"].map(|id| Paced::new(id).answer(words(10_000, 0, "x")));
    let hedge = Hedge::after(SECOND).to(two.model("b")).to(three.model("c")).max_hedges(3);
    ask(&one.model("a"), &hedge).await.unwrap();
    let sent = [&one, &two, &three].map(|paced| paced.requests().len());
    assert_eq!(sent, [1, 2, 1], "in turn");
    let none = Hedge::after(Duration::ZERO).max_hedges(0);
    let one = slow(10);
    ask(&one.model("one"), &none).await.unwrap();
    assert_eq!(one.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_delay_it_is_a_race() {
    let (one, two) = (slow(200), quick(100));
    let hedge = Hedge::after(Duration::ZERO).to(two.model("two"));
    let began = Instant::now();
    assert_eq!(ask(&one.model("one"), &hedge).await.unwrap().provider, "quick");
    assert_eq!(began.elapsed().as_millis(), 140);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_leaves_it_to_the_others() {
    let fails = || Paced::new("failing").answer([Step::Wait(1_500), Step::Fail(ErrorKind::Server)]);
    let (one, two) = (fails(), quick(1_000));
    let hedge = Hedge::after(SECOND).to(two.model("two"));
    let response = ask(&one.model("one"), &hedge).await.unwrap();
    assert_eq!(response.provider, "quick");
    assert_eq!(response.attempts[0].kind, ErrorKind::Server);

    let refuses = Paced::new("other").answer([Step::Fail(ErrorKind::RateLimit), Step::Accept]);
    let hedge = Hedge::after(SECOND).to(refuses.model("two"));
    let error = ask(&fails().model("one"), &hedge).await.unwrap_err();
    assert_eq!((error.kind(), error.model()), (ErrorKind::Server, Some("one")));
    assert_eq!(error.attempts()[0].kind, ErrorKind::RateLimit);

    // Failure alone is no reason to send again.
    let one = Paced::new("failing").answer([Step::Fail(ErrorKind::Server)]);
    assert!(ask(&one.model("one"), &Hedge::after(SECOND)).await.is_err());
    assert_eq!(one.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_budget_bounds_them_for_all_calls() {
    let one = slow(2_000);
    let budget = HedgeBudget::percent(50);
    let hedge = Hedge::after(SECOND).budget(budget);
    let mut sent = Vec::new();
    for _ in 0..40 {
        let before = one.requests().len();
        ask(&one.model("one"), &hedge).await.unwrap();
        sent.push(one.requests().len() - before - 1);
    }
    // Ten that were saved up and a half for each request, of which nothing is earned while it is full.
    let hedges: usize = sent.iter().sum();
    assert_eq!(hedges, 10 + 39 / 2, "{sent:?}");
    let unlimited = Hedge::after(SECOND).budget(HedgeBudget::unlimited());
    let before = one.requests().len();
    for _ in 0..40 {
        ask(&one.model("one"), &unlimited).await.unwrap();
    }
    assert_eq!(one.requests().len() - before, 80);
}

#[tokio::test(start_paused = true)]
async fn the_delay_follows_what_was_seen() {
    let hedge =
        Hedge::after_percentile(90, Duration::from_secs(10)).budget(HedgeBudget::unlimited());
    // Of twenty, eighteen take 100 ms and two take a second.
    for number in 0..20 {
        let one = slow(if number % 10 == 9 { 1_000 } else { 100 });
        ask(&one.model("one"), &hedge).await.unwrap();
        assert_eq!(one.requests().len(), 1, "not yet");
    }
    let began = Instant::now();
    let one = Paced::new("slow").answer(words(60_000, 0, "late")).answer(words(50, 0, "again"));
    assert_eq!(ask(&one.model("one"), &hedge).await.unwrap().text(), "again");
    assert_eq!(began.elapsed().as_millis(), 150);
}

#[tokio::test(start_paused = true)]
async fn another_model_is_asked_in_its_way() {
    let mut capabilities = Capabilities::text();
    capabilities.output = OutputSupport::Prompted;
    let two = Paced::new("quick")
        .answer([Step::Event(Event::part(0, meanwhile_core::Part::text("[1]")))])
        .with_capabilities(capabilities);
    let hedge = Hedge::after(SECOND).to(two.model("two"));
    let call = slow(5_000).model("one").call::<Vec<u8>>("Numbers?").layer(hedge);
    // It never ends, but it was asked.
    let _ = tokio::time::timeout(SECOND * 3, call).await;
    assert!(two.requests()[0].messages[0].text().contains("JSON Schema"));
    assert_eq!(two.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_it_anywhere_closes_everything() {
    for stop in (0..2_500).step_by(90) {
        let (one, two) = (slow(3_000), quick(600));
        let hedge = Hedge::after(SECOND).to(two.model("two"));
        let call = one.model("one").call::<Response>("Hi!").layer(hedge);
        let ended = tokio::time::timeout(Duration::from_millis(stop), call).await;
        assert_eq!(ended.is_ok(), stop > 1_640, "{stop}");
        assert_eq!(one.live() + two.live(), 0, "{stop}");
    }
}

/// What the last one told before it failed is on the error.
#[tokio::test(start_paused = true)]
async fn the_last_to_fail_loses_nothing() {
    let warning = Warning::new(WarningKind::Dropped, "top_k", "not known there");
    let inner = Attempt::new(&Error::new(ErrorKind::Overloaded, "busy"), "one", SECOND);
    let mut metadata = Metadata::default();
    metadata.request_id = Some("q1".to_owned());
    let steps = [
        Step::Event(Event::attempt(inner)),
        Step::Event(Event::Metadata(Box::new(metadata))),
        Step::Event(Event::warning(warning.clone())),
        Step::Event(Event::Raw("{}".into())),
        Step::Event(Event::usage(Usage::totals(7, 0))),
        Step::Fail(ErrorKind::Server),
    ];
    let one = Paced::new("slow").answer(steps);
    let error = ask(&one.model("one"), &Hedge::after(SECOND)).await.unwrap_err();
    assert_eq!((error.kind(), error.request_id()), (ErrorKind::Server, Some("q1")));
    assert_eq!(error.attempts().len(), 1);
    let partial = error.partial().unwrap();
    assert_eq!(partial.usage, Usage::totals(7, 0));
    assert_eq!((&partial.warnings[..], &partial.raw[..]), (&[warning][..], &["{}".to_owned()][..]));
}
