//! [`BedrockApi`]: what Bedrock offers beside answers: embeddings, by `InvokeModel`.

use std::fmt;

use async_trait::async_trait;
use http::HeaderMap;
use meanwhile_core::{
    EmbedPurpose, EmbedRequest, Embedder, Embeddings, Error, ErrorKind, Result, Usage,
};
use meanwhile_http::{Api, Framing, Wire};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::config::ID;
use crate::encode;
use crate::models::{Family, Model};

/// Most texts of one request to a model of Cohere. One of Amazon takes one text.
const LIMIT: usize = 96;

/// Embeddings. Made by [`Builder::api`](crate::Builder::api).
///
/// Models of Amazon (`amazon.titan-embed-text-v2:0`) and Cohere (`cohere.embed-english-v3`,
/// `cohere.embed-v4:0`) embed, each in its vendor's own words: see
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html> and
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html>. Models of Amazon
/// take one text in a request, so that a longer list is sent in turn.
#[derive(Clone)]
pub struct BedrockApi {
    pub(crate) api: Api,
}

/// Whose words a request is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vendor {
    Amazon,
    Cohere,
}

/// What a model that embeds is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    vendor: Vendor,
    /// The field for the length of the vectors, where it can be chosen.
    dimensions: Option<&'static str>,
}

impl Kind {
    fn of(model: &str) -> Option<Self> {
        let model = Model::of(model);
        let (vendor, dimensions) = match model.family {
            Family::Titan if model.is_one_of(&["titan-embed-text-v2"]) => {
                (Vendor::Amazon, Some("dimensions"))
            }
            Family::Titan if model.is_one_of(&["titan-embed-text-v1", "titan-embed-g1-text"]) => {
                (Vendor::Amazon, None)
            }
            Family::Cohere if model.is_one_of(&["embed-english-v3", "embed-multilingual-v3"]) => {
                (Vendor::Cohere, None)
            }
            Family::Cohere if model.is_one_of(&["embed-"]) => {
                (Vendor::Cohere, Some("output_dimension"))
            }
            _ => return None,
        };
        Some(Self { vendor, dimensions })
    }
}

/// What either vendor answers.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer {
    embedding: Option<Vec<f32>>,
    input_text_token_count: Option<u64>,
    embeddings: Option<Vectors>,
}

/// Vectors, by their type where one was asked for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Vectors {
    Plain(Vec<Vec<f32>>),
    Named(Map<String, Value>),
}

impl Answer {
    fn vectors(self) -> Option<Vec<Vec<f32>>> {
        if let Some(vector) = self.embedding {
            return Some(vec![vector]);
        }
        match self.embeddings? {
            Vectors::Plain(vectors) => Some(vectors),
            Vectors::Named(mut named) => {
                let types = ["float", "int8", "uint8", "binary", "ubinary"];
                let found = types.iter().find_map(|name| named.shift_remove(*name));
                serde_json::from_value(found?).ok()
            }
        }
    }
}

#[async_trait]
impl Embedder for BedrockApi {
    fn id(&self) -> &str {
        self.api.id()
    }

    fn batch_limit(&self, model: &str) -> usize {
        match Kind::of(model) {
            Some(Kind { vendor: Vendor::Cohere, .. }) => LIMIT,
            _ => 1,
        }
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let model = &request.model;
        let named = |error: Error| error.with_provider(ID).with_model(model.clone());
        let kind = Kind::of(model).ok_or_else(|| {
            let message = "this model is not known to embed; name one of Titan's or Cohere's, such as `amazon.titan-embed-text-v2:0`";
            named(Error::new(ErrorKind::Unsupported, message))
        })?;
        let fields = fields(&request, kind).map_err(named)?;
        let path = encode::path(model, "invoke").map_err(named)?;
        let bodies = match kind.vendor {
            Vendor::Cohere => vec![json!({ "texts": request.inputs })],
            Vendor::Amazon => {
                request.inputs.iter().map(|text| json!({ "inputText": text })).collect()
            }
        };
        let mut vectors = Vec::with_capacity(request.inputs.len());
        let mut counted: Option<u64> = None;
        for mut body in bodies {
            if let Value::Object(body) = &mut body {
                body.extend(fields.clone());
            }
            let wire = Wire::post(path.clone(), body.to_string(), Framing::Whole);
            let reply = self.api.send(wire, model, request.timeouts).await?;
            let answer: Answer = reply.json()?;
            let told = answer.input_text_token_count.or_else(|| in_header(&reply.headers));
            counted = told.map(|told| counted.unwrap_or(0).saturating_add(told)).or(counted);
            vectors.extend(answer.vectors().ok_or_else(|| {
                let message = "the answer has no vectors of numbers";
                reply.unexpected(Error::new(ErrorKind::Decode, message))
            })?);
        }
        let mut usage = Usage::default();
        usage.input.total = counted;
        Ok(Embeddings::new(self.api.id(), model.clone(), vectors, usage))
    }
}

/// The fields beside the texts. Vendor options replace them.
fn fields(request: &EmbedRequest, kind: Kind) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    if kind.vendor == Vendor::Cohere {
        fields.insert("input_type".to_owned(), input_type(request.purpose)?.into());
    }
    match (request.dimensions, kind.dimensions) {
        (Some(dimensions), Some(name)) => {
            fields.insert(name.to_owned(), dimensions.into());
        }
        (Some(_), None) => {
            let message = "the vectors of this model have one length; leave out the dimensions";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        (None, _) => {}
    }
    if let Some(more) = request.options.get(ID) {
        encode::merge(&mut fields, more);
    }
    Ok(fields)
}

/// The word of Cohere's models for a purpose. Those of Amazon make no difference.
fn input_type(purpose: Option<EmbedPurpose>) -> Result<&'static str> {
    Ok(match purpose {
        Some(EmbedPurpose::Query) => "search_query",
        // The models ask for a purpose; texts are mostly embedded to be found.
        None | Some(EmbedPurpose::Document) => "search_document",
        Some(EmbedPurpose::Classification) => "classification",
        Some(EmbedPurpose::Clustering) => "clustering",
        Some(_) => {
            let message = "this model embeds for queries, documents, classification and clustering only; choose one of them";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    })
}

/// What the service counted.
fn in_header(headers: &HeaderMap) -> Option<u64> {
    headers.get("x-amzn-bedrock-input-token-count")?.to_str().ok()?.parse().ok()
}

impl fmt::Debug for BedrockApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.api.fmt(f)
    }
}
