//! Prompt functions over HTTP: real sockets, a server on this machine, every way it can misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use meanwhile::prelude::*;
use meanwhile::provider::openai::OpenAi;
use meanwhile::{FinishReason, TimeoutPhase};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request as Received, ResponseTemplate};

#[call("openai/gpt-4o-mini")]
async fn echo(text: &str) -> Result<String> {
    "{text}"
}

fn client(base_url: &str, key: &str) -> AnyProvider {
    OpenAi::builder().base_url(base_url).api_key(key).build().unwrap()
}

fn answer(text: &str) -> serde_json::Value {
    serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    })
}

/// The text of the last message of a request.
fn asked(request: &Received) -> String {
    let body: serde_json::Value = request.body_json().unwrap();
    let messages = body["messages"].as_array().unwrap();
    messages.last().unwrap()["content"].as_str().unwrap().to_owned()
}

/// A server that says back what it was asked, and with which key, after `delay`.
async fn echoing(delay: impl Fn(&str) -> Duration + Send + Sync + 'static) -> MockServer {
    let server = MockServer::start().await;
    let respond = move |request: &Received| {
        let text = asked(request);
        let key = request.headers["authorization"].to_str().unwrap().to_owned();
        let said = format!("{text} {key}");
        ResponseTemplate::new(200).set_body_json(answer(&said)).set_delay(delay(&text))
    };
    let mock = Mock::given(method("POST")).and(path("/chat/completions")).respond_with(respond);
    mock.mount(&server).await;
    server
}

#[tokio::test]
async fn three_calls_take_as_long_as_the_slowest_and_keep_their_order() {
    let wait = |text: &str| Duration::from_millis(300 - 40 * text.len() as u64);
    let server = echoing(wait).await;
    let client = client(&server.uri(), "k");
    // The first call takes longest.
    let calls = ["a", "bb", "ccc"].map(|text| echo(text).client(client.clone()));
    assert!(server.received_requests().await.unwrap().is_empty(), "nothing is sent before a poll");
    let start = Instant::now();
    let answers = gather(calls).await.unwrap();
    assert_eq!(answers, ["a Bearer k", "bb Bearer k", "ccc Bearer k"]);
    assert!(start.elapsed() < Duration::from_millis(450), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_interleaved_calls_with_two_clients_never_cross() {
    let server = echoing(|text| Duration::from_millis(text.len() as u64 % 3)).await;
    let clients = ["one", "two"].map(|key| client(&server.uri(), key));
    let calls = (0..1000).map(|number: usize| {
        let call = echo(&number.to_string()).client(clients[number % 2].clone());
        async move { tokio::spawn(call.into_future()).await.unwrap() }
    });
    let calls: Vec<_> = calls.map(Box::pin).collect();
    let answers = gather(calls).limit(64).await.unwrap();
    for (number, answer) in answers.iter().enumerate() {
        let key = ["one", "two"][number % 2];
        assert_eq!(*answer, format!("{number} Bearer {key}"));
    }
}

/// A server of raw bytes: sends `pieces` of an answer to each connection, then does `end`.
struct Raw {
    url: String,
    /// Reports each connection that the client closed before the answer was over.
    closed: mpsc::UnboundedReceiver<()>,
    connections: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
enum End {
    /// Ends the body as HTTP wants it.
    Clean,
    /// Closes the connection in the middle of the body.
    Cut,
    /// Sends nothing more, and waits for the client to go.
    Silence,
}

async fn raw(head: &str, pieces: Vec<Vec<u8>>, end: End) -> Raw {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (report, closed) = mpsc::unbounded_channel();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    let head = head.to_owned();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let (head, pieces, report) = (head.clone(), pieces.clone(), report.clone());
            tokio::spawn(async move {
                if serve(socket, &head, &pieces, end).await.is_err() {
                    let _ = report.send(());
                }
            });
        }
    });
    Raw { url, closed, connections }
}

