//! What the history keeps, and what it forgets.

use std::time::Duration;

use meanwhile_core::{AnyProvider, Error, ErrorKind, FinishReason, Model, RunKind, Scripted};
use meanwhile_observe::{History, RunRecord};

use crate::support::{Again, SECRET, Slow, ask, with_tool};

fn by_name<'a>(runs: &'a [RunRecord], name: &str) -> &'a RunRecord {
    runs.iter().find(|run| run.name == name).unwrap()
}

#[tokio::test(start_paused = true)]
async fn times_tokens_and_parents_are_kept() {
    let history = History::new(100);
    let model = Slow::model(with_tool(r#"{"x":2}"#), 100, 10);
    ask(model).observe(history.clone()).await.unwrap();
    let runs = history.runs();
    let names: Vec<&str> = runs.iter().map(|run| &*run.name).collect();
    assert_eq!(names, ["ask", "scripted/slow-1", "double", "scripted/slow-1"]);
    assert_eq!(
        runs.iter().map(|run| run.kind).collect::<Vec<_>>(),
        [RunKind::Chain, RunKind::Model, RunKind::Tool, RunKind::Model]
    );
    assert!(runs[1..].iter().all(|run| run.parent == Some(runs[0].id) && run.root == runs[0].id));
    let ms = |ms| Some(Duration::from_millis(ms));
    // Metadata comes first; the text's start is the first piece of the answer.
    let last = &runs[3];
    assert_eq!((last.first_token, last.duration), (ms(120), ms(180)));
    assert_eq!((last.usage.input.total, last.usage.output.total), (Some(1), Some(3)));
    assert_eq!((last.finish, last.model.as_deref()), (Some(FinishReason::Stop), Some("slow-1")));
    assert_eq!(runs[2].duration, ms(0));
    assert_eq!(runs[3].started - runs[0].started, Duration::from_millis(160));
    assert!(runs.iter().all(|run| run.error.is_none() && run.content.request.is_none()));
    assert_eq!(history.run(runs[2].id).unwrap().name, "double");
}

#[tokio::test]
async fn content_is_kept_where_that_is_asked_for() {
    let history = History::new(100).with_content();
    ask(Model::new(with_tool(r#"{"x":2}"#), "any")).observe(history.clone()).await.unwrap();
    let runs = history.runs();
    let model = &by_name(&runs, "scripted/any").content;
    assert_eq!(model.request.as_ref().unwrap().messages[1].text(), "Twice two?");
    assert!(model.request.as_ref().unwrap().run.is_none());
    assert_eq!(model.response.as_ref().unwrap().tool_calls().count(), 1);
    let tool = &by_name(&runs, "double").content;
    assert_eq!(tool.call.as_ref().unwrap().arguments, r#"{"x":2}"#);
    assert_eq!(tool.result.as_ref().unwrap().text(), "4");
}

#[tokio::test]
async fn failures_retries_and_cancelled_runs_are_kept() {
    let history = History::new(100);
    let busy = Error::new(ErrorKind::Overloaded, "busy");
    let inner = AnyProvider::new(Scripted::new().error(busy).reply("one two"));
    let call = ask(Model::new(Again(inner), "any")).observe(history.clone());
    let mut stream = call.stream().await.unwrap();
    for _ in 0..3 {
        stream.next().await.unwrap().unwrap();
    }
    assert!(history.runs().iter().all(|run| run.duration.is_none()));
    drop(stream);
    let runs = history.runs();
    for run in &runs {
        assert_eq!(run.error.as_ref().unwrap().0, ErrorKind::Cancelled, "{run:?}");
        assert!(run.duration.is_some());
    }
    let model = by_name(&runs, "scripted/any");
    assert_eq!(model.attempts.len(), 1);
    assert_eq!(model.attempts[0].kind, ErrorKind::Overloaded);
}

#[tokio::test]
async fn only_the_last_runs_are_kept() {
    let history = History::new(4);
    let long = Slow::model(Scripted::new().reply("later"), 0, 0);
    let mut open = long.call::<String>("x").observe(history.clone()).stream().await.unwrap();
    for _ in 0..3 {
        let model = Model::new(Scripted::new().reply("hi"), "any");
        model.call::<String>("x").observe(history.clone()).await.unwrap();
    }
    let runs = history.runs();
    // The stream still runs: what has ended went first.
    let names: Vec<&str> = runs.iter().map(|run| &*run.name).collect();
    assert_eq!(names, ["call", "scripted/slow-1", "call", "scripted/any"]);
    while open.next().await.is_some() {}
    assert!(history.runs().iter().all(|run| run.duration.is_some()));
    history.clear();
    assert!(history.runs().is_empty());
}

#[tokio::test]
async fn messages_of_errors_count_as_content() {
    for (history, words) in
        [(History::new(9), "overloaded (status 529)"), (History::new(9).with_content(), SECRET)]
    {
        let busy = || Error::new(ErrorKind::Overloaded, SECRET).with_status(529);
        let inner = AnyProvider::new(Scripted::new().error(busy()).error(busy()));
        let call = ask(Model::new(Again(inner), "any")).observe(history.clone());
        call.await.unwrap_err();
        let model = history.runs().into_iter().find(|run| run.kind == RunKind::Model).unwrap();
        assert_eq!(model.error.as_ref().unwrap().1, words);
        assert_eq!(model.attempts[0].message, words);
        assert_eq!(format!("{:?}", history.runs()).contains(SECRET), words == SECRET);
    }
}
