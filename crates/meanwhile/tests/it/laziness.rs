//! When things happen: nothing is sent before the first poll.

use std::sync::atomic::{AtomicUsize, Ordering};

use meanwhile::prelude::*;

use crate::support::run;

#[call("a/b", client = client)]
async fn eager(client: Scripted, built: &AtomicUsize) -> Result<String> {
    built.fetch_add(1, Ordering::Relaxed);
    "x"
}

#[call("a/b", client = client)]
async fn later(client: Scripted, built: &AtomicUsize) -> Result<String> {
    async {}.await;
    built.fetch_add(1, Ordering::Relaxed);
    "x"
}

#[test]
fn nothing_is_sent_before_the_first_poll() {
    let scripted = Scripted::new().reply("one").reply("two");
    let built = AtomicUsize::new(0);

    let call = eager(scripted.clone(), &built).into_future();
    assert_eq!((built.load(Ordering::Relaxed), scripted.requests().len()), (1, 0));
    assert_eq!(run(call).unwrap(), "one");

    let call = later(scripted.clone(), &built).into_future();
    assert_eq!((built.load(Ordering::Relaxed), scripted.requests().len()), (1, 1));
    assert_eq!(run(call).unwrap(), "two");
    assert_eq!((built.load(Ordering::Relaxed), scripted.requests().len()), (2, 2));
}

#[call("a/b")]
async fn recommend(genre: &str, client: &Scripted) -> Result<String> {
    prompt!("{genre}").client(client.clone())
}

#[test]
fn a_call_owns_its_data() {
    fn is_static_and_send<T: Send + 'static>(_: &T) {}

    let scripted = Scripted::new().reply_with(|request| request.messages[0].text());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let task = {
        let genre = String::from("noir");
        let call = recommend(&genre, &scripted);
        is_static_and_send(&call);
        runtime.spawn(call.into_future())
    };
    assert_eq!(runtime.block_on(task).unwrap().unwrap(), "noir");
}

#[test]
fn gathers_in_order() {
    let scripted = Scripted::new().reply_with(|request| request.messages[0].text());
    let genres = ["a", "b", "c", "d"].map(String::from);
    let all = gather(genres.iter().map(|genre| recommend(genre, &scripted))).limit(2);
    assert_eq!(run(all.into_future()).unwrap(), ["a", "b", "c", "d"]);

    let broken = Scripted::new().reply("a");
    let all = gather(genres.iter().map(|genre| recommend(genre, &broken))).limit(1).settle();
    let settled: Vec<_> = run(all).into_iter().map(|result| result.ok()).collect();
    assert_eq!(settled, [Some("a".to_owned()), None, None, None]);
}

#[test]
fn streams_as_it_is_written() {
    let scripted = Scripted::new().reply("one two three");
    run(async {
        let mut stream = recommend("x", &scripted).stream().await.unwrap();
        let mut texts = Vec::new();
        while let Some(event) = stream.next().await {
            if let Event::TextDelta { text, .. } = event.unwrap() {
                texts.push(text);
            }
        }
        assert_eq!(texts, ["one ", "two ", "three"]);
        assert_eq!(stream.finish().await.unwrap(), "one two three");
    });
}
