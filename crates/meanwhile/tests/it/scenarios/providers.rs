//! a03: one prompt function on every provider that speaks HTTP; a snapshot of what each sends.

use meanwhile::prelude::*;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Looks up who wrote a book.
#[tool]
fn author_of(
    /// Exact title.
    title: String,
) -> String {
    title
}

#[call(model = model.to_owned(), tools = [author_of], temperature = 0.5, max_tokens = 100)]
async fn recommend_book(model: &str, genre: &str, client: AnyProvider) -> Result<String> {
    prompt!("SYSTEM: You are a librarian.\nUSER: Recommend a {genre} book").client(client)
}

/// What the function sends through a client, whole and streamed.
async fn sent(model: &str, build: impl FnOnce(&str) -> Result<AnyProvider>) -> Value {
    let server = MockServer::start().await;
    // Nobody answers: what is asked is all that counts here.
    Mock::given(any()).respond_with(ResponseTemplate::new(400)).mount(&server).await;
    let client = build(&server.uri()).unwrap();
    let whole = recommend_book(model, "fantasy", client.clone()).await.unwrap_err();
    assert_eq!(whole.status(), Some(400), "{whole}");
    let streamed = recommend_book(model, "fantasy", client).stream().await.unwrap_err();
    assert_eq!(streamed.status(), Some(400), "{streamed}");
    let requests = server.received_requests().await.unwrap();
    let [whole, streamed] = &requests[..] else { panic!("{} requests", requests.len()) };
    let path = |request: &wiremock::Request| match request.url.query() {
        Some(query) => format!("{} {}?{query}", request.method, request.url.path()),
        None => format!("{} {}", request.method, request.url.path()),
    };
    let body = whole.body_json::<Value>().unwrap();
    let streamed_body = streamed.body_json::<Value>().unwrap();
    let changed: serde_json::Map<String, Value> = streamed_body
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, value)| body.get(name) != Some(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    json!({
        "request": path(whole),
        "body": body,
        "streamed": { "request": path(streamed), "changed": changed },
    })
}

macro_rules! providers {
    ($($feature:literal $test:ident $model:literal: $build:expr;)*) => {$(
        #[cfg(feature = $feature)]
        #[tokio::test]
        async fn $test() {
            let sent = sent($model, $build).await;
            insta::with_settings!({ omit_expression => true }, {
                insta::assert_json_snapshot!($feature, sent);
            });
        }
    )*};
}

providers! {
    "anthropic" a03_anthropic "anthropic/claude-haiku-4-5": |url| {
        meanwhile::provider::anthropic::Anthropic::builder().base_url(url).api_key("k").build()
    };
    "azure" a03_azure "azure/gpt-4o-mini": |url| {
        meanwhile::provider::azure::Azure::builder().endpoint(url).api_key("k").build()
    };
    "bedrock" a03_bedrock "bedrock/amazon.nova-lite-v1:0": |url| {
        let builder = meanwhile::provider::bedrock::Bedrock::builder().region("us-east-1");
        builder.base_url(url).api_key("k").build()
    };
    "cohere" a03_cohere "cohere/command-a-03-2025": |url| {
        meanwhile::provider::cohere::Cohere::builder().base_url(url).api_key("k").build()
    };
    "google" a03_google "google/gemini-2.5-flash": |url| {
        meanwhile::provider::google::Google::builder().base_url(url).api_key("k").build()
    };
    "mistral" a03_mistral "mistral/mistral-small-latest": |url| {
        meanwhile::provider::mistral::Mistral::builder().base_url(url).api_key("k").build()
    };
    "ollama" a03_ollama "ollama/llama3.2": |url| {
        meanwhile::provider::ollama::Ollama::builder().host(url).build()
    };
    "openai" a03_openai "openai/gpt-4o-mini": |url| {
        meanwhile::provider::openai::OpenAi::builder().base_url(url).api_key("k").build()
    };
    "openai-responses" a03_openai_responses "openai-responses/gpt-4o-mini": |url| {
        meanwhile::provider::openai::OpenAi::responses_builder().base_url(url).api_key("k").build()
    };
    "openai-compatible" a03_openai_compatible "groq/llama-3.3-70b-versatile": |url| {
        meanwhile::provider::openai_compatible::OpenAiCompatible::builder("groq", url)
            .api_key("k")
            .build()
    };
    "vertex" a03_vertex "vertex/gemini-2.5-flash": |url| {
        let builder = meanwhile::provider::google::Vertex::builder().project("p").location("global");
        builder.base_url(url).access_token("t").build()
    };
}
