//! The router: who is asked, in which share, and who instead.

use std::time::Duration;

use meanwhile_core::{
    AnyProvider, Capabilities, Error, ErrorKind, Event, Model, OutputSupport, Provider as _,
    Response, Scripted, TimeoutPhase, Usd,
};
use meanwhile_layers::{CircuitBreaker, CircuitState, Deployment, Price, Prices, Router};
use tokio::time::{Instant, advance, timeout};

use crate::all;
use crate::paced::{Paced, Step, words};

fn error(kind: ErrorKind) -> Error {
    Error::new(kind, "as the test says")
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn always(text: &'static str) -> Scripted {
    Scripted::new().reply_with(move |_| text.to_owned())
}

fn deployment(scripted: &Scripted, model: &str) -> Deployment {
    Deployment::new(scripted.clone().into(), model)
}

fn model(router: &Router) -> Model {
    Model::new(router.clone(), "any")
}

#[tokio::test(start_paused = true)]
async fn requests_are_spread_by_weight() {
    fastrand::seed(7);
    let all = [always("a"), always("b"), always("c")];
    let router = Router::new("r")
        .deployment(deployment(&all[0], "small").weight(1))
        .deployment(deployment(&all[1], "large").weight(3))
        .deployment(deployment(&all[2], "spare").weight(0));
    let model = model(&router);
    for _ in 0..2000 {
        model.call::<String>("hi").await.unwrap();
    }
    let counts = all.each_ref().map(|scripted| scripted.requests().len());
    assert!((420..=580).contains(&counts[0]) && counts[2] == 0, "{counts:?}");
    assert!(all[1].requests().iter().all(|request| request.model == "large"));
}

#[tokio::test(start_paused = true)]
async fn a_failure_goes_to_the_next_until_the_answer_has_begun() {
    let moves = [
        ErrorKind::Server,
        ErrorKind::Overloaded,
        ErrorKind::RateLimit,
        ErrorKind::Connection,
        ErrorKind::Authentication,
        ErrorKind::InsufficientFunds,
        ErrorKind::ModelNotFound,
    ];
    let stays = [ErrorKind::InvalidRequest, ErrorKind::ContextLength, ErrorKind::ContentFilter];
    for (kind, asked) in moves.map(|kind| (kind, 1)).into_iter().chain(stays.map(|kind| (kind, 0)))
    {
        for streamed in [false, true] {
            let bad = match streamed {
                true => Scripted::new().events([Err(error(kind))]),
                false => Scripted::new().error(error(kind)),
            };
            let good = always("good");
            let router = Router::new("r")
                .deployment(deployment(&bad, "first"))
                .deployment(deployment(&good, "second").weight(0));
            let answer = model(&router).call::<Response>("hi").await;
            assert_eq!(good.requests().len(), asked, "{kind} {streamed}");
            match answer {
                Ok(answer) => {
                    let [attempt] = &answer.attempts[..] else { panic!("{:?}", answer.attempts) };
                    assert_eq!(answer.requested_model.as_deref(), Some("second"));
                    assert_eq!((attempt.kind, attempt.model.as_str()), (kind, "first"));
                    assert_eq!(attempt.provider.as_deref(), Some("scripted"));
                }
                Err(failed) => assert_eq!((failed.kind(), asked), (kind, 0)),
            }
        }
    }
    let half = Scripted::new().events([Ok(Event::text_start(0)), Err(error(ErrorKind::Server))]);
    let good = always("good");
    let router = Router::new("r")
        .deployment(deployment(&half, "first"))
        .deployment(deployment(&good, "second").weight(0));
    let failed = model(&router).call::<Response>("hi").await.unwrap_err();
    assert_eq!((failed.kind(), good.requests().len()), (ErrorKind::Server, 0));
}

#[tokio::test(start_paused = true)]
async fn circuits_open_and_say_for_how_long() {
    let limited = error(ErrorKind::RateLimit).with_retry_after(seconds(30));
    let first = Scripted::new().error(limited);
    let second = Scripted::new().error(error(ErrorKind::Authentication));
    let router = Router::new("r")
        .deployment(deployment(&first, "first"))
        .deployment(deployment(&second, "second").weight(0));
    let model = model(&router);
    let failed = model.call::<String>("hi").await.unwrap_err();
    assert_eq!((failed.kind(), failed.attempts().len()), (ErrorKind::Authentication, 1));
    let circuits = || router.status().into_iter().map(|status| status.circuit).collect::<Vec<_>>();
    assert_eq!(circuits(), [CircuitState::Open(seconds(30)), CircuitState::Open(seconds(300))]);
    let refused = model.call::<String>("hi").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Overloaded);
    assert_eq!(refused.retry_after(), Some(seconds(30)));
    advance(seconds(30)).await;
    drop(first.clone().reply("back"));
    assert_eq!(model.call::<String>("hi").await.unwrap(), "back");
    assert_eq!(circuits()[0], CircuitState::Closed);

    let breaker = CircuitBreaker::new().failures(1).cooldown(seconds(77));
    let router = Router::new("r")
        .deployment(deployment(&Scripted::new().error(error(ErrorKind::Server)), "m"))
        .circuit_breaker(&breaker);
    self::model(&router).call::<String>("hi").await.unwrap_err();
    assert_eq!(router.status()[0].circuit, CircuitState::Open(seconds(77)));
}

