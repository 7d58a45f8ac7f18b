//! A planted secret must not be found in anything that is printed, wherever a server puts it.

use std::error::Error as _;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request};
use meanwhile_core::{AnyProvider, Error, Result};
use meanwhile_http::{Auth, Authorize, Endpoint, HttpProvider, Secret};

use crate::server::{Server, Step, chunk, client, reply, stream, stream_head};
use crate::toy::{SSE, Toy, answer, failure, streamed, whole};

const KEY: &str = "sk-planted/secret+42==";
const ENCODED: &str = "sk-planted%2Fsecret%2B42%3D%3D";
const JSON: &str = "content-type: application/json";

#[derive(Debug)]
struct Signer;

#[async_trait]
impl Authorize for Signer {
    async fn authorize(&self, request: &mut Request<Bytes>) -> Result<()> {
        assert!(request.uri().path().ends_with("/chat") && !request.body().is_empty());
        let mut value = HeaderValue::from_static(KEY);
        value.set_sensitive(true);
        request.headers_mut().insert("x-signature", value);
        Ok(())
    }
}

/// The same key in every place where one can be.
fn providers(base: &str) -> Vec<HttpProvider<Toy>> {
    let plain = || Endpoint::new(base).unwrap();
    let with = |endpoint, auth| {
        HttpProvider::new("toy", SSE, endpoint).with_auth(auth).with_client(client())
    };
    vec![
        with(plain(), Auth::bearer(KEY).unwrap()),
        with(plain(), Auth::header("x-api-key", KEY).unwrap()),
        with(plain(), Auth::query("key", KEY).unwrap()),
        with(plain(), Auth::hook(Signer)),
        with(plain().with_secret_header("x-other", KEY).unwrap(), Auth::none()),
        with(plain().with_header("x-api-key", KEY).unwrap(), Auth::none()),
    ]
}

fn assert_clean(what: &str, error: &Error) {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(" {error} {error:?}");
        source = error.source();
    }
    assert!(!text.contains(KEY) && !text.contains(ENCODED), "{what}: {text}");
    assert!(!text.contains("planted"), "{what}: {text}");
}

#[tokio::test]
async fn errors_do_not_show_the_key() {
    let echo = format!("{{\"error\": \"the key {KEY} (Bearer {KEY}, {ENCODED}) is bad\"}}");
    let event = format!("data: {echo}\n\n");
    let broken = format!("data: \"{KEY}\n\n");
    let half = format!("data: [\"{KEY}");
    let location = format!("location: https://elsewhere.example/{ENCODED}?key={ENCODED}");
    let replies = [
        ("an error body", vec![Step::Send(reply("401 Unauthorized", &[JSON], &echo))]),
        (
            "an error page",
            vec![Step::Send(reply(
                "500 Internal Server Error",
                &[],
                &format!("<title>{KEY}</title>"),
            ))],
        ),
        ("a text", vec![Step::Send(reply("400 Bad Request", &[], &format!("no {KEY}")))]),
        (
            "headers",
            vec![Step::Send(reply(
                "429 Too Many Requests",
                &[&format!("x-request-id: {KEY}")],
                "",
            ))],
        ),
        ("a redirect", vec![Step::Send(reply("302 Found", &[&location], ""))]),
        (
            "a page",
            vec![Step::Send(reply(
                "200 OK",
                &["content-type: text/html"],
                &format!("<title>{KEY}</title>"),
            ))],
        ),
        ("a whole answer", vec![Step::Send(reply("200 OK", &[JSON], &echo))]),
        ("what is not JSON", vec![Step::Send(reply("200 OK", &[JSON], KEY))]),
        ("an event", vec![Step::Send(stream(&[&event]))]),
        ("a broken event", vec![Step::Send(stream(&[&broken]))]),
        ("half an event", vec![Step::Send(stream(&[&half]))]),
        ("a cut", vec![Step::Send([stream_head(), chunk("data: {")].concat()), Step::Close]),
        ("nothing", vec![Step::Close]),
    ];
    for (what, steps) in replies {
        let server = Server::steps(steps).await;
        for provider in providers(&server.url()) {
            // The key in the URL's own query is one that only the endpoint knows.
            assert_clean(what, &failure(&provider, streamed()).await);
        }
        assert!(
            server.seen().iter().all(|seen| seen.head.contains(KEY) || seen.head.contains(ENCODED))
        );
    }
    for base in ["http://127.0.0.1:1", "https://127.0.0.1:1", "http://name.invalid"] {
        for provider in providers(base) {
            assert_clean(base, &failure(&provider, whole()).await);
        }
    }
}

#[tokio::test]
async fn public_types_do_not_show_the_key() {
    for provider in providers("http://host/v1") {
        let any = AnyProvider::from(provider.clone());
        let text = format!(
            "{provider:?} {provider:#?} {any:?} {:?} {}",
            provider.endpoint(),
            provider.endpoint()
        );
        assert!(!text.contains("planted"), "{text}");
    }
    let text = format!("{:?} {:?}", Secret::new(KEY), Auth::query("key", KEY).unwrap());
    assert!(!text.contains("planted"), "{text}");
}

#[tokio::test]
async fn the_key_does_not_follow_a_redirect() {
    let other = Server::bytes(reply("200 OK", &[JSON], "{}")).await;
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let location = format!("location: {}/chat", other.url());
        let server = Server::bytes(reply(status, &[&location], "")).await;
        for provider in providers(&server.url()) {
            let error = failure(&provider, whole()).await;
            assert!(error.message().contains("`127.0.0.1`"), "{error}");
        }
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_hook_sees_the_request_and_can_refuse() {
    #[derive(Debug)]
    struct Refuse;

    #[async_trait]
    impl Authorize for Refuse {
        async fn authorize(&self, _: &mut Request<Bytes>) -> Result<()> {
            Err(Error::new(meanwhile_core::ErrorKind::MissingCredential, "the token has expired"))
        }
    }

    let server = Server::bytes(reply("200 OK", &[JSON], "{}")).await;
    let error = failure(&server.provider(SSE).with_auth(Auth::hook(Refuse)), whole()).await;
    assert_eq!((error.message(), error.provider()), ("the token has expired", Some("toy")));
    assert_eq!(server.connections(), 0);

    answer(&server.provider(SSE).with_auth(Auth::hook(Signer)), whole()).await.unwrap();
    assert!(server.seen()[0].head.contains(&format!("x-signature: {KEY}")));
}
