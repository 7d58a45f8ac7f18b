//! a05: nothing that is awaited keeps the runtime from its other tasks, however large it is.
//!
//! A task that ticks each millisecond shares the one thread with the work. Between two of its ticks the
//! thread may spend 5 ms of processor time: time in which the machine did something else does not
//! count. The servers have threads of their own. Code that is not optimised gets more; for the real limit:
//! `cargo test --release -p meanwhile --features openai,cache --test it ticker -- --test-threads 1`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use meanwhile::prelude::*;
use meanwhile::{Moment, Observer, Run};
use meanwhile_testkit::{Reply, Server};
use rustix::time::{ClockId, clock_gettime};
use tokio::time::{MissedTickBehavior, interval};

use crate::http::{answer, client, echo};

/// Code that is not optimised may take longer, by what it is slower.
const LONGEST: Duration = Duration::from_millis(if cfg!(debug_assertions) { 25 } else { 5 });

/// The processor time of this thread.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// The URL of a server on a thread of its own, which ends with the process.
fn serve(respond: impl Fn(&str) -> Reply + Send + Sync + 'static) -> String {
    let (url, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start(move |request| respond(&request.text())).await.unwrap();
            url.send(server.url()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    told.recv().unwrap()
}

/// Runs `work` beside the ticker, and again if a tick came too late: a measurement that one is enough
/// to pass, because work that is too long is so each time.
async fn check<F: Future<Output = ()>>(name: &str, work: impl Fn() -> F) {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let longest = Arc::new(AtomicU64::new(0));
        let told = longest.clone();
        let ticker = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_millis(1));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut last = spent();
            loop {
                ticks.tick().await;
                let now = spent();
                told.fetch_max((now - last).as_nanos() as u64, Ordering::Relaxed);
                last = now;
            }
        });
        // The first tick.
        tokio::time::sleep(Duration::from_millis(3)).await;
        work().await;
        // The last one.
        tokio::time::sleep(Duration::from_millis(3)).await;
        ticker.abort();
        best = best.min(Duration::from_nanos(longest.load(Ordering::Relaxed)));
        if best <= LONGEST {
            break;
        }
    }
    println!("{name}: {best:?}");
    assert!(best <= LONGEST, "{name}: the other tasks waited for {best:?} of work");
}

fn events(texts: impl IntoIterator<Item = String>) -> String {
    let mut body = String::new();
    for text in texts {
        let chunk = serde_json::json!({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini",
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}],
        });
        body += &format!("data: {chunk}\n\n");
    }
    let end = serde_json::json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    });
    body + &format!("data: {end}\n\ndata: [DONE]\n\n")
}

/// A megabyte of prose, with everything JSON has to escape in it.
fn prose() -> String {
    "She said \"wait\",\n and the caf\u{e9} stayed open for an hour. ".repeat((1 << 20) / 64)
}

#[derive(
    Debug, Clone, PartialEq, Extract, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
struct Book {
    title: String,
    pages: u32,
    tags: Vec<String>,
}

fn library() -> Vec<Book> {
    let book = |number: u32| Book {
        title: format!(
            "The {number}th \"book\": {}",
            "a long title, with all that goes with it; ".repeat(8)
        ),
        pages: number,
        tags: vec!["novel".to_owned(), "caf\u{e9}".to_owned()],
    };
    (0..3_000).map(book).collect()
}

fn library_server() -> String {
    let text = serde_json::to_string(&serde_json::json!({ "value": library() })).unwrap();
    assert!(text.len() > 1_000_000);
    let reply = Reply::new(200).json(answer(&text).to_string());
    serve(move |_| reply.clone())
}

#[tokio::test]
async fn a16_large_whole_answers() {
    let reply = Reply::new(200).json(answer(&prose()).to_string());
    let client = client(&serve(move |_| reply.clone()), "k");
    check("1 MB in one JSON document", async || {
        assert_eq!(echo("hi").client(client.clone()).await.unwrap().len(), prose().len());
    })
    .await;
}

#[tokio::test]
async fn a16_a_large_event() {
    let reply = Reply::new(200).events(events([prose()]));
    let client = client(&serve(move |_| reply.clone()), "k");
    check("1 MB in one event", async || {
        let stream = echo("hi").client(client.clone()).stream().await.unwrap();
        assert_eq!(stream.finish().await.unwrap().len(), prose().len());
    })
    .await;
}

#[tokio::test]
async fn a16_many_events_at_once() {
    let reply = Reply::new(200).events(events((0..10_000).map(|number| format!("{number} "))));
    let client = client(&serve(move |_| reply.clone()), "k");
    check("10,000 events at once, read", async || {
        let mut stream = echo("hi").client(client.clone()).stream().await.unwrap();
        let mut deltas = 0;
        while let Some(event) = stream.next().await {
            deltas += usize::from(matches!(event.unwrap(), Event::TextDelta { .. }));
        }
        assert_eq!(deltas, 10_000);
    })
    .await;
    check("10,000 events at once, folded", async || {
        let stream = echo("hi").client(client.clone()).stream().await.unwrap();
        assert_eq!(stream.finish().await.unwrap().len(), 48_890);
    })
    .await;
}

