//! Embeddings, lists of models, counts of tokens, batches.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::StatusCode;
use meanwhile_core::{
    BatchId, BatchStatus, Batches as _, EmbedPurpose, EmbeddingModel, ErrorKind, FinishReason,
    ListModels as _, Message, Params, Request, Result,
};
use meanwhile_google::{Google, GoogleApi, PROVIDER, VERTEX_PROVIDER, Vertex};
use meanwhile_http::{Body, Client, Transport};
use serde_json::{Value, json};

/// Answers with what it was given, in order, and keeps the requests.
#[derive(Debug, Default)]
struct Desk {
    answers: Mutex<VecDeque<(u16, String)>>,
    asked: Mutex<Vec<http::Request<Bytes>>>,
}

#[derive(Debug, Clone)]
struct Shared(Arc<Desk>);

#[async_trait::async_trait]
impl Transport for Shared {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Body>> {
        self.0.asked.lock().unwrap().push(request);
        let (status, body) = self.0.answers.lock().unwrap().pop_front().expect("an answer");
        let mut response = http::Response::new(Body::from_chunks([Bytes::from(body)]));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok(response)
    }
}

fn desk(answers: impl IntoIterator<Item = Value>) -> (Arc<Desk>, Client) {
    let desk = Arc::new(Desk::default());
    let answers = answers.into_iter().map(|answer| match answer {
        Value::String(text) => (200, text),
        answer => (200, answer.to_string()),
    });
    desk.answers.lock().unwrap().extend(answers);
    (desk.clone(), Client::new(Shared(desk)))
}

fn studio(client: Client) -> GoogleApi {
    Google::builder()
        .base_url("https://host/v1beta")
        .api_key("key")
        .http_client(client)
        .api()
        .unwrap()
}

fn vertex(client: Client) -> GoogleApi {
    let vertex = Vertex::builder().base_url("https://host/v1").project("p").location("l");
    vertex.access_token("token").http_client(client).api().unwrap()
}

/// Method, path and body of the requests.
fn asked(desk: &Desk) -> Vec<(String, Value)> {
    let asked = desk.asked.lock().unwrap();
    let asked = asked.iter().map(|request| {
        let path = request.uri().path_and_query().unwrap().to_string();
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        (format!("{} {path}", request.method()), body)
    });
    asked.collect()
}

#[tokio::test]
async fn ai_studio_embeds_lists() {
    let (desk, client) = desk([json!({
        "embeddings": [{ "values": [0.5, 1] }, { "values": [-0.5, 0] }],
        "usageMetadata": { "promptTokenCount": 7 } })]);
    let model = EmbeddingModel::new(studio(client), "gemini-embedding-001")
        .dimensions(2)
        .purpose(EmbedPurpose::Document)
        .option("google", "title", "t");
    let embeddings = model.embed(["a", "b"]).await.unwrap();
    assert_eq!(embeddings.vectors, [[0.5, 1.0], [-0.5, 0.0]]);
    assert_eq!((embeddings.provider.as_str(), embeddings.usage.input.total), ("google", Some(7)));
    let text = |text: &str| {
        json!({ "model": "models/gemini-embedding-001", "content": { "parts": [{ "text": text }] },
            "taskType": "RETRIEVAL_DOCUMENT", "outputDimensionality": 2, "title": "t" })
    };
    assert_eq!(
        asked(&desk),
        [(
            "POST /v1beta/models/gemini-embedding-001:batchEmbedContents".to_owned(),
            json!({ "requests": [text("a"), text("b")] })
        )]
    );
}

#[tokio::test]
async fn vertex_embeds_by_either_endpoint() {
    let (desk, client) = desk([
        json!({ "predictions": [
            { "embeddings": { "values": [1], "statistics": { "truncated": true, "token_count": 3 } } },
            { "embeddings": { "values": [2], "statistics": { "token_count": 4.0 } } } ] }),
        json!({ "embedding": { "values": [3] }, "usageMetadata": { "promptTokenCount": 5 } }),
    ]);
    let api = vertex(client);
    let older = EmbeddingModel::new(api.clone(), "text-embedding-005").purpose(EmbedPurpose::Query);
    let embeddings = older.embed(["a", "b"]).await.unwrap();
    // A text that was cut before it was read is told of.
    let raw = embeddings.usage.raw.as_ref().unwrap().json().unwrap();
    assert_eq!(raw["statistics"][0]["truncated"], true);
    assert_eq!(
        (embeddings.vectors, embeddings.usage.input.total),
        (vec![vec![1.0], vec![2.0]], Some(7))
    );
    let newer = EmbeddingModel::new(api, "gemini-embedding-2");
    assert_eq!(newer.embed_one("c").await.unwrap(), [3.0]);
    let base = "POST /v1/projects/p/locations/l/publishers/google/models";
    assert_eq!(
        asked(&desk),
        [
            (
                format!("{base}/text-embedding-005:predict"),
                json!({ "instances": [
                { "content": "a", "task_type": "RETRIEVAL_QUERY" },
                { "content": "b", "task_type": "RETRIEVAL_QUERY" } ] })
            ),
            (
                format!("{base}/gemini-embedding-2:embedContent"),
                json!({ "content": { "parts": [{ "text": "c" }] } })
            ),
        ]
    );
}