/// Fails when the client closes the connection before the answer is over.
async fn serve(
    mut socket: TcpStream,
    head: &str,
    pieces: &[Vec<u8>],
    end: End,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !complete(&request) {
        match socket.read(&mut buffer).await? {
            0 => return Ok(()),
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
    socket.write_all(head.as_bytes()).await?;
    for piece in pieces {
        socket.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
        socket.write_all(piece).await?;
        socket.write_all(b"\r\n").await?;
    }
    match end {
        End::Clean => socket.write_all(b"0\r\n\r\n").await,
        End::Cut => Ok(()),
        End::Silence => match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => Err(std::io::ErrorKind::ConnectionReset.into()),
            Ok(_) => Ok(()),
        },
    }
}

/// Whether a request has come whole: its head, and as much body as the head says.
fn complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or(0)
}

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn chunk(text: &str) -> Vec<u8> {
    let delta =
        serde_json::json!({"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {delta}\n\n").into_bytes()
}

fn last() -> Vec<u8> {
    let finish =
        serde_json::json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    format!("data: {finish}\n\ndata: [DONE]\n\n").into_bytes()
}

async fn stream_of(url: &str) -> Result<Response> {
    echo("hi").response().client(client(url, "k")).stream().await?.response().await
}

#[tokio::test]
async fn a_stream_is_read_as_it_comes_and_is_a_value_at_the_end() {
    let server = raw(STREAM, vec![chunk("one "), chunk("two"), last()], End::Clean).await;
    let mut stream = echo("hi").client(client(&server.url, "k")).stream().await.unwrap();
    let mut words = Vec::new();
    while let Some(event) = stream.next().await {
        if let Event::TextDelta { text, .. } = event.unwrap() {
            words.push(text);
        }
    }
    assert_eq!(words, ["one ", "two"]);
    assert_eq!(stream.finish().await.unwrap(), "one two");
}

#[tokio::test]
async fn dropping_a_half_read_stream_closes_the_connection() {
    let mut server = raw(STREAM, vec![chunk("one ")], End::Silence).await;
    let mut stream = echo("hi").client(client(&server.url, "k")).stream().await.unwrap();
    while let Some(event) = stream.next().await {
        if matches!(event.unwrap(), Event::TextDelta { .. }) {
            break;
        }
    }
    drop(stream);
    let closed = tokio::time::timeout(Duration::from_secs(5), server.closed.recv());
    closed.await.expect("the server sees that the client has gone").unwrap();
}

#[tokio::test]
async fn dropping_a_pending_call_closes_the_connection() {
    let mut server = raw("", Vec::new(), End::Silence).await;
    let call = echo("hi").client(client(&server.url, "k")).into_future();
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
    let closed = tokio::time::timeout(Duration::from_secs(5), server.closed.recv());
    closed.await.expect("the server sees that the client has gone").unwrap();
}

#[tokio::test]
async fn fifty_calls_in_sequence_share_one_connection() {
    let body = serde_json::to_vec(&answer("yes")).unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let (head, body) = (head.clone(), body.clone());
            tokio::spawn(async move {
                let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
                while let Ok(read @ 1..) = socket.read(&mut buffer).await {
                    request.extend_from_slice(&buffer[..read]);
                    if complete(&request) {
                        request.clear();
                        socket.write_all(head.as_bytes()).await.unwrap();
                        socket.write_all(&body).await.unwrap();
                    }
                }
            });
        }
    });
    let client = client(&url, "k");
    for _ in 0..50 {
        assert_eq!(echo("hi").client(client.clone()).await.unwrap(), "yes");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stream_that_ends_early_is_an_error_with_what_came() {
    for end in [End::Clean, End::Cut] {
        let server = raw(STREAM, vec![chunk("half a "), chunk("sentence")], end).await;
        let error = stream_of(&server.url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamInterrupted, "{error}");
        assert_eq!(error.partial().unwrap().text(), "half a sentence");
        assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn garbage_in_the_middle_of_a_stream_is_an_error_with_what_came() {
    for garbage in ["data: {\"choices\": [\n\n", "data: <html>\n\n", "data: \u{0}\u{1}\n\n"] {
        let pieces = vec![chunk("good"), garbage.as_bytes().to_vec(), chunk("bad"), last()];
        let server = raw(STREAM, pieces, End::Clean).await;
        let error = stream_of(&server.url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        assert_eq!(error.partial().unwrap().text(), "good");
    }
}

#[tokio::test]
async fn a_chunk_of_ten_megabytes_arrives_whole() {
    let text = "x".repeat(10 * 1024 * 1024);
    let big = chunk(&text);
    let pieces: Vec<Vec<u8>> = big.chunks(16 * 1024).map(<[u8]>::to_vec).chain([last()]).collect();
    let server = raw(STREAM, pieces, End::Clean).await;
    let response = stream_of(&server.url).await.unwrap();
    assert_eq!(response.text().len(), text.len());
    assert_eq!(response.finish_reason(), Some(FinishReason::Stop));
}

#[tokio::test]
async fn silence_runs_into_the_clock_that_was_set() {
    let server = raw(STREAM, vec![chunk("one")], End::Silence).await;
    let limits = meanwhile::Timeouts::default().idle(Duration::from_millis(150));
    let call = echo("hi").client(client(&server.url, "k")).timeouts(limits);
    let error = call.stream().await.unwrap().finish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Idle), "{error}");
    assert_eq!(error.partial().unwrap().text(), "one");

    let server = raw("", Vec::new(), End::Silence).await;
    let call = echo("hi").client(client(&server.url, "k")).timeout(Duration::from_millis(150));
    let error = call.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Whole), "{error}");
}

