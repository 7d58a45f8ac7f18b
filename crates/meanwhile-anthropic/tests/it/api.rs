//! What there is beside answers: models, token counts, batches.

use std::sync::Mutex;

use bytes::Bytes;
use meanwhile_anthropic::{Anthropic, AnthropicApi, AnthropicOptions, Host};
use meanwhile_core::{
    BatchId, BatchStatus, Batches as _, Effort, ErrorKind, FinishReason, ListModels as _, Params,
    Registry, Result,
};
use meanwhile_http::{Body, Client, Transport};
use serde_json::{Value, json};

use crate::{ask, body, host, tool};

/// Gives these answers, the last first, and keeps the requests.
#[derive(Debug, Default)]
struct Server {
    answers: Mutex<Vec<String>>,
    requests: Mutex<Vec<http::Request<Bytes>>>,
}

#[async_trait::async_trait]
impl Transport for &'static Server {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Body>> {
        self.requests.lock().unwrap().push(request);
        let body = self.answers.lock().unwrap().pop().unwrap();
        let refused = body.contains("\"type\":\"error\"") && !body.contains("custom_id");
        let mut response = http::Response::new(Body::from_chunks([Bytes::from(body)]));
        if refused {
            *response.status_mut() = http::StatusCode::NOT_FOUND;
        }
        Ok(response)
    }
}

impl Server {
    /// An API whose server gives these answers, in order.
    fn with(answers: &[String]) -> (AnthropicApi, &'static Self) {
        let server: &'static Self = Box::leak(Box::default());
        server.answers.lock().unwrap().extend(answers.iter().rev().cloned());
        let api = Anthropic::builder().base_url("https://x.example").api_key("k-123456");
        (api.http_client(Client::new(server)).api().unwrap(), server)
    }

    /// The next request: its method and path, its body, and whether it says who sends it.
    fn request(&self) -> (String, Value) {
        let request = self.requests.lock().unwrap().remove(0);
        assert_eq!(request.headers()["x-api-key"], "k-123456");
        assert_eq!(request.headers()["anthropic-version"], "2023-06-01");
        let path = request.uri().path_and_query().unwrap();
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        (format!("{} {path}", request.method()), body)
    }
}

#[tokio::test]
async fn all_pages_of_the_models() {
    let first = json!({ "has_more": true, "last_id": "b", "data": [
        { "id": "a", "display_name": "A", "created_at": "2026-07-24T00:00:00Z",
          "max_input_tokens": 1_000_000, "max_tokens": 128_000, "type": "model" },
        { "id": "b", "created_at": "1970-01-01T00:00:00Z" }, { "no": "id" }] });
    let last = json!({ "has_more": false, "last_id": "c", "data": [
        { "id": "c", "created_at": "2024-02-29T12:34:56.5Z" }] });
    let (api, server) = Server::with(&[first.to_string(), last.to_string()]);
    let models = api.list_models().await.unwrap();
    assert_eq!(server.request().0, "GET /v1/models?limit=1000");
    assert_eq!(server.request().0, "GET /v1/models?limit=1000&after_id=b");
    let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    let created: Vec<Option<u64>> = models.iter().map(|model| model.created).collect();
    assert_eq!(created, [Some(1_784_851_200), None, Some(1_709_210_096)]);
    assert_eq!((models[0].name.as_deref(), models[0].output_tokens), (Some("A"), Some(128_000)));
    assert_eq!(models[0].raw.as_ref().unwrap()["type"], "model");

    let (api, _) = Server::with(&["[]".to_owned()]);
    assert_eq!(api.list_models().await.unwrap_err().kind(), ErrorKind::Decode);
}

