//! Embeddings: a list of texts at once on AI Studio, by the older or the newer endpoint on Vertex AI.

use async_trait::async_trait;
use meanwhile_core::{
    EmbedPurpose, EmbedRequest, Embedder, Embeddings, Error, ErrorKind, InputTokens, Result, Usage,
};
use meanwhile_http::lenient::Number;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::GoogleApi;

/// Most texts of one request.
const LIMIT: usize = 100;

/// A text, as AI Studio and the newer endpoint of Vertex AI take it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Text<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u32>,
    #[serde(flatten)]
    options: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: [Part<'a>; 1],
}

#[derive(Serialize)]
struct Part<'a> {
    text: &'a str,
}

#[derive(Serialize)]
struct Texts<'a> {
    requests: Vec<Text<'a>>,
}

/// Texts, as the older endpoint of Vertex AI takes them.
#[derive(Serialize)]
struct Instances<'a> {
    instances: Vec<Instance<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Parameters<'a>>,
}

#[derive(Serialize)]
struct Instance<'a> {
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u32>,
    #[serde(flatten)]
    options: &'a Map<String, Value>,
}

/// Either answer of the newer endpoints.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer {
    embeddings: Vec<Vector>,
    embedding: Option<Vector>,
    usage_metadata: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Vector {
    values: Vec<f32>,
    /// How many tokens the text has, and whether it was `truncated` before it was read.
    statistics: Value,
}

impl Vector {
    fn tokens(&self) -> Option<u64> {
        let count = self.statistics.get("token_count")?;
        Number::deserialize(count).ok()?.0
    }
}

#[derive(Deserialize)]
struct Predictions {
    predictions: Vec<Prediction>,
}

#[derive(Deserialize)]
struct Prediction {
    embeddings: Vector,
}

/// See <https://ai.google.dev/api/embeddings> and
/// <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api>.
#[async_trait]
impl Embedder for GoogleApi {
    fn id(&self) -> &str {
        self.api.id()
    }

    fn batch_limit(&self, model: &str) -> usize {
        // On Vertex AI, Gemini's models take one text at a time.
        if self.host().is_vertex() && model.contains("gemini") { 1 } else { LIMIT }
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let EmbedRequest { model, inputs, dimensions, purpose, timeouts, options, .. } = &request;
        let mut given = Map::new();
        for id in self.host().option_ids() {
            given
                .extend(options.get(id).into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
        }
        let task_type = purpose.map(|purpose| self.task_type(purpose)).transpose()?;
        let path = self.host().model_path(model);
        let name = path.trim_start_matches('/');
        let text = |text| Text {
            model: None,
            content: Content { parts: [Part { text }] },
            task_type,
            output_dimensionality: *dimensions,
            options: &given,
        };
        let answer = match (self.host().is_vertex(), inputs.as_slice()) {
            (false, inputs) => {
                let requests = inputs.iter().map(|input| Text { model: Some(name), ..text(input) });
                let body = Texts { requests: requests.collect() };
                let path = format!("{path}:batchEmbedContents");
                self.api.post(&path, &body, model, *timeouts).await?
            }
            (true, [input]) if is_newer(model) => {
                let path = format!("{path}:embedContent");
                self.api.post(&path, &text(input), model, *timeouts).await?
            }
            (true, inputs) => {
                let instances = inputs.iter().map(|content| Instance { content, task_type });
                let parameters = (dimensions.is_some() || !given.is_empty())
                    .then_some(Parameters { output_dimensionality: *dimensions, options: &given });
                let body = Instances { instances: instances.collect(), parameters };
                let path = format!("{path}:predict");
                let answer: Predictions = self.api.post(&path, &body, model, *timeouts).await?;
                let vectors = answer.predictions.into_iter().map(|found| found.embeddings);
                Answer { embeddings: vectors.collect(), ..Answer::default() }
            }
        };
        let usage = usage(&answer);
        let found = answer.embeddings.into_iter().chain(answer.embedding);
        let vectors = found.map(|vector| vector.values).collect();
        Ok(Embeddings::new(self.api.id(), model.clone(), vectors, usage))
    }
}

impl GoogleApi {
    fn task_type(&self, purpose: EmbedPurpose) -> Result<&'static str> {
        Ok(match purpose {
            EmbedPurpose::Query => "RETRIEVAL_QUERY",
            EmbedPurpose::Document => "RETRIEVAL_DOCUMENT",
            EmbedPurpose::Similarity => "SEMANTIC_SIMILARITY",
            EmbedPurpose::Classification => "CLASSIFICATION",
            EmbedPurpose::Clustering => "CLUSTERING",
            _ => {
                let message = "this provider does not know the purpose";
                return Err(self.named(Error::new(ErrorKind::Unsupported, message)));
            }
        })
    }
}

/// Whether a model on Vertex AI answers at `embedContent`.
fn is_newer(model: &str) -> bool {
    model.contains("gemini-embedding") && !model.contains("gemini-embedding-001")
}

fn usage(answer: &Answer) -> Usage {
    let reported = answer.usage_metadata.as_ref().and_then(|usage| usage.get("promptTokenCount"));
    let counts = answer.embeddings.iter().filter_map(Vector::tokens);
    let mut input = InputTokens::default();
    input.total = reported.and_then(Value::as_u64).or_else(|| counts.reduce(u64::saturating_add));
    let mut usage = Usage::default();
    usage.input = input;
    let statistics = || answer.embeddings.iter().map(|vector| &vector.statistics);
    let raw = answer.usage_metadata.clone().or_else(|| {
        let is_told = statistics().any(|statistics| !statistics.is_null());
        is_told.then(|| json!({ "statistics": statistics().collect::<Vec<_>>() }))
    });
    usage.raw = raw.map(Into::into);
    usage
}