#[tokio::test]
async fn every_status_has_its_kind_and_keeps_the_providers_words() {
    let says = |code: &str, message: &str| {
        serde_json::json!({"error": {"message": message, "code": code, "type": "t"}}).to_string()
    };
    let html = "<html><body>Bad gateway</body></html>".to_owned();
    let cases = [
        (401, says("invalid_api_key", "wrong key"), ErrorKind::Authentication, "wrong key"),
        (404, says("model_not_found", "no such model"), ErrorKind::ModelNotFound, "no such model"),
        (429, says("rate_limit_exceeded", "slow down"), ErrorKind::RateLimit, "slow down"),
        (429, says("insufficient_quota", "pay"), ErrorKind::InsufficientFunds, "pay"),
        (400, says("context_length_exceeded", "too long"), ErrorKind::ContextLength, "too long"),
        (500, says("x", "oops"), ErrorKind::Server, "oops"),
        (502, html.clone(), ErrorKind::Server, "502"),
        (200, html, ErrorKind::Decode, "HTML"),
        (200, "not json".to_owned(), ErrorKind::Decode, ""),
        (200, says("x", "failed inside"), ErrorKind::Server, "failed inside"),
    ];
    for (status, body, kind, words) in cases {
        for streamed in [false, true] {
            let server = MockServer::start().await;
            let media = if body.starts_with('<') { "text/html" } else { "application/json" };
            let template = ResponseTemplate::new(status)
                .set_body_raw(body.clone(), media)
                .insert_header("retry-after", "2")
                .insert_header("x-request-id", "req_7");
            Mock::given(method("POST")).respond_with(template).mount(&server).await;
            let call = echo("hi").client(client(&server.uri(), "sk-planted-secret"));
            let outcome = match streamed {
                true => match call.stream().await {
                    Ok(stream) => stream.finish().await,
                    Err(error) => Err(error),
                },
                false => call.await,
            };
            let error = outcome.unwrap_err();
            if status != 200 {
                assert_eq!(error.status(), Some(status), "{error}");
                assert_eq!(error.request_id(), Some("req_7"), "{error}");
            }
            if (status, kind) != (200, ErrorKind::Server) {
                assert_eq!(error.kind(), kind, "{status} {body}: {error}");
            }
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!((error.provider(), error.model()), (Some("openai"), Some("gpt-4o-mini")));
            assert!(!format!("{error} {error:?}").contains("planted"), "{error:?}");
            if status == 429 && kind == ErrorKind::RateLimit {
                assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
                assert!(error.is_retryable());
            }
        }
    }
}

#[tokio::test]
async fn a_gateway_that_ignores_streaming_is_read_all_the_same() {
    let server = echoing(|_| Duration::ZERO).await;
    let stream = echo("hi").client(client(&server.uri(), "k")).stream().await.unwrap();
    assert_eq!(stream.finish().await.unwrap(), "hi Bearer k");
}

#[tokio::test]
async fn nobody_there_is_said() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let client = client(&format!("http://127.0.0.1:{port}/v1"), "k");
    let error = echo("hi").client(client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    assert!(error.is_retryable());
}
