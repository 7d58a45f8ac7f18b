//! Prompt functions over HTTP: real sockets, a server on this machine, every way it can misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use meanwhile::FinishReason;
use meanwhile::prelude::*;
use meanwhile::provider::openai::OpenAi;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request as Received, ResponseTemplate};

#[call("openai/gpt-4o-mini")]
pub(crate) async fn echo(text: &str) -> Result<String> {
    "{text}"
}

pub(crate) fn client(base_url: &str, key: &str) -> AnyProvider {
    OpenAi::builder().base_url(base_url).api_key(key).build().unwrap()
}

pub(crate) fn answer(text: &str) -> serde_json::Value {
    serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    })
}

/// The text of the last message of a request.
pub(crate) fn asked(request: &Received) -> String {
    let body: serde_json::Value = request.body_json().unwrap();
    let messages = body["messages"].as_array().unwrap();
    messages.last().unwrap()["content"].as_str().unwrap().to_owned()
}

/// A server that says back what it was asked, and with which key, after `delay`.
pub(crate) async fn echoing(
    delay: impl Fn(&str) -> Duration + Send + Sync + 'static,
) -> MockServer {
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

/// A server of raw bytes: sends `pieces` of an answer to each connection, then does `end`.
pub(crate) struct Raw {
    pub(crate) url: String,
    /// Reports each connection that the client closed before the answer was over.
    pub(crate) closed: mpsc::UnboundedReceiver<()>,
    pub(crate) connections: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
pub(crate) enum End {
    /// Ends the body as HTTP wants it.
    Clean,
    /// Closes the connection in the middle of the body.
    Cut,
    /// Sends nothing more, and waits for the client to go.
    Silence,
}

pub(crate) async fn raw(head: &str, pieces: Vec<Vec<u8>>, end: End) -> Raw {
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
pub(crate) async fn serve(
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
pub(crate) fn complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or(0)
}

pub(crate) const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

pub(crate) fn chunk(text: &str) -> Vec<u8> {
    let delta =
        serde_json::json!({"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {delta}\n\n").into_bytes()
}

pub(crate) fn last() -> Vec<u8> {
    let finish =
        serde_json::json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    format!("data: {finish}\n\ndata: [DONE]\n\n").into_bytes()
}

pub(crate) async fn stream_of(url: &str) -> Result<Response> {
    echo("hi").response().client(client(url, "k")).stream().await?.response().await
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
