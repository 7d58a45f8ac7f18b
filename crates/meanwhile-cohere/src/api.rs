//! [`CohereApi`]: what Cohere offers beside answers: embeddings, ranking, the list of models.

use std::fmt;

use async_trait::async_trait;
use meanwhile_core::{
    EmbedPurpose, EmbedRequest, Embedder, Embeddings, Error, ErrorKind, ListModels, ModelInfo,
    Ranked, RankedDocuments, RerankRequest, Reranker, Result, Usage,
};
use meanwhile_http::Api;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Most texts of one request.
const LIMIT: usize = 96;

/// Embeddings, ranking and the list of models. Made by [`Builder::api`](crate::Builder::api).
///
/// See <https://docs.cohere.com/reference/embed>, <https://docs.cohere.com/reference/rerank> and
/// <https://docs.cohere.com/reference/list-models>.
#[derive(Clone)]
pub struct CohereApi {
    pub(crate) api: Api,
}

#[derive(Serialize)]
struct Texts<'a> {
    model: &'a str,
    texts: &'a [String],
    input_type: &'static str,
    embedding_types: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimension: Option<u32>,
}

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    query: &'a str,
    documents: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    top_n: Option<u32>,
}

#[derive(Deserialize)]
struct Embedded {
    embeddings: Vectors,
    #[serde(default)]
    meta: Option<Value>,
}

/// Vectors by their type; older models have one type and no name for it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Vectors {
    Named(Named),
    Plain(Vec<Vec<f32>>),
}

/// Floats, unless the options ask for another type. Bits come packed, eight in a number.
#[derive(Deserialize)]
struct Named {
    float: Option<Vec<Vec<f32>>>,
    int8: Option<Vec<Vec<f32>>>,
    uint8: Option<Vec<Vec<f32>>>,
    binary: Option<Vec<Vec<f32>>>,
    ubinary: Option<Vec<Vec<f32>>>,
}

#[derive(Deserialize)]
struct Ranking {
    results: Vec<Place>,
    #[serde(default)]
    meta: Option<Value>,
}

#[derive(Deserialize)]
struct Place {
    index: usize,
    relevance_score: f64,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    models: Vec<Value>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[async_trait]
impl Embedder for CohereApi {
    fn id(&self) -> &str {
        self.api.id()
    }

    fn batch_limit(&self, _: &str) -> usize {
        LIMIT
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let EmbedRequest { model, inputs, dimensions, purpose, timeouts, options, .. } = &request;
        let body = Texts {
            model,
            texts: inputs,
            input_type: self.input_type(*purpose)?,
            embedding_types: ["float"],
            output_dimension: *dimensions,
        };
        let body = WithOptions { fields: &body, options: options.get(self.api.id()) }.merged()?;
        let answer: Embedded = self.api.post("/v2/embed", &body, model, *timeouts).await?;
        let vectors = match answer.embeddings {
            Vectors::Named(Named { float, int8, uint8, binary, ubinary }) => {
                float.or(int8).or(uint8).or(binary).or(ubinary).ok_or_else(|| {
                    let message = "the answer has no vectors of numbers; leave out `embedding_types` or name `float`";
                    Error::new(ErrorKind::Decode, message)
                        .with_provider(self.api.id().to_owned())
                        .with_model(model.clone())
                })?
            }
            Vectors::Plain(vectors) => vectors,
        };
        Ok(Embeddings::new(self.api.id(), model.clone(), vectors, usage(answer.meta)))
    }
}

#[async_trait]
impl Reranker for CohereApi {
    fn id(&self) -> &str {
        self.api.id()
    }

    async fn rerank(&self, request: RerankRequest) -> Result<RankedDocuments> {
        let RerankRequest { model, query, documents, top, timeouts, options, .. } = &request;
        let body = Question { model, query, documents, top_n: *top };
        let body = WithOptions { fields: &body, options: options.get(self.api.id()) }.merged()?;
        let answer: Ranking = self.api.post("/v2/rerank", &body, model, *timeouts).await?;
        let places = answer.results.into_iter();
        let ranked = places.map(|place| Ranked::new(place.index, place.relevance_score)).collect();
        let count = documents.len();
        RankedDocuments::new(self.api.id(), model.clone(), count, ranked, usage(answer.meta))
            .map_err(|error| error.with_provider(self.api.id().to_owned()))
    }
}

#[async_trait]
impl ListModels for CohereApi {
    async fn list_models(&self) -> Result<Vec<ModelInfo>> {
        let mut models = Vec::new();
        let mut path = "/v1/models?page_size=1000".to_owned();
        loop {
            let page: Page = self.api.get(&path).await?;
            models.extend(page.models.into_iter().filter_map(model_info));
            match page.next_page_token.filter(|token| !token.is_empty()) {
                // Tokens are base64, whose signs mean something else in a URL.
                Some(token) => {
                    let token = token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
                    path = format!("/v1/models?page_size=1000&page_token={token}");
                }
                None => return Ok(models),
            }
        }
    }
}

impl CohereApi {
    fn input_type(&self, purpose: Option<EmbedPurpose>) -> Result<&'static str> {
        Ok(match purpose {
            Some(EmbedPurpose::Query) => "search_query",
            // The API asks for a purpose; texts are mostly embedded to be found.
            None | Some(EmbedPurpose::Document) => "search_document",
            Some(EmbedPurpose::Classification) => "classification",
            Some(EmbedPurpose::Clustering) => "clustering",
            Some(_) => {
                let message = "this provider embeds for queries, documents, classification and clustering only; choose one of them";
                let error = Error::new(ErrorKind::Unsupported, message);
                return Err(error.with_provider(self.api.id().to_owned()));
            }
        })
    }
}

impl fmt::Debug for CohereApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.api.fmt(f)
    }
}

/// A body with vendor options, which replace its fields.
struct WithOptions<'a, T> {
    fields: &'a T,
    options: Option<&'a Map<String, Value>>,
}

impl<T: Serialize> WithOptions<'_, T> {
    fn merged(&self) -> Result<Value> {
        let mut body = serde_json::to_value(self.fields).map_err(|source| {
            Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON")
                .with_source(source)
        })?;
        if let (Some(body), Some(options)) = (body.as_object_mut(), self.options) {
            body.extend(options.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        Ok(body)
    }
}

/// These answers tell only what is billed.
fn usage(meta: Option<Value>) -> Usage {
    let mut usage = Usage::default();
    let billed = meta.as_ref().and_then(|meta| meta.get("billed_units"));
    usage.input.total =
        billed.and_then(|billed| billed.get("input_tokens")).and_then(Value::as_u64);
    usage.raw = meta.map(Into::into);
    usage
}

fn model_info(raw: Value) -> Option<ModelInfo> {
    let mut info = ModelInfo::new(raw.get("name")?.as_str()?);
    info.input_tokens = raw
        .get("context_length")
        .and_then(|length| length.as_u64().or_else(|| length.as_f64()?.to_string().parse().ok()));
    info.raw = Some(Box::new(raw));
    Some(info)
}
