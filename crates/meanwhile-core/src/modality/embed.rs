//! [`Embedder`], the contract, and [`EmbeddingModel`], which splits long lists and checks what comes back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, ErrorKind, Result, Timeouts, Usage};

/// Turns texts into vectors.
#[async_trait]
pub trait Embedder: fmt::Debug + Send + Sync + 'static {
    /// Names the provider in errors and `provider/model` strings.
    fn id(&self) -> &str;

    /// The most texts that one request may carry.
    fn batch_limit(&self, model: &str) -> usize;

    /// Embeds all inputs of one request, in order. Dropping the future cancels the request.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports; [`Unsupported`](ErrorKind::Unsupported) for a setting that it
    /// cannot carry.
    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings>;
}

/// What is to be embedded.
///
/// ```
/// # use meanwhile_core::{EmbedRequest, Embedder, Embeddings, Result, Usage};
/// # #[derive(Debug)]
/// # struct Lengths;
/// # #[async_trait::async_trait]
/// # impl Embedder for Lengths {
/// #     fn id(&self) -> &str {
/// #         "lengths"
/// #     }
/// #     fn batch_limit(&self, _: &str) -> usize {
/// #         16
/// #     }
/// #     async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
/// #         let vectors = request.inputs.iter().map(|text| vec![text.len() as f32]).collect();
/// #         Ok(Embeddings::new("lengths", request.model, vectors, Usage::totals(2, 0)))
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// # let embedder = Lengths;
/// let request = EmbedRequest::new("any", vec!["a cat".to_owned(), "a horse".to_owned()]);
/// let answer = embedder.embed(request).await?;
/// assert_eq!(answer.vectors, [[5.0], [7.0]]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EmbedRequest {
    /// The model's id, without the provider.
    pub model: String,
    /// The texts.
    pub inputs: Vec<String>,
    /// The length that the vectors should have, where the model offers a choice.
    pub dimensions: Option<u32>,
    /// What the vectors are for, where the model makes a difference.
    pub purpose: Option<EmbedPurpose>,
    /// The clocks of this request.
    pub timeouts: Timeouts,
    /// Vendor options by provider id, merged into the request body as they are.
    pub options: BTreeMap<String, Map<String, Value>>,
}

impl EmbedRequest {
    /// Asks `model` for a vector of each input.
    #[must_use]
    pub fn new(model: impl Into<String>, inputs: Vec<String>) -> Self {
        Self {
            model: model.into(),
            inputs,
            dimensions: None,
            purpose: None,
            timeouts: Timeouts::default(),
            options: BTreeMap::new(),
        }
    }

    /// Asks for vectors of this length.
    #[must_use]
    pub fn dimensions(mut self, dimensions: u32) -> Self {
        self.dimensions = Some(dimensions);
        self
    }

    /// Says what the vectors are for.
    #[must_use]
    pub fn purpose(mut self, purpose: EmbedPurpose) -> Self {
        self.purpose = Some(purpose);
        self
    }
}

super::setters!(EmbedRequest);

/// What vectors are for.
///
/// ```
/// # use meanwhile_core::{EmbedPurpose, EmbedRequest, Embedder, EmbeddingModel, Embeddings, Result};
/// # #[derive(Debug)]
/// # struct Silent;
/// # #[async_trait::async_trait]
/// # impl Embedder for Silent {
/// #     fn id(&self) -> &str {
/// #         "silent"
/// #     }
/// #     fn batch_limit(&self, _: &str) -> usize {
/// #         16
/// #     }
/// #     async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
/// #         Ok(Embeddings::new("silent", request.model, Vec::new(), Default::default()))
/// #     }
/// # }
/// # let model = EmbeddingModel::new(Silent, "any");
/// // One model, asked differently for what is stored and for what is searched.
/// let documents = model.clone().purpose(EmbedPurpose::Document);
/// let questions = model.purpose(EmbedPurpose::Query);
/// assert_eq!(documents.settings().purpose, Some(EmbedPurpose::Document));
/// assert_eq!(questions.settings().purpose, Some(EmbedPurpose::Query));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EmbedPurpose {
    /// A question that documents are searched for.
    Query,
    /// A document to be found.
    Document,
    /// Comparing texts with one another.
    Similarity,
    /// Sorting texts into classes.
    Classification,
    /// Finding groups of texts.
    Clustering,
}

/// Vectors, one for each input, in the order of the inputs.
///
/// ```
/// # use meanwhile_core::{EmbedRequest, Embedder, EmbeddingModel, Embeddings, Result, Usage};
/// #[derive(Debug)]
/// struct Lengths;
///
/// #[async_trait::async_trait]
/// impl Embedder for Lengths {
/// #     fn id(&self) -> &str {
/// #         "lengths"
/// #     }
/// #     fn batch_limit(&self, _: &str) -> usize {
/// #         16
/// #     }
///     async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
///         let vectors = request.inputs.iter().map(|text| vec![text.len() as f32]).collect();
///         Ok(Embeddings::new("lengths", request.model, vectors, Usage::default()))
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let answer = EmbeddingModel::new(Lengths, "any").embed(["a cat", "a horse"]).await?;
/// assert_eq!((answer.dimensions(), answer.vectors.len()), (1, 2));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Embeddings {
    /// The provider that answered.
    pub provider: String,
    /// The model that answered, as the provider names it.
    pub model: String,
    /// The vectors, all of the same length.
    pub vectors: Vec<Vec<f32>>,
    /// Token counts.
    pub usage: Usage,
}

