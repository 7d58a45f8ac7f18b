//! Circuit breakers: when they open, for how long, and how they close again.

use std::time::Duration;

use meanwhile_core::{
    AnyProvider, Error, ErrorKind, Event, Model, Response, Scripted, TimeoutPhase,
};
use meanwhile_layers::{CircuitBreaker, CircuitState};
use tokio::time::advance;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn error(kind: ErrorKind) -> Error {
    Error::new(kind, "as the test says")
}

struct Bench {
    scripted: Scripted,
    breaker: CircuitBreaker,
    model: Model,
}

impl Bench {
    fn new(breaker: CircuitBreaker) -> Self {
        let scripted = Scripted::new();
        let model = Model::new(AnyProvider::from(scripted.clone()).layer(&breaker), "m");
        Self { scripted, breaker, model }
    }

    async fn fail(&self, error: Error) {
        let kind = error.kind();
        drop(self.scripted.clone().error(error));
        assert_eq!(self.model.call::<String>("hi").await.unwrap_err().kind(), kind);
    }

    async fn answer(&self) {
        drop(self.scripted.clone().reply("ok"));
        self.model.call::<String>("hi").await.unwrap();
    }

    async fn refused(&self) -> Duration {
        let before = self.scripted.requests().len();
        let error = self.model.call::<String>("hi").await.unwrap_err();
        assert_eq!((error.kind(), error.provider()), (ErrorKind::Overloaded, Some("scripted")));
        assert_eq!(self.scripted.requests().len(), before);
        error.retry_after().unwrap()
    }