#[tokio::test]
async fn models_are_listed_page_by_page() {
    let model = |name: &str| json!({ "name": name, "displayName": "D", "inputTokenLimit": 9, "outputTokenLimit": 3 });
    let (desk, client) = desk([
        json!({ "models": [model("models/a"), {}], "nextPageToken": "a/b=" }),
        json!({ "models": [model("tunedModels/b")], "nextPageToken": "a/b=" }),
    ]);
    let models = studio(client).list_models().await.unwrap();
    let ids: Vec<_> =
        models.iter().map(|model| (&*model.id, model.input_tokens, model.output_tokens)).collect();
    assert_eq!(ids, [("a", Some(9), Some(3)), ("tunedModels/b", Some(9), Some(3))]);
    let paths: Vec<_> = asked(&desk).into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        ["GET /v1beta/models?pageSize=1000", "GET /v1beta/models?pageSize=1000&pageToken=a%2Fb%3D"]
    );
}

#[tokio::test]
async fn vertex_lists_the_models_of_google() {
    let model = |id: &str| {
        json!({ "name": format!("publishers/google/models/{id}"), "versionId": "default",
            "launchStage": "GA" })
    };
    let (desk, client) = desk([
        json!({ "publisherModels": [model("gemini-2.5-pro")], "nextPageToken": "n" }),
        json!({ "publisherModels": [model("text-embedding-005")] }),
    ]);
    let models = vertex(client).list_models().await.unwrap();
    let ids: Vec<_> = models.iter().map(|model| &*model.id).collect();
    assert_eq!(ids, ["gemini-2.5-pro", "text-embedding-005"]);
    assert_eq!(models[0].raw.as_ref().unwrap()["launchStage"], "GA");
    let base = "GET /v1/publishers/google/models?pageSize=100";
    let paths: Vec<_> = asked(&desk).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, [base.to_owned(), format!("{base}&pageToken=n")]);
    let asked = desk.asked.lock().unwrap();
    assert!(asked.iter().all(|request| request.headers()["x-goog-user-project"] == "p"));
}

#[tokio::test]
async fn tokens_are_counted_without_an_answer() {
    let (desk, client) =
        desk([json!({ "totalTokens": 8 }), json!({ "totalTokens": 9 }), json!({})]);
    let mut request =
        Request::new("gemini-2.5-flash", vec![Message::system("s"), Message::user("x")]);
    request.params = Params::new().service_tier("flex").option("google", "labels", json!({}));
    assert_eq!(studio(client.clone()).count_tokens(&request).await.unwrap(), 8);
    assert_eq!(vertex(client.clone()).count_tokens(&request).await.unwrap(), 9);
    let error = studio(client).count_tokens(&request).await.unwrap_err();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Decode, Some("google")));
    let asked = asked(&desk);
    let inner = &asked[0].1["generateContentRequest"];
    assert_eq!(
        (&inner["model"], &inner["serviceTier"]),
        (&json!("models/gemini-2.5-flash"), &json!("flex"))
    );
    assert_eq!(
        asked[1].1,
        json!({ "systemInstruction": { "parts": [{ "text": "s" }] },
            "contents": [{ "role": "user", "parts": [{ "text": "x" }] }] })
    );
}