#[tokio::test]
async fn a16_structured_output() {
    let client = client(&library_server(), "k");
    check("1 MB of structured output", async || {
        let call = meanwhile::call::<Vec<Book>>(
            Model::of(client.clone(), "gpt-4o-mini"),
            "Which books are there?",
        );
        assert_eq!(call.await.unwrap().len(), 3_000);
    })
    .await;
}

/// Thinks hard.
#[tool]
fn think(number: u64) -> u64 {
    let start = spent();
    let mut sum = number;
    while spent() - start < Duration::from_millis(60) {
        sum = sum.wrapping_mul(31).wrapping_add(1);
    }
    sum
}

#[call("openai/gpt-4o-mini", tools = [think])]
async fn thoughtful() -> Result<String> {
    "Think."
}

#[tokio::test]
async fn a16_tools_that_compute() {
    let mut first = answer("");
    first["choices"][0]["finish_reason"] = "tool_calls".into();
    first["choices"][0]["message"]["tool_calls"] = (0..3)
        .map(|number| {
            serde_json::json!({
                "id": format!("t{number}"), "type": "function",
                "function": {"name": "think", "arguments": format!("{{\"number\": {number}}}")},
            })
        })
        .collect();
    let (first, last) = (first.to_string(), answer("done").to_string());
    let client = client(
        &serve(move |asked| {
            let answered = asked.contains("\"role\":\"tool\"");
            Reply::new(200).json(if answered { last.clone() } else { first.clone() })
        }),
        "k",
    );
    check("tools that compute", async || {
        assert_eq!(thoughtful().client(client.clone()).await.unwrap(), "done");
    })
    .await;
}

#[cfg(feature = "concurrency")]
#[tokio::test]
async fn a16_a_thousand_calls() {
    let reply = Reply::new(200).json(answer("fine").to_string());
    let client = client(&serve(move |_| reply.clone()), "k");
    check("1,000 calls, 100 at a time", async || {
        let calls = (0..1_000).map(|_| echo("hi").client(client.clone()));
        assert_eq!(meanwhile::gather(calls).limit(100).await.unwrap().len(), 1_000);
    })
    .await;
    check("1,000 calls at once", async || {
        let calls = (0..1_000).map(|_| echo("hi").client(client.clone()));
        assert_eq!(meanwhile::gather(calls).await.unwrap().len(), 1_000);
    })
    .await;
}

/// Counts what it is told.
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl Observer for Counting {
    fn observe(&self, _: &Run, _: &Moment<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(feature = "layers")]
#[tokio::test]
async fn a16_layers_and_observers() {
    use meanwhile::layers::{Concurrency, RateLimit, Retry, Timeout};

    let reply = Reply::new(200).events(events((0..10_000).map(|number| format!("{number} "))));
    let plain = Reply::new(200).json(answer(&prose()).to_string());
    let url = serve(
        move |asked| {
            if asked.contains("\"stream\":true") { reply.clone() } else { plain.clone() }
        },
    );
    let client = client(&url, "k")
        .layer(&Timeout::new().whole(Duration::from_secs(60)))
        .layer(&RateLimit::new().requests_per_minute(100_000).tokens_per_minute(100_000_000))
        .layer(&Concurrency::new(8))
        .layer(&Retry::new());
    let observer = Arc::new(Counting::default());
    check("10,000 events through layers, observed", async || {
        let call = echo("hi").client(client.clone()).observe(observer.clone());
        call.stream().await.unwrap().finish().await.unwrap();
    })
    .await;
    check("1 MB through layers, observed", async || {
        echo("hi").client(client.clone()).observe(observer.clone()).await.unwrap();
    })
    .await;
    assert!(observer.0.load(Ordering::Relaxed) > 10_000);
}

#[cfg(feature = "cache")]
#[tokio::test]
async fn a16_a_cache_on_disk() {
    use meanwhile::layers::{Cache, DiskCache};

    let reply = Reply::new(200).json(answer(&prose()).to_string());
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(DiskCache::new(folder.path()));
    let client = client(&serve(move |_| reply.clone()), "k").layer(&cache);
    // Another question each time: what is in the cache already is not put there.
    let asked = AtomicU64::new(0);
    check("1 MB to the disk and from there", async || {
        let question = asked.fetch_add(1, Ordering::Relaxed).to_string();
        for _ in 0..2 {
            let answer = echo(&question).client(client.clone()).await.unwrap();
            assert_eq!(answer.len(), prose().len());
        }
    })
    .await;
}