    fn state(&self) -> CircuitState {
        self.breaker.state("scripted", "m")
    }
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_open_it_and_a_probe_closes_it() {
    let bench = Bench::new(CircuitBreaker::new().failures(3).cooldown(seconds(10)));
    for _ in 0..2 {
        bench.fail(error(ErrorKind::Server)).await;
    }
    // A success, and failures of the request's own, are no part of the row.
    bench.answer().await;
    for _ in 0..2 {
        bench.fail(error(ErrorKind::Connection)).await;
        bench.fail(error(ErrorKind::InvalidRequest)).await;
    }
    assert_eq!(bench.state(), CircuitState::Closed);
    bench.fail(error(ErrorKind::Overloaded)).await;
    assert_eq!(bench.state(), CircuitState::Open(seconds(10)));
    assert_eq!(bench.refused().await, seconds(10));
    advance(seconds(4)).await;
    assert_eq!(bench.refused().await, seconds(6));
    advance(seconds(6)).await;
    assert_eq!(bench.state(), CircuitState::HalfOpen);
    bench.fail(error(ErrorKind::Server)).await;
    assert_eq!(bench.state(), CircuitState::Open(seconds(10)));
    advance(seconds(10)).await;
    bench.answer().await;
    assert_eq!(bench.state(), CircuitState::Closed);
    // The row begins anew.
    bench.fail(error(ErrorKind::Server)).await;
    bench.fail(error(ErrorKind::Server)).await;
    assert_eq!(bench.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_is_certain_opens_it_at_once() {
    let wait = error(ErrorKind::RateLimit).with_retry_after(seconds(42));
    let rows = [
        (wait, Some(42)),
        (error(ErrorKind::RateLimit), Some(5)),
        (error(ErrorKind::Authentication), Some(300)),
        (error(ErrorKind::PermissionDenied), Some(300)),
        (error(ErrorKind::InsufficientFunds), Some(300)),
        (error(ErrorKind::ModelNotFound), Some(300)),
        (error(ErrorKind::NotFound), Some(300)),
        (error(ErrorKind::Server), None),
        (error(ErrorKind::ContextLength), None),
        (error(ErrorKind::ContentFilter), None),
    ];
    for (error, open) in rows {
        let label = error.to_string();
        let bench = Bench::new(CircuitBreaker::new());
        bench.fail(error).await;
        let expected = open.map_or(CircuitState::Closed, |open| CircuitState::Open(seconds(open)));
        assert_eq!(bench.state(), expected, "{label}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_of_failures_opens_it_within_a_minute() {
    let breaker = || CircuitBreaker::new().failures(100).failure_share(0.5, 6);
    let bench = Bench::new(breaker());
    for _ in 0..3 {
        bench.answer().await;
        bench.fail(error(ErrorKind::Server)).await;
    }
    // A half is not more than a half.
    assert_eq!(bench.state(), CircuitState::Closed);
    bench.fail(error(ErrorKind::Server)).await;
    assert!(matches!(bench.state(), CircuitState::Open(_)));

    let bench = Bench::new(breaker());
    for _ in 0..20 {
        bench.fail(error(ErrorKind::Server)).await;
        advance(seconds(15)).await;
    }
    assert_eq!(bench.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn one_probe_at_a_time_and_a_dropped_one_decides_nothing() {
    let bench = Bench::new(CircuitBreaker::new().failures(1));
    bench.fail(error(ErrorKind::Server)).await;
    advance(seconds(5)).await;
    drop(bench.scripted.clone().silence_after([]));
    let mut probe = bench.model.call::<Response>("hi").stream().await.unwrap();
    assert!(matches!(probe.next().await, Some(Ok(Event::Metadata(_)))));
    assert_eq!(bench.state(), CircuitState::HalfOpen);
    bench.refused().await;
    drop(probe);
    // The next one is the probe; an answer closes the circuit with its first event.
    drop(bench.scripted.clone().silence_after([Event::text_start(0)]));
    let mut probe = bench.model.call::<Response>("hi").stream().await.unwrap();
    while !probe.next().await.unwrap().unwrap().is_answer() {}
    assert_eq!(bench.state(), CircuitState::Closed);
    bench.answer().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_is_a_failure_and_models_are_apart() {
    let bench = Bench::new(CircuitBreaker::new().failures(1));
    let begun = [Ok(Event::text_start(0)), Err(error(ErrorKind::StreamInterrupted))];
    drop(bench.scripted.clone().events(begun));
    bench.model.call::<String>("hi").await.unwrap_err();
    assert!(matches!(bench.state(), CircuitState::Open(_)));
    assert_eq!(bench.breaker.state("scripted", "other"), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_closes_it_only_when_the_target_has_replied() {
    let whole = ErrorKind::Timeout(TimeoutPhase::Whole);
    let rows = [
        (error(whole), false),
        (error(ErrorKind::Budget), false),
        (error(ErrorKind::Config), false),
        (error(ErrorKind::Unsupported), false),
        (error(ErrorKind::Cancelled), false),
        (error(ErrorKind::Other), false),
        (error(ErrorKind::Other).with_status(418), true),
        (error(ErrorKind::InvalidRequest), true),
        (error(ErrorKind::ContextLength), true),
        (error(ErrorKind::ContentFilter), true),
        (error(ErrorKind::RequestTooLarge), true),
        (error(ErrorKind::Conflict), true),
    ];
    for (error, closes) in rows {
        let label = error.to_string();
        let bench = Bench::new(CircuitBreaker::new().failures(1));
        bench.fail(self::error(ErrorKind::Server)).await;
        advance(seconds(5)).await;
        bench.fail(error).await;
        let expected = if closes { CircuitState::Closed } else { CircuitState::HalfOpen };
        assert_eq!(bench.state(), expected, "{label}");
        // Either way the next one is let through.
        bench.answer().await;
        assert_eq!(bench.state(), CircuitState::Closed, "{label}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cooldown_beyond_the_end_of_time_opens_it_all_the_same() {
    let bench = Bench::new(CircuitBreaker::new().failures(1).cooldown(Duration::MAX));
    bench.fail(error(ErrorKind::Server)).await;
    assert!(bench.refused().await > seconds(60 * 60 * 24 * 365));
    let bench = Bench::new(CircuitBreaker::new());
    bench.fail(error(ErrorKind::RateLimit).with_retry_after(Duration::MAX)).await;
    bench.refused().await;
}

#[tokio::test(start_paused = true)]
async fn circuits_of_many_names_are_forgotten_unless_they_matter() {
    let breaker = CircuitBreaker::new().failures(2);
    let scripted = Scripted::new().error(error(ErrorKind::InsufficientFunds));
    let scripted = scripted.error(error(ErrorKind::Server)).reply_with(|_| "ok".to_owned());
    let provider = AnyProvider::from(scripted.clone()).layer(&breaker);
    let call = |name: String| Model::of(provider.clone(), name).call::<String>("hi").into_future();
    call("broke".to_owned()).await.unwrap_err();
    call("shaky".to_owned()).await.unwrap_err();
    for n in 0..5000 {
        call(format!("name-{n}")).await.unwrap();
    }
    let kept = format!("{breaker:?}").matches("scripted/name-").count();
    assert!(kept <= 2048, "{kept}");
    assert!(matches!(breaker.state("scripted", "broke"), CircuitState::Open(_)));
    // One failure is remembered: the second in a row opens it.
    drop(scripted.error(error(ErrorKind::Server)));
    call("shaky".to_owned()).await.unwrap_err();
    assert!(matches!(breaker.state("scripted", "shaky"), CircuitState::Open(_)));
}
