//! [`GoogleApi`]: what Google offers beside answers: embeddings, lists of models, counts of tokens, batches.

use async_trait::async_trait;
use http::HeaderValue;
use meanwhile_core::{Error, ErrorKind, ListModels, ModelInfo, Request, Result, Timeouts};
use meanwhile_http::{Api, Codec as _, Wire};
use serde_json::{Map, Value};

use crate::GenerateContentCodec;
use crate::codec::{Host, percent_encode};

/// Most models of one page.
const PAGE: u32 = 1000;

/// Most models of one page of Vertex AI.
const VERTEX_PAGE: u32 = 100;

/// Google's API beyond `generateContent`, on either host, with the credential of a provider.
///
/// It is an [`Embedder`](meanwhile_core::Embedder) and [`ListModels`] on both hosts;
/// [`Batches`](meanwhile_core::Batches) are of AI Studio alone: those of Vertex AI are read from and written
/// to Cloud Storage or BigQuery, which are services of their own. Clones share everything.
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

    /// The error for batches of Vertex AI.
    pub(crate) fn no_batches(&self) -> Error {
        let message = "batches of Vertex AI are files in Cloud Storage or BigQuery, which this \
                       provider does not write; ask provider `google`, or make a batch prediction \
                       job with Google's own tools";
        self.named(Error::new(ErrorKind::Unsupported, message))
    }

    /// A page of the list of models, and the name of the list in the answer.
    fn models(&self) -> (Wire, &'static str) {
        match self.host() {
            Host::AiStudio => (Wire::get(format!("/models?pageSize={PAGE}")), "models"),
            Host::Vertex { prefix } => {
                let path = format!("/publishers/google/models?pageSize={VERTEX_PAGE}");
                let mut wire = Wire::get(path);
                // It stands in no path here, and is needed for the quota.
                let project =
                    prefix.split('/').nth(2).and_then(|id| HeaderValue::from_str(id).ok());
                if let Some(project) = project {
                    wire.headers.insert("x-goog-user-project", project);
                }
                (wire, "publisherModels")
            }
        }
    }
}

/// See <https://ai.google.dev/api/models> and, for Vertex AI, the `publishers.models.list` of
/// <https://cloud.google.com/vertex-ai/docs/reference/rest>. Vertex AI lists Google's own models, and not
/// all that it serves.
#[async_trait]
impl ListModels for GoogleApi {
    async fn list_models(&self) -> Result<Vec<ModelInfo>> {
        let mut models = Vec::new();
        let (page, list) = self.models();
        let mut path = page.path.clone();
        let first = path.len();
        loop {
            let mut wire = page.clone();
            wire.path.clone_from(&path);
            let mut answer: Value = self.api.send(wire, "", Timeouts::default()).await?.json()?;
            if let Some(Value::Array(found)) = answer.get_mut(list).map(Value::take) {
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
    // `models/ID` or `publishers/google/models/ID`.
    let id = name.rsplit_once("models/").map_or(name, |(_, id)| id);
    let mut model = ModelInfo::new(id);
    model.name = raw.get("displayName").and_then(Value::as_str).map(str::to_owned);
    model.input_tokens = raw.get("inputTokenLimit").and_then(Value::as_u64);
    model.output_tokens = raw.get("outputTokenLimit").and_then(Value::as_u64);
    model.raw = Some(Box::new(raw));
    Some(model)
}
