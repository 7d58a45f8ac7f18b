//! Requests for tokens are recorded without the secret that asks and the token that comes.

use std::path::Path;

use bytes::Bytes;
use http::Request;
use meanwhile_azure::{Azure, ClientCredentials};
use meanwhile_core::{AnyProvider, ErrorKind, Model, Result};
use meanwhile_google::{Credentials, Vertex};
use meanwhile_http::{Auth, Client};
use meanwhile_testkit::{Mode, Received, Replay, Reply, Server};
use serde_json::json;

const SECRET: &str = "s~planted&0123456789";
const TOKEN: &str = "t-planted-abcdefghij";

/// An authority, and what takes its tokens.
async fn server() -> Server {
    let served = |request: &Received| {
        if request.path.contains("/token") {
            assert!(request.text().contains("s~planted%260123456789"), "{}", request.text());
            let json = json!({ "access_token": TOKEN, "id_token": TOKEN, "expires_in": 3600 });
            // As servers write it that people are to read.
            return Reply::new(200).json(serde_json::to_string_pretty(&json).unwrap());
        }
        assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}"));
        Reply::new(200).json(match request.path.contains("generateContent") {
            true => {
                r#"{"candidates":[{"content":{"parts":[{"text":"hello"}]},"finishReason":"STOP"}]}"#
            }
            false => r#"{"choices":[{"message":{"content":"hello"},"finish_reason":"stop"}]}"#,
        })
    };
    Server::start(served).await.unwrap()
}

fn azure(host: &str, secret: &str, client: Client) -> AnyProvider {
    let application = ClientCredentials::new("tenant", "app", secret)
        .with_authority(host)
        .with_http_client(client.clone());
    let azure = Azure::builder().endpoint(host).auth(Auth::hook(application));
    azure.http_client(client).build().unwrap()
}

fn vertex(host: &str, secret: &str, client: Client) -> AnyProvider {
    let file = json!({
        "type": "authorized_user",
        "client_id": "me",
        "client_secret": secret,
        "refresh_token": format!("refresh{secret}"),
        "token_uri": format!("{host}/token"),
    });
    let credentials = Credentials::from_json(&file.to_string()).unwrap();
    Vertex::builder()
        .project("acme")
        .location("europe-west4")
        .base_url(host)
        .credentials(credentials.with_http_client(client.clone()))
        .http_client(client)
        .build()
        .unwrap()
}

async fn ask(provider: &AnyProvider, prompt: &str) -> Result<String> {
    Model::of(provider.clone(), "gemini-or-gpt").call(prompt.to_owned()).await
}

fn recorder(file: &Path) -> Client {
    let direct = Client::builder().no_proxy().build().unwrap();
    Replay::file(file).mode(Mode::Record).through(direct).http_client()
}

#[tokio::test]
async fn neither_the_secret_nor_the_token_reaches_the_file() {
    for provider in [azure, vertex] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("talk.json");
        let server = server().await;
        let recorded = provider(&server.url(), SECRET, recorder(&file));
        assert_eq!(ask(&recorded, "one").await.unwrap(), "hello");
        let text = std::fs::read_to_string(&file).unwrap();
        for secret in ["planted", "refreshs"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("client_secret=[redacted]"), "{text}");
        assert!(text.contains(r#""access_token": "[redacted]""#), "{text}");

        // It is played to whoever has another secret, or none.
        let client = Replay::file(&file).mode(Mode::Replay).http_client();
        let played = provider("http://other.example", "another-secret", client);
        assert_eq!(ask(&played, "one").await.unwrap(), "hello");
        // What an error shows of a request has none either.
        let client = Replay::file(&file).mode(Mode::Replay).http_client();
        let unknown = provider("http://other.example/elsewhere", "another-secret", client);
        let error = ask(&unknown, "one").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.message().contains("client_secret=[redacted]"), "{error}");
        assert!(!format!("{error:?}").contains("another-secret"), "{error:?}");
    }
}

/// What is left of a request with this body and of its answer.
async fn recorded(kind: &'static str, body: &'static str, reply: Reply) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("talk.json");
    let server = Server::replies([reply]).await.unwrap();
    let url = format!("{}/x?refresh_token=planted-0&q=1", server.url());
    let request = Request::post(url).header("content-type", kind);
    let request = request.body(Bytes::from(body)).unwrap();
    let mut answer = recorder(&file).send(request).await.unwrap().into_body();
    while answer.chunk().await.is_some() {}
    std::fs::read_to_string(&file).unwrap()
}

#[tokio::test]
async fn credentials_in_bodies_are_known_by_their_names() {
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    let json = "application/json";
    for (kind, body, kept) in [
        (
            form,
            "a=1&assertion=planted-1&b=planted%20free",
            ["a=1&assertion=[redacted]&b=planted"; 2],
        ),
        (form, "password=planted", ["password=[redacted]", ""]),
        // A short one is a secret, too.
        (form, "client_secret=plant&x=", ["client_secret=[redacted]&x=", ""]),
        (
            json,
            r#"{"mcp_servers":[{"authorization_token":"planted-2","url":"u"}],"token":3}"#,
            [r#""authorization_token": "[redacted]""#, r#""token": 3"#],
        ),
        (
            json,
            r#"{"tools":[{"headers":{"X-Api-Key":"planted-3"}}],"Authorization":"Bearer planted-4"}"#,
            [r#""X-Api-Key": "[redacted]""#, r#""Authorization": "[redacted]""#],
        ),
        // What repeats one is replaced, too, also in front of it.
        (
            json,
            r#"{"next":"https://h/x?key=planted-7","access_token":"planted-7","z":"planted-7"}"#,
            [r#""next": "https://h/x?key=[redacted]""#, r#""z": "[redacted]""#],
        ),
        (
            form,
            "state=planted-89&client_secret=planted-89",
            ["state=[redacted]&client_secret=[", ""],
        ),
        // The schema of a tool that asks for one is none.
        (
            json,
            r#"{"properties":{"password":{"type":"string"}},"required":["password"]}"#,
            [r#""type": "string""#, r#""required""#],
        ),
    ] {
        let text = recorded(kind, body, Reply::new(200).json("{}")).await;
        for kept in kept {
            assert!(text.contains(kept), "{kept} is not in {text}");
        }
        let free = text.replace("planted%20free", "");
        assert!(!free.contains("plant"), "{text}");
    }

    // Where an answer repeats what it was asked with, or hands out others, line by line.
    let reply = Reply::new(200)
        .header("x-said", "planted/5 is wrong")
        .header("x-new", "planted-6")
        .header("content-type", "text/event-stream")
        .piece("data: {\"said\":\"planted-6\"}\n\n")
        .piece("data: {\"accessToken\":\"planted-6\"}\n\ndata: {\"said\":\"planted\\/5\"}\n\n");
    let text = recorded(form, "client_secret=planted%2F5", reply).await;
    assert!(!text.contains("plant"), "{text}");
    assert!(text.contains("[redacted] is wrong"), "{text}");
}
