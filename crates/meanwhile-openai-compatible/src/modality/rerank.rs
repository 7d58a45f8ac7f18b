//! [`RerankApi`]: `POST /rerank`, which Jina, llama.cpp, vLLM, OpenRouter and Voyage have in common.

use async_trait::async_trait;
use meanwhile_core::{Ranked, RankedDocuments, RerankRequest, Reranker, Result, Usage};
use meanwhile_http::Api;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Ranks documents through a host that has `/rerank`.
///
/// ```
/// # use meanwhile_core::{RerankRequest, Reranker as _};
/// # use meanwhile_openai_compatible::{OpenAiCompatible, RerankApi};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"model": "judge", "results": [{"index": 0, "relevance_score": 0.1}, {"index": 1, "relevance_score": 0.9}]}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let api = OpenAiCompatible::builder("acme", base_url).api_key("not-a-real-key").api()?;
/// let documents = ["dogs bark", "cats purr"].map(str::to_owned).to_vec();
/// let request = RerankRequest::new("judge", "what purrs?", documents);
/// let ranked = RerankApi::new(api).rerank(request).await?;
/// assert_eq!((ranked.documents[0].index, ranked.documents[0].score), (1, 0.9));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RerankApi {
    api: Api,
    top_field: &'static str,
}

impl RerankApi {
    /// Ranks through `api`.
    #[must_use]
    pub fn new(api: Api) -> Self {
        Self { api, top_field: "top_n" }
    }

    /// Sets the field for how many documents are returned: `top_n` without it, `top_k` for Voyage.
    #[must_use]
    pub fn with_top_field(mut self, field: &'static str) -> Self {
        self.top_field = field;
        self
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    query: &'a str,
    documents: &'a [String],
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(alias = "data")]
    results: Vec<Item>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    #[serde(alias = "score")]
    relevance_score: f64,
}

#[async_trait]
impl Reranker for RerankApi {
    fn id(&self) -> &str {
        self.api.id()
    }

    async fn rerank(&self, request: RerankRequest) -> Result<RankedDocuments> {
        let mut more = Map::new();
        if let Some(top) = request.top {
            more.insert(self.top_field.to_owned(), top.into());
        }
        more.extend(request.options.get(self.api.id()).cloned().unwrap_or_default());
        let RerankRequest { model, query, documents, timeouts, .. } = &request;
        let body = Body { model, query, documents, more };
        let answer: Answer = self.api.post("/rerank", &body, model, *timeouts).await?;
        let mut usage = Usage::default();
        let counters = answer.usage.as_ref();
        let count = |name| counters.and_then(|usage: &Value| usage.get(name)?.as_u64());
        usage.input.total = count("prompt_tokens").or_else(|| count("total_tokens"));
        usage.raw = answer.usage.map(Into::into);
        let ranked =
            answer.results.iter().map(|item| Ranked::new(item.index, item.relevance_score));
        let name = answer.model.unwrap_or_else(|| model.clone());
        RankedDocuments::new(self.api.id(), name, documents.len(), ranked.collect(), usage).map_err(
            |error| error.with_provider(self.api.id().to_owned()).with_model(model.clone()),
        )
    }
}
