//! What is sent, word by word, and what is made of answers that only a server gives.

use meanwhile_core::{EmbeddingModel, ErrorKind};
use meanwhile_rag::conformance::NoiseEmbedder;
use meanwhile_rag::{ChunkKey, Document, Index, SearchQuery, Store as _, eq, ge, lt, ne};
use meanwhile_rag_qdrant::QdrantStore;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A server with a collection of two dimensions that holds nothing.
async fn server() -> MockServer {
    let server = MockServer::start().await;
    let vectors = json!({"dense": {"size": 2, "distance": "Cosine"}});
    let collection =
        json!({"result": {"config": {"params": {"vectors": vectors}}}, "status": "ok"});
    Mock::given(method("GET"))
        .and(path("/collections/kb"))
        .respond_with(ResponseTemplate::new(200).set_body_json(collection))
        .mount(&server)
        .await;
    server
}

fn store(server: &MockServer) -> QdrantStore {
    QdrantStore::builder(server.uri(), "kb").build().unwrap()
}

#[test]
fn a_builder_prints_no_password() {
    let builder = QdrantStore::builder("https://user:sk-planted@host.example:6333", "kb");
    let text = format!("{:?}", builder.api_key("sk-planted"));
    assert!(!text.contains("sk-planted") && text.contains("host.example:6333"), "{text}");
}

async fn query(search: SearchQuery) -> Value {
    let server = server().await;
    let nothing = json!({"result": {"points": []}, "status": "ok", "time": 0.001});
    Mock::given(method("POST"))
        .and(path("/collections/kb/points/query"))
        .respond_with(ResponseTemplate::new(200).set_body_json(nothing))
        .mount(&server)
        .await;
    assert!(store(&server).search(&search).await.unwrap().is_empty());
    let requests = server.received_requests().await.unwrap();
    requests.last().unwrap().body_json().unwrap()
}

#[tokio::test]
async fn conditions_are_checked_by_the_server() {
    let filter = eq("lang", "en").and(ge("year", 2020)).and(ne("draft", true)).and(lt("a", "b"));
    let sent = query(SearchQuery::vector(vec![0.5, 1.0], 2).filter(filter)).await;
    let expected = json!({
        "query": [0.5, 1.0], "using": "dense", "limit": 10, "with_payload": true,
        "params": {"exact": true},
        "filter": {"must": [{"must": [
            {"key": "facts", "match": {"value": "s4:langen"}},
            {"key": "numbers.x79656172", "range": {"gte": 2020.0}},
            {"must_not": [{"key": "facts", "match": {"value": "b5:drafttrue"}}]},
            // The order of texts is checked here: that there is a text, there.
            {"key": "facts", "match": {"value": "t1:a"}},
        ]}]},
    });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn an_answer_that_is_no_answer_says_what_to_do() {
    let cases = [
        (
            503,
            json!({"status": {"error": "shutting down"}}),
            ErrorKind::Overloaded,
            "shutting down",
        ),
        (
            400,
            json!({"status": {"error": "Wrong input: x"}}),
            ErrorKind::InvalidRequest,
            "Wrong input",
        ),
        (200, json!({"result": {"pages": 3}}), ErrorKind::Decode, "check the URL"),
        (
            200,
            json!({"result": {"points": [{"id": 1, "score": 0.5, "payload": {"mine": 1}}]}}),
            ErrorKind::Decode,
            "collection of its own",
        ),
    ];
    for (status, body, kind, says) in cases {
        let server = server().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(status).set_body_json(body))
            .mount(&server)
            .await;
        let search = SearchQuery::text("words", 3);
        let error = store(&server).search(&search).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(error.message().contains(says), "{error:?}");
    }
}

#[tokio::test]
async fn an_index_of_text_alone_is_asked_about_once() {
    let server = MockServer::start().await;
    let collection = json!({"result": {"config": {"params": {"vectors": {}}}}, "status": "ok"});
    let nothing = json!({"result": {"points": []}, "status": "ok"});
    for (verb, answer) in [("GET", collection), ("POST", nothing)] {
        Mock::given(method(verb))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .mount(&server)
            .await;
    }
    let store = store(&server);
    for _ in 0..3 {
        assert!(store.search(&SearchQuery::text("words", 3)).await.unwrap().is_empty());
    }
    let asked = server.received_requests().await.unwrap();
    assert_eq!(asked.iter().filter(|request| request.method.as_str() == "GET").count(), 1);
    // Another program may have written vectors.
    for _ in 0..2 {
        assert!(store.search(&SearchQuery::vector(vec![1.0], 3)).await.unwrap().is_empty());
    }
    let asked = server.received_requests().await.unwrap();
    assert_eq!(asked.iter().filter(|request| request.method.as_str() == "GET").count(), 3);
}