#[tokio::test]
async fn tokens_are_counted_of_what_has_tokens() {
    let (api, server) = Server::with(&[json!({ "input_tokens": 12 }).to_string()]);
    let mut request = ask("x").streamed();
    request.tools = vec![tool()];
    request.params = AnthropicOptions::new()
        .cache(None)
        .field("inference_geo", "eu")
        .apply(Params::new().temperature(0.5).max_tokens(9000).reasoning(Effort::Minimal));
    assert_eq!(api.count_tokens(&request).await.unwrap(), 12);
    let (path, body) = server.request();
    assert_eq!(path, "POST /v1/messages/count_tokens");
    let fields: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["model", "messages", "tools", "thinking", "cache_control"]);

    let wire = host(Host::Vertex).encode_count(&ask("x")).unwrap();
    assert_eq!(wire.path, "/publishers/anthropic/models/count-tokens:rawPredict");
    assert_eq!(
        crate::body(&wire),
        json!({ "anthropic_version": "vertex-2023-10-16", "model": crate::MODEL,
            "messages": [{ "role": "user", "content": "x" }] })
    );
    let error = host(Host::Bedrock).encode_count(&ask("x")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

fn batch(status: &str, counts: &Value) -> String {
    json!({ "id": "msgbatch_1", "type": "message_batch", "processing_status": status,
        "request_counts": counts })
    .to_string()
}

#[tokio::test]
async fn a_batch_from_its_beginning_to_its_end() {
    let counts = json!({ "processing": 2, "succeeded": 0, "errored": 0, "canceled": 0,
        "expired": 0 });
    let ended = json!({ "processing": 0, "succeeded": 1, "errored": 1, "canceled": 0,
        "expired": 0 });
    let message = json!({ "type": "message", "id": "msg_1", "model": "m", "content": [
        { "type": "text", "text": "4" }], "stop_reason": "end_turn",
        "usage": { "input_tokens": 3, "output_tokens": 1, "service_tier": "batch" } });
    let tool_answer = json!({ "content": [{ "type": "tool_use", "id": "t",
        "name": "structured_output", "input": { "a": 1 } }], "stop_reason": "tool_use" });
    let failure =
        json!({ "type": "error", "error": { "type": "overloaded_error", "message": "x" } });
    let results = [
        json!({ "custom_id": "b", "result": { "type": "succeeded", "message": message } }),
        json!({ "custom_id": "a", "result": { "type": "errored", "error": failure } }),
        json!({ "custom_id": "c", "result": { "type": "canceled" } }),
        json!({ "custom_id": "d", "result": { "type": "expired" } }),
        json!({ "custom_id": "e", "result": { "type": "succeeded", "message": tool_answer } }),
        json!({ "custom_id": "f", "result": { "type": "tomorrow" } }),
    ];
    let results: String = results.iter().map(|line| format!("{line}\n")).collect();
    let (api, server) = Server::with(&[
        batch("in_progress", &counts),
        batch("ended", &ended),
        results,
        batch("canceling", &counts),
    ]);

    let mut second = ask("2 + 2?");
    second.params = AnthropicOptions::new().beta("one").apply(Params::new().max_tokens(9));
    second.params.seed = Some(1);
    let created =
        api.create(vec![("a".into(), ask("x").streamed()), ("b".into(), second)]).await.unwrap();
    assert_eq!((created.status, created.total), (BatchStatus::Running, Some(2)));
    let warned: Vec<_> =
        created.warnings.iter().map(|(id, warning)| (&**id, &*warning.subject)).collect();
    assert_eq!(warned, [("b", "seed")]);
    let beta = server.requests.lock().unwrap()[0].headers()["anthropic-beta"].clone();
    assert_eq!(beta, "one");
    let (path, sent) = server.request();
    assert_eq!(path, "POST /v1/messages/batches");
    assert_eq!(sent["requests"][0]["custom_id"], "a");
    assert!(sent["requests"][0]["params"].get("stream").is_none());
    assert_eq!(sent["requests"][1]["params"]["max_tokens"], 9);

    let id = created.id;
    let status = api.status(&id).await.unwrap();
    assert_eq!(server.request().0, "GET /v1/messages/batches/msgbatch_1");
    assert_eq!(
        (status.status, status.succeeded, status.failed),
        (BatchStatus::Completed, Some(1), Some(1))
    );

    let items = api.results(&id).await.unwrap();
    assert_eq!(server.request().0, "GET /v1/messages/batches/msgbatch_1/results");
    let found: Vec<(&str, Result<String, ErrorKind>)> = items
        .iter()
        .map(|item| {
            let response = item.response.as_ref();
            (item.id.as_str(), response.map(|r| r.text()).map_err(|error| error.kind()))
        })
        .collect();
    assert_eq!(
        found,
        [
            ("b", Ok("4".to_owned())),
            ("a", Err(ErrorKind::Overloaded)),
            ("c", Err(ErrorKind::Cancelled)),
            ("d", Err(ErrorKind::Timeout(meanwhile_core::TimeoutPhase::Whole))),
            ("e", Ok("{\"a\":1}".to_owned())),
            ("f", Err(ErrorKind::Decode)),
        ]
    );
    let answer = items[0].response.as_ref().unwrap();
    assert_eq!((&*answer.provider, &*answer.model), ("anthropic", "m"));
    assert_eq!(answer.finish_reason(), Some(FinishReason::Stop));

    let cancelled = api.cancel(&id).await.unwrap();
    assert_eq!(server.request().0, "POST /v1/messages/batches/msgbatch_1/cancel");
    assert_eq!(cancelled.status, BatchStatus::Cancelling);
}

#[tokio::test]
async fn how_a_batch_ended() {
    for (counts, expected) in [
        (json!({ "succeeded": 2 }), BatchStatus::Completed),
        (json!({ "succeeded": 1, "canceled": 1 }), BatchStatus::Cancelled),
        (json!({ "succeeded": 1, "expired": 1 }), BatchStatus::Expired),
        (Value::Null, BatchStatus::Completed),
    ] {
        let (api, _) = Server::with(&[batch("ended", &counts)]);
        let found = api.status(&BatchId::new("anthropic", "msgbatch_1")).await.unwrap();
        assert_eq!(found.status, expected, "{counts}");
    }
}

#[tokio::test]
async fn what_is_not_known_of_a_batch_is_said_and_loses_nothing() {
    let id = BatchId::new("anthropic", "msgbatch_1");
    let (api, _) = Server::with(&[
        batch("tomorrow", &Value::Null),
        batch("tomorrow", &Value::Null),
        format!("not json\n{}\n", json!({ "custom_id": "b", "result": { "type": "canceled" } })),
    ]);
    let created = api.create(vec![("a".into(), ask("x"))]).await.unwrap();
    assert_eq!(created.id, id, "a batch that was paid for keeps its id");
    let error = api.status(&id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.message().contains("`msgbatch_1`") && error.message().contains("tomorrow"));
    let items = api.results(&id).await.unwrap();
    let found: Vec<_> =
        items.iter().map(|item| (&*item.id, item.response.as_ref().unwrap_err().kind())).collect();
    assert_eq!(found, [("", ErrorKind::Decode), ("b", ErrorKind::Cancelled)]);
}

#[tokio::test]
async fn what_cannot_be_a_batch_is_not_sent() {
    let (api, server) = Server::with(&[]);
    let twice = vec![("a".to_owned(), ask("x")), ("a".to_owned(), ask("y"))];
    for requests in [vec![], twice] {
        assert_eq!(api.create(requests).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    }
    for (provider, id) in [("other", "a"), ("anthropic", "../x"), ("anthropic", "")] {
        let error = api.status(&BatchId::new(provider, id)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    }
    assert!(server.requests.lock().unwrap().is_empty());

    let missing = json!({ "type": "error",
        "error": { "type": "not_found_error", "message": "Batch not found" } });
    let (api, _) = Server::with(&[missing.to_string(), "{}".to_owned(), "{".to_owned()]);
    let id = BatchId::new("anthropic", "msgbatch_1");
    let error = api.status(&id).await.unwrap_err();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::NotFound, Some("anthropic")));
    assert_eq!(api.status(&id).await.unwrap_err().kind(), ErrorKind::Decode);
    let items = api.results(&id).await.unwrap();
    assert_eq!(items[0].response.as_ref().unwrap_err().kind(), ErrorKind::Decode);
}

#[test]
fn the_registry_knows_what_there_is() {
    let registry = Registry::new();
    registry.register(&meanwhile_anthropic::PROVIDER);
    // Without a key it stays at that; what matters is that there is something to connect.
    if let Err(error) = registry.batches("anthropic") {
        assert_eq!(error.kind(), ErrorKind::MissingCredential);
    }
    assert!(registry.reranker("anthropic").is_err());
    let wire = host(Host::Anthropic).encode_count(&ask("x")).unwrap();
    assert!(body(&wire).get("max_tokens").is_none());
}