#[tokio::test]
async fn a_batch_comes_back_with_its_ids() {
    let metadata = |state: &str| {
        json!({ "state": state, "model": "models/gemini-2.5-flash",
        "batchStats": { "requestCount": "2", "successfulRequestCount": "1", "failedRequestCount": 1 } })
    };
    let response = crate::chunk(&json!([{ "text": "hi" }]), Some("STOP"));
    let inlined = json!({ "inlinedResponses": { "inlinedResponses": [
        { "metadata": { "key": "one" }, "response": response },
        { "metadata": { "key": "two" }, "error": { "code": 8, "message": "full", "status": "RESOURCE_EXHAUSTED" } },
        { "response": { "promptFeedback": { "blockReason": "SAFETY" } } },
        {} ] } });
    let file = format!(
        "{}\r\n  \r\n{{\"key\": oops\n{}\n",
        json!({ "key": "a", "response": response }),
        json!({ "key": "b", "error": { "code": 5, "message": "m" } })
    );
    let (desk, client) = desk([
        json!({ "name": "batches/b1", "metadata": metadata("BATCH_STATE_PENDING") }),
        json!({ "name": "batches/b1", "metadata": metadata("BATCH_STATE_SUCCEEDED"), "done": true }),
        json!({ "name": "batches/b1", "metadata": metadata("BATCH_STATE_SUCCEEDED"), "done": true, "response": inlined }),
        json!({ "name": "batches/b1", "response": { "responsesFile": "files/f" } }),
        Value::String(file),
        json!({}),
        json!({ "name": "batches/b1", "metadata": metadata("BATCH_STATE_CANCELLED") }),
        json!({ "name": "batches/b1", "metadata": metadata("BATCH_STATE_RUNNING") }),
    ]);
    let api = studio(client);
    let request = || Request::new("gemini-2.5-flash", vec![Message::user("x")]);
    let mut second = request();
    second.params.user = Some("ann".to_owned());
    let batch =
        api.create(vec![("one".to_owned(), request()), ("two".to_owned(), second)]).await.unwrap();
    let warned: Vec<_> =
        batch.warnings.iter().map(|(id, warning)| (&**id, &*warning.subject)).collect();
    assert_eq!(warned, [("two", "user")]);
    assert_eq!(
        (batch.status, batch.total, batch.succeeded, batch.failed),
        (BatchStatus::Running, Some(2), Some(1), Some(1))
    );
    assert_eq!(api.status(&batch.id).await.unwrap().status, BatchStatus::Completed);

    let items = api.results(&batch.id).await.unwrap();
    let ids: Vec<_> = items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["one", "two", "2", "3"]);
    let first = items[0].response.as_ref().unwrap();
    assert_eq!((first.text(), first.finish_reason()), ("hi".to_owned(), Some(FinishReason::Stop)));
    let kinds: Vec<_> =
        items[1..].iter().map(|item| item.response.as_ref().unwrap_err().kind()).collect();
    assert_eq!(kinds, [ErrorKind::RateLimit, ErrorKind::ContentFilter, ErrorKind::Decode]);

    let items = api.results(&batch.id).await.unwrap();
    assert_eq!(
        (items[0].id.as_str(), items[0].response.as_ref().unwrap().text()),
        ("a", "hi".to_owned())
    );
    // A line that cannot be read takes none of the others with it.
    let error = items[1].response.as_ref().unwrap_err();
    assert_eq!((items[1].id.as_str(), error.kind()), ("1", ErrorKind::Decode));
    assert_eq!((error.provider(), error.body()), (Some("google"), Some("{\"key\": oops")));
    assert_eq!((items[2].id.as_str(), items[2].response.is_err()), ("b", true));
    assert_eq!(items.len(), 3);
    assert_eq!(api.cancel(&batch.id).await.unwrap().status, BatchStatus::Cancelled);
    assert_eq!(api.results(&batch.id).await.unwrap_err().kind(), ErrorKind::NotFound);

    let asked = asked(&desk);
    let paths: Vec<_> = asked.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "POST /v1beta/models/gemini-2.5-flash:batchGenerateContent",
            "GET /v1beta/batches/b1",
            "GET /v1beta/batches/b1",
            "GET /v1beta/batches/b1",
            "GET /v1beta/files/f:download?alt=media",
            "POST /v1beta/batches/b1:cancel",
            "GET /v1beta/batches/b1",
            "GET /v1beta/batches/b1",
        ]
    );
    assert_eq!(
        asked[0].1["batch"]["inputConfig"]["requests"]["requests"][1],
        json!({ "request": { "contents": [{ "role": "user", "parts": [{ "text": "x" }] }] }, "metadata": { "key": "two" } })
    );
}

#[tokio::test]
async fn batches_that_cannot_be_are_not_sent() {
    let (_, client) = desk([]);
    let request = |model: &str| Request::new(model, vec![Message::user("x")]);
    let api = studio(client.clone());
    for requests in [
        vec![],
        vec![("a".to_owned(), request("m")), ("a".to_owned(), request("m"))],
        vec![("a".to_owned(), request("m")), ("b".to_owned(), request("n"))],
    ] {
        assert_eq!(api.create(requests).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    }
    for id in ["", "../models", "batches/", "batches/a/b", "a?b"] {
        let error = api.status(&BatchId::new("google", id)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{id}");
    }
    let error = vertex(client).create(vec![("a".to_owned(), request("m"))]).await.unwrap_err();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Unsupported, Some("vertex")));
    assert!(error.message().contains("Cloud Storage"), "{error}");
}

#[test]
fn the_tables_offer_what_there_is() {
    assert!(PROVIDER.embedder.is_some() && PROVIDER.models.is_some() && PROVIDER.batches.is_some());
    assert!(VERTEX_PROVIDER.embedder.is_some() && VERTEX_PROVIDER.models.is_some());
}