#[tokio::test]
async fn indexes_that_were_not_made_are_made_later() {
    let server = MockServer::start().await;
    let config = json!({"params": {"vectors": {"dense": {"size": 2, "distance": "Cosine"}}}});
    let schema = json!({"document": {"data_type": "keyword"}, "facts": {"data_type": "keyword"}});
    let collection =
        json!({"result": {"config": config, "payload_schema": schema}, "status": "ok"});
    let done = json!({"result": {"status": "completed"}, "status": "ok"});
    for (verb, answer) in [("GET", collection), ("PUT", done)] {
        Mock::given(method(verb))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .mount(&server)
            .await;
    }
    let store = store(&server);
    let vectors = [(ChunkKey::new("text", "whole", "any"), vec![1.0, 0.5])];
    for _ in 0..2 {
        store.cache_vectors(&vectors).await.unwrap();
    }
    let made: Vec<Value> = server
        .received_requests()
        .await
        .unwrap()
        .iter()
        .filter(|request| request.url.path() == "/collections/kb/index")
        .map(|request| request.body_json().unwrap())
        .collect();
    let wanted = [
        json!({"field_name": "key", "field_schema": "keyword"}),
        json!({"field_name": "index", "field_schema": "integer"}),
    ];
    assert_eq!(made, wanted);
}

#[tokio::test]
async fn nothing_is_sent_for_what_cannot_be() {
    for (url, collection) in [("localhost:6333", "kb"), ("http://localhost:6333", "a/b")] {
        let error = QdrantStore::builder(url, collection).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    }
    let server = server().await;
    assert!(store(&server).search(&SearchQuery::text("?!", 3)).await.unwrap().is_empty());
    let error = store(&server).search(&SearchQuery::vector(vec![1.0; 3], 3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains('2') && error.message().contains('3'), "{error}");
}

#[tokio::test]
async fn the_first_search_reads_no_more_than_the_states_of_what_it_finds() {
    let server = MockServer::start().await;
    let vectors = json!({"dense": {"size": 384, "distance": "Cosine"}});
    let collection =
        json!({"result": {"config": {"params": {"vectors": vectors}}}, "status": "ok"});
    let key = ChunkKey::new("A refund.", "whole/1", "noise/other");
    let chunk = json!({
        "document": "a", "index": 0, "start": 0, "end": 9, "key": key, "text": "A refund.",
        "metadata": {}, "facts": [], "numbers": {},
    });
    let found = json!({"result": {"points": [{"id": "1", "score": 0.5, "payload": chunk}]}});
    // As the server leaves out what was not asked for.
    let head = json!({
        "hash": Document::new("a", "A refund.").hash(), "done": true, "document": {"id": "a"},
        "fingerprint": "whole/1 | noise/other | fields=title",
    });
    let heads = json!({"result": [{"id": "2", "payload": head}]});
    let answers = [
        ("GET", "/collections/kb", collection),
        ("POST", "/collections/kb/points/query", found),
        ("POST", "/collections/kb-documents/points", heads),
    ];
    for (verb, place, answer) in answers {
        Mock::given(method(verb))
            .and(path(place))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .mount(&server)
            .await;
    }
    let index = Index::new(store(&server)).embedder(EmbeddingModel::new(NoiseEmbedder, "any"));
    let error = index.retrieve("refund").dense().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert!(error.message().contains("noise/other"), "{error}");
    let asked = server.received_requests().await.unwrap();
    let asked: Vec<_> = asked.iter().map(|request| request.url.path()).collect();
    let places =
        ["/collections/kb", "/collections/kb/points/query", "/collections/kb-documents/points"];
    assert_eq!(asked, places);
    let asked: Value = server.received_requests().await.unwrap()[2].body_json().unwrap();
    assert_eq!(asked["with_payload"], json!(["hash", "fingerprint", "done", "document.id"]));
    assert_eq!(asked["with_vector"], json!(false));
}