#[tokio::test(start_paused = true)]
async fn places_are_bounded_and_waited_for() {
    let [one, two] = ["one", "two"].map(|id| Paced::new(id).answer(words(100, 0, "ok")));
    let router = Router::new("r")
        .deployment(Deployment::new(one.provider(), "m").concurrency(1))
        .deployment(Deployment::new(two.provider(), "m").concurrency(2));
    let model = model(&router);
    let start = Instant::now();
    let answers = all((0..9).map(|n| model.call::<String>(n.to_string()))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(start.elapsed().as_millis() / 10, 30);
    assert_eq!((one.requests().len(), two.requests().len()), (3, 6));
    let free: Vec<_> = router.status().into_iter().map(|status| status.free).collect();
    assert_eq!(free, [Some(1), Some(2)]);

    // Dropped answers give their places back, and the clock of the call holds in the queue.
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(model.call::<Response>("hi").stream().await.unwrap());
    }
    let late = model.call::<String>("hi").timeout(seconds(1)).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout(TimeoutPhase::Whole));
    assert!(timeout(seconds(1), model.call::<String>("hi").into_future()).await.is_err());
    drop(held);
    model.call::<String>("hi").await.unwrap();
}

#[tokio::test]
async fn names_and_abilities() {
    let mut images = Capabilities::text();
    images.images = true;
    images.endpoint = Some(3);
    let mut json = images;
    json.output = OutputSupport::Json;
    json.tools = false;
    json.endpoint = Some(4);
    let [large, small] = [images, json].map(|can| always("ok").with_capabilities(can));
    let router = Router::new("house")
        .deployment(deployment(&large, "large").serves("best"))
        .deployment(deployment(&small, "small"));
    let both = router.capabilities("best");
    assert!(both.images && both.streaming && !both.tools && !both.audio);
    assert_eq!(both.output, OutputSupport::Json);
    assert!(both.endpoint.is_some() && both.endpoint != router.capabilities("x").endpoint);
    let other = router.capabilities("other");
    assert!(other.endpoint.is_some_and(|endpoint| endpoint != 4));
    json.endpoint = other.endpoint;
    assert_eq!(other, json);

    let router = Router::new("house").deployment(deployment(&large, "large").serves("best"));
    let provider = AnyProvider::from(router);
    let answer: Response = Model::of(provider.clone(), "best").call("hi").await.unwrap();
    assert_eq!((answer.provider.as_str(), answer.model.as_str()), ("scripted", "large"));
    let unknown = Model::of(provider, "worst").call::<String>("hi").await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::ModelNotFound);
}

#[tokio::test(start_paused = true)]
async fn the_answer_says_who_gave_it() {
    let bad = Paced::new("bad").answer([Step::Fail(ErrorKind::Server)]);
    let good = Paced::new("good").answer(words(0, 0, "ok"));
    let router = Router::new("house")
        .deployment(Deployment::new(bad.provider(), "large"))
        .deployment(Deployment::new(good.provider(), "small").weight(0));
    let answer = model(&router).call::<Response>("hi").await.unwrap();
    assert_eq!((answer.provider.as_str(), answer.model.as_str()), ("good", "small"));
    let prices = Prices::none().with("good", "small", Price::new(Usd::cents(100), Usd::ZERO));
    assert!(prices.cost_of(&answer).is_some());
}

#[tokio::test]
async fn the_endpoint_tells_apart_whom_it_asks() {
    let mut can = Capabilities::text();
    can.endpoint = Some(3);
    let endpoint = |deployments: &[(&'static str, &str)]| {
        let router = deployments.iter().fold(Router::new("house"), |router, (provider, model)| {
            let paced = Paced::new(provider).with_capabilities(can);
            router.deployment(Deployment::new(paced.provider(), *model))
        });
        router.capabilities("any").endpoint.unwrap()
    };
    let all = [
        endpoint(&[("a", "small")]),
        endpoint(&[("a", "large")]),
        endpoint(&[("b", "small")]),
        endpoint(&[("as", "mall")]),
        endpoint(&[("a", "small"), ("a", "large")]),
        endpoint(&[("a", "small"), ("b", "small")]),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one), "{at}: {all:?}");
    }
    assert_eq!(all[0], endpoint(&[("a", "small")]));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_times_out_tells_what_failed_before() {
    let bad = Scripted::new().error(error(ErrorKind::Server).with_status(500));
    let busy = Paced::new("busy").answer(words(600_000, 0, "ok"));
    let router = Router::new("r")
        .deployment(Deployment::new(busy.provider(), "busy").concurrency(1).weight(0))
        .deployment(deployment(&bad, "bad").serves("all"));
    // Takes the only place.
    let held = model(&router).call::<Response>("hi").stream().await.unwrap();
    let call = Model::new(router.clone(), "all").call::<String>("hi").timeout(seconds(5));
    let late = call.await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout(TimeoutPhase::Whole));
    let [attempt] = late.attempts() else { panic!("{late:?}") };
    assert_eq!((attempt.kind, attempt.status), (ErrorKind::Server, Some(500)));
    drop(held);
}
