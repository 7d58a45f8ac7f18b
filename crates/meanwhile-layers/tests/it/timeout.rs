//! The three clocks around any provider.

use std::time::Duration;

use meanwhile_core::{
    Error, ErrorKind, Event, Finish, FinishReason, Response, Scripted, TimeoutPhase, Timeouts,
    Usage,
};
use meanwhile_layers::{Backoff, Retry, Timeout};
use tokio::time::Instant;

use crate::paced::{Paced, Step, words};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn event(event: Event) -> Step {
    Step::Event(event)
}

/// Plays `steps` under the limits of the layer and of the call: which clock ran out after how many
/// milliseconds, and the text until then.
async fn check(
    steps: Vec<Step>,
    layer: Timeout,
    own: Timeouts,
    expected: Result<(), (TimeoutPhase, u128, &str)>,
) {
    for streamed in [false, true] {
        let paced = Paced::new("p").answer(steps.clone());
        let model = paced.model("m");
        let start = Instant::now();
        let call = model.call::<Response>("hi").timeouts(own).layer(layer);
        let outcome = match streamed {
            false => call.await,
            true => match call.stream().await {
                Ok(stream) => stream.response().await,
                Err(error) => Err(error),
            },
        };
        let elapsed = start.elapsed().as_millis();
        match (outcome, &expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err((phase, after, text))) => {
                assert_eq!(error.kind(), ErrorKind::Timeout(*phase), "{error}");
                assert!((*after..*after + 5).contains(&elapsed), "{error}: {elapsed}");
                let partial = error.partial().map(Response::text).unwrap_or_default();
                assert_eq!(&partial, text, "{error}");
                assert_eq!((error.provider(), error.model()), (Some("p"), Some("m")));
            }
            (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
        }
        assert_eq!(paced.live(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn each_clock_runs_out_on_its_own() {
    let none = Timeouts::default();
    let first = Timeout::new().first_event(ms(100));
    let late = Err((TimeoutPhase::FirstEvent, 100, ""));
    check(words(99, 500, "in time"), first, none, Ok(())).await;
    check(words(101, 0, "too late"), first, none, late).await;
    // In `send` as well as in the stream.
    let slow = vec![Step::Wait(200), Step::Accept];
    check(slow, first, none, late).await;
    // What is said about the request is not the first word of the answer.
    let metadata = event(Event::Metadata(Box::default()));
    let announced = [vec![metadata], words(200, 0, "late")].concat();
    check(announced, first, none, late).await;

    let idle = Timeout::new().idle(ms(100));
    check(words(5000, 99, "one two three"), idle, none, Ok(())).await;
    let silent = Err((TimeoutPhase::Idle, 150, "one "));
    let steps = vec![
        Step::Wait(50),
        event(Event::text_start(0)),
        event(Event::text_delta(0, "one ")),
        Step::Wait(150),
        event(Event::text_delta(0, "two")),
    ];
    check(steps, idle, none, silent).await;

    let whole = Timeout::new().whole(ms(250));
    let cut = Err((TimeoutPhase::Whole, 250, "one two three "));
    check(words(0, 100, "one two three four"), whole, none, cut).await;
    check(words(0, 60, "one two three four"), whole, none, Ok(())).await;
    // The nearest one counts.
    let all = whole.idle(ms(90)).first_event(ms(1000));
    check(words(10, 100, "one two"), all, none, Err((TimeoutPhase::Idle, 100, "one "))).await;
    check(words(300, 0, "one"), all, none, Err((TimeoutPhase::Whole, 250, ""))).await;
}

#[tokio::test(start_paused = true)]
async fn the_limits_of_the_call_win_field_by_field() {
    let layer = Timeout::new().first_event(ms(100)).idle(ms(100));
    let own = Timeouts::default().first_event(ms(300));
    check(words(299, 50, "a b"), layer, own, Ok(())).await;
    check(words(301, 50, "a"), layer, own, Err((TimeoutPhase::FirstEvent, 300, ""))).await;
    check(words(0, 150, "a b"), layer, own, Err((TimeoutPhase::Idle, 100, "a "))).await;
    let none = Timeouts::default().first_event(Duration::MAX).idle(Duration::MAX);
    check(words(1 << 30, 1 << 30, "a b"), layer, none, Ok(())).await;
    // Layers and providers inside know them.
    let paced = Paced::new("p").answer(words(0, 0, "ok"));
    let layer = layer.whole(ms(700));
    paced.model("m").call::<String>("hi").timeouts(own).layer(layer).await.unwrap();
    let seen = paced.requests()[0].timeouts;
    assert_eq!(seen, own.idle(ms(100)).whole(ms(700)));
}

#[tokio::test(start_paused = true)]
async fn a_late_first_event_is_tried_again_and_counts_reach_the_attempt() {
    let slow = vec![event(Event::usage(Usage::totals(7, 0))), Step::Wait(500)];
    let paced = Paced::new("p").answer(slow).answer(words(0, 0, "quick"));
    let model = paced.model("m");
    let call = model.call::<Response>("hi");
    let call = call.layer(Timeout::new().first_event(ms(100)).idle(ms(100)));
    let response = call.layer(Retry::new().backoff(Backoff::none())).await.unwrap();
    assert_eq!((response.text().as_str(), response.attempts.len()), ("quick", 1));
    assert_eq!(response.attempts[0].usage.input.total, Some(7));
    assert_eq!(response.attempts[0].kind, ErrorKind::Timeout(TimeoutPhase::Idle));
    assert_eq!(paced.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn around_retries_it_bounds_all_of_them() {
    let busy = || Error::new(ErrorKind::Server, "busy").with_retry_after(ms(400));
    let scripted = Scripted::new().error(busy()).error(busy()).error(busy()).reply("late");
    let provider = meanwhile_core::AnyProvider::from(scripted.clone());
    let provider = provider.layer(&Retry::new().retries(5)).layer(&Timeout::new().whole(ms(1000)));
    let model = meanwhile_core::Model::new(provider, "m");
    let error = model.call::<String>("hi").await.unwrap_err();
    // The third wait would end too late, so that the last true error is told.
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Server, 2));
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_is_timed() {
    let steps = [words(1 << 20, 1 << 20, "slow"), vec![]].concat();
    check(steps, Timeout::new(), Timeouts::default(), Ok(())).await;
    let finish = event(Event::finish(Finish::new(FinishReason::Stop)));
    check(vec![finish], Timeout::from(Timeouts::default()), Timeouts::default(), Ok(())).await;
}
