//! The server does what it is told, and sees what the client does.

use std::time::Duration;

use meanwhile_core::{ErrorKind, Message, Model, Provider as _, Request};
use meanwhile_http::Client;
use meanwhile_openai_compatible::OpenAiCompatible;
use meanwhile_testkit::{Reply, Server};

const ANSWER: &str = r#"{"choices":[{"message":{"content":"hello"},"finish_reason":"stop"}]}"#;

fn model(server: &Server) -> Model {
    let client = Client::builder().no_proxy().build().unwrap();
    let provider = OpenAiCompatible::builder("toy", server.url()).client(client).build().unwrap();
    Model::of(provider, "m")
}

#[tokio::test]
async fn replies_come_in_their_order_and_the_last_one_stays() {
    let replies = [Reply::new(500), Reply::new(200).json(ANSWER)];
    let server = Server::replies(replies).await.unwrap();
    let model = model(&server);
    assert_eq!(model.call::<String>("a").await.unwrap_err().kind(), ErrorKind::Server);
    for _ in 0..2 {
        assert_eq!(model.call::<String>("a").await.unwrap(), "hello");
    }
    assert_eq!(server.connections(), 1);
    let received = server.received();
    assert_eq!(received.len(), 3);
    assert_eq!(received[0].path, "/chat/completions");
    assert!(received[0].text().contains("\"messages\""));
    assert_eq!(received[0].headers["content-type"], "application/json");
}

#[tokio::test]
async fn answers_depend_on_requests() {
    let server = Server::start(|request| match request.text().contains("please") {
        true => Reply::new(200).json(ANSWER),
        false => Reply::new(400),
    });
    let server = server.await.unwrap();
    assert!(model(&server).call::<String>("please").await.is_ok());
    assert!(model(&server).call::<String>("now").await.is_err());
}

#[tokio::test]
async fn bad_answers_are_bad() {
    let slow = Reply::new(200).header("content-type", "application/json");
    for (reply, expected) in [
        (Reply::garbage(), Err(ErrorKind::Connection)),
        (Reply::redirect("http://elsewhere.example/"), Err(ErrorKind::Config)),
        (Reply::new(200).html("<html></html>"), Err(ErrorKind::Decode)),
        (slow.clone().piece(&ANSWER[..9]).cut(), Err(ErrorKind::StreamInterrupted)),
        (slow.clone().slowly(ANSWER, Duration::from_micros(100)), Ok("hello")),
        (slow.piece(vec![b' '; 10 << 20]).piece(ANSWER), Ok("hello")),
    ] {
        let server = Server::replies([reply.clone()]).await.unwrap();
        let answer = model(&server).call::<String>("a").await;
        let answer = answer.as_deref().map_err(|error| error.kind());
        assert_eq!(answer, expected, "{reply:?}");
    }
}

#[tokio::test]
async fn closes_are_seen_once_each() {
    let server = Server::replies([Reply::silence()]).await.unwrap();
    let model = model(&server);
    let call = model.provider.send(Request::new("m", vec![Message::user("a")]));
    assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    assert!(server.closed(Duration::from_secs(5)).await);
    assert!(!server.closed(Duration::from_millis(20)).await);
}
