//! One request and its answer over a real connection.

use std::sync::{Arc, Mutex};

use meanwhile_core::{
    Capabilities, ErrorKind, Event, FinishReason, Model, Moment, Observer, Provider, Run, Warning,
};
use meanwhile_http::{Auth, Endpoint, Framing, HttpProvider};

use crate::server::{LAST_CHUNK, Seen, Server, Step, chunk, client, reply, stream, stream_head};
use crate::toy::{SSE, Toy, answer, events, failure, streamed, text, whole};

const JSON: &str = "content-type: application/json";
const TEXT: &str = "data: {\"text\":\"hello \"}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[tokio::test]
async fn whole_and_streamed_answers() {
    let server = Server::start(|seen: &Seen| {
        vec![Step::Send(if seen.body.contains("\"stream\":true") {
            stream(&[TEXT, "data: {\"text\":\"world\"}\n\ndata: [DO", "NE]\n\n"])
        } else {
            reply("200 OK", &[JSON], r#"{"text": "hello world"}"#)
        })]
    })
    .await;
    let provider = server.provider(SSE).with_auth(Auth::bearer("sk-1").unwrap());
    for request in [whole(), streamed()] {
        let response = answer(&provider, request).await.unwrap();
        assert_eq!(response.text(), "hello world");
        assert_eq!(response.finish_reason(), Some(FinishReason::Stop));
    }
    let seen = server.seen();
    let head = seen[0].head.to_lowercase();
    for line in [
        "post /chat http/1.1",
        "authorization: bearer sk-1",
        "content-type: application/json",
        "accept: application/json",
        "user-agent: meanwhile/",
    ] {
        assert!(head.contains(line), "{line} is not in {head}");
    }
    assert!(seen[1].head.to_lowercase().contains("accept: text/event-stream"));
    assert_eq!(server.connections(), 1, "the connection was not used again");
}

#[tokio::test]
async fn the_codec_decides_over_the_endpoint_and_the_endpoint_over_the_defaults() {
    let server = Server::bytes(reply("200 OK", &[JSON], "{}")).await;
    let endpoint = Endpoint::new(format!("{}/v1/?version=2", server.url())).unwrap();
    let endpoint =
        endpoint.with_header("user-agent", "mine").unwrap().with_header("x-extra", "1").unwrap();
    let provider = HttpProvider::new("toy", SSE, endpoint)
        .with_client(client())
        .with_auth(Auth::query("key", "a b&c-longer").unwrap());
    answer(&provider, whole()).await.unwrap();
    let head = &server.seen()[0].head;
    assert!(head.starts_with("POST /v1/chat?version=2&key=a%20b%26c-longer HTTP/1.1"), "{head}");
    assert!(head.contains("user-agent: mine") && head.contains("x-extra: 1"), "{head}");
}

#[tokio::test]
async fn request_id_and_warnings_come_first() {
    let headers = [JSON, "x-request-id: r-1"];
    let server = Server::bytes(reply("200 OK", &headers, r#"{"text": "hi"}"#)).await;
    let mut request = whole();
    request.warnings.push(Warning::dropped("top_k", "not known"));
    let (events, error) = events(&server.provider(SSE), request).await;
    assert!(error.is_none());
    assert!(
        matches!(&events[0], Event::Metadata(metadata) if metadata.request_id.as_deref() == Some("r-1"))
    );
    assert!(matches!(&events[1], Event::Warning(warning) if warning.subject == "top_k"));
}

/// Keeps where requests are said to go.
#[derive(Debug, Default)]
struct Servers(Mutex<Vec<(String, u16)>>);

impl Observer for Servers {
    fn observe(&self, _: &Run, moment: &Moment<'_>) {
        if let Moment::Sending { address, port } = moment {
            self.0.lock().unwrap().push(((*address).to_owned(), *port));
        }
    }
}

#[tokio::test]
async fn observers_are_told_which_server_is_asked() {
    let server = Server::bytes(reply("200 OK", &[JSON], r#"{"text": "hi"}"#)).await;
    let servers = Arc::new(Servers::default());
    let ask = async |provider: HttpProvider<Toy>| {
        Model::new(provider, "any").call::<String>("x").observe(servers.clone()).await
    };
    assert_eq!(ask(server.provider(SSE)).await.unwrap(), "hi");
    let port = server.url().rsplit(':').next().unwrap().parse().unwrap();
    // The port that the scheme stands for, and no brackets; nobody answers there.
    for url in ["https://[::1]/v1", "http://localhost.invalid:9"] {
        let provider = HttpProvider::new("toy", SSE, Endpoint::new(url).unwrap());
        ask(provider.with_client(client())).await.unwrap_err();
    }
    let expected = [("127.0.0.1", port), ("::1", 443), ("localhost.invalid", 9)];
    assert_eq!(*servers.0.lock().unwrap(), expected.map(|(name, port)| (name.to_owned(), port)));
}

#[tokio::test]
async fn nothing_is_sent_before_the_first_poll() {
    let server = Server::bytes(reply("200 OK", &[JSON], "{}")).await;
    let provider = server.provider(SSE);
    let call = provider.send(whole());
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    assert_eq!(server.connections(), 0);
    drop(call);
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn capabilities_come_from_the_table() {
    let provider = HttpProvider::new("toy", SSE, Endpoint::new("http://host").unwrap());
    let endpoint = provider.capabilities("any").endpoint;
    // The same in every process, and for every model.
    assert_eq!(endpoint, Some(0x9399_5435_33b6_82b5));
    let at = |capabilities: Capabilities| {
        let mut capabilities = capabilities;
        capabilities.endpoint = endpoint;
        capabilities
    };
    assert_eq!(provider.capabilities("any"), at(Capabilities::none()));
    let provider = provider.with_capabilities(|model| match model {
        "large" => Capabilities::text(),
        _ => Capabilities::none(),
    });
    assert_eq!(provider.capabilities("large"), at(Capabilities::text()));
    let other = HttpProvider::new("toy", SSE, Endpoint::new("http://host/v2").unwrap());
    assert_ne!(other.capabilities("any").endpoint, endpoint);
    assert_eq!(provider.id(), "toy");
}

#[tokio::test]
async fn refusals() {
    async fn check(reply: Vec<u8>, kind: ErrorKind, message: &str) -> meanwhile_core::Error {
        let server = Server::bytes(reply).await;
        let error = failure(&server.provider(SSE), streamed()).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(message), "{error}");
        assert_eq!((error.provider(), error.model()), (Some("toy"), Some("small")));
        error
    }

    let body = r#"{"error": "bad key"}"#;
    let error = check(
        reply("401 Unauthorized", &[JSON, "request-id: r-2"], body),
        ErrorKind::Authentication,
        "bad key",
    )
    .await;
    assert_eq!(
        (error.status(), error.request_id(), error.body()),
        (Some(401), Some("r-2"), Some(body))
    );
    check(reply("404 Not Found", &[JSON], "{}"), ErrorKind::NotFound, "{}").await;
    let marked = reply("401 Unauthorized", &[JSON], "\u{feff}{\"error\": \"bad key\"}");
    check(marked, ErrorKind::Authentication, "bad key").await;
    let limited =
        reply("429 Too Many Requests", &[JSON, "retry-after: 1.5"], r#"{"error": "slow down"}"#);
    let error = check(limited, ErrorKind::RateLimit, "slow down").await;
    assert_eq!(error.retry_after(), Some(std::time::Duration::from_millis(1500)));
    assert!(error.is_retryable());
    check(reply("500 Internal Server Error", &[], ""), ErrorKind::Server, "without a message")
        .await;
    let never = reply("500 Internal Server Error", &["x-should-retry: false"], "broken for good");
    assert!(!check(never, ErrorKind::Server, "broken for good").await.is_retryable());
    let page = "<html><head><title>502 Bad Gateway</title></head></html>";
    check(
        reply("502 Bad Gateway", &["content-type: text/html"], page),
        ErrorKind::Server,
        "an HTML page titled `502 Bad Gateway`",
    )
    .await;
    let long = reply("400 Bad Request", &[], &"x".repeat(200_000));
    let error = check(long, ErrorKind::InvalidRequest, "xxx").await;
    assert!(error.body().unwrap().len() < 2100 && error.message().len() < 400);
    check(
        reply("307 Temporary Redirect", &["location: https://elsewhere.example/a?b=c"], ""),
        ErrorKind::Config,
        "`elsewhere.example`",
    )
    .await;
    check(
        reply("301 Moved Permanently", &["location: /new"], ""),
        ErrorKind::Config,
        "another path",
    )
    .await;
}

#[tokio::test]
async fn a_refusal_whose_body_breaks_off_is_still_a_refusal() {
    let head = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 1000\r\n\r\noverlo".to_vec();
    let server = Server::steps(vec![Step::Send(head), Step::Close]).await;
    let error = failure(&server.provider(SSE), streamed()).await;
    assert_eq!((error.kind(), error.body()), (ErrorKind::Overloaded, Some("overlo")));
}

#[tokio::test]
async fn answers_that_are_not_what_was_asked_for() {
    async fn check(
        content_type: &str,
        body: &str,
        request: meanwhile_core::Request,
        expected: Result<&str, &str>,
    ) {
        let server = Server::bytes(reply("200 OK", &[content_type], body)).await;
        let (events, error) = events(&server.provider(SSE), request).await;
        match expected {
            Ok(expected) => {
                assert!(error.is_none(), "{content_type} {body}: {error:?}");
                assert_eq!(text(&events), expected, "{content_type} {body}");
            }
            Err(part) => {
                let error = error.expect("no error");
                assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
                assert!(error.message().contains(part), "{error} does not say `{part}`");
                assert!(error.body().unwrap().starts_with(&body[..body.len().min(100)]));
            }
        }
    }

    let json = r#"{"text": "hi"}"#;
    let sse = "data: {\"text\":\"hi\"}\n\ndata: [DONE]\n\n";
    // A gateway that ignores `stream`, either way.
    check(JSON, json, streamed(), Ok("hi")).await;
    check("content-type: application/vnd.x+json; charset=utf-8", json, streamed(), Ok("hi")).await;
    check("content-type: text/event-stream", sse, whole(), Ok("hi")).await;
    // No or a wrong content type: the body tells.
    for content_type in [
        "x-none: 1",
        "content-type: text/plain",
        "content-type: application/octet-stream",
        // What PHP calls whatever nobody named.
        "content-type: text/html; charset=UTF-8",
    ] {
        for request in [streamed(), whole()] {
            check(content_type, json, request.clone(), Ok("hi")).await;
            check(content_type, sse, request, Ok("hi")).await;
        }
    }
    let page = "<!DOCTYPE html><title>Welcome</title>".to_owned() + &"<p>".repeat(1000);
    for request in [streamed(), whole()] {
        check(
            "content-type: text/html; charset=utf-8",
            &page,
            request.clone(),
            Err("an HTML page titled `Welcome`; check the base URL http://127.0.0.1:"),
        )
        .await;
        check("x-none: 1", &page, request.clone(), Err("an HTML page")).await;
        check("content-type: text/plain", "upstream is down", request, Err("`text/plain`")).await;
    }
    check(JSON, "not json", whole(), Err("not JSON")).await;
    // A mark in front of it is no part of an answer.
    for content_type in [JSON, "x-none: 1"] {
        check(content_type, &format!("\u{feff}{json}"), whole(), Ok("hi")).await;
        check(content_type, &format!("\u{feff}{json}"), streamed(), Ok("hi")).await;
    }
}

#[tokio::test]
async fn json_lines() {
    let lines = "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"done\":true}\n";
    for content_type in ["content-type: application/x-ndjson", JSON, "x-none: 1"] {
        let server = Server::bytes(reply("200 OK", &[content_type], lines)).await;
        let response = answer(&server.provider(Toy(Framing::JsonLines)), streamed()).await.unwrap();
        assert_eq!(response.text(), "ab");
    }
}

#[tokio::test]
async fn broken_streams() {
    async fn check(steps: Vec<Step>, expected: &str, kind: ErrorKind) {
        let server = Server::steps(steps).await;
        let (events, error) = events(&server.provider(SSE), streamed()).await;
        let error = error.expect("no error");
        assert_eq!((text(&events).as_str(), error.kind()), (expected, kind), "{error}");
        assert_eq!((error.provider(), error.model()), (Some("toy"), Some("small")));
    }

    let send = |parts: &[&[u8]]| Step::Send([&stream_head(), parts.concat().as_slice()].concat());
    let text = chunk(TEXT);
    // The body ends early, but as HTTP wants it.
    check(vec![send(&[&text, LAST_CHUNK])], "hello ", ErrorKind::StreamInterrupted).await;
    check(
        vec![send(&[&text, &chunk("data: {\"te"), LAST_CHUNK])],
        "hello ",
        ErrorKind::StreamInterrupted,
    )
    .await;
    check(vec![send(&[LAST_CHUNK])], "", ErrorKind::StreamInterrupted).await;
    // The connection is cut, between events and within one.
    check(vec![send(&[&text]), Step::Close], "hello ", ErrorKind::StreamInterrupted).await;
    check(
        vec![send(&[&text, b"ff\r\ndata: {\"te"]), Step::Close],
        "hello ",
        ErrorKind::StreamInterrupted,
    )
    .await;
    // Garbage instead of an event, and instead of HTTP.
    check(vec![send(&[&text, &chunk("data: \u{0}\u{1}garbage\n\n")])], "hello ", ErrorKind::Decode)
        .await;
    check(
        vec![send(&[&text, b"garbage\r\n"]), Step::Close],
        "hello ",
        ErrorKind::StreamInterrupted,
    )
    .await;
    check(
        vec![send(&[&text, &chunk("data: {\"error\":\"no\"}\n\n")])],
        "hello ",
        ErrorKind::Server,
    )
    .await;
    // No answer at all.
    check(vec![Step::Close], "", ErrorKind::Connection).await;
    check(vec![Step::Send(b"garbage\r\n\r\n".to_vec()), Step::Close], "", ErrorKind::Connection)
        .await;
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoint = Endpoint::new(format!("http://{address}/v1?key=hunter2hunter2")).unwrap();
    let provider = HttpProvider::new("toy", SSE, endpoint).with_client(client());
    let error = failure(&provider, whole()).await;
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(error.message(), format!("connection refused: is the server at {address} running?"));
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");

    let endpoint = Endpoint::new("http://name-that-does-not-exist.invalid").unwrap();
    let error =
        failure(&HttpProvider::new("toy", SSE, endpoint).with_client(client()), whole()).await;
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.message().contains("name-that-does-not-exist.invalid"), "{error}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut connection, _) = listener.accept().await.unwrap();
        connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let endpoint = Endpoint::new(format!("https://{address}")).unwrap();
    let provider = HttpProvider::new("toy", SSE, endpoint).with_client(client());
    let error = failure(&provider, whole()).await;
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(
        error.message().ends_with("does not speak TLS; write the base URL with http://"),
        "{error:?}"
    );
}

#[tokio::test]
async fn large_pieces() {
    let long = "x".repeat(10 << 20);
    let event = format!("data: {{\"text\":\"{long}\"}}\n\n");
    let server = Server::bytes(stream(&[TEXT, &event, DONE])).await;
    let response = answer(&server.provider(SSE), streamed()).await.unwrap();
    assert_eq!(response.text().len(), long.len() + 6);

    let limited = server.provider(SSE).with_frame_limit(1 << 20);
    let (events, error) = events(&limited, streamed()).await;
    assert_eq!((text(&events).as_str(), error.unwrap().kind()), ("hello ", ErrorKind::Decode));

    let body = format!("{{\"text\":\"{long}\"}}");
    let server = Server::bytes(reply("200 OK", &[JSON], &body)).await;
    assert_eq!(answer(&server.provider(SSE), whole()).await.unwrap().text().len(), long.len());
    let limited = server.provider(SSE).with_frame_limit(1 << 20);
    assert_eq!(failure(&limited, whole()).await.kind(), ErrorKind::Decode);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn interleaved_calls_do_not_cross() {
    let server = Server::start(|seen: &Seen| {
        let number = seen.body.split("call-").nth(1).unwrap().split('"').next().unwrap();
        let key = seen.head.split("sk-").nth(1).unwrap().split("\r\n").next().unwrap();
        let path = seen.head.split_whitespace().nth(1).unwrap();
        let event = |text: &str| format!("data: {{\"text\":\"{text};\"}}\n\n");
        let parts = [number, key, path].map(event);
        let mut out = stream_head();
        parts.iter().for_each(|part| out.extend(chunk(part)));
        out.extend(chunk(DONE));
        let (head, rest) = out.split_at(out.len() - 60);
        vec![Step::Send(head.to_vec()), Step::Wait(1), Step::Send([rest, LAST_CHUNK].concat())]
    })
    .await;
    let client = client();
    let provider = |name: &'static str| {
        let endpoint = Endpoint::new(format!("{}/{name}", server.url())).unwrap();
        let auth = Auth::bearer(format!("sk-{name}")).unwrap();
        HttpProvider::new(name, SSE, endpoint).with_auth(auth).with_client(client.clone())
    };
    let providers = [("one", provider("one")), ("two", provider("two"))];
    let calls: Vec<_> = (0..1000)
        .map(|number| {
            let (name, provider) = providers[number % 2].clone();
            tokio::spawn(async move {
                let mut request = streamed();
                request.messages = vec![meanwhile_core::Message::user(format!("call-{number}"))];
                let response = answer(&provider, request).await.unwrap();
                assert_eq!(response.text(), format!("{number};{name};/{name}/chat;"));
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
}

#[test]
fn one_client_serves_several_runtimes() {
    let client = client();
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::bytes(stream(&[TEXT, DONE])).await;
            let endpoint = Endpoint::new(server.url()).unwrap();
            let provider = HttpProvider::new("toy", SSE, endpoint).with_client(client.clone());
            assert_eq!(answer(&provider, streamed()).await.unwrap().text(), "hello ");
        });
    }
}
