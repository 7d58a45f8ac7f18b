//! Streamable HTTP: both ends, what a server refuses, and who learns a secret.

use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, ToolOutput, Toolbox};
use meanwhile_mcp::{Client, Server};
use serde_json::json;
use tokio::net::TcpListener;
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{call, context, tool};

const SECRET: &str = "sk-very-secret";

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_share_a_server_and_it_ends_with_its_future() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let echo = tool("echo", |call, _| async move { Ok(ToolOutput::new(call.arguments)) });
    let server = Server::new("echo", "1").tools(Toolbox::new().with(echo));
    let serving = tokio::spawn(server.serve_http(listener));
    let ask = async |number: i32| {
        let client = Client::http(url.clone()).connect().await.unwrap();
        let tools = client.tools().await.unwrap();
        let asked = json!({"number": number, "text": "x".repeat(100_000)});
        let answer = tools.run(&call("echo", &asked), &context()).await.text();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&answer).unwrap(), asked);
        client.close().await;
    };
    futures_util::future::join_all((0..8).map(ask)).await;

    let client = Client::http(url.clone()).timeout(Duration::from_secs(5)).connect().await.unwrap();
    serving.abort();
    let _ = serving.await;
    let error = client.tools().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    let error = Client::http(url).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
}

async fn connecting(answer: ResponseTemplate) -> meanwhile_core::Error {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let url = format!("{}/mcp?key={SECRET}", server.uri());
    let builder = Client::http(url).bearer(SECRET).timeout(Duration::from_secs(10));
    assert!(!format!("{builder:?}").contains(SECRET), "{builder:?}");
    let error = builder.connect().await.unwrap_err();
    let mut said = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        said.push_str(&format!("{cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!said.contains(SECRET), "{said}");
    error
}

#[tokio::test]
async fn a_refusal_has_its_kind_and_keeps_the_secret() {
    let cases = [
        (ResponseTemplate::new(401), ErrorKind::Authentication),
        (
            ResponseTemplate::new(401).insert_header("www-authenticate", "Bearer"),
            ErrorKind::Authentication,
        ),
        (
            ResponseTemplate::new(401).set_body_string(format!("bad token {SECRET}")),
            ErrorKind::Authentication,
        ),
        (ResponseTemplate::new(403), ErrorKind::PermissionDenied),
        (ResponseTemplate::new(404), ErrorKind::NotFound),
        (ResponseTemplate::new(429).insert_header("retry-after", "7"), ErrorKind::RateLimit),
        (ResponseTemplate::new(503), ErrorKind::Server),
        (ResponseTemplate::new(200).set_body_string("<html>"), ErrorKind::Decode),
    ];
    for (answer, kind) in cases {
        let said = format!("{answer:?}");
        let error = connecting(answer).await;
        assert_eq!(error.kind(), kind, "{error:?} for {said}");
        if kind == ErrorKind::RateLimit {
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        }
    }
}

#[tokio::test]
async fn a_secret_goes_to_no_other_origin() {
    let other = MockServer::start().await;
    let elsewhere = format!("{}/mcp", other.uri());
    for status in [301, 302, 307, 308] {
        let answer = ResponseTemplate::new(status).insert_header("location", elsewhere.as_str());
        let error = connecting(answer).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
    assert!(other.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_token_and_the_headers_are_sent() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("authorization", format!("Bearer {SECRET}")))
        .and(header("x-team", "blue"))
        .respond_with(ResponseTemplate::new(503))
        .expect(1..)
        .mount(&server)
        .await;
    let builder = Client::http(server.uri()).bearer(format!("{SECRET}\n")).header("x-team", "blue");
    let error = builder.connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server, "{error}");
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_at_once() {
    let cases = [
        (Client::http("http://127.0.0.1:1").bearer("  "), ErrorKind::MissingCredential),
        (Client::http("http://127.0.0.1:1").bearer("a\nb"), ErrorKind::Config),
        (Client::http("http://127.0.0.1:1").header("a b", "c"), ErrorKind::Config),
        (Client::http("not an address"), ErrorKind::Config),
        (Client::http("http://127.0.0.1:1"), ErrorKind::Connection),
    ];
    for (builder, kind) in cases {
        let said = format!("{builder:?}");
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{said}: {error}");
    }
}

#[tokio::test]
async fn what_a_server_repeats_of_a_credential_is_taken_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    // `tom:hunter2-hunter2`
    let basic = "dG9tOmh1bnRlcjItaHVudGVyMg==";
    let said = format!("GET failed at 9 with {SECRET}, Basic {basic}, tom:hunter2-hunter2 in en");
    let fails = tool("fail", move |_, _| {
        let said = said.clone();
        async move { Err(Error::new(ErrorKind::Tool, said)) }
    });
    let server = Server::new("repeats", "1").tools(Toolbox::new().with(fails));
    let serving = tokio::spawn(server.serve_http(listener));
    let builder = Client::http(url).header("authorization", format!("basic {basic}"));
    // A short value says nothing, and is found everywhere.
    let builder =
        builder.secret_header("x-key", SECRET).header("x-version", "9").header("x-in", "en");
    let tools = builder.connect().await.unwrap().tools().await.unwrap();
    let error = tools.call(&call("fail", &json!({})), &context()).await.unwrap_err();
    assert_eq!(error.message(), "GET failed at 9 with ***, Basic ***, *** in en");
    serving.abort();
}
