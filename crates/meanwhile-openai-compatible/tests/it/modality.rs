//! Embeddings, rankings and lists of models, over a transport that answers from memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use meanwhile_core::{EmbeddingModel, ErrorKind, RerankRequest, Result};
use meanwhile_http::{Body, Client, Transport};
use meanwhile_openai_compatible::{Builder, OpenAiCompatible};
use serde_json::{Value, json};

type Sent = Arc<Mutex<Vec<(String, Value)>>>;

#[derive(Debug)]
struct Answers {
    status: u16,
    body: Value,
    sent: Sent,
}

#[async_trait]
impl Transport for Answers {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        self.sent.lock().unwrap().push((request.uri().to_string(), body));
        let body = Body::from_chunks([Bytes::from(self.body.to_string())]);
        Ok(Response::builder().status(self.status).body(body).unwrap())
    }
}

fn host(status: u16, body: Value) -> (Builder, Sent) {
    let sent = Sent::default();
    let transport = Answers { status, body, sent: sent.clone() };
    let builder =
        OpenAiCompatible::builder("acme", "https://acme.example/v1").client(Client::new(transport));
    (builder, sent)
}

#[tokio::test]
async fn vectors_come_in_the_order_of_the_texts() {
    let (builder, sent) = host(
        200,
        json!({ "model": "m-2", "usage": { "prompt_tokens": 3, "total_tokens": 3 }, "data": [
            { "index": 1, "embedding": [0.5, 1] }, { "index": 0, "embedding": [-1e-3, 2] } ] }),
    );
    let model = EmbeddingModel::of(builder.embedder().unwrap(), "m");
    let embeddings = model.dimensions(2).option("acme", "user", "u").embed(["a", "b"]).await;
    let embeddings = embeddings.unwrap();
    assert_eq!(embeddings.vectors, [[-1e-3, 2.0], [0.5, 1.0]]);
    assert_eq!((&*embeddings.model, embeddings.usage.input.total), ("m-2", Some(3)));
    let (url, body) = sent.lock().unwrap().remove(0);
    assert_eq!(url, "https://acme.example/v1/embeddings");
    assert_eq!(body, json!({ "model": "m", "input": ["a", "b"], "dimensions": 2, "user": "u" }));
}

#[tokio::test]
async fn text_in_place_of_numbers_is_an_error() {
    let (builder, _) = host(200, json!({ "data": [{ "embedding": "AACAPw==" }] }));
    let model = EmbeddingModel::of(builder.embedder().unwrap(), "m");
    assert_eq!(model.embed_one("a").await.unwrap_err().kind(), ErrorKind::Decode);
}

#[tokio::test]
async fn a_refusal_is_read_as_that_of_a_chat() {
    let body = json!({ "error": { "message": "no such model", "code": "model_not_found" } });
    let (builder, _) = host(404, body);
    let model = EmbeddingModel::of(builder.embedder().unwrap(), "m");
    let error = model.embed_one("a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelNotFound);
    assert_eq!(
        (error.provider(), error.model(), error.status()),
        (Some("acme"), Some("m"), Some(404))
    );
}

#[tokio::test]
async fn documents_are_ranked() {
    let results =
        json!([{ "index": 2, "relevance_score": 0.1 }, { "index": 0, "relevance_score": 0.9 }]);
    let (builder, sent) = host(200, json!({ "results": results, "usage": { "total_tokens": 7 } }));
    let documents = ["a", "b", "c"].map(str::to_owned).to_vec();
    let request = RerankRequest::new("m", "q", documents).top(2);
    let ranked = builder.reranker().unwrap().rerank(request).await.unwrap();
    let found: Vec<_> = ranked.documents.iter().map(|found| (found.index, found.score)).collect();
    assert_eq!(found, [(0, 0.9), (2, 0.1)]);
    assert_eq!(ranked.usage.input.total, Some(7));
    let body = json!({ "model": "m", "query": "q", "documents": ["a", "b", "c"], "top_n": 2 });
    assert_eq!(sent.lock().unwrap().remove(0).1, body);
}

#[tokio::test]
async fn models_are_listed() {
    let raw = json!({ "id": "m", "created": 5, "owned_by": "acme", "context_length": 4096 });
    for body in [json!({ "data": [raw, { "object": "?" }] }), json!([raw])] {
        let (builder, _) = host(200, body);
        let models = builder.models().unwrap().list_models().await.unwrap();
        let [model] = &models[..] else { panic!("{models:?}") };
        assert_eq!((&*model.id, model.created, model.input_tokens), ("m", Some(5), Some(4096)));
        assert_eq!(model.raw.as_deref(), Some(&raw));
    }
}
