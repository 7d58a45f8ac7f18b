//! [`OllamaApi`]: embeddings and the list of models of an Ollama server.

use async_trait::async_trait;
use meanwhile_core::{EmbedRequest, Embedder, Embeddings, ListModels, ModelInfo, Result, Usage};
use meanwhile_http::Api;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Most texts of one request; the server takes any number, but works them off one by one.
const BATCH_LIMIT: usize = 256;

/// What an Ollama server offers beside chat: [`/api/embed`] and [`/api/tags`].
///
/// [`/api/embed`]: https://docs.ollama.com/api/embed
/// [`/api/tags`]: https://docs.ollama.com/api/tags
#[derive(Debug, Clone)]
pub struct OllamaApi {
    api: Api,
}

impl OllamaApi {
    pub(crate) fn new(api: Api) -> Self {
        Self { api }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a [String],
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Deserialize)]
struct Answer {
    embeddings: Vec<Vec<f32>>,
    #[serde(default)]
    model: Option<String>,
    #[serde(flatten)]
    counters: Map<String, Value>,
}

#[async_trait]
impl Embedder for OllamaApi {
    fn id(&self) -> &str {
        self.api.id()
    }

    fn batch_limit(&self, _: &str) -> usize {
        BATCH_LIMIT
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let mut more = Map::new();
        if let Some(dimensions) = request.dimensions {
            more.insert("dimensions".to_owned(), json!(dimensions));
        }
        more.extend(request.options.get(self.api.id()).cloned().unwrap_or_default());
        let body = Body { model: &request.model, input: &request.inputs, more };
        let answer: Answer =
            self.api.post("/api/embed", &body, &request.model, request.timeouts).await?;
        let mut usage = Usage::default();
        usage.input.total = answer.counters.get("prompt_eval_count").and_then(Value::as_u64);
        usage.raw = Some(Value::Object(answer.counters).into());
        let model = answer.model.unwrap_or(request.model);
        Ok(Embeddings::new(self.api.id(), model, answer.embeddings, usage))
    }
}

#[derive(Deserialize)]
struct Tags {
    models: Vec<Value>,
}

#[async_trait]
impl ListModels for OllamaApi {
    async fn list_models(&self) -> Result<Vec<ModelInfo>> {
        let tags: Tags = self.api.get("/api/tags").await?;
        let models = tags.models.into_iter().filter_map(|raw| {
            let id = raw.get("model").or_else(|| raw.get("name")).and_then(Value::as_str)?;
            let mut model = ModelInfo::new(id);
            model.name = raw.get("name").and_then(Value::as_str).map(str::to_owned);
            model.raw = Some(Box::new(raw));
            Some(model)
        });
        Ok(models.collect())
    }
}
