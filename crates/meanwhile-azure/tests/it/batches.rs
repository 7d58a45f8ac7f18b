//! Batches and the list of models: under which paths they are, and what the service says about them.

use std::time::Duration;

use meanwhile_azure::{Builder, PROVIDER, Surface};
use meanwhile_core::{BatchId, BatchStatus, ErrorKind, Message, Request};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{Played, builder};

const FILE: &str = r#"{"id":"file-1","status":"pending","purpose":"batch"}"#;
const TAKEN_IN: &str = r#"{"id":"file-1","status":"processed"}"#;
const BATCH: &str = r#"{"id":"batch_1","status":"validating","error_file_id":"","request_counts":{"total":0,"completed":0,"failed":0}}"#;

fn azure(played: &'static Played, surface: Surface) -> Builder {
    let azure = builder("https://acme.openai.azure.com").http_client(played.client());
    azure.surface(surface).deployment("careful", "o3-mini")
}

fn ask(model: &str) -> Request {
    let mut request = Request::new(model, vec![Message::user("x")]);
    request.params.max_tokens = Some(9);
    request.params.temperature = Some(0.5);
    request
}

/// The lines of an uploaded file.
fn lines(body: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(body).unwrap();
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_begins_when_its_file_is_taken_in() {
    for (surface, root, query) in [
        (Surface::V1, "/openai/v1", ""),
        (Surface::Deployments("2024-10-21".to_owned()), "/openai", "?api-version=2024-10-21"),
        (Surface::Models("2024-05-01-preview".to_owned()), "/openai/v1", ""),
    ] {
        let played =
            Played::new(&[(201, FILE), (200, FILE), (200, FILE), (200, TAKEN_IN), (200, BATCH)]);
        let batches = azure(played, surface).batches().unwrap();
        let begun = Instant::now();
        let both =
            vec![("a".to_owned(), ask("careful")), ("b".to_owned(), ask("careful:completions"))];
        let batch = batches.create(both).await.unwrap();
        assert_eq!(begun.elapsed(), Duration::from_secs(1 + 2));
        assert_eq!((&*batch.id.id, batch.status), ("batch_1", BatchStatus::Running));
        // What the model of the deployment refuses is left out and told.
        let told: Vec<_> =
            batch.warnings.iter().map(|(id, told)| (&**id, &*told.subject)).collect();
        assert_eq!(told, [("a", "temperature"), ("b", "temperature")]);

        let sent = played.requests();
        let asked: Vec<String> =
            sent.iter().map(|sent| format!("{} {}", sent.method(), sent.uri())).collect();
        let url = |path: &str| format!("https://acme.openai.azure.com{root}{path}{query}");
        let look = format!("GET {}", url("/files/file-1"));
        let upload = format!("POST {}", url("/files"));
        assert_eq!(
            asked,
            [upload, look.clone(), look.clone(), look, format!("POST {}", url("/batches"))]
        );
        assert!(sent.iter().all(|sent| sent.headers()["api-key"] == "k-123456"));
        let lines = lines(sent[0].body());
        assert_eq!(lines[0]["url"], "/chat/completions");
        let body = json!({ "model": "careful", "max_completion_tokens": 9,
            "messages": [{ "role": "user", "content": "x" }] });
        assert_eq!((&lines[0]["body"], &lines[1]["body"]), (&body, &body));
        let made: Value = serde_json::from_slice(sent[4].body()).unwrap();
        assert_eq!(
            made,
            json!({ "input_file_id": "file-1", "endpoint": "/chat/completions",
            "completion_window": "24h" })
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_refused_or_stays_makes_no_batch() {
    let refused = "was refused: line 2 is no JSON";
    let bare = "was refused without a reason; check its requests and make the batch again";
    let invalid = ErrorKind::InvalidRequest;
    for (file, kind, told) in [
        (json!({ "status": "error", "status_details": "line 2 is no JSON" }), invalid, refused),
        (
            json!({ "status": "error", "status_details": { "message": "line 2 is no JSON" } }),
            invalid,
            refused,
        ),
        (
            json!({ "status": "failed", "error": { "code": "c", "message": "line 2 is no JSON" } }),
            invalid,
            refused,
        ),
        (json!({ "status": "error", "status_details": null }), invalid, bare),
        (json!({ "status": "failed", "status_details": " ", "error": null }), invalid, bare),
        (
            json!({ "status": "canceled" }),
            ErrorKind::NotFound,
            "is gone: its status is `canceled`; make the batch again",
        ),
        (
            json!({ "status": "deleted" }),
            ErrorKind::NotFound,
            "is gone: its status is `deleted`; make the batch again",
        ),
    ] {
        let played = Played::new(&[(201, FILE), (200, &file.to_string())]);
        let batches = azure(played, Surface::V1).batches().unwrap();
        let error = batches.create(vec![("a".to_owned(), ask("m"))]).await.unwrap_err();
        assert_eq!((error.kind(), error.provider()), (kind, Some("azure")), "{file}");
        assert_eq!(error.message(), format!("the file `file-1` of the batch {told}"));
        assert_eq!(played.requests().len(), 2);
    }

    let stays = [(201, FILE)].into_iter().chain([(200, FILE); 100]).collect::<Vec<_>>();
    let played = Played::new(&stays);
    let batches = azure(played, Surface::V1).batches().unwrap();
    let begun = Instant::now();
    let error = batches.create(vec![("a".to_owned(), ask("m"))]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(
        error.message(),
        "the file `file-1` of the batch is still being taken in after 10 minutes; make the batch \
         again later, which uploads it anew, and delete this one"
    );
    assert!(begun.elapsed() <= Duration::from_secs(600), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_batch_is_of_chat_completions_alone() {
    for model in ["gpt-4o:responses", "claude-sonnet-4-5"] {
        let played = Played::new(&[]);
        let batches = azure(played, Surface::V1).batches().unwrap();
        let error = batches.create(vec![("a".to_owned(), ask(model))]).await.unwrap_err();
        assert_eq!((error.kind(), error.provider()), (ErrorKind::Unsupported, Some("azure")));
        assert!(played.requests().is_empty());
    }
}

#[tokio::test]
async fn answers_of_a_batch_are_read_as_those_that_came_alone() {
    let ended =
        r#"{"id":"batch_1","status":"completed","output_file_id":"file-2","error_file_id":""}"#;
    let filtered = json!({ "custom_id": "a", "response": { "status_code": 400, "body": { "error": {
        "code": "content_filter", "message": "The response was filtered.", "innererror": {
            "content_filter_result": { "hate": { "filtered": true } } } } } } });
    let done = json!({ "custom_id": "b", "response": { "status_code": 200, "body": { "model": "m",
        "choices": [{ "message": { "content": "hi" }, "finish_reason": "stop" }] } } });
    let file = format!("{filtered}\n{done}\n");
    let played = Played::new(&[(200, ended), (200, &file), (200, ended), (200, ended)]);
    let surface = Surface::Deployments("2024-10-21".to_owned());
    let batches = azure(played, surface).batches().unwrap();
    let id = BatchId::new("azure", "batch_1");
    let items = batches.results(&id).await.unwrap();
    let error = items[0].response.as_ref().unwrap_err();
    assert_eq!((&*items[0].id, error.kind()), ("a", ErrorKind::ContentFilter));
    assert!(error.message().contains("(found: hate)"), "{error}");
    assert_eq!(items[1].response.as_ref().unwrap().text(), "hi");
    assert_eq!(batches.status(&id).await.unwrap().status, BatchStatus::Completed);
    batches.cancel(&id).await.unwrap();
    let sent = played.requests();
    let asked: Vec<&str> =
        sent.iter().map(|sent| sent.uri().path_and_query().unwrap().as_str()).collect();
    let query = "?api-version=2024-10-21";
    let batch = format!("/openai/batches/batch_1{query}");
    let content = format!("/openai/files/file-2/content{query}");
    assert_eq!(
        asked,
        [&batch, &content, &batch, &format!("/openai/batches/batch_1/cancel{query}")]
    );
}

/// The answers are those of Microsoft's own reference, and of version 1.
#[tokio::test]
async fn the_models_of_a_resource() {
    let dated = r#"{"data":[{"status":"succeeded","capabilities":{"fine_tune":true,"inference":true,"completion":true,"chat_completion":false,"embeddings":false},"lifecycle_status":"generally-available","deprecation":{"fine_tune":1677662127,"inference":1709284527},"id":"curie","created_at":1646126127,"object":"model"}],"object":"list"}"#;
    let newer =
        r#"{"data":[{"id":"curie","created":1646126127,"object":"model","owned_by":"openai"}]}"#;
    for (surface, body, path) in [
        (
            Surface::Deployments("2024-10-21".to_owned()),
            dated,
            "/openai/models?api-version=2024-10-21",
        ),
        (Surface::V1, newer, "/openai/v1/models"),
    ] {
        let played = Played::new(&[(200, body)]);
        let models = azure(played, surface).models().unwrap().list_models().await.unwrap();
        let [model] = &models[..] else { panic!("{models:?}") };
        assert_eq!((&*model.id, model.created), ("curie", Some(1_646_126_127)));
        let sent = played.requests();
        assert_eq!(sent[0].uri().path_and_query().unwrap(), path);
    }
    assert!(PROVIDER.models.is_some() && PROVIDER.batches.is_some());
}
