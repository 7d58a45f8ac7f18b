//! The default transport: which way a request goes, and what it says on the way.

use std::process::Command;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_http::{Auth, Body, Client, Endpoint, HttpProvider, Transport};

use crate::server::{Server, client, reply};
use crate::toy::{SSE, answer, whole};

const JSON: &str = "content-type: application/json";

async fn server() -> Server {
    Server::bytes(reply("200 OK", &[JSON], r#"{"text": "hi"}"#)).await
}

fn post(url: &str) -> Request<Bytes> {
    Request::builder().method(Method::POST).uri(url).body(Bytes::from_static(b"{}")).unwrap()
}

/// Sends a request, reads its answer, and returns what the answer was.
async fn send(client: &Client, request: Request<Bytes>) -> Bytes {
    let mut body = client.send(request).await.unwrap().into_body();
    let mut all = Vec::new();
    while let Some(chunk) = body.chunk().await {
        all.extend(chunk.unwrap());
    }
    all.into()
}

#[tokio::test]
async fn hosts_are_told_apart() {
    let (one, two) = (server().await, server().await);
    let client = client();
    for server in [&one, &two, &one, &one] {
        send(&client, post(&format!("{}/chat?a=1", server.url()))).await;
    }
    for (server, requests) in [(&one, 3), (&two, 1)] {
        assert_eq!((server.seen().len(), server.connections()), (requests, 1));
        let host = server.url().replace("http://", "host: ");
        for seen in server.seen() {
            assert!(seen.head.starts_with("POST /chat?a=1 HTTP/1.1\r\n"), "{}", seen.head);
            assert_eq!(seen.head.matches("host: ").count(), 1, "{}", seen.head);
            assert!(seen.head.contains(&host), "{} lacks {host}", seen.head);
            assert!(seen.head.contains("content-length: 2\r\n"), "{}", seen.head);
        }
    }
    let mut own = post(&one.url());
    own.headers_mut().insert("host", "other.example".parse().unwrap());
    send(&client, own).await;
    assert!(one.seen()[3].head.contains("host: other.example\r\n"), "{}", one.seen()[3].head);
}

#[tokio::test]
async fn what_cannot_be_sent_is_said() {
    let proxied = Client::builder().proxy("http://127.0.0.1:1").build().unwrap();
    for client in [client(), proxied] {
        for url in ["/chat", "ftp://host/chat", "http://user:hunter2@127.0.0.1:1/"] {
            let error = client.send(post(url)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{url}: {error}");
            assert!(error.message().contains("check the base URL"), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}

/// A client that the user has made.
#[derive(Debug)]
struct Own(reqwest::Client);

#[async_trait]
impl Transport for Own {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        let failed = |error| Error::new(ErrorKind::Connection, "failed").with_source(error);
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let answer = Response::<reqwest::Body>::from(self.0.execute(request).await.unwrap());
        Ok(answer.map(|body| Body::new(body.into_data_stream().map_err(failed))))
    }
}

#[tokio::test]
async fn a_client_of_the_users_own_is_used() {
    let server = server().await;
    // It brings the cryptography with it, as the default transport does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let headers = [("x-own".parse().unwrap(), "1".parse().unwrap())].into_iter().collect();
    let own = reqwest::Client::builder().no_proxy().default_headers(headers).build().unwrap();
    let provider = server.provider(SSE).with_client(Client::new(Own(own)));
    assert_eq!(answer(&provider, whole()).await.unwrap().text(), "hi");
    assert!(server.seen()[0].head.contains("x-own: 1\r\n"), "{}", server.seen()[0].head);
}

#[tokio::test]
async fn a_given_proxy_gets_everything() {
    let (target, proxy) = (server().await, server().await);
    let client = Client::builder().proxy(proxy.url()).build().unwrap();
    let provider = |url: &str| {
        HttpProvider::new("toy", SSE, Endpoint::new(url).unwrap())
            .with_auth(Auth::bearer("sk-hunter2").unwrap())
            .with_client(client.clone())
    };
    let response = answer(&provider(&target.url()), whole()).await.unwrap();
    assert_eq!(response.text(), "hi");
    let line = format!("POST {}/chat HTTP/1.1\r\n", target.url());
    assert!(proxy.seen()[0].head.starts_with(&line), "{}", proxy.seen()[0].head);
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn a_proxy_sees_no_secret_of_a_secure_request() {
    let proxy = Server::bytes(reply("502 Bad Gateway", &[], "")).await;
    let client = Client::builder().proxy(proxy.url()).build().unwrap();
    let endpoint = Endpoint::new("https://api.example.invalid/v1").unwrap();
    let provider = HttpProvider::new("toy", SSE, endpoint)
        .with_auth(Auth::bearer("sk-hunter2").unwrap())
        .with_client(client);
    let error = answer(&provider, whole()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.is_retryable(), "{error}");
    let seen = proxy.seen();
    assert!(seen[0].head.starts_with("CONNECT api.example.invalid:443 "), "{}", seen[0].head);
    assert!(!seen[0].head.contains("hunter2"), "{}", seen[0].head);
}

/// Where the program that the next tests start sends its requests.
const TARGET: &str = "MEANWHILE_TEST_TARGET";

/// Runs in a process of its own, because the environment is the process's.
#[tokio::test]
async fn two_requests_by_the_environment() {
    let Ok(target) = std::env::var(TARGET) else {
        println!("skipped: the tests of the environment start it");
        return;
    };
    let client = Client::shared().unwrap();
    println!("{client:?}");
    for _ in 0..2 {
        assert_eq!(send(&client, post(&format!("{target}/chat"))).await, r#"{"text": "hi"}"#);
    }
}

/// Sends two requests to `target` from a program with only these of the variables that matter. Returns what it
/// printed.
async fn two_requests(target: String, variables: Vec<(&str, String)>) -> (bool, String) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "client::two_requests_by_the_environment", "--nocapture"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"] {
        child.env_remove(name).env_remove(name.to_lowercase());
    }
    child.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").env(TARGET, target);
    child.envs(variables);
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

// Only there are the certificates that are trusted named by a variable.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_is_trusted_by_the_certificates_of_the_system() {
    let (server, certificate) = Server::secure(reply("200 OK", &[JSON], r#"{"text": "hi"}"#)).await;
    let file = std::env::temp_dir().join(format!("meanwhile-http-{}.pem", std::process::id()));
    std::fs::write(&file, certificate).unwrap();
    let trusted = vec![("SSL_CERT_FILE", file.display().to_string())];
    let (success, text) = two_requests(server.url(), trusted).await;
    std::fs::remove_file(&file).unwrap();
    assert!(success, "{text}");
    assert_eq!((server.seen().len(), server.connections()), (2, 1), "{text}");

    let (success, text) = two_requests(server.url(), Vec::new()).await;
    assert!(!success && text.contains("no secure connection to 127.0.0.1"), "{text}");
    assert_eq!(server.seen().len(), 2, "{text}");
}

#[tokio::test]
async fn proxies_of_the_environment() {
    let check = async |variables: &[(&str, &str)], client: &str, expected: bool| {
        let (target, proxy) = (server().await, server().await);
        // Only names are exempt by `*`.
        let by_name = variables.contains(&("NO_PROXY", "*"));
        let host = if by_name { "localhost" } else { "127.0.0.1" };
        let url = target.url().replace("127.0.0.1", host);
        let own = |(name, value): &(_, &str)| (*name, value.replace("PROXY", &proxy.url()));
        let (success, text) = two_requests(url, variables.iter().map(own).collect()).await;
        assert!(success, "{variables:?}: {text}");
        assert!(text.contains(client), "{variables:?}: {text}");
        let requests = (proxy.seen().len(), target.seen().len());
        let wanted = if expected { (2, 0) } else { (0, 2) };
        assert_eq!(requests, wanted, "{variables:?} (proxy, target): {text}");
    };
    let both = "Client(hyper, and reqwest through proxies)";
    check(&[], "Client(hyper)", false).await;
    check(&[("HTTP_PROXY", "")], "Client(hyper)", false).await;
    check(&[("HTTP_PROXY", "PROXY")], both, true).await;
    check(&[("http_proxy", "PROXY")], both, true).await;
    check(&[("ALL_PROXY", "PROXY")], both, true).await;
    check(&[("all_proxy", "PROXY")], both, true).await;
    check(&[("HTTPS_PROXY", "PROXY")], both, false).await;
    check(&[("HTTP_PROXY", "PROXY"), ("NO_PROXY", "*")], both, false).await;
    for exempt in ["127.0.0.1", "example.com, 127.0.0.0/8"] {
        check(&[("HTTP_PROXY", "PROXY"), ("NO_PROXY", exempt)], both, false).await;
        check(&[("ALL_PROXY", "PROXY"), ("no_proxy", exempt)], both, false).await;
    }
    check(&[("HTTP_PROXY", "PROXY"), ("NO_PROXY", "example.com")], both, true).await;
    // What servers of CGI programs set from a header must not name a proxy.
    check(&[("HTTP_PROXY", "PROXY"), ("REQUEST_METHOD", "GET")], both, false).await;
}
