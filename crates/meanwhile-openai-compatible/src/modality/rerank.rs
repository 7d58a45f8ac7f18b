//! [`RerankApi`]: `POST /rerank`, which Jina, llama.cpp, vLLM, OpenRouter and Voyage have in common.

use async_trait::async_trait;
use meanwhile_core::{Ranked, RankedDocuments, RerankRequest, Reranker, Result, Usage};
use meanwhile_http::Api;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Ranks documents through a host that has `/rerank`.
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
