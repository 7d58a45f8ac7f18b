//! The first that succeeds.

use meanwhile_concurrency::race;
use meanwhile_core::{
    Attempt, Error, ErrorKind, Event, Finish, FinishReason, Message, Response, Result, Scripted,
    Usage,
};
use tokio::time::Instant;

use crate::support::{Alive, after, down, model, ms, wait};

#[tokio::test(start_paused = true)]
async fn the_first_success_wins_and_the_others_are_cancelled() {
    let alive = Alive::default();
    // The fastest one fails.
    let calls = [(5, false), (40, true), (20, true), (900, true)].map(|(wait, good)| {
        let alive = alive.clone();
        async move {
            let _living = alive.begin();
            let value = after(ms(wait), wait).await?;
            if good { Ok(value) } else { Err(down("fast but bad")) }
        }
    });
    let start = Instant::now();
    assert_eq!(race(calls).await.unwrap(), 20);
    assert_eq!((start.elapsed(), alive.now(), alive.all()), (ms(20), 0, 4));
}

#[tokio::test(start_paused = true)]
async fn an_error_lists_all_when_none_won() {
    let failing = |wait, error: Error| async move {
        after(ms(wait), ()).await?;
        Err::<(), _>(error)
    };
    let mut partial = Response::new("b", "two");
    partial.message = Message::assistant("half an answer");
    partial.usage = Usage::totals(7, 3);
    let calls = [
        failing(20, down("one is down").with_provider("a").with_model("one")),
        failing(
            10,
            Error::new(ErrorKind::StreamInterrupted, "two broke")
                .with_provider("b")
                .with_model("two")
                .with_partial(partial.clone()),
        ),
        failing(
            30,
            down("three is down").with_attempts([Attempt::new(&down("at first"), "three", ms(1))]),
        ),
    ];
    let error = race(calls).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other, "they failed in different ways");
    for said in
        ["all 3 calls", "a/one: server error: one is down (index 0)", "b/two", "three is down"]
    {
        assert!(error.message().contains(said), "{said}: {error}");
    }
    let attempts: Vec<_> = error
        .attempts()
        .iter()
        .map(|attempt| (attempt.model.as_str(), attempt.message.as_str(), attempt.elapsed))
        .collect();
    let expected = [
        ("two", "two broke", ms(10)),
        ("one", "one is down", ms(20)),
        ("three", "at first", ms(1)),
    ];
    assert_eq!(attempts, expected);
    assert_eq!(error.attempts()[0].usage, Usage::totals(7, 3));
    assert_eq!(error.partial(), Some(&partial));
    assert!(error.is_retryable(), "a server that is down may come back");
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.to_string().contains("three is down"));

    let error = race([failing(1, down("x")), failing(2, down("y"))]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server, "they failed in one way");
}

#[test]
fn one_runner_and_none() {
    let error = wait(race([async { Err::<(), _>(down("alone")) }])).unwrap_err();
    assert_eq!((error.message(), error.attempts().len()), ("alone", 0));
    let error = wait(race(Vec::<std::future::Ready<Result<()>>>::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[test]
fn models_of_any_provider_race() {
    let finish = Event::finish(Finish::new(FinishReason::Stop));
    let bad = Scripted::new().error(down("down"));
    let empty = Scripted::new().events([Ok(finish)]);
    let good = Scripted::new().reply("hello");
    let models = [&bad, &empty, &good].map(model);
    let calls = models.iter().map(|model| model.call::<String>("x"));
    assert_eq!(wait(race(calls)).unwrap(), "hello");
}
