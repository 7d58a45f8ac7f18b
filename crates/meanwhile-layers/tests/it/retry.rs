//! Retries: what is tried again, how often, after how long, and what is left of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use meanwhile_core::{
    AnyProvider, Call, Error, ErrorKind, Event, Fold, Layer as _, Message, Model, Moment, Observer,
    Prompt, Provider as _, Registry, Request, Response, Run, Scripted, Settings, TimeoutPhase,
    Usage, Warning, scope,
};
use meanwhile_layers::{Backoff, LayerSettings as _, RETRIES_TAG, Retry, RetryBudget};
use proptest::prelude::*;
use tokio::time::{Instant, timeout};

fn layered(scripted: &Scripted, retry: &Retry) -> Model {
    Model::new(AnyProvider::from(scripted.clone()).layer(retry), "m")
}

fn error(kind: ErrorKind) -> Error {
    Error::new(kind, "as the test says")
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Plays one failure for ever: how many tries there are, and how long they take all together.
async fn check(retry: &Retry, fail: impl Fn() -> Error, tries: usize, waits: [f64; 2]) {
    for streamed in [false, true] {
        let mut scripted = Scripted::new();
        for _ in 0..20 {
            scripted = match streamed {
                true => scripted.events([Ok(Event::usage(Usage::totals(3, 0))), Err(fail())]),
                false => scripted.error(fail()),
            };
        }
        let start = Instant::now();
        let failed = layered(&scripted, retry).call::<String>("hi").await.unwrap_err();
        let elapsed = start.elapsed().as_secs_f64();
        let label = format!("{:?} streamed: {streamed}", fail());
        assert_eq!(scripted.requests().len(), tries, "{label}");
        assert_eq!(failed.attempts().len(), tries - 1, "{label}");
        assert_eq!(failed.kind(), fail().kind(), "{label}");
        assert!((waits[0]..=waits[1] + 0.01).contains(&elapsed), "{label}: {elapsed}");
        let read = if streamed { Some(3) } else { None };
        for attempt in failed.attempts() {
            assert_eq!((attempt.model.as_str(), attempt.usage.input.total), ("m", read), "{label}");
            assert_eq!((attempt.status, attempt.kind), (fail().status(), fail().kind()), "{label}");
        }
        let usage = failed.partial().map(|partial| partial.usage.clone());
        assert_eq!(usage.and_then(|usage| usage.input.total), read, "{label}");
    }
}

// Two waits of the backoff: 0.5 s and 1 s, of which chance takes up to a quarter each.
const TWO_WAITS: [f64; 2] = [1.125, 1.5];
const NO_WAIT: [f64; 2] = [0.0, 0.0];

#[tokio::test(start_paused = true)]
async fn what_is_tried_again_is_what_openais_client_tries_again() {
    let retry = Retry::new();
    let passing = [
        ErrorKind::Connection,
        ErrorKind::Timeout(TimeoutPhase::Connect),
        ErrorKind::Timeout(TimeoutPhase::FirstEvent),
        ErrorKind::Timeout(TimeoutPhase::Idle),
        ErrorKind::StreamInterrupted,
        ErrorKind::Conflict,
        ErrorKind::RateLimit,
        ErrorKind::Overloaded,
        ErrorKind::Server,
    ];
    for kind in passing {
        check(&retry, || error(kind), 3, TWO_WAITS).await;
    }
    let lasting = [
        ErrorKind::Config,
        ErrorKind::MissingCredential,
        ErrorKind::UnknownProvider,
        ErrorKind::Prompt,
        ErrorKind::Unsupported,
        ErrorKind::InvalidRequest,
        ErrorKind::Authentication,
        ErrorKind::PermissionDenied,
        ErrorKind::InsufficientFunds,
        ErrorKind::ModelNotFound,
        ErrorKind::NotFound,
        ErrorKind::RequestTooLarge,
        ErrorKind::ContextLength,
        ErrorKind::ContentFilter,
        ErrorKind::Timeout(TimeoutPhase::Whole),
        ErrorKind::Decode,
        ErrorKind::Output,
        ErrorKind::Cancelled,
    ];
    for kind in lasting {
        check(&retry, || error(kind), 1, NO_WAIT).await;
    }
    // The provider's word goes before the kind, both ways.
    check(&retry, || error(ErrorKind::InvalidRequest).with_retryable(true), 3, TWO_WAITS).await;
    check(&retry, || error(ErrorKind::Server).with_retryable(false), 1, NO_WAIT).await;
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_the_providers_if_it_is_sensible() {
    let retry = Retry::new();
    let wait = |wait: f64| move || error(ErrorKind::RateLimit).with_retry_after(seconds(wait));
    check(&retry, wait(0.25), 3, [0.5, 0.5]).await;
    check(&retry, wait(120.0), 3, [240.0, 240.0]).await;
    check(&retry, wait(0.0), 3, TWO_WAITS).await;
    // Too long is the last word, whatever else the provider says.
    check(&retry, wait(120.001), 1, NO_WAIT).await;
    check(&retry, || wait(121.0)().with_retryable(true), 1, NO_WAIT).await;
    let patient = Retry::new().longest_wait(seconds(300.0));
    check(&patient, wait(121.0), 3, [242.0, 242.0]).await;
}

#[tokio::test(start_paused = true)]
async fn how_often_can_be_set_for_all_and_for_each_kind() {
    let server = || error(ErrorKind::Server);
    check(&Retry::new().retries(0), server, 1, NO_WAIT).await;
    check(&Retry::new().retries(1), server, 2, [0.375, 0.5]).await;
    let five = Retry::new().retries(5).backoff(Backoff::default().jitter(0.0));
    check(&five, server, 6, [15.5, 15.5]).await;
    let eight = Retry::new().retries(8).backoff(Backoff::default().jitter(0.0));
    check(&eight, server, 9, [39.5, 39.5]).await;
    check(&Retry::new().backoff(Backoff::none()), server, 3, NO_WAIT).await;

    let kinds = Retry::new()
        .retries_after(ErrorKind::RateLimit, 4)
        .retries_after(ErrorKind::Server, 0)
        .retries_after(ErrorKind::Decode, 1)
        .backoff(Backoff::none());
    check(&kinds, || error(ErrorKind::RateLimit), 5, NO_WAIT).await;
    check(&kinds, server, 1, NO_WAIT).await;
    check(&kinds, || error(ErrorKind::Decode), 2, NO_WAIT).await;
    check(&kinds, || error(ErrorKind::Connection), 3, NO_WAIT).await;
    // The explicit no of a provider counts more than a setting, whatever the kind.
    check(&kinds, || error(ErrorKind::RateLimit).with_retryable(false), 1, NO_WAIT).await;
    check(&kinds, || error(ErrorKind::Decode).with_retryable(false), 1, NO_WAIT).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_failures_lists_them_in_front() {
    let scripted = Scripted::new()
        .error(error(ErrorKind::Overloaded).with_status(503).with_request_id("r1"))
        .events([
            Ok(Event::Raw("held".into())),
            Ok(Event::warning(Warning::dropped("seed", "not known here"))),
            Err(error(ErrorKind::Server).with_retry_after(seconds(2.0))),
        ])
        .reply("well met");
    let model = layered(&scripted, &Retry::new());
    let mut stream = model.call::<Response>("hi").stream().await.unwrap();
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event.unwrap());
    }
    // Nothing of the tries that failed is left but their record.
    assert!(matches!(&events[..3], [Event::Attempt(_), Event::Attempt(_), Event::Metadata(_)]));
    assert!(!events.iter().any(|event| matches!(event, Event::Raw(_) | Event::Warning(_))));
    let response = stream.response().await.unwrap();
    assert_eq!(response.text(), "well met");
    let [first, second] = &response.attempts[..] else { panic!("{:?}", response.attempts) };
    assert_eq!((first.status, first.request_id.as_deref()), (Some(503), Some("r1")));
    assert!((0.375..=0.5).contains(&first.wait.as_secs_f64()));
    assert_eq!((second.kind, second.wait), (ErrorKind::Server, seconds(2.0)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_tried_again_once_the_answer_has_begun() {
    let begun = [
        Ok(Event::text_start(0)),
        Ok(Event::text_delta(0, "half")),
        Err(error(ErrorKind::StreamInterrupted)),
    ];
    let scripted = Scripted::new().events(begun).reply("never asked");
    let failed = layered(&scripted, &Retry::new()).call::<String>("hi").await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::StreamInterrupted);
    assert_eq!(failed.partial().unwrap().text(), "half");
    assert_eq!((scripted.requests().len(), failed.attempts().len()), (1, 0));
    assert!(!failed.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_says_too_much_before_its_answer_is_handed_on() {
    let frames = |count: usize, size: usize| {
        let frame: Box<str> = "x".repeat(size).into();
        let frames = (0..count).map(move |_| Ok(Event::Raw(frame.clone())));
        frames.chain([Err(error(ErrorKind::Server))]).collect::<Vec<_>>()
    };
    for (count, size, tries) in [(100, 1, 2), (300, 1, 1), (3, 600_000, 1)] {
        let scripted = Scripted::new().events(frames(count, size)).reply("again");
        let model = layered(&scripted, &Retry::new());
        let mut stream = model.call::<Response>("hi").stream().await.unwrap();
        let mut raw = 0;
        while let Some(event) = stream.next().await {
            raw += usize::from(matches!(event, Ok(Event::Raw(_))));
        }
        assert_eq!(scripted.requests().len(), tries, "{count} of {size}");
        assert_eq!(raw, if tries == 1 { count } else { 0 }, "{count} of {size}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_the_whole_call_holds_for_all_tries() {
    let wait = || error(ErrorKind::RateLimit).with_retry_after(seconds(4.0));
    let scripted = Scripted::new().error(wait()).error(wait()).error(wait());
    let model = layered(&scripted, &Retry::new().retries(9));
    let start = Instant::now();
    let call = model.call::<String>("hi").timeout(seconds(10.0));
    let failed = call.await.unwrap_err();
    // The third wait would end after 12 s.
    assert_eq!((failed.kind(), failed.attempts().len()), (ErrorKind::RateLimit, 2));
    assert_eq!(start.elapsed().as_secs(), 8);
    let whole: Vec<_> = scripted.requests().iter().map(|r| r.timeouts.whole.unwrap()).collect();
    let whole: Vec<_> = whole.iter().map(|left| left.as_secs_f64().round()).collect();
    assert_eq!(whole, [10.0, 6.0, 2.0]);
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_shared_and_refills() {
    let budget = RetryBudget::new(3, 1.0);
    let retry = Retry::new().backoff(Backoff::none()).budget(budget.clone());
    let server = || error(ErrorKind::Server);
    check(
        &Retry::new().backoff(Backoff::none()).budget(RetryBudget::new(0, 0.0)),
        server,
        1,
        NO_WAIT,
    )
    .await;
    let fail = |scripted: Scripted| (0..9).fold(scripted, |scripted, _| scripted.error(server()));
    let [one, other] = [fail(Scripted::new()), fail(Scripted::new())];
    layered(&one, &retry).call::<String>("hi").await.unwrap_err();
    layered(&other, &retry.clone()).call::<String>("hi").await.unwrap_err();
    assert_eq!((one.requests().len(), other.requests().len()), (3, 2));
    assert_eq!(budget.left(), 0);
    tokio::time::advance(seconds(2.0)).await;
    assert_eq!(budget.left(), 2);
    tokio::time::advance(seconds(9.0)).await;
    assert_eq!(budget.left(), 3);
    // Who is told when to come back does not add to a storm.
    let told = || error(ErrorKind::RateLimit).with_retry_after(seconds(1.0));
    let none = Retry::new().budget(RetryBudget::new(0, 0.0));
    check(&none, told, 3, [2.0, 2.0]).await;
    check(&none.without_budget().backoff(Backoff::none()), server, 3, NO_WAIT).await;
}

#[tokio::test(start_paused = true)]
async fn layers_of_retries_do_not_multiply() {
    for (inner, outer, tries) in [(2, 2, 3), (1, 2, 4), (2, 1, 3), (0, 2, 3)] {
        let scripted = Scripted::new();
        let scripted = (0..20).fold(scripted, |all, _| all.error(error(ErrorKind::Server)));
        let layer = |retries| Retry::new().retries(retries).backoff(Backoff::none());
        let provider = layer(inner).wrap(AnyProvider::from(scripted.clone()));
        let model = Model::new(layer(outer).wrap(provider), "m");
        let failed = model.call::<String>("hi").await.unwrap_err();
        assert_eq!(scripted.requests().len(), tries, "{inner} in {outer}");
        assert_eq!(failed.attempts().len(), tries - 1, "{inner} in {outer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_says_how_often_for_itself() {
    for (tag, kind, tries) in [
        ("0", ErrorKind::Server, 1),
        ("4", ErrorKind::Server, 5),
        ("4", ErrorKind::InvalidRequest, 1),
        ("often", ErrorKind::Server, 0),
    ] {
        let scripted = (0..9).fold(Scripted::new(), |all, _| all.error(error(kind)));
        let model = layered(&scripted, &Retry::new().backoff(Backoff::none()));
        let failed = model.call::<String>("hi").tag(RETRIES_TAG, tag).await.unwrap_err();
        assert_eq!(scripted.requests().len(), tries, "{tag}");
        let expected = if tries == 0 { ErrorKind::Config } else { kind };
        assert_eq!(failed.kind(), expected, "{tag}");
    }
}

/// As all settings: the call site goes before the body, and both before the scope.
#[tokio::test(start_paused = true)]
async fn what_is_nearest_to_the_call_says_how_often() {
    for (scoped, body, site, tries) in [
        (Some(4), None, None, 5),
        (Some(4), Some(1), None, 2),
        (Some(4), Some(1), Some(0), 1),
        (Some(0), None, Some(3), 4),
        (None, Some(0), None, 1),
        (None, None, None, 3),
    ] {
        let scripted = (0..9).fold(Scripted::new(), |all, _| all.error(error(ErrorKind::Server)));
        let model = layered(&scripted, &Retry::new().backoff(Backoff::none()));
        let prompt = Prompt::from([Message::user("hi")]);
        let prompt = body.into_iter().fold(prompt, Prompt::retries);
        let settings = scoped.into_iter().fold(Settings::new(), Settings::retries);
        let asked = scope(settings, async {
            let call = Call::<String>::new("ask", &Registry::new(), Ok(prompt)).model(model);
            site.into_iter().fold(call, Call::retries).await
        });
        asked.await.unwrap_err();
        assert_eq!(scripted.requests().len(), tries, "{scoped:?} {body:?} {site:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_heard_by_a_layer_that_is_off() {
    for (tag, kind, tries) in [
        (Some("2"), ErrorKind::Server, 3),
        (Some("2"), ErrorKind::InvalidRequest, 1),
        (Some("0"), ErrorKind::Server, 1),
        (None, ErrorKind::Server, 1),
    ] {
        let scripted = (0..9).fold(Scripted::new(), |all, _| all.error(error(kind)));
        let off = Retry::new().retries(0).backoff(Backoff::none());
        let call = layered(&scripted, &off).call::<String>("hi");
        let call = match tag {
            Some(tag) => call.tag(RETRIES_TAG, tag),
            None => call,
        };
        assert_eq!(call.await.unwrap_err().kind(), kind, "{tag:?}");
        assert_eq!(scripted.requests().len(), tries, "{tag:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_is_said_to_be_the_reason() {
    let lasting = Retry::new().budget(RetryBudget::new(1, 0.0)).backoff(Backoff::none());
    let fail = || error(ErrorKind::Server).with_status(503).with_request_id("r1");
    let scripted = (0..9).fold(Scripted::new(), |all, _| all.error(fail()));
    let failed = layered(&scripted, &lasting).call::<String>("hi").await.unwrap_err();
    assert!(failed.message().starts_with("as the test says"), "{failed}");
    assert!(failed.message().contains("the retry budget is empty"), "{failed}");
    assert_eq!((failed.status(), failed.request_id()), (Some(503), Some("r1")));
    assert_eq!((failed.kind(), failed.attempts().len()), (ErrorKind::Server, 1));
    // Where something else is the reason, the budget is not blamed.
    let plenty = Retry::new().backoff(Backoff::none());
    let failed = layered(&scripted, &plenty).call::<String>("hi").await.unwrap_err();
    assert_eq!(failed.message(), "as the test says");
}

#[derive(Debug, Clone, Default)]
struct Heard(Arc<Mutex<Vec<Duration>>>);

impl Observer for Heard {
    fn observe(&self, _: &Run, moment: &Moment<'_>) {
        if let Moment::Retry(attempt) = moment {
            self.0.lock().unwrap().push(attempt.wait);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn observers_are_told_of_each_retry() {
    let wait = |n: u64| error(ErrorKind::RateLimit).with_retry_after(Duration::from_secs(n));
    let scripted = Scripted::new().error(wait(1)).events([Err(wait(2))]).reply("fine");
    let heard = Heard::default();
    let call = layered(&scripted, &Retry::new()).call::<String>("hi").observe(heard.clone());
    call.await.unwrap();
    assert_eq!(*heard.0.lock().unwrap(), [seconds(1.0), seconds(2.0)]);
}

#[tokio::test(start_paused = true)]
async fn dropping_ends_the_wait() {
    let wait = || error(ErrorKind::Server).with_retry_after(seconds(60.0));
    for streamed in [false, true] {
        let scripted = match streamed {
            true => Scripted::new().events([Err(wait())]),
            false => Scripted::new().error(wait()),
        };
        let scripted = scripted.reply("late");
        let call = layered(&scripted, &Retry::new()).call::<String>("hi");
        assert!(timeout(seconds(30.0), call.into_future()).await.is_err());
        tokio::time::advance(seconds(300.0)).await;
        assert_eq!(scripted.requests().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_request_is_sent_again() {
    let scripted = Scripted::new().error(error(ErrorKind::Server)).reply("ok");
    let provider = AnyProvider::from(scripted.clone()).layer(&Retry::new());
    let request = Request::new("m", vec![meanwhile_core::Message::user("hi")]);
    let mut fold = Fold::new("scripted", "m");
    let mut stream = provider.send(request).await.unwrap();
    while let Some(event) = stream.next().await {
        fold.push(&event.unwrap()).unwrap();
    }
    assert_eq!(fold.finish().unwrap().text(), "ok");
    let requests = scripted.requests();
    assert_eq!(requests[0], requests[1]);
}

proptest! {
    #[test]
    fn chance_only_shortens_a_wait(taken in 0u32..5000, jitter in 0.0..1.0f64) {
        let whole = (0.5 * 2f64.powi(i32::try_from(taken).unwrap())).min(8.0);
        let wait = Backoff::default().jitter(jitter).wait(taken).as_secs_f64();
        prop_assert!(wait <= whole && wait >= whole * (1.0 - jitter) - 1e-6, "{wait} of {whole}");
    }
}
