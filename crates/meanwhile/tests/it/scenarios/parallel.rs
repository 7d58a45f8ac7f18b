//! a04: several calls at once, in order, as they complete, aborted, and as streams.

use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use futures_util::stream::select_all;
use meanwhile::merge;
use meanwhile::prelude::*;
use tokio::task::JoinSet;

use crate::http::{client, echo, echoing};

fn waits(text: &str) -> Duration {
    // The first call takes longest.
    Duration::from_millis(300 - 40 * text.len() as u64)
}

/// How long the answers take, which are these.
async fn timed(
    answers: impl IntoFuture<Output = Result<Vec<String>>>,
    expected: &[&str],
) -> Duration {
    let start = Instant::now();
    assert_eq!(answers.await.unwrap(), expected);
    start.elapsed()
}

#[tokio::test]
async fn a04_three_calls_take_as_long_as_the_slowest_and_keep_their_order() {
    let server = echoing(waits).await;
    let client = client(&server.uri(), "k");
    let calls = || ["a", "bb", "ccc"].map(|text| echo(text).client(client.clone()));
    let expected = ["a Bearer k", "bb Bearer k", "ccc Bearer k"];
    let gathered = gather(calls());
    assert!(server.received_requests().await.unwrap().is_empty(), "nothing is sent before a poll");
    // One after the other they take 660 ms. A machine with much else to do may take longer for one
    // attempt, but hardly for each.
    let mut times = vec![timed(gathered, &expected).await];
    while times.iter().all(|time| *time >= Duration::from_millis(450)) {
        assert!(times.len() < 5, "{times:?}");
        times.push(timed(gather(calls()), &expected).await);
    }

    // With what is there for any future.
    let mut times = Vec::new();
    while times.iter().all(|time| *time >= Duration::from_millis(450)) {
        assert!(times.len() < 5, "{times:?}");
        let joined = try_join_all(calls().map(IntoFuture::into_future));
        times.push(timed(joined, &expected).await);
    }
    let mut broken = calls().map(IntoFuture::into_future).into_iter().collect::<Vec<_>>();
    broken.push(echo("x").model("nowhere/m").into_future());
    let joined: Vec<bool> = join_all(broken).await.iter().map(Result::is_ok).collect();
    assert_eq!(joined, [true, true, true, false]);
}

#[tokio::test]
async fn a04_tasks_come_as_they_complete_and_one_may_be_aborted() {
    let server = echoing(waits).await;
    let client = client(&server.uri(), "k");
    let mut tasks = JoinSet::new();
    let handles =
        ["a", "bb", "ccc"].map(|text| tasks.spawn(echo(text).client(client.clone()).into_future()));
    handles[1].abort();
    let (mut answers, mut aborted) = (Vec::new(), 0);
    while let Some(task) = tasks.join_next().await {
        match task {
            Ok(answer) => answers.push(answer.unwrap()),
            Err(error) => aborted += usize::from(error.is_cancelled()),
        }
    }
    assert_eq!((answers, aborted), (vec!["ccc Bearer k".into(), "a Bearer k".to_owned()], 1));
}

#[derive(Debug, PartialEq, Extract, Deserialize, JsonSchema)]
struct Sum {
    total: u32,
}

#[call("a/b")]
async fn add(client: &Scripted, left: u32, right: u32) -> Result<Sum> {
    prompt!("{left} {right}").client(client.clone())
}

#[tokio::test]
async fn a04_structured_answers_and_streams_run_side_by_side() {
    let client = Scripted::new().reply_with(|request| {
        let numbers = request.messages[0].text();
        let total: u32 = numbers.split(' ').map(|number| number.parse::<u32>().unwrap()).sum();
        format!(r#"{{"total": {total}}}"#)
    });
    let sums = gather((0..4).map(|number| add(&client, number, 10))).await.unwrap();
    assert_eq!(sums, [10, 11, 12, 13].map(|total| Sum { total }));

    let streams = || gather((0..2).map(|number| add(&client, number, 0).stream()));
    let mut ends = 0;
    let mut events = select_all(streams().await.unwrap());
    while let Some(event) = events.next().await {
        ends += usize::from(event.unwrap().is_terminal());
    }
    assert_eq!(ends, 2);
    let mut texts = [String::new(), String::new()];
    let mut events = merge(streams().await.unwrap().into_iter().enumerate());
    while let Some((index, event)) = events.next().await {
        if let Event::TextDelta { text, .. } = event.unwrap() {
            texts[index].push_str(&text);
        }
    }
    assert_eq!(texts, [r#"{"total": 0}"#, r#"{"total": 1}"#]);
}
