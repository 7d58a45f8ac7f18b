//! Embeddings, against a server that answers as the models do.

use meanwhile_bedrock::{Bedrock, BedrockApi};
use meanwhile_core::{EmbedPurpose, EmbedRequest, Embedder as _, EmbeddingModel, ErrorKind};
use meanwhile_http::Client;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TITAN: &str = "amazon.titan-embed-text-v2:0";

fn api(server: &MockServer) -> BedrockApi {
    let client = Client::builder().no_proxy().build().unwrap();
    Bedrock::builder()
        .region("us-east-1")
        .base_url(server.uri())
        .api_key("key")
        .http_client(client)
        .api()
        .unwrap()
}

async fn serve(server: &MockServer, model: &str, sent: Value, answer: Value) {
    Mock::given(method("POST"))
        .and(path(format!("/model/{}/invoke", model.replace(':', "%3A"))))
        .and(header("authorization", "Bearer key"))
        .and(body_json(sent))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("x-amzn-bedrock-input-token-count", "4")
                .set_body_json(answer),
        )
        .expect(1)
        .mount(server)
        .await;
}

#[tokio::test]
async fn titan_takes_one_text_at_a_time() {
    let server = MockServer::start().await;
    for (text, vector) in [("a", [0.5, 1.0]), ("b", [0.25, -1.0])] {
        let sent = json!({ "inputText": text, "dimensions": 2, "normalize": false });
        let answer = json!({ "embedding": vector, "embeddingsByType": { "float": vector },
            "inputTextTokenCount": 3 });
        serve(&server, TITAN, sent, answer).await;
    }
    let model = EmbeddingModel::new(api(&server), TITAN).dimensions(2);
    let found = model.option("bedrock", "normalize", false).embed(["a", "b"]).await.unwrap();
    assert_eq!(found.vectors, [[0.5, 1.0], [0.25, -1.0]]);
    assert_eq!((found.usage.input.total, &*found.provider), (Some(6), "bedrock"));
}

#[tokio::test]
async fn a_list_for_titan_is_sent_in_turn() {
    let server = MockServer::start().await;
    let model = "amazon.titan-embed-text-v1";
    for (text, vector) in [("a", [0.5]), ("b", [0.25])] {
        let answer = json!({ "embedding": vector, "inputTextTokenCount": 3 });
        serve(&server, model, json!({ "inputText": text }), answer).await;
    }
    let request = EmbedRequest::new(model, vec!["a".into(), "b".into()]);
    let found = api(&server).embed(request.clone()).await.unwrap();
    assert_eq!((found.vectors, found.usage.input.total), (vec![vec![0.5], vec![0.25]], Some(6)));
    let error = api(&server).embed(request.dimensions(8)).await.unwrap_err();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Unsupported, Some("bedrock")));
}

#[tokio::test]
async fn cohere_takes_lists_and_a_purpose() {
    let plain = json!([[0.5, 1.0], [0.25, -1.0]]);
    let texts = || vec!["a".to_owned(), "b".to_owned()];
    for (model, dimensions, answer) in [
        (
            "cohere.embed-english-v3",
            None,
            json!({ "embeddings": plain, "id": "i", "response_type": "embeddings_floats" }),
        ),
        (
            "us.cohere.embed-v4:0",
            Some(256),
            json!({ "embeddings": { "float": plain }, "response_type": "embeddings_by_type" }),
        ),
    ] {
        let server = MockServer::start().await;
        let mut sent = json!({ "texts": ["a", "b"], "input_type": "search_query" });
        if let Some(dimensions) = dimensions {
            sent["output_dimension"] = json!(dimensions);
        }
        serve(&server, model, sent, answer).await;
        let mut request = EmbedRequest::new(model, texts()).purpose(EmbedPurpose::Query);
        request.dimensions = dimensions;
        let found = api(&server).embed(request.clone()).await.unwrap();
        assert_eq!(found.vectors, [[0.5, 1.0], [0.25, -1.0]]);
        assert_eq!(found.usage.input.total, Some(4), "what the service counted");
        assert_eq!(api(&server).batch_limit(model), 96);
        let error = api(&server).embed(request.purpose(EmbedPurpose::Similarity)).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

#[tokio::test]
async fn what_does_not_embed_is_told_of() {
    let server = MockServer::start().await;
    let request = EmbedRequest::new("amazon.nova-lite-v1:0", vec!["a".into()]);
    let error = api(&server).embed(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("amazon.titan-embed-text-v2:0"), "{error}");
    serve(&server, TITAN, json!({ "inputText": "a" }), json!({ "output": {} })).await;
    let error = api(&server).embed(EmbedRequest::new(TITAN, vec!["a".into()])).await.unwrap_err();
    assert_eq!((error.kind(), error.model()), (ErrorKind::Decode, Some(TITAN)));
}
