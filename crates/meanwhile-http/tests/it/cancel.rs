//! What is dropped is closed, and leaves nothing behind.

use std::time::Duration;

use meanwhile_core::{Event, Provider};

use crate::server::{LAST_CHUNK, Server, Step, chunk, reply, stream_head};
use crate::toy::{SSE, answer, streamed, whole};

const TEXT: &str = "data: {\"text\":\"hello \"}\n\n";

#[tokio::test]
async fn dropping_a_pending_call_closes_the_connection() {
    let server = Server::steps(vec![Step::UntilClosed]).await;
    for (before, request) in [whole(), streamed()].into_iter().enumerate() {
        let provider = server.provider(SSE);
        let asked = async {
            while server.seen().len() <= before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Dropped when the server has the request.
        tokio::select! {
            _ = provider.send(request) => panic!("the server answered"),
            asked = tokio::time::timeout(Duration::from_secs(10), asked) => asked.unwrap(),
        }
        server.closed().await;
    }
}

#[tokio::test]
async fn dropping_a_half_read_stream_closes_the_connection() {
    let steps = vec![Step::Send([stream_head(), chunk(TEXT)].concat()), Step::UntilClosed];
    let server = Server::steps(steps).await;
    let mut stream = server.provider(SSE).send(streamed()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    let Event::TextDelta { .. } = stream.next().await.unwrap().unwrap() else { panic!() };
    drop(stream);
    server.closed().await;
}

#[tokio::test]
async fn dropping_an_unread_stream_closes_the_connection() {
    let server = Server::steps(vec![Step::Send(stream_head()), Step::UntilClosed]).await;
    drop(server.provider(SSE).send(streamed()).await.unwrap());
    server.closed().await;
}

#[tokio::test]
async fn waiting_for_the_next_event_is_cancel_safe() {
    let mut steps = vec![Step::Send(stream_head())];
    let body = [chunk(TEXT), chunk("data: [DONE]\n\n"), LAST_CHUNK.to_vec()].concat();
    for piece in body.chunks(5) {
        steps.extend([Step::Send(piece.to_vec()), Step::Wait(3)]);
    }
    let server = Server::steps(steps).await;
    let mut stream = server.provider(SSE).send(streamed()).await.unwrap();
    let mut events = Vec::new();
    loop {
        match tokio::time::timeout(Duration::from_millis(1), stream.next()).await {
            Ok(Some(event)) => events.push(event.unwrap()),
            Ok(None) => break,
            Err(_) => {}
        }
    }
    assert_eq!(crate::toy::text(&events), "hello ");
}

#[tokio::test]
async fn an_error_or_a_cancelled_call_leaves_the_client_usable() {
    let server = Server::start(|seen| {
        if seen.body.contains("true") {
            vec![
                Step::Send([stream_head(), chunk("data: garbage\n\n")].concat()),
                Step::UntilClosed,
            ]
        } else {
            vec![Step::Send(reply("200 OK", &["content-type: application/json"], "{}"))]
        }
    })
    .await;
    let provider = server.provider(SSE);
    for _ in 0..3 {
        assert!(answer(&provider, streamed()).await.is_err());
        answer(&provider, whole()).await.unwrap();
    }
}
