//! Requests that are no chat: forms, bodies that are read while they come, clocks and refusals.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream as _;
use meanwhile_core::{Error, ErrorKind, Result, TimeoutPhase, Timeouts};
use meanwhile_http::{Api, Auth, Authorize, Form, Framing, Opened, Wire};

use crate::server::{Server, Step, reply};
use crate::toy::{SSE, failure, whole};

async fn next(opened: &mut Opened) -> Option<Result<Bytes>> {
    poll_fn(|cx| Pin::new(&mut *opened).poll_next(cx)).await
}

fn head(length: usize) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\ncontent-length: {length}\r\n\r\n").into()
}

async fn open(server: &Server, timeouts: Timeouts) -> Result<Opened> {
    let api: Api = server.provider(SSE).api();
    api.open(Wire::post("/speech", "{}", Framing::Whole), "m", timeouts).await
}

#[tokio::test]
async fn a_body_is_read_while_it_comes() {
    let steps = vec![
        Step::Send([&head(6)[..], b"abc"].concat()),
        Step::Wait(30),
        Step::Send(b"def".to_vec()),
    ];
    let server = Server::steps(steps).await;
    let mut opened = open(&server, Timeouts::default()).await.unwrap();
    assert_eq!(opened.headers["content-type"], "audio/wav");
    let mut pieces = Vec::new();
    while let Some(piece) = next(&mut opened).await {
        pieces.push(piece.unwrap());
    }
    assert_eq!(pieces, ["abc", "def"]);
    assert!(next(&mut opened).await.is_none());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error() {
    let steps = vec![Step::Send([&head(6)[..], b"abc"].concat()), Step::Close];
    let server = Server::steps(steps).await;
    let mut opened = open(&server, Timeouts::default()).await.unwrap();
    assert_eq!(next(&mut opened).await.unwrap().unwrap(), "abc");
    let error = next(&mut opened).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.model()), (ErrorKind::StreamInterrupted, Some("m")));
    assert!(next(&mut opened).await.is_none());
}

#[tokio::test]
async fn silence_between_two_chunks_is_limited() {
    let steps = vec![Step::Send([&head(6)[..], b"abc"].concat()), Step::UntilClosed];
    let server = Server::steps(steps).await;
    let limit = Timeouts::default().idle(Duration::from_millis(60));
    let mut opened = open(&server, limit).await.unwrap();
    assert_eq!(next(&mut opened).await.unwrap().unwrap(), "abc");
    let error = next(&mut opened).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Idle));
    server.closed().await;
}

#[tokio::test]
async fn a_dropped_body_closes_the_connection() {
    let steps = vec![Step::Send([&head(6)[..], b"abc"].concat()), Step::UntilClosed];
    let server = Server::steps(steps).await;
    let mut opened = open(&server, Timeouts::default()).await.unwrap();
    assert_eq!(next(&mut opened).await.unwrap().unwrap(), "abc");
    drop(opened);
    server.closed().await;
}

#[tokio::test]
async fn a_refusal_comes_before_the_body() {
    let refused = reply(
        "429 Too Many Requests",
        &["content-type: application/json"],
        r#"{"error":"slow down"}"#,
    );
    let server = Server::bytes(refused).await;
    let error = open(&server, Timeouts::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::RateLimit, "slow down"));
}

#[test]
fn a_form_is_what_rfc_7578_says() {
    let form = || {
        Form::new().text("model", "m").file("file", "a\"b\r\n.wav", "audio/wav\r\nx: y", b"RIFF")
    };
    let wire = form().into_wire("/upload");
    assert_eq!(
        wire.headers["content-type"],
        "multipart/form-data; boundary=meanwhile-form-boundary"
    );
    let expected = concat!(
        "--meanwhile-form-boundary\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nm\r\n",
        "--meanwhile-form-boundary\r\ncontent-disposition: form-data; name=\"file\"; ",
        "filename=\"a%22b%0D%0A.wav\"\r\ncontent-type: audio/wavx: y\r\n\r\nRIFF\r\n",
        "--meanwhile-form-boundary--\r\n"
    );
    assert_eq!(wire.body, expected);
    assert_eq!(form().into_wire("/upload").body, wire.body);
}

#[test]
fn a_form_has_a_boundary_that_is_in_no_field() {
    // Every boundary that could be the next of a row, too: the search is not long.
    let mut odd = "x meanwhile-form-boundary y".to_owned();
    for number in 0..100_000 {
        odd += &format!(" meanwhile-form-boundary-{number}");
    }
    let wire = || Form::new().text("a", &odd).into_wire("/upload");
    let boundary = |wire: &Wire| {
        let media_type = wire.headers["content-type"].to_str().unwrap().to_owned();
        media_type.strip_prefix("multipart/form-data; boundary=").unwrap().to_owned()
    };
    let first = wire();
    let found = boundary(&first);
    assert!(found.len() <= 70, "RFC 2046 allows 70 characters: {found}");
    assert_eq!(std::str::from_utf8(&first.body).unwrap().matches(&found).count(), 2);
    assert_eq!(boundary(&wire()), found, "the same fields give the same bytes");
    let other = Form::new().text("a", &odd).text("b", "").into_wire("/upload");
    assert_ne!(boundary(&other), found);
}

/// Signs with a key that only it knows, or never ends.
#[derive(Debug)]
struct Sign(Option<&'static str>);

#[async_trait]
impl Authorize for Sign {
    async fn authorize(&self, request: &mut http::Request<Bytes>) -> Result<()> {
        let Some(key) = self.0 else { return std::future::pending().await };
        let mut value = http::HeaderValue::from_static(key);
        value.set_sensitive(true);
        request.headers_mut().insert("x-signature", value);
        Ok(())
    }
}

#[tokio::test]
async fn errors_about_an_answer_do_not_repeat_what_a_hook_added() {
    const KEY: &str = "sk-of-the-hook";
    let echo = format!("{}{KEY}", " ".repeat(2040));
    let server = Server::bytes(reply("200 OK", &["content-type: application/json"], &echo)).await;
    let api = server.provider(SSE).with_auth(Auth::hook(Sign(Some(KEY)))).api();
    let error = api.get::<u32>("/models").await.unwrap_err();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Decode, Some("toy")));
    // Neither the key nor the part of it that stands before the cut.
    assert!(error.body().is_some_and(|body| !body.contains("sk-")), "{error:?}");
    let wire = Wire::post("/speech", "{}", Framing::Whole);
    let answer = api.send(wire.clone(), "m", Timeouts::default()).await.unwrap();
    assert!(!format!("{answer:?}").contains("sk-"));
    let repeated = || Error::new(ErrorKind::Decode, format!("no audio: {KEY}"));
    let opened = api.open(wire, "m", Timeouts::default()).await.unwrap();
    for error in [answer.error(repeated()), opened.error(repeated())] {
        assert_eq!((error.message(), error.model()), ("no audio: [redacted]", Some("m")));
    }
}

#[tokio::test]
async fn the_clock_runs_while_a_hook_gets_its_token() {
    let server = Server::bytes("").await;
    let provider = server.provider(SSE).with_auth(Auth::hook(Sign(None)));
    let limit = Timeouts::default().first_event(Duration::from_millis(60));
    let wire = Wire::post("/speech", "{}", Framing::Whole);
    let error = provider.api().send(wire, "m", limit).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::FirstEvent));
    let mut request = whole();
    request.timeouts = limit;
    let error = failure(&provider, request).await;
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::FirstEvent));
    assert_eq!(server.connections(), 0);
}
