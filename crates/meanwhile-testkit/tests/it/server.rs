//! The server does what it is told, and sees what the client does.

use std::time::Duration;

use meanwhile_core::{ErrorKind, Message, Model, Provider as _, Request};
use meanwhile_http::Client;
use meanwhile_openai_compatible::OpenAiCompatible;
use meanwhile_testkit::{Reply, Server};

const ANSWER: &str = r#"{"choices":[{"message":{"content":"hello"},"finish_reason":"stop"}]}"#;

fn model(server: &Server) -> Model {
    let client = Client::builder().no_proxy().build().unwrap();
    let provider =
        OpenAiCompatible::builder("toy", server.url()).http_client(client).build().unwrap();
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
async fn connections_end_as_they_are_told_to() {
    let events = Reply::new(200).header("content-type", "text/event-stream");
    let short = Reply::new(200).header("content-type", "application/json");
    for (reply, expected) in [
        (Reply::bare().cut(), ErrorKind::Connection),
        (Reply::bare().reset(), ErrorKind::Connection),
        (events.clone().piece(": hello\n\n").reset(), ErrorKind::StreamInterrupted),
        (short.length(900).piece(ANSWER).cut(), ErrorKind::StreamInterrupted),
        (events.endlessly(": hello\n\n", Duration::from_millis(1)), ErrorKind::Other),
    ] {
        let server = Server::replies([reply.clone()]).await.unwrap();
        let model = model(&server);
        let call = model.call::<String>("a").into_future();
        // Only the endless one is not waited for.
        let limit = match expected {
            ErrorKind::Other => Duration::from_millis(500),
            _ => Duration::from_secs(30),
        };
        match tokio::time::timeout(limit, call).await {
            Ok(answer) => assert_eq!(answer.unwrap_err().kind(), expected, "{reply:?}"),
            Err(_) => assert_eq!(expected, ErrorKind::Other, "{reply:?}"),
        }
        // Of the endless one too: the call is gone.
        assert!(none_open(&server).await, "{reply:?}");
    }
}

#[tokio::test]
async fn open_connections_are_counted() {
    let server = Server::replies([Reply::new(200).json(ANSWER)]).await.unwrap();
    let model = model(&server);
    model.call::<String>("a").await.unwrap();
    assert_eq!((server.connections(), server.open_connections()), (1, 1));
    drop(model);
    assert!(none_open(&server).await);
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let server = Server::replies([Reply::new(200).json(ANSWER)]).await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let url = server.url().replace("http:", "https:");
    let provider = OpenAiCompatible::builder("toy", url).http_client(client).build().unwrap();
    let error = Model::of(provider, "m").call::<String>("a").await.unwrap_err();
    assert!(error.message().contains("does not speak TLS"), "{error}");
    assert!(server.received().is_empty());
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn nobody_trusts_its_certificate() {
    let server = Server::start_with_tls(|_| Reply::new(200).json(ANSWER)).await.unwrap();
    let error = model(&server).call::<String>("a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.message().contains("certificate"), "{error}");
    assert!(!error.is_retryable());
}

async fn none_open(server: &Server) -> bool {
    for _ in 0..500 {
        if server.open_connections() == 0 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn closes_are_seen_once_each() {
    let server = Server::replies([Reply::silence()]).await.unwrap();
    let model = model(&server);
    let asked = async {
        while server.received().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = model.provider.send(Request::new("m", vec![Message::user("a")])) => panic!("an answer"),
        asked = tokio::time::timeout(Duration::from_secs(10), asked) => asked.unwrap(),
    }
    assert!(server.closed(Duration::from_secs(5)).await);
    assert!(!server.closed(Duration::from_millis(20)).await);
}
