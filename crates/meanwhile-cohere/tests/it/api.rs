//! Embeddings, ranking and the list of models, against a server that answers what was recorded.

use meanwhile_cohere::{Cohere, CohereApi};
use meanwhile_core::{
    EmbedPurpose, EmbedRequest, Embedder as _, ErrorKind, ListModels as _, RerankRequest,
    Reranker as _,
};
use meanwhile_http::{Auth, Client};
use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn api(server: &MockServer) -> CohereApi {
    let client = Client::builder().no_proxy().build().unwrap();
    Cohere::builder().base_url(server.uri()).api_key("key").http_client(client).api().unwrap()
}

async fn serve(server: &MockServer, at: &str, sent: Value, status: u16, answer: Value) {
    Mock::given(method("POST"))
        .and(path(at))
        .and(header("authorization", "Bearer key"))
        .and(body_json(sent))
        .respond_with(ResponseTemplate::new(status).set_body_json(answer))
        .mount(server)
        .await;
}

#[tokio::test]
async fn embeddings() {
    let server = MockServer::start().await;
    let sent = json!({ "model": "embed-v4.0", "texts": ["a", "b"], "input_type": "search_query",
        "embedding_types": ["float"], "output_dimension": 2, "truncate": "NONE" });
    let answer = json!({ "id": "x", "embeddings": { "float": [[0.5, 1.0], [0.25, -1.0]] },
        "meta": { "billed_units": { "input_tokens": 4 } } });
    serve(&server, "/v2/embed", sent, 200, answer).await;
    let mut request = EmbedRequest::new("embed-v4.0", vec!["a".into(), "b".into()]);
    request.dimensions = Some(2);
    request.purpose = Some(EmbedPurpose::Query);
    let options = request.options.entry("cohere".to_owned()).or_default();
    options.insert("truncate".to_owned(), json!("NONE"));
    let found = api(&server).await.embed(request.clone()).await.unwrap();
    assert_eq!(found.vectors, [[0.5, 1.0], [0.25, -1.0]]);
    assert_eq!(found.usage.input.total, Some(4));

    request.purpose = Some(EmbedPurpose::Similarity);
    let error = api(&server).await.embed(request).await.unwrap_err();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Unsupported, Some("cohere")));
}

#[tokio::test]
async fn ranking() {
    let server = MockServer::start().await;
    let sent =
        json!({ "model": "rerank-v3.5", "query": "q", "documents": ["a", "b", "c"], "top_n": 2 });
    let answer = json!({ "results": [{ "index": 2, "relevance_score": 0.1 }, { "index": 0, "relevance_score": 0.6 }],
        "meta": { "billed_units": { "search_units": 1 } } });
    serve(&server, "/v2/rerank", sent, 200, answer).await;
    let documents = ["a", "b", "c"].map(str::to_owned).to_vec();
    let request = RerankRequest::new("rerank-v3.5", "q", documents).top(2);
    let found = api(&server).await.rerank(request).await.unwrap();
    let order: Vec<usize> = found.documents.iter().map(|ranked| ranked.index).collect();
    assert_eq!(order, [0, 2]);
    assert_eq!(found.usage.raw.unwrap().json().unwrap()["billed_units"]["search_units"], 1);
}

#[tokio::test]
async fn refusals() {
    let server = MockServer::start().await;
    let sent = json!({ "model": "none", "query": "q", "documents": [] });
    let answer = json!({ "id": "i", "message": "model 'none' not found" });
    serve(&server, "/v2/rerank", sent, 404, answer).await;
    let error = api(&server).await.rerank(RerankRequest::new("none", "q", Vec::new())).await;
    let error = error.unwrap_err();
    assert_eq!((error.kind(), error.request_id()), (ErrorKind::ModelNotFound, Some("i")));
}

#[tokio::test]
async fn another_credential_takes_the_place_of_the_key() {
    let server = MockServer::start().await;
    Mock::given(path("/v1/models"))
        .and(header("x-gateway-key", "g-123456"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "models": [] })))
        .mount(&server)
        .await;
    let client = Client::builder().no_proxy().build().unwrap();
    let auth = Auth::header("x-gateway-key", "g-123456").unwrap();
    let builder = Cohere::builder().base_url(server.uri()).auth(auth).http_client(client);
    assert!(builder.models().unwrap().list_models().await.unwrap().is_empty());
    let sent = server.received_requests().await.unwrap();
    assert!(!sent[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn models() {
    let server = MockServer::start().await;
    let second =
        json!({ "models": [{ "name": "b", "context_length": 4096.0 }], "next_page_token": "" });
    Mock::given(path("/v1/models"))
        .and(query_param("page_token", "a+/="))
        .respond_with(ResponseTemplate::new(200).set_body_json(second))
        .with_priority(1)
        .mount(&server)
        .await;
    let first = json!({ "models": [{ "name": "a", "context_length": 288_000 }], "next_page_token": "a+/=" });
    Mock::given(path("/v1/models"))
        .respond_with(ResponseTemplate::new(200).set_body_json(first))
        .mount(&server)
        .await;
    let found = api(&server).await.list_models().await.unwrap();
    let found: Vec<_> = found.iter().map(|model| (&*model.id, model.input_tokens)).collect();
    assert_eq!(found, [("a", Some(288_000)), ("b", Some(4096))]);
}

#[tokio::test]
async fn vectors_of_other_types() {
    let cases = [
        (json!({ "int8": [[18, -7]] }), Some(vec![18.0, -7.0])),
        (json!({ "ubinary": [[255, 0]], "float": [[0.5, 1.0]] }), Some(vec![0.5, 1.0])),
        (json!([[0.25, 1.0]]), Some(vec![0.25, 1.0])),
        (json!({ "base64": ["AACAPw=="] }), None),
    ];
    for (vectors, expected) in cases {
        let server = MockServer::start().await;
        let sent = json!({ "model": "m", "texts": ["a"], "input_type": "search_document",
            "embedding_types": ["int8"] });
        serve(&server, "/v2/embed", sent, 200, json!({ "embeddings": vectors })).await;
        let mut request = EmbedRequest::new("m", vec!["a".into()]);
        let options = request.options.entry("cohere".to_owned()).or_default();
        options.insert("embedding_types".to_owned(), json!(["int8"]));
        let found = api(&server).await.embed(request).await;
        match expected {
            Some(expected) => assert_eq!(found.unwrap().vectors, [expected]),
            None => assert_eq!(found.unwrap_err().kind(), ErrorKind::Decode),
        }
    }
}
