//! What is particular to this store; what all stores do is in the conformance suite.

use std::time::{Duration, Instant};

use futures::FutureExt as _;
use meanwhile_rag::{Document, SearchQuery, Store as _};

use crate::indexed;

#[tokio::test]
async fn a_question_of_thousands_of_words_is_a_question() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::open(folder.path()).await;
    store.put(indexed(Document::new("d", "the word5000 of many"), vec![])).await.unwrap();
    let text: String = (0..6_000).map(|n| format!("word{n} ")).collect();
    let found = store.search(&SearchQuery::text(text, 3)).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].score > 0.0);
}

#[tokio::test]
async fn a_dropped_write_did_not_happen_or_happened_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::open(folder.path()).await;
    for turn in 0..40_u64 {
        let text = format!("paragraph of turn {turn}\n").repeat(400);
        let put = store.put(indexed(Document::new("d", text), vec![vec![1.0; 64]; 400]));
        // Polled once, so that it begins, then dropped at some point of its work.
        let mut put = std::pin::pin!(put);
        let done = put.as_mut().now_or_never();
        tokio::time::sleep(Duration::from_micros(turn * 250)).await;
        drop(done);
    }
    let counts = store.count().await.unwrap();
    assert_eq!(counts.chunks, counts.documents * 400);
    let chunks = store.chunks("d", 0..u32::MAX).await.unwrap();
    assert_eq!(chunks.len() as u64, counts.chunks);
}

#[tokio::test]
async fn searches_with_little_time_come_to_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::open(folder.path()).await;
    let text = "paragraph\n".repeat(20_000);
    let vector = |n: usize| (0..128).map(|d| ((n * 131 + d * 17) % 251) as f32 - 125.0).collect();
    let vectors = (0..20_000).map(vector).collect();
    store.put(indexed(Document::new("d", text), vectors)).await.unwrap();
    let query = SearchQuery::vector(vec![1.0; 128], 5);

    // How long a first search takes that reads everything.
    let other = crate::open(folder.path()).await;
    let began = Instant::now();
    let wanted = other.search(&query).await.unwrap();
    let whole = began.elapsed();

    let hasty = crate::open(folder.path()).await;
    let time = whole / 4 + Duration::from_millis(1);
    let mut given_up = 0;
    let found = loop {
        match tokio::time::timeout(time, hasty.search(&query)).await {
            Ok(found) => break found.unwrap(),
            Err(_) => given_up += 1,
        }
        assert!(given_up < 40, "{given_up} searches of {time:?} each were given up");
    };
    println!("a first search takes {whole:?}; with {time:?} each, {given_up} were given up before");
    assert_eq!(found, wanted);
}

#[tokio::test(flavor = "current_thread")]
async fn no_future_keeps_the_thread_that_polls_it() {
    // A machine with much else to do may hold up one poll, but hardly one of each attempt.
    let mut attempts = Vec::new();
    for _ in 0..5 {
        let longest = longest_poll().await;
        // Each poll also makes texts and vectors.
        if longest < Duration::from_millis(100) {
            return;
        }
        attempts.push(longest);
    }
    panic!("{attempts:?}");
}

/// The longest that a poll of puts and searches takes.
async fn longest_poll() -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::open(folder.path()).await;
    let work = async {
        for number in 0..20 {
            let text = format!("paragraph of {number}\n").repeat(200);
            let vectors = (0..200_u8).map(|n| vec![f32::from(n); 128]).collect();
            store.put(indexed(Document::new(number.to_string(), text), vectors)).await.unwrap();
            store.search(&SearchQuery::vector(vec![1.0; 128], 5)).await.unwrap();
            store.search(&SearchQuery::text("paragraph of", 5)).await.unwrap();
        }
    };
    let mut work = std::pin::pin!(work);
    let mut longest = Duration::ZERO;
    std::future::poll_fn(|cx| {
        let began = Instant::now();
        let polled = work.as_mut().poll(cx);
        longest = longest.max(began.elapsed());
        polled
    })
    .await;
    longest
}
