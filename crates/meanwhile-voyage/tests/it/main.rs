//! Voyage's departures from the dialect, over a transport that answers from memory.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use meanwhile_core::{EmbedPurpose, EmbeddingModel, ErrorKind, RerankRequest, Result};
use meanwhile_http::{Auth, Body, Client, Transport};
use meanwhile_voyage::{Builder, PROVIDER, Voyage};
use serde_json::{Value, json};

#[derive(Debug, Clone)]
struct Answers {
    status: u16,
    body: Value,
    sent: Arc<Mutex<Value>>,
    headers: Arc<Mutex<HeaderMap>>,
}

#[async_trait]
impl Transport for Answers {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        *self.sent.lock().unwrap() = json!({ "url": request.uri().to_string(), "body": body });
        *self.headers.lock().unwrap() = request.headers().clone();
        let body = Body::from_chunks([Bytes::from(self.body.to_string())]);
        Ok(Response::builder().status(self.status).body(body).unwrap())
    }
}

fn voyage(status: u16, body: Value) -> (Builder, Arc<Mutex<Value>>) {
    let answers = Answers { status, body, sent: Arc::default(), headers: Arc::default() };
    let sent = answers.sent.clone();
    (Voyage::builder().api_key("planted").http_client(Client::new(answers)), sent)
}

#[tokio::test]
async fn texts_are_embedded() {
    let (builder, sent) = voyage(
        200,
        json!({ "data": [{ "embedding": [0.25, 0.5], "index": 0 }], "model": "voyage-3-lite",
            "usage": { "total_tokens": 8 } }),
    );
    let model = EmbeddingModel::of(builder.embedder().unwrap(), "voyage-3-lite")
        .dimensions(2)
        .purpose(EmbedPurpose::Query);
    let embeddings = model.embed(["a"]).await.unwrap();
    assert_eq!(
        (embeddings.vectors, embeddings.usage.input.total),
        (vec![vec![0.25, 0.5]], Some(8))
    );
    let body = json!({ "model": "voyage-3-lite", "input": ["a"], "output_dimension": 2,
        "input_type": "query" });
    let url = "https://api.voyageai.com/v1/embeddings";
    assert_eq!(*sent.lock().unwrap(), json!({ "url": url, "body": body }));
}

#[tokio::test]
async fn another_credential_takes_the_place_of_the_key() {
    let body = json!({ "data": [{ "embedding": [0.5], "index": 0 }], "model": "m" });
    let headers = Arc::<Mutex<HeaderMap>>::default();
    let answers = Answers { status: 200, body, sent: Arc::default(), headers: headers.clone() };
    let auth = Auth::header("x-gateway-key", "g-123456").unwrap();
    let builder = Voyage::builder().auth(auth).http_client(Client::new(answers));
    EmbeddingModel::of(builder.embedder().unwrap(), "m").embed_one("a").await.unwrap();
    let sent = headers.lock().unwrap();
    assert_eq!(
        (&sent["x-gateway-key"], sent.get("authorization")),
        (&"g-123456".parse().unwrap(), None)
    );
}

#[tokio::test]
async fn documents_are_ranked() {
    let data =
        json!([{ "index": 1, "relevance_score": 0.9 }, { "index": 0, "relevance_score": 0.2 }]);
    let (builder, sent) = voyage(200, json!({ "data": data, "usage": { "total_tokens": 5 } }));
    let documents = ["a", "b"].map(str::to_owned).to_vec();
    let request = RerankRequest::new("rerank-2", "q", documents).top(2);
    let ranked = builder.reranker().unwrap().rerank(request).await.unwrap();
    let order: Vec<usize> = ranked.documents.iter().map(|document| document.index).collect();
    assert_eq!(order, [1, 0]);
    let body = json!({ "model": "rerank-2", "query": "q", "documents": ["a", "b"], "top_k": 2 });
    let url = "https://api.voyageai.com/v1/rerank";
    assert_eq!(*sent.lock().unwrap(), json!({ "url": url, "body": body }));
}

/// What Voyage answers is one sentence in `detail`:
/// <https://docs.voyageai.com/docs/error-codes>.
#[tokio::test]
async fn refusals_by_row() {
    let unknown = "Model nonexistent is not supported. Supported models are ['voyage-3.5'].";
    for (status, detail, kind, retryable) in [
        (400, unknown, ErrorKind::ModelNotFound, false),
        (400, "The request body is not valid JSON.", ErrorKind::InvalidRequest, false),
        (401, "Provided API key is invalid.", ErrorKind::Authentication, false),
        (403, "Your IP address is not allowed.", ErrorKind::PermissionDenied, false),
        (429, "You have not yet added your payment method.", ErrorKind::RateLimit, true),
        (500, "Internal server error.", ErrorKind::Server, true),
        (502, "Bad gateway.", ErrorKind::Server, true),
        (503, "Service unavailable.", ErrorKind::Overloaded, true),
        (504, "Gateway timeout.", ErrorKind::Server, true),
    ] {
        let (builder, _) = voyage(status, json!({ "detail": detail }));
        let model = EmbeddingModel::of(builder.embedder().unwrap(), "nonexistent");
        let error = model.embed_one("a").await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{detail}");
        assert_eq!((error.status(), error.message()), (Some(status), detail));
        assert_eq!(error.provider(), Some("voyage"));
        assert!(!format!("{error:?}").contains("planted"));
    }
}

#[test]
fn there_is_nobody_to_talk_to() {
    assert_eq!((PROVIDER.connect)().unwrap_err().kind(), ErrorKind::Unsupported);
}
