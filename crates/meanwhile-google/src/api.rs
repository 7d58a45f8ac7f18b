//! [`GoogleApi`]: what Google offers beside answers: embeddings, lists of models, counts of tokens, batches.

use async_trait::async_trait;
use meanwhile_core::{Error, ErrorKind, ListModels, ModelInfo, Request, Result};
use meanwhile_http::{Api, Codec as _};
use serde_json::{Map, Value};

use crate::GenerateContentCodec;
use crate::codec::{Host, percent_encode};

/// Most models of one page.
const PAGE: u32 = 1000;

/// Google's API beyond `generateContent`, on either host, with the credential of a provider.
///
/// It is an [`Embedder`](meanwhile_core::Embedder) on both hosts; [`ListModels`] and
/// [`Batches`](meanwhile_core::Batches) are of AI Studio alone. Clones share everything.
///
/// ```
/// use meanwhile_core::EmbeddingModel;
/// use meanwhile_google::Google;
///
/// let api = Google::builder().api_key("not-a-real-key").api()?;
/// let model = EmbeddingModel::new(api, "gemini-embedding-001").dimensions(768);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GoogleApi {
    pub(crate) api: Api,
    pub(crate) codec: GenerateContentCodec,
}

impl GoogleApi {
    pub(crate) fn host(&self) -> &Host {
        self.codec.host()
    }

    /// Counts the tokens of a request without answering it. Dropping the future cancels the count.
    ///
    /// See <https://ai.google.dev/api/tokens>.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports, and as encoding the request.
    pub async fn count_tokens(&self, request: &Request) -> Result<u64> {
        let wire = self.codec.encode(request)?;
        let mut fields: Map<String, Value> =
            serde_json::from_slice(&wire.body).map_err(|source| {
                let message = "the request cannot be written as JSON";
                Error::new(ErrorKind::InvalidRequest, message).with_source(source)
            })?;
        let path = self.host().model_path(&request.model);
        let body = if self.host().is_vertex() {
            // Vertex AI counts what the model reads, and refuses the other fields.
            let counted = ["contents", "systemInstruction", "tools", "generationConfig"];
            fields.retain(|name, _| counted.contains(&name.as_str()));
            Value::Object(fields)
        } else {
            fields.insert("model".to_owned(), path.trim_start_matches('/').into());
            let mut outer = Map::new();
            outer.insert("generateContentRequest".to_owned(), Value::Object(fields));
            Value::Object(outer)
        };
        let path = format!("{path}:countTokens");
        let answer: Value = self.api.post(&path, &body, &request.model, request.timeouts).await?;
        answer.get("totalTokens").and_then(Value::as_u64).ok_or_else(|| {
            let error = Error::new(ErrorKind::Decode, "the answer has no count of tokens");
            self.named(error).with_model(request.model.clone())
        })
    }

    /// Names the provider in an error that is made here.
    pub(crate) fn named(&self, error: Error) -> Error {
        error.with_provider(self.api.id().to_owned())
    }

    /// The error for what the host does not have.
    pub(crate) fn missing(&self, what: &str) -> Error {
        let message = format!("this provider has no {what}; ask provider `google`");
        self.named(Error::new(ErrorKind::Unsupported, message))
    }
}

/// See <https://ai.google.dev/api/models>.
#[async_trait]
impl ListModels for GoogleApi {
    async fn list_models(&self) -> Result<Vec<ModelInfo>> {
        if self.host().is_vertex() {
            return Err(self.missing("list of models"));
        }
        let mut models = Vec::new();
        let mut path = format!("/models?pageSize={PAGE}");
        let first = path.len();
        loop {
            let mut answer: Value = self.api.get(&path).await?;
            if let Some(Value::Array(found)) = answer.get_mut("models").map(Value::take) {
                models.extend(found.into_iter().filter_map(model));
            }
            let token = answer.get("nextPageToken").and_then(Value::as_str).unwrap_or_default();
            let mut next = String::from("&pageToken=");
            percent_encode(token, &mut next);
            // A page that is its own next one would never end.
            if token.is_empty() || path.ends_with(&next) {
                return Ok(models);
            }
            path.truncate(first);
            path.push_str(&next);
        }
    }
}

fn model(raw: Value) -> Option<ModelInfo> {
    let name = raw.get("name")?.as_str()?;
    let mut model = ModelInfo::new(name.strip_prefix("models/").unwrap_or(name));
    model.name = raw.get("displayName").and_then(Value::as_str).map(str::to_owned);
    model.input_tokens = raw.get("inputTokenLimit").and_then(Value::as_u64);
    model.output_tokens = raw.get("outputTokenLimit").and_then(Value::as_u64);
    model.raw = Some(Box::new(raw));
    Some(model)
}
