//! Proxies: each kind carries a request, and what goes wrong there is put on the proxy.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request};
use meanwhile_core::{Error, ErrorKind};
use meanwhile_http::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{Server, Step, reply};

const JSON: &str = "content-type: application/json";
const PASSWORD: &str = "hunter2";

fn post(url: &str) -> Request<Bytes> {
    Request::builder().method(Method::POST).uri(url).body(Bytes::from_static(b"{}")).unwrap()
}

fn through(proxy: &str) -> Client {
    Client::builder().proxy(proxy).build().unwrap()
}

/// A SOCKS 5 proxy, by RFC 1928 and 1929. With `reply`, it makes no connection and answers that.
async fn socks(wants_credential: bool, reply: Option<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(relay(client, wants_credential, reply));
        }
    });
    address
}

async fn relay(
    mut client: TcpStream,
    wants_credential: bool,
    reply: Option<u8>,
) -> std::io::Result<()> {
    let methods = [client.read_u8().await?, client.read_u8().await?][1];
    let mut offered = vec![0; methods.into()];
    client.read_exact(&mut offered).await?;
    let method = if wants_credential { 2 } else { 0 };
    if !offered.contains(&method) {
        return client.write_all(&[5, 0xff]).await;
    }
    client.write_all(&[5, method]).await?;
    if wants_credential {
        client.read_u8().await?;
        let mut words = Vec::new();
        for _ in 0..2 {
            let mut word = vec![0; client.read_u8().await?.into()];
            client.read_exact(&mut word).await?;
            words.push(word);
        }
        let is_right = words == [b"tom".to_vec(), PASSWORD.into()];
        client.write_all(&[1, u8::from(!is_right)]).await?;
        if !is_right {
            return Ok(());
        }
    }
    let mut head = [0; 4];
    client.read_exact(&mut head).await?;
    let host = match head[3] {
        1 => {
            let mut address = [0; 4];
            client.read_exact(&mut address).await?;
            std::net::Ipv4Addr::from(address).to_string()
        }
        3 => {
            let mut name = vec![0; client.read_u8().await?.into()];
            client.read_exact(&mut name).await?;
            String::from_utf8(name).unwrap()
        }
        other => panic!("address of kind {other}"),
    };
    let port = client.read_u16().await?;
    // Only the proxy knows this name.
    let host = host.replace("known-to-the-proxy.invalid", "127.0.0.1");
    let code = reply.unwrap_or(0);
    client.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    if code == 0 {
        let mut target = TcpStream::connect((host, port)).await?;
        copy_bidirectional(&mut client, &mut target).await?;
    }
    Ok(())
}

#[tokio::test]
async fn socks_proxies_carry_requests() {
    let check = async |scheme: &str, host: &str, wants_credential: bool| {
        let target = Server::bytes(reply("200 OK", &[JSON], r#"{"text": "hi"}"#)).await;
        let proxy = socks(wants_credential, None).await;
        let user = if wants_credential { format!("tom:{PASSWORD}@") } else { String::new() };
        let client = through(&format!("{scheme}://{user}{proxy}"));
        let url = target.url().replace("127.0.0.1", host);
        let answer = client.send(post(&format!("{url}/chat"))).await;
        let mut body = answer.unwrap_or_else(|error| panic!("{scheme}: {error:?}")).into_body();
        assert_eq!(body.chunk().await.unwrap().unwrap(), r#"{"text": "hi"}"#, "{scheme}");
        assert!(target.seen()[0].head.starts_with("POST /chat HTTP/1.1\r\n"), "{scheme}");
        assert!(!target.seen()[0].head.contains("proxy-"), "{}", target.seen()[0].head);
    };
    for wants_credential in [false, true] {
        check("socks5", "127.0.0.1", wants_credential).await;
        check("socks5h", "127.0.0.1", wants_credential).await;
        check("socks5h", "known-to-the-proxy.invalid", wants_credential).await;
    }
}

/// Sends one request to each of `urls` through `proxy`. Returns the failures, which name no credential.
async fn failures(proxy: &str, urls: &[&str]) -> Vec<Error> {
    let client = through(proxy);
    let mut failures = Vec::new();
    for url in urls {
        let error = client.send(post(url)).await.unwrap_err();
        assert!(!format!("{error:?} {error}").contains(PASSWORD), "{error:?}");
        failures.push(error);
    }
    failures
}

const BOTH: [&str; 2] = ["http://api.example.invalid/chat", "https://api.example.invalid/chat"];

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in ["http", "https", "socks5h"] {
        for error in failures(&format!("{scheme}://tom:{PASSWORD}@{gone}"), &BOTH).await {
            assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
            assert!(error.is_retryable(), "{error}");
            let message = error.message();
            assert!(message.contains(&format!("the proxy at {scheme}://{gone}")), "{message}");
            assert!(!message.contains("api.example"), "{message}");
            let is_refused = message.starts_with("connection refused: is the proxy");
            // What speaks SOCKS does not tell why.
            assert!(is_refused || scheme == "socks5h", "{message}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_wants_a_credential_says_so_once() {
    let http = Server::bytes(reply("407 Proxy Authentication Required", &[], "who are you?")).await;
    let socks = socks(true, None).await;
    let mut proxies = vec![http.url(), http.url().replace("//", "//tom:hunter2@")];
    proxies.extend([format!("socks5h://{socks}"), format!("socks5h://tom:other@{socks}")]);
    for proxy in proxies {
        for error in failures(&proxy, &BOTH).await {
            assert_eq!(error.kind(), ErrorKind::Authentication, "{proxy}: {error:?}");
            assert!(!error.is_retryable(), "{proxy}: {error}");
            let address = proxy.rsplit(['/', '@']).next().unwrap();
            let message = error.message();
            let scheme = proxy.split(':').next().unwrap();
            assert!(message.contains(&format!("the proxy at {scheme}://{address}")), "{message}");
            assert!(message.contains("user:password@"), "{message}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_finds_no_way_on_is_told_from_the_server() {
    // 5: connection refused.
    let refusing = format!("socks5h://{}", socks(false, Some(5)).await);
    let gateway = Server::bytes(reply("502 Bad Gateway", &[], "")).await.url();
    for (proxy, urls) in [(&refusing, &BOTH[..]), (&gateway, &BOTH[1..])] {
        for error in failures(proxy, urls).await {
            assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
            assert!(error.is_retryable(), "{error}");
            let message = error.message();
            let expected =
                format!("the proxy at {proxy} made no connection to api.example.invalid:");
            assert!(message.starts_with(&expected), "{message}");
        }
    }
    let here = format!("socks5://{}", socks(false, None).await);
    for error in failures(&here, &BOTH).await {
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert!(error.message().contains("write the URL of the proxy with socks5h://"), "{error}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_behind_the_proxy_names_the_server() {
    let proxy = Server::steps(vec![Step::Close]).await;
    let error = failures(&proxy.url(), &BOTH[..1]).await.remove(0);
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.message().contains("the connection to api.example.invalid broke"), "{error}");
}

#[test]
fn what_is_no_proxy_is_refused() {
    for text in ["", "ftp://host:1", "socks://host:1", "http://", "tom:hunter2@", "mailto:tom"] {
        let error = Client::builder().proxy(text).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{text}: {error}");
        assert!(error.message().contains("socks5h://host:port"), "{text}: {error}");
        assert!(!format!("{error:?}").contains(PASSWORD), "{text}: {error:?}");
    }
    for text in ["localhost:8080", "http://host", "socks5://host", "https://tom:p%40ss@host:1"] {
        assert!(Client::builder().proxy(text).build().is_ok(), "{text}");
    }
}
