//! Configuration.

use std::sync::Mutex;

use bytes::Bytes;
use meanwhile_core::{
    EmbeddingModel, ErrorKind, Fold, ListModels as _, Message, OutputSupport, Provider as _,
    Request, Response, Result,
};
use meanwhile_http::{Auth, Body, Client, Transport};
use meanwhile_ollama::{Ollama, PROVIDER};

#[test]
fn a_server_needs_no_key() {
    assert_eq!(PROVIDER.id, "ollama");
    let provider = Ollama::builder().host("box.example:1234").build().unwrap();
    assert_eq!(provider.id(), "ollama");
    assert_eq!(provider.capabilities("any").output, OutputSupport::Schema);
}

#[test]
fn addresses_are_checked_and_keys_never_shown() {
    let error = Ollama::builder().host("ftp://box.example").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let builder = Ollama::builder().host("https://ollama.com").api_key("a-secret");
    let shown = format!("{builder:?}");
    let built = format!("{:?}", builder.build().unwrap());
    assert!(!shown.contains("a-secret") && !built.contains("a-secret"), "{shown} {built}");
}

/// Answers every request with a body of this type and keeps what was asked.
#[derive(Debug)]
struct Answers {
    content_type: &'static str,
    body: &'static str,
    asked: Mutex<Vec<http::Request<Bytes>>>,
}

#[async_trait::async_trait]
impl Transport for &'static Answers {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Body>> {
        self.asked.lock().unwrap().push(request);
        let mut response = http::Response::new(Body::from_chunks([Bytes::from(self.body)]));
        let value = http::HeaderValue::from_static(self.content_type);
        response.headers_mut().insert(http::header::CONTENT_TYPE, value);
        Ok(response)
    }
}

#[tokio::test]
async fn requests_go_to_the_native_api() {
    // Servers and proxies in front of them name the type of a stream in different ways.
    for content_type in ["application/x-ndjson", "application/json; charset=utf-8", ""] {
        let answers: &'static Answers = Box::leak(Box::new(Answers {
            content_type,
            body: concat!(
                r#"{"model":"m","message":{"content":"so"},"done":false}"#,
                "\n",
                r#"{"model":"m","message":{"content":""},"done":true,"done_reason":"stop"}"#,
                "\n"
            ),
            asked: Mutex::default(),
        }));
        let builder = Ollama::builder().host("box.example:1234/v1").api_key("k-123456");
        let ollama = builder.http_client(Client::new(answers)).build().unwrap();
        for streamed in [true, false] {
            let request = Request::new("m", vec![Message::user("x")]);
            let request = if streamed { request.streamed() } else { request };
            let response = fold(ollama.send(request).await.unwrap()).await;
            assert_eq!(response.text(), "so", "{content_type} {streamed}");
            let sent = answers.asked.lock().unwrap().pop().unwrap();
            assert_eq!(sent.uri(), "http://box.example:1234/api/chat");
            assert_eq!(sent.headers()["authorization"], "Bearer k-123456");
        }
    }
}

async fn fold(mut stream: meanwhile_core::EventStream) -> Response {
    let mut fold = Fold::new("ollama", "m");
    while let Some(event) = stream.next().await {
        fold.push(&event.unwrap()).unwrap();
    }
    fold.finish().unwrap()
}

fn answering(body: &'static str) -> (meanwhile_ollama::OllamaApi, &'static Answers) {
    let answers: &'static Answers = Box::leak(Box::new(Answers {
        content_type: "application/json",
        body,
        asked: Mutex::default(),
    }));
    let builder = Ollama::builder().host("box.example:1234");
    (builder.http_client(Client::new(answers)).api().unwrap(), answers)
}

#[tokio::test]
async fn another_credential_takes_the_place_of_the_key() {
    let answers: &'static Answers = Box::leak(Box::new(Answers {
        content_type: "application/json",
        body: r#"{"models":[]}"#,
        asked: Mutex::default(),
    }));
    let builder = Ollama::builder().host("box.example").api_key("k-123456");
    let builder = builder.auth(Auth::header("x-gateway-key", "g-123456").unwrap());
    let models = builder.http_client(Client::new(answers)).models().unwrap();
    models.list_models().await.unwrap();
    let sent = answers.asked.lock().unwrap().pop().unwrap();
    assert_eq!(sent.headers()["x-gateway-key"], "g-123456");
    assert!(!sent.headers().contains_key("authorization"));
}

#[tokio::test]
async fn texts_are_embedded() {
    let (api, answers) = answering(
        r#"{"model":"nomic-embed-text","embeddings":[[0.25,-1]],"total_duration":3,"prompt_eval_count":12}"#,
    );
    let model = EmbeddingModel::new(api, "nomic-embed-text").dimensions(2);
    let embeddings = model.embed(["a"]).await.unwrap();
    assert_eq!(embeddings.vectors, [[0.25, -1.0]]);
    assert_eq!(embeddings.usage.input.total, Some(12));
    assert_eq!(embeddings.usage.raw.unwrap().json().unwrap()["total_duration"], 3);
    let sent = answers.asked.lock().unwrap().pop().unwrap();
    assert_eq!(sent.uri(), "http://box.example:1234/api/embed");
    assert_eq!(
        sent.body(),
        r#"{"model":"nomic-embed-text","input":["a"],"dimensions":2}"#.as_bytes()
    );
}

#[tokio::test]
async fn models_are_listed() {
    let (api, answers) =
        answering(r#"{"models":[{"name":"qwen3:8b","model":"qwen3:8b","size":5},{"size":1}]}"#);
    let models = api.list_models().await.unwrap();
    assert_eq!(models.iter().map(|model| &*model.id).collect::<Vec<_>>(), ["qwen3:8b"]);
    let sent = answers.asked.lock().unwrap().pop().unwrap();
    assert_eq!((sent.method(), sent.uri().path()), (&http::Method::GET, "/api/tags"));
}
