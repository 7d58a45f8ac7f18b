//! The clocks and the bounds on size.

use std::time::{Duration, Instant};

use meanwhile_core::{ErrorKind, Event, Provider, TimeoutPhase, Timeouts};
use meanwhile_http::{Client, Endpoint, HttpProvider};

use crate::server::{LAST_CHUNK, Server, Step, chunk, reply, stream_head};
use crate::toy::{SSE, answer, events, streamed, text, whole};

const JSON: &str = "content-type: application/json";
const TEXT: &str = "data: {\"text\":\"hello \"}\n\n";

fn send(parts: &[&[u8]]) -> Step {
    Step::Send(parts.concat())
}

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

async fn check(steps: Vec<Step>, timeouts: Timeouts, expected: &str, phase: TimeoutPhase) {
    let server = Server::steps(steps).await;
    let started = Instant::now();
    let mut request = streamed();
    request.timeouts = timeouts;
    let (events, error) = events(&server.provider(SSE), request).await;
    let error = error.expect("no error");
    assert_eq!(
        (text(&events).as_str(), error.kind()),
        (expected, ErrorKind::Timeout(phase)),
        "{error}"
    );
    // The other clocks are of a minute and more.
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    server.closed().await;
}

#[tokio::test]
async fn first_event() {
    let limit = Timeouts::default().first_event(milliseconds(60)).idle(Duration::from_secs(60));
    let phase = TimeoutPhase::FirstEvent;
    check(vec![Step::UntilClosed], limit, "", phase).await;
    check(vec![send(&[&stream_head()]), Step::UntilClosed], limit, "", phase).await;
    // Comments are no events.
    let comments = (0..10).flat_map(|_| [send(&[&chunk(": wait\n\n")]), Step::Wait(20)]);
    let steps = [send(&[&stream_head()])].into_iter().chain(comments).chain([Step::UntilClosed]);
    check(steps.collect(), limit, "", phase).await;
    // An event that is not complete is none.
    check(vec![send(&[&stream_head(), &chunk("data: {")]), Step::UntilClosed], limit, "", phase)
        .await;
    check(
        vec![
            send(&[
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{",
            ]),
            Step::UntilClosed,
        ],
        limit,
        "",
        phase,
    )
    .await;
    check(
        vec![send(&[b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"]), Step::UntilClosed],
        limit,
        "",
        phase,
    )
    .await;
}

#[tokio::test]
async fn silence_between_events() {
    let limit = Timeouts::default().idle(milliseconds(60));
    let steps = vec![Step::Wait(100), send(&[&stream_head(), &chunk(TEXT)]), Step::UntilClosed];
    check(steps, limit, "hello ", TimeoutPhase::Idle).await;
}

#[tokio::test]
async fn whole_call() {
    let limit = Timeouts::default().whole(milliseconds(120));
    let events = (0..6).flat_map(|_| [send(&[&chunk(TEXT)]), Step::Wait(50)]);
    let steps =
        [send(&[&stream_head()])].into_iter().chain(events).chain([Step::UntilClosed]).collect();
    let server = Server::steps(steps).await;
    let provider = server.provider(SSE).with_timeouts(limit);
    // On a machine with much else to do, one call may get fewer words than it could.
    let mut counts = Vec::new();
    while !counts.iter().any(|count| (2..6).contains(count)) {
        let (events, error) = crate::toy::events(&provider, streamed()).await;
        assert_eq!(error.unwrap().kind(), ErrorKind::Timeout(TimeoutPhase::Whole));
        counts.push(text(&events).len() / 6);
        assert!(counts.len() < 8, "{counts:?}");
    }
    check(vec![Step::UntilClosed], limit, "", TimeoutPhase::Whole).await;
}

#[tokio::test]
async fn a_slow_but_steady_answer_is_left_alone() {
    let limits = Timeouts::default().first_event(milliseconds(700)).idle(milliseconds(700));
    // Each byte its own write, events without text among them: longer than any one limit.
    let ping = chunk("event: ping\ndata: {}\n\n");
    let mut steps = vec![send(&[&stream_head()])];
    for _ in 0..8 {
        steps.extend([send(&[&ping]), Step::Wait(100)]);
    }
    steps.extend(chunk(TEXT).iter().map(|byte| send(&[&[*byte]])));
    steps.extend([send(&[&chunk("data: [DONE]\n\n"), LAST_CHUNK])]);
    let server = Server::steps(steps).await;
    let response = answer(&server.provider(SSE).with_timeouts(limits), streamed()).await.unwrap();
    assert_eq!(response.text(), "hello ");
}

#[tokio::test]
async fn a_reader_that_takes_its_time_is_not_silence() {
    let limits = Timeouts::default().idle(milliseconds(60));
    let steps = vec![
        send(&[&stream_head(), &chunk(TEXT)]),
        Step::Wait(10),
        send(&[&chunk(TEXT)]),
        Step::Wait(10),
        send(&[&chunk("data: [DONE]\n\n"), LAST_CHUNK]),
    ];
    let server = Server::steps(steps).await;
    let mut stream = server.provider(SSE).with_timeouts(limits).send(streamed()).await.unwrap();
    let mut count = 0;
    while let Some(event) = stream.next().await {
        event.unwrap();
        count += 1;
        tokio::time::sleep(milliseconds(90)).await;
    }
    assert_eq!(count, 4);
}

#[tokio::test]
async fn the_finish_does_not_wait_for_a_body_without_end() {
    let steps =
        vec![send(&[&stream_head(), &chunk(TEXT), &chunk("data: [DONE]\n\n")]), Step::UntilClosed];
    let server = Server::steps(steps).await;
    let started = Instant::now();
    let mut stream = server.provider(SSE).send(streamed()).await.unwrap();
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event.unwrap());
    }
    assert!(events.last().is_some_and(Event::is_terminal));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    server.closed().await;
}

#[tokio::test]
async fn requests_go_before_the_provider_and_no_limit_is_possible() {
    let steps = vec![Step::Wait(120), Step::Send(reply("200 OK", &[JSON], "{}"))];
    let server = Server::steps(steps).await;
    let provider =
        server.provider(SSE).with_timeouts(Timeouts::default().first_event(milliseconds(30)));
    let (_, error) = events(&provider, whole()).await;
    assert_eq!(error.unwrap().kind(), ErrorKind::Timeout(TimeoutPhase::FirstEvent));
    let mut request = whole();
    request.timeouts = Timeouts::default().first_event(Duration::MAX);
    answer(&provider, request).await.unwrap();
}

#[tokio::test]
async fn connecting() {
    // A listener whose queue is full does not answer; the address is this machine's own.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..5000 {
        let connection = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout(milliseconds(200), connection).await {
            Ok(connection) => waiting.push(connection),
            Err(_) => break,
        }
    }
    let client = Client::builder().no_proxy().connect_timeout(milliseconds(100)).build().unwrap();
    let endpoint = Endpoint::new(format!("http://{address}")).unwrap();
    let provider = HttpProvider::new("toy", SSE, endpoint).with_client(client);
    let (_, error) = events(&provider, whole()).await;
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Connect), "{error:?}");
    assert!(error.is_retryable());
}
