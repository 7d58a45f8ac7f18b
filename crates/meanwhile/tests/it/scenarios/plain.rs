//! a01, a02, a05, a06: calls, ways of writing them, streams, cancellation.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use meanwhile::layers::Concurrency;
use meanwhile::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::http::{End, STREAM, chunk, client, complete, echo, echoing, last, raw};

#[call("openai/gpt-4o-mini")]
async fn recommend_book(genre: &str) -> Result<Response> {
    "Recommend a {genre} book"
}

#[tokio::test]
async fn a01_a_call_is_awaited_spawned_and_sends_nothing_before_its_first_poll() {
    fn is_static_and_send<T: Send + 'static>(value: T) -> T {
        value
    }
    let server = echoing(|_| Duration::ZERO).await;
    let client = client(&server.uri(), "k");
    let task = {
        let genre = String::from("fantasy");
        let call = recommend_book(&genre).client(client.clone()).into_future();
        assert!(server.received_requests().await.unwrap().is_empty());
        tokio::spawn(is_static_and_send(call))
    };
    let response = task.await.unwrap().unwrap();
    assert_eq!(response.text(), "Recommend a fantasy book Bearer k");
    drop(recommend_book("unsent").client(client).into_future());
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[call("openai/gpt-4o-mini", temperature = 0.5)]
async fn by_template(genre: &str) -> Result<String> {
    "SYSTEM: You are a librarian.
     USER: Recommend a {genre} book"
}

#[call("openai/gpt-4o-mini", temperature = 0.5)]
async fn by_messages(genre: &str) -> Result<String> {
    [Message::system("You are a librarian."), Message::user(format!("Recommend a {genre} book"))]
}

#[call("openai/gpt-4o-mini", temperature = 0.5)]
async fn by_prompt(genre: &str) -> Result<String> {
    prompt!("SYSTEM: You are a librarian.\nUSER: Recommend a {genre} book")
}

#[call("openai/gpt-4o-mini", temperature = 0.5)]
async fn by_history(genre: &str) -> Result<String> {
    let history = vec![Message::system("You are a librarian.")];
    "MESSAGES: {history}
     USER: Recommend a {genre} book"
}

#[tokio::test]
async fn a02_every_way_of_writing_a_prompt_sends_the_same_bytes() {
    let server = echoing(|_| Duration::ZERO).await;
    let client = client(&server.uri(), "k");
    let messages =
        [Message::system("You are a librarian."), Message::user("Recommend a noir book")];
    let plain = meanwhile::call("openai/gpt-4o-mini", messages.to_vec()).temperature(0.5);
    let calls =
        [by_template("noir"), by_messages("noir"), by_prompt("noir"), by_history("noir"), plain];
    for call in calls {
        call.client(client.clone()).await.unwrap();
    }
    let received = server.received_requests().await.unwrap();
    let bodies: Vec<&str> =
        received.iter().map(|request| std::str::from_utf8(&request.body).unwrap()).collect();
    assert_eq!(bodies.len(), 5);
    assert!(bodies[0].contains("Recommend a noir book"), "{}", bodies[0]);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
}

/// Sends the head and a first piece of an answer, and the rest when it is told to.
async fn gated(first: Vec<u8>, rest: Vec<u8>) -> (String, Arc<Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let gate = Arc::new(Notify::new());
    let opened = gate.clone();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
        while !complete(&request) {
            let read = socket.read(&mut buffer).await.unwrap();
            request.extend_from_slice(&buffer[..read]);
        }
        let head = STREAM.replace("transfer-encoding: chunked", "connection: close");
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&first).await.unwrap();
        opened.notified().await;
        socket.write_all(&rest).await.unwrap();
    });
    (url, gate)
}

#[tokio::test]
async fn a05_text_is_seen_before_the_server_has_sent_the_rest() {
    let rest = [chunk("two"), last()].concat();
    let (url, gate) = gated(chunk("one "), rest).await;
    let mut stream = echo("hi").response().client(client(&url, "k")).stream().await.unwrap();
    let mut text = String::new();
    while let Some(event) = stream.next().await {
        if let Event::TextDelta { text: piece, .. } = event.unwrap() {
            text.push_str(&piece);
            // The server waits for this: an answer that is collected first would never end.
            gate.notify_one();
        }
    }
    assert_eq!(text, "one two");
    assert_eq!(stream.finish().await.unwrap().text(), text);
}

#[tokio::test]
async fn a05_an_error_in_the_middle_is_an_item_and_the_last_one() {
    let server = raw(STREAM, vec![chunk("half")], End::Cut).await;
    let mut stream = echo("hi").client(client(&server.url, "k")).stream().await.unwrap();
    let mut errors = 0;
    while let Some(event) = stream.next().await {
        errors += usize::from(event.is_err());
    }
    assert_eq!(errors, 1);
    assert!(stream.next().await.is_none() && stream.next().await.is_none());
}

#[tokio::test]
async fn a06_dropping_closes_the_connection_and_gives_back_the_permit() {
    let limit = Concurrency::new(1);
    let mut server = raw(STREAM, vec![chunk("one ")], End::Silence).await;
    let call = || echo("hi").client(client(&server.url, "k")).layer(limit.clone());
    let mut stream = call().stream().await.unwrap();
    // Waiting for the next event with a clock loses nothing, however often.
    let (mut text, mut waits) = (String::new(), 0);
    while waits < 5 || text.is_empty() {
        waits += 1;
        assert!(waits < 200, "no text has come");
        let next = tokio::time::timeout(Duration::from_millis(50), stream.next()).await;
        if let Ok(Some(Ok(Event::TextDelta { text: piece, .. }))) = next {
            text.push_str(&piece);
        }
    }
    assert_eq!((text.as_str(), limit.free()), ("one ", 0));
    drop(stream);
    let closed = tokio::time::timeout(Duration::from_secs(5), server.closed.recv());
    closed.await.expect("the server sees that the client has gone").unwrap();
    assert_eq!(limit.free(), 1);
}

#[tokio::test]
async fn a06_dropping_a_pending_call_closes_the_connection() {
    let limit = Concurrency::new(1);
    let mut server = raw("", Vec::new(), End::Silence).await;
    let call = echo("hi").client(client(&server.url, "k")).layer(limit.clone()).into_future();
    let asked = async {
        while server.connections.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // And the request is on its way, or is not: both are dropped.
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    tokio::select! {
        _ = call => panic!("the server answered"),
        asked = tokio::time::timeout(Duration::from_secs(10), asked) => asked.unwrap(),
    }
    let closed = tokio::time::timeout(Duration::from_secs(5), server.closed.recv());
    closed.await.expect("the server sees that the client has gone").unwrap();
    assert_eq!((limit.free(), server.connections.load(Ordering::SeqCst)), (1, 1));
}
