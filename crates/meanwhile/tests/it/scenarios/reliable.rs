//! a13, a15, a17: clocks, limits, and tests of all that without a network.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meanwhile::layers::{Concurrency, RateLimit, Retry};
use meanwhile::prelude::*;
use meanwhile::provider::openai::OpenAi;
use meanwhile::{Registry, TimeoutPhase, Timeouts};
use tokio::time::{Instant, sleep};

use crate::http::{End, STREAM, chunk, client, echo, raw};

const SHORT: Duration = Duration::from_millis(150);

#[call("openai/gpt-4o-mini", timeout = "150ms")]
async fn patient(client: AnyProvider) -> Result<String> {
    prompt!("hi").client(client)
}

#[tokio::test]
async fn a13_every_clock_is_an_error_that_names_its_phase() {
    // The clock for making a connection is tested where connections are made.
    let silent = raw(STREAM, vec![chunk("one")], End::Silence).await;
    let call = || echo("hi").client(client(&silent.url, "k"));
    let idle = call().timeouts(Timeouts::default().idle(SHORT)).stream().await.unwrap();
    let error = idle.finish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Idle), "{error}");
    assert_eq!(error.partial().unwrap().text(), "one");

    let deaf = raw("", Vec::new(), End::Silence).await;
    let call = || echo("hi").client(client(&deaf.url, "k"));
    let first = call().timeouts(Timeouts::default().first_event(SHORT)).await.unwrap_err();
    assert_eq!(first.kind(), ErrorKind::Timeout(TimeoutPhase::FirstEvent), "{first}");

    // On the call, in the attribute, on the client.
    let whole = Timeouts::default().whole(SHORT);
    let built = OpenAi::builder().base_url(&deaf.url).api_key("k").timeouts(whole).build().unwrap();
    let calls = [call().timeout(SHORT), patient(client(&deaf.url, "k")), echo("hi").client(built)];
    for result in gather(calls).settle().await {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Whole), "{error}");
    }
}

fn slow_down() -> Error {
    Error::new(ErrorKind::RateLimit, "slow down").with_retry_after(Duration::from_secs(2))
}

#[call("scripted/m")]
async fn ask(text: &str) -> Result<Response> {
    "{text}"
}

#[tokio::test(start_paused = true)]
async fn a15_a_provider_that_asks_for_two_seconds_gets_them_for_streams_as_well() {
    let registry = Registry::new();
    registry.layer(Retry::new());
    registry
        .insert(Scripted::new().error(slow_down()).reply("a").error(slow_down()).reply("b").into());
    let model = registry.model("scripted/m").unwrap();

    let start = Instant::now();
    let response = ask("x").model(&model).await.unwrap();
    assert_eq!((response.text(), response.attempts.len()), ("a".into(), 1));
    let waited = start.elapsed();
    assert!((2..4).contains(&waited.as_secs()), "{waited:?}");

    let start = Instant::now();
    let stream = ask("x").model(&model).stream().await.unwrap();
    assert_eq!(stream.finish().await.unwrap().text(), "b");
    assert!(start.elapsed() >= Duration::from_secs(2));
}

/// A client that is slow, and writes down when it was asked and how many wait for it.
fn timed(wait: Duration) -> (Scripted, Arc<Mutex<Vec<Instant>>>, Arc<AtomicUsize>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (times, peak) = (asked.clone(), most.clone());
    let client = Scripted::new().reply_later(move |_| {
        times.lock().unwrap().push(Instant::now());
        peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let running = running.clone();
        async move {
            sleep(wait).await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok("done".to_owned())
        }
    });
    (client, asked, most)
}

#[tokio::test(start_paused = true)]
async fn a15_a_limit_is_shared_by_all_tasks_of_a_client() {
    let (client, asked, most) = timed(Duration::from_secs(1));
    let client = AnyProvider::from(client).layer(&Concurrency::new(5));
    let tasks = (0..20).map(|_| {
        let call = ask("x").client(client.clone());
        async move { tokio::spawn(call.into_future()).await.unwrap() }
    });
    let start = Instant::now();
    assert_eq!(gather(tasks).await.unwrap().len(), 20);
    assert_eq!((most.load(Ordering::SeqCst), start.elapsed()), (5, Duration::from_secs(4)));
    assert_eq!(asked.lock().unwrap().len(), 20);

    let (client, asked, _) = timed(Duration::ZERO);
    let limit = RateLimit::new().requests_per_minute(10);
    let client = AnyProvider::from(client).layer(&limit);
    let calls = (0..30).map(|_| ask("x").client(client.clone()));
    assert_eq!(gather(calls).await.unwrap().len(), 30);
    let asked = asked.lock().unwrap();
    for (first, eleventh) in asked.iter().zip(asked.iter().skip(10)) {
        let passed = eleventh.duration_since(*first);
        assert!(passed >= Duration::from_secs(59), "eleven within {passed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a17_replies_faults_and_delays_are_tested_without_a_network_or_a_wait() {
    let real = std::time::Instant::now();
    let client = Scripted::new()
        .reply("first")
        .error(slow_down())
        .events([Ok(Event::text_start(0)), Ok(Event::text_delta(0, "half"))])
        .silence_after([Event::text_start(0), Event::text_delta(0, "and then")])
        .reply_later(|request| {
            let echo = request.messages[0].text();
            async move {
                sleep(Duration::from_secs(3_600)).await;
                Ok(echo)
            }
        });
    let call = || ask("an hour later").client(client.clone());
    assert_eq!(call().await.unwrap().text(), "first");
    assert_eq!(call().await.unwrap_err().retry_after(), Some(Duration::from_secs(2)));
    let broken = call().await.unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::StreamInterrupted);
    assert_eq!(broken.partial().unwrap().text(), "half");
    let silent = gather([call()]).each_within(Duration::from_secs(600)).await.unwrap_err();
    assert_eq!(silent.kind(), ErrorKind::Timeout(TimeoutPhase::Whole));
    assert_eq!(call().await.unwrap().text(), "an hour later");
    assert!(real.elapsed() < Duration::from_secs(60));
    assert_eq!(client.requests().len(), 5);
}
