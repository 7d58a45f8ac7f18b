//! What was recorded is played, and holds no secret.

use std::path::Path;

use meanwhile_core::{AnyProvider, ErrorKind, Model, Result};
use meanwhile_http::{Auth, Client};
use meanwhile_openai_compatible::OpenAiCompatible;
use meanwhile_testkit::{Cassette, Content, Mode, Replay, Reply, Server, key, replay};

const KEY: &str = "sk-planted-0123456789";

fn provider(base_url: &str, client: Client) -> AnyProvider {
    OpenAiCompatible::builder("toy", base_url)
        .api_key(KEY)
        .header("x-tenant", "tenant-of-mine")
        .http_client(client)
        .build()
        .unwrap()
}

fn direct() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn ask(provider: &AnyProvider, prompt: &str) -> Result<String> {
    Model::of(provider.clone(), "m").call(prompt.to_owned()).await
}

async fn record(file: &Path) -> Server {
    let server = Server::start(|request| {
        if request.text().contains("fail") {
            let body = format!(r#"{{"error":{{"message":"bad key {KEY}"}}}}"#);
            return Reply::new(401).header("set-cookie", "session=1").json(body);
        }
        let hello = r#"{"id":"id-of-mine","choices":[{"message":{"content":"hello"},"finish_reason":"stop"}]}"#;
        Reply::new(200).header("x-request-id", "r1").json(hello)
    });
    let server = server.await.unwrap();
    let client = Replay::file(file)
        .mode(Mode::Record)
        .through(direct())
        .scrub("/id")
        .scrub_header("X-Tenant")
        .http_client();
    let provider = provider(&format!("{}/v1?key={KEY}", server.url()), client);
    assert_eq!(ask(&provider, "one").await.unwrap(), "hello");
    assert_eq!(ask(&provider, "fail").await.unwrap_err().kind(), ErrorKind::Authentication);
    let mut stream = Model::of(provider, "m").call::<String>("two").stream().await.unwrap();
    while stream.next().await.is_some_and(|event| event.is_ok()) {}
    server
}

#[tokio::test]
async fn what_was_recorded_is_played_without_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/talk.json");
    drop(record(&file).await);
    let client = Replay::file(&file).mode(Mode::Replay).http_client();
    let provider = provider("http://other.example/v1?key=another", client);
    // In another order, too.
    assert_eq!(ask(&provider, "fail").await.unwrap_err().kind(), ErrorKind::Authentication);
    assert_eq!(ask(&provider, "one").await.unwrap(), "hello");
    // Each is played once.
    let error = ask(&provider, "one").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("MEANWHILE_REPLAY=record"), "{error}");
    assert!(!format!("{error:?}").contains(KEY));
}

#[tokio::test]
async fn no_secret_reaches_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("talk.json");
    record(&file).await;
    let text = std::fs::read_to_string(&file).unwrap();
    for secret in [KEY, "tenant-of-mine", "id-of-mine", "session=1"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    assert!(text.contains("bad key [redacted]") && text.contains("?key=[redacted]"), "{text}");
    assert!(text.contains("\"model\": \"m\""), "the body is not readable: {text}");
}

#[tokio::test]
async fn the_same_traffic_gives_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["a.json", "b.json"].map(|name| folder.path().join(name));
    let mut texts = Vec::new();
    for file in &files {
        let server = record(file).await;
        let text = std::fs::read_to_string(file).unwrap();
        texts.push(text.replace(&server.url(), "http://host"));
        let cassette = Cassette::load(file).unwrap();
        assert_eq!(cassette.interactions.len(), 3);
        cassette.save(file).unwrap();
        assert_eq!(std::fs::read_to_string(file).unwrap(), text, "reading and writing changed it");
    }
    assert_eq!(texts[0], texts[1]);
}

#[tokio::test]
async fn live_requests_touch_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("talk.json");
    let server = Server::replies([Reply::new(500)]).await.unwrap();
    let client = Replay::file(&file).mode(Mode::Live).through(direct()).http_client();
    let error = ask(&provider(&server.url(), client), "one").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert!(!file.exists());
}

#[tokio::test]
async fn a_missing_file_says_how_to_make_it() {
    let error = ask(&provider("http://host.example", replay("no-such-recording")), "a").await;
    let message = error.unwrap_err().to_string();
    assert!(message.contains("tests/cassettes/no-such-recording.json"), "{message}");
    assert!(message.contains("MEANWHILE_REPLAY=record"), "{message}");
}

#[tokio::test]
async fn one_line_is_enough() {
    let greeting = OpenAiCompatible::builder("toy", "https://api.toy.example/v1")
        .auth(Auth::bearer(key(&["TOY_API_KEY"])).unwrap())
        .http_client(replay("greeting"))
        .build()
        .unwrap();
    assert_eq!(ask(&greeting, "Say hello").await.unwrap(), "Hello!");
}

#[test]
fn every_byte_comes_back() {
    for bytes in [
        &b""[..],
        b"{\"a\":1.50,\"b\":[]}",
        b"{\"a\":1}",
        b"{ \"a\": 1 }\n",
        b"data: {}\r\n\r\ndata: [DONE]\n\n",
        b"no end of line",
        b"\n\n",
        b"\xff\xfe\0",
        "Gr\u{fc}\u{df}e".as_bytes(),
    ] {
        let content = Content::new(bytes);
        assert_eq!(content.bytes().unwrap(), bytes, "{content:?}");
    }
}