impl Embeddings {
    /// Makes the answer of `provider` and `model`.
    #[must_use]
    pub fn new(
        provider: impl Into<String>,
        model: impl Into<String>,
        vectors: Vec<Vec<f32>>,
        usage: Usage,
    ) -> Self {
        Self { provider: provider.into(), model: model.into(), vectors, usage }
    }

    /// The length of the vectors; 0 where there is none.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.vectors.first().map_or(0, Vec::len)
    }
}

/// Requests of one list that are sent at once.
const CONCURRENCY: usize = 4;

/// An embedder with a model and settings. Cheap to clone.
///
/// ```
/// # use meanwhile_core::EmbeddingModel;
/// # async fn example(model: EmbeddingModel) -> meanwhile_core::Result<()> {
/// let embeddings = model.dimensions(256).embed(["a cat", "a dog"]).await?;
/// assert_eq!(embeddings.vectors.len(), 2);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct EmbeddingModel {
    embedder: Arc<dyn Embedder>,
    settings: EmbedRequest,
}

impl EmbeddingModel {
    /// Names a model of `embedder`.
    #[must_use]
    pub fn new(embedder: impl Embedder, model: impl Into<String>) -> Self {
        Self::of(Arc::new(embedder), model)
    }

    /// Names a model of a shared embedder.
    #[must_use]
    pub fn of(embedder: Arc<dyn Embedder>, model: impl Into<String>) -> Self {
        Self { embedder, settings: EmbedRequest::new(model, Vec::new()) }
    }

    /// The id of the provider that is asked.
    #[must_use]
    pub fn provider(&self) -> &str {
        self.embedder.id()
    }

    /// What each request asks for; its list of texts is empty.
    #[must_use]
    pub fn settings(&self) -> &EmbedRequest {
        &self.settings
    }

    /// Asks for vectors of this length.
    #[must_use]
    pub fn dimensions(mut self, dimensions: u32) -> Self {
        self.settings.dimensions = Some(dimensions);
        self
    }

    /// Says what the vectors are for.
    #[must_use]
    pub fn purpose(mut self, purpose: EmbedPurpose) -> Self {
        self.settings.purpose = Some(purpose);
        self
    }

    /// Sets the clocks of each request.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.settings.timeouts = timeouts;
        self
    }

    /// Sets one vendor option of one provider, a field of its request body.
    #[must_use]
    pub fn option(
        mut self,
        provider: impl Into<String>,
        name: impl Into<String>,
        value: impl Into<Value>,
    ) -> Self {
        self.settings = self.settings.option(provider, name, value);
        self
    }

    /// Embeds texts: as many requests as the provider's limit makes necessary, up to four at once,
    /// the vectors in the order of the inputs. Nothing is sent for an empty list.
    ///
    /// # Errors
    ///
    /// Of the requests that fail, the error of the one whose texts stand first, once those before it
    /// have been answered; the others are cancelled then. [`Decode`](ErrorKind::Decode) when
    /// there are too few vectors or they are not of one length, the asked one where one was asked.
    pub async fn embed<I>(&self, inputs: I) -> Result<Embeddings>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let inputs: Vec<String> = inputs.into_iter().map(Into::into).collect();
        let limit = self.embedder.batch_limit(&self.settings.model).max(1);
        // The batches are made before the first is sent: they own their texts.
        let requests: Vec<EmbedRequest> = inputs
            .chunks(limit)
            .map(|inputs| EmbedRequest { inputs: inputs.to_vec(), ..self.settings.clone() })
            .collect();
        let mut answers = stream::iter(requests.into_iter().map(|request| self.send(request)))
            .buffered(CONCURRENCY);
        let provider = self.embedder.id();
        let mut all = Embeddings::new(provider, &self.settings.model, Vec::new(), Usage::default());
        while let Some(answer) = answers.try_next().await? {
            if !all.vectors.is_empty() && all.dimensions() != answer.dimensions() {
                return Err(self.wrong(format!(
                    "the vectors of two requests differ in length: {} and {}",
                    all.dimensions(),
                    answer.dimensions()
                )));
            }
            all.model = answer.model;
            if all.vectors.is_empty() {
                all.usage = answer.usage;
            } else {
                all.usage.add(&answer.usage);
                // The counters of one request are not those of all.
                all.usage.raw = None;
            }
            all.vectors.extend(answer.vectors);
        }
        Ok(all)
    }

    /// Embeds one text.
    ///
    /// # Errors
    ///
    /// As [`embed`](Self::embed).
    pub async fn embed_one(&self, input: impl Into<String>) -> Result<Vec<f32>> {
        let embeddings = self.embed([input.into()]).await?;
        embeddings.vectors.into_iter().next().ok_or_else(|| self.wrong("there is no vector".into()))
    }

    async fn send(&self, request: EmbedRequest) -> Result<Embeddings> {
        let (count, wanted) = (request.inputs.len(), request.dimensions);
        let answer = self.embedder.embed(request).await?;
        if answer.vectors.len() != count {
            let vectors = answer.vectors.len();
            return Err(self.wrong(format!("{vectors} vectors came back for {count} texts")));
        }
        let length = wanted.map_or(answer.dimensions(), |wanted| wanted as usize);
        match answer.vectors.iter().map(Vec::len).find(|found| *found != length || *found == 0) {
            Some(found) => {
                Err(self
                    .wrong(format!("a vector has {found} dimensions where {length} were expected")))
            }
            None => Ok(answer),
        }
    }

    fn wrong(&self, message: String) -> Error {
        let error = Error::new(ErrorKind::Decode, message);
        error.with_provider(self.embedder.id().to_owned()).with_model(self.settings.model.clone())
    }
}
