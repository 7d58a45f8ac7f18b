//! Embeddings, rankings and lists of models, over a transport that answers from memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use meanwhile_core::{
    BatchId, BatchStatus, Batches, EmbeddingModel, ErrorKind, RerankRequest, Result,
};
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
    let builder = OpenAiCompatible::builder("acme", "https://acme.example/v1")
        .http_client(Client::new(transport));
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

/// Answers each path with its own body, and keeps what was sent.
#[derive(Debug)]
struct ByPath(Vec<(&'static str, String)>, Arc<Mutex<Vec<(String, String)>>>);

#[async_trait]
impl Transport for ByPath {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        let path = request.uri().path().to_owned();
        let text = String::from_utf8_lossy(request.body()).into_owned();
        let found = self.0.iter().find(|(known, _)| *known == path);
        self.1.lock().unwrap().push((path, text));
        let body = found.map_or_else(|| "{}".to_owned(), |(_, body)| body.clone());
        let status = if found.is_some() { 200 } else { 404 };
        Ok(Response::builder().status(status).body(Body::from_chunks([body.into()])).unwrap())
    }
}

#[tokio::test]
async fn a_batch_goes_and_comes_as_files() {
    let state = |status: &str, files: Value| {
        let mut batch = json!({ "id": "batch_1", "status": status,
            "request_counts": { "total": 2, "completed": 1, "failed": 1 } });
        batch.as_object_mut().unwrap().extend(files.as_object().unwrap().clone());
        batch.to_string()
    };
    let ended = state("completed", json!({ "output_file_id": "out", "error_file_id": "err" }));
    let done = json!({ "custom_id": "b", "response": { "status_code": 200, "body": { "model": "m",
        "choices": [{ "message": { "content": "hi" }, "finish_reason": "stop" }] } } });
    let failed = json!({ "custom_id": "a", "response": { "status_code": 429, "body": {
        "error": { "message": "slow down" } } } });
    let sent = Arc::<Mutex<Vec<_>>>::default();
    let transport = ByPath(
        vec![
            ("/v1/files", json!({ "id": "in" }).to_string()),
            ("/v1/batches", state("validating", json!({}))),
            ("/v1/batches/batch_1", ended),
            ("/v1/batches/batch_1/cancel", state("cancelling", json!({}))),
            ("/v1/files/out/content", format!("{done}\n")),
            ("/v1/files/err/content", format!("{failed}\n")),
        ],
        sent.clone(),
    );
    let builder = OpenAiCompatible::builder("acme", "https://acme.example/v1");
    let batches = builder.http_client(Client::new(transport)).batches().unwrap();
    let request = || meanwhile_core::Request::new("m", vec![meanwhile_core::Message::user("x")]);
    let mut second = request();
    second.params.top_k = Some(1);
    let batch = batches.create(vec![("a".into(), request()), ("b".into(), second)]).await;
    let batch = batch.unwrap();
    let warned: Vec<_> =
        batch.warnings.iter().map(|(id, warning)| (&**id, &*warning.subject)).collect();
    assert_eq!(warned, [("b", "top_k")]);
    assert_eq!((batch.status, batch.total), (BatchStatus::Running, Some(2)));
    let text = serde_json::to_string(&batch.id).unwrap();
    let id = serde_json::from_str(&text).unwrap();
    assert_eq!(batches.status(&id).await.unwrap().status, BatchStatus::Completed);
    let items = batches.results(&id).await.unwrap();
    let [done, failed] = &items[..] else { panic!("{items:?}") };
    assert_eq!((&*done.id, done.response.as_ref().unwrap().text()), ("b", "hi".to_owned()));
    let error = failed.response.as_ref().unwrap_err();
    assert_eq!((&*failed.id, error.kind(), error.status()), ("a", ErrorKind::RateLimit, Some(429)));
    assert_eq!(batches.cancel(&id).await.unwrap().status, BatchStatus::Cancelling);

    let (path, body) = sent.lock().unwrap().remove(0);
    assert_eq!(path, "/v1/files");
    let line =
        r#"{"custom_id":"b","method":"POST","url":"/v1/chat/completions","body":{"model":"m","#;
    assert!(body.contains(line), "{body}");
    let (_, body) = sent.lock().unwrap().remove(0);
    assert!(body.contains(r#""input_file_id":"in""#), "{body}");

    let twice = vec![("a".into(), request()), ("a".into(), request())];
    assert_eq!(batches.create(twice).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    let other = BatchId::new("other", "batch_1");
    assert_eq!(batches.status(&other).await.unwrap_err().kind(), ErrorKind::Config);
}

/// Batches of a host that answers these paths.
fn batches_of(answers: Vec<(&'static str, String)>) -> Arc<dyn Batches> {
    let builder = OpenAiCompatible::builder("acme", "https://acme.example/v1").api_key(KEY);
    builder.http_client(Client::new(ByPath(answers, Arc::default()))).batches().unwrap()
}

const KEY: &str = "sk-planted-key";

#[tokio::test]
async fn a_batch_with_an_unknown_status_keeps_its_id_and_is_not_waited_for() {
    let check = async |status: Value, expected: Option<BatchStatus>| {
        let answer = json!({ "id": "batch_1", "status": status }).to_string();
        let batches = batches_of(vec![
            ("/v1/files", json!({ "id": "in" }).to_string()),
            ("/v1/batches", answer.clone()),
            ("/v1/batches/batch_1", answer),
        ]);
        let request = meanwhile_core::Request::new("m", vec![meanwhile_core::Message::user("x")]);
        let batch = batches.create(vec![("a".into(), request)]).await.unwrap();
        assert_eq!(batch.id.id, "batch_1");
        match (batches.status(&batch.id).await, expected) {
            (Ok(batch), Some(expected)) => assert_eq!(batch.status, expected),
            (Err(error), None) => {
                assert_eq!(error.kind(), ErrorKind::Decode);
                assert!(error.message().contains("`batch_1`"), "{error}");
                assert!(error.body().unwrap().contains("status"), "{error:?}");
            }
            (other, _) => panic!("{status}: {other:?}"),
        }
    };
    check(json!("IN_PROGRESS"), Some(BatchStatus::Running)).await;
    check(json!("COMPLETED"), Some(BatchStatus::Completed)).await;
    check(json!("DEQUEUED"), None).await;
    check(Value::Null, None).await;
}

#[tokio::test]
async fn answers_of_a_batch_are_kept_whatever_else_fails() {
    let batch = |output: &str| {
        json!({ "id": "b", "status": "completed", "output_file_id": output,
            "error_file_id": "gone" })
        .to_string()
    };
    let done = json!({ "custom_id": "a", "response": { "status_code": 200, "body": { "model": "m",
        "choices": [{ "message": { "content": "hi" }, "finish_reason": "stop" }] } } });
    let odd = json!({ "custom_id": "odd", "response": KEY });
    let batches = batches_of(vec![
        ("/v1/batches/b", batch("out")),
        ("/v1/files/out/content", format!("{odd}\n\nnot JSON\r\n{done}")),
    ]);
    let items = batches.results(&BatchId::new("acme", "b")).await.unwrap();
    let told: Vec<_> = items
        .iter()
        .map(|item| (&*item.id, item.response.as_ref().map_err(|error| error.kind())))
        .map(|(id, response)| (id, response.map(|response| response.text())))
        .collect();
    let expected = [
        ("odd", Err(ErrorKind::Decode)),
        ("", Err(ErrorKind::Decode)),
        ("a", Ok("hi".to_owned())),
        // The file of errors.
        ("", Err(ErrorKind::NotFound)),
    ];
    assert_eq!(told, expected);
    let error = items[0].response.as_ref().unwrap_err();
    assert_eq!(error.provider(), Some("acme"));
    assert!(error.body().unwrap().contains("[redacted]"), "{error:?}");
    assert!(!format!("{items:?}").contains(KEY));

    let batches = batches_of(vec![("/v1/batches/b", batch("gone-too"))]);
    let error = batches.results(&BatchId::new("acme", "b")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn the_size_of_all_answers_of_a_batch_has_no_limit_but_a_line_has() {
    let line = json!({ "custom_id": "a", "response": { "body": { "model": "m",
        "choices": [{ "message": { "content": "hi" }, "finish_reason": "stop" }] } } });
    let batch = json!({ "id": "b", "status": "completed", "output_file_id": "out" }).to_string();
    let file = format!("{line}\n").repeat(100);
    let answers = |last: &str| {
        vec![("/v1/batches/b", batch.clone()), ("/v1/files/out/content", format!("{file}{last}"))]
    };
    let limited = |last: &str| {
        let client = Client::new(ByPath(answers(last), Arc::default()));
        let builder = OpenAiCompatible::builder("acme", "https://acme.example/v1");
        builder.frame_limit(400).http_client(client).batches().unwrap()
    };
    let id = BatchId::new("acme", "b");
    let items = limited("").results(&id).await.unwrap();
    assert!(items.len() == 100 && items.iter().all(|item| item.response.is_ok()));
    let items = limited(&"x".repeat(401)).results(&id).await.unwrap();
    let failed: Vec<_> = items.iter().filter_map(|item| item.response.as_ref().err()).collect();
    assert_eq!((items.len(), failed.len()), (101, 1), "{failed:?}");
}

#[tokio::test]
async fn vectors_that_are_not_numbered_each_once_are_an_error() {
    for indices in [[Some(0), Some(0)], [Some(1), Some(2)], [Some(0), None]] {
        let data = indices.map(|index| json!({ "index": index, "embedding": [1.0] }));
        let (builder, _) = host(200, json!({ "data": data }));
        let model = EmbeddingModel::of(builder.embedder().unwrap(), "m");
        let error = model.embed(["a", "b"]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{indices:?}");
        assert!(error.message().contains("numbered"), "{error}");
    }
}
