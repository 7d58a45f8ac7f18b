//! [`Rerank`] and [`ModelRerank`]: chunks in a better order, by a reranking model or by a language model.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use meanwhile_core::{
    Error, ErrorKind, Message, RerankRequest, Reranker, Response, Result, Timeouts,
};
use serde_json::Value;

use super::Postprocessor;
use super::fusion::CONCURRENCY;
use crate::ask::{Ask, asks, whole};
use crate::spent::usage_of;
use crate::{Origin, RetrievalQuery, Scored, record_usage};

/// Orders chunks by what a reranking model says about them. Nothing is sent for no chunks.
///
/// ```
/// # use meanwhile_core::{Ranked, RankedDocuments, RerankRequest, Reranker, Result, Usage};
/// # use meanwhile_rag::{Document, Index, MemoryStore, Origin, Rerank};
/// # #[derive(Debug)]
/// # struct Shortest;
/// # #[async_trait::async_trait]
/// # impl Reranker for Shortest {
/// #     fn id(&self) -> &str {
/// #         "shortest"
/// #     }
/// #     async fn rerank(&self, request: RerankRequest) -> Result<RankedDocuments> {
/// #         let texts = request.documents.iter().enumerate();
/// #         let ranked = texts.map(|(at, text)| Ranked::new(at, 1.0 / text.len() as f64)).collect();
/// #         let count = request.documents.len();
/// #         RankedDocuments::new("shortest", request.model, count, ranked, Usage::default())
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// # let index = Index::new(MemoryStore::new());
/// # index.ingest().run_all([
/// #     Document::new("refunds", "Refunds are paid within 30 days."),
/// #     Document::new("gifts", "Gift cards are not taken back."),
/// # ]).await?;
/// # let reranker = Shortest;
/// // A provider's reranker, such as that of Cohere or Voyage.
/// let rerank = Rerank::new(reranker, "rerank-v3.5");
/// let found = index.retrieve("refunds for gift cards").rerank(rerank).await?;
/// assert_eq!(found[0].chunk.document_id, "gifts");
/// assert_eq!(found[0].origin, Origin::Reranked);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Rerank {
    reranker: Arc<dyn Reranker>,
    request: RerankRequest,
}

impl Rerank {
    /// Asks `model` of a reranker.
    #[must_use]
    pub fn new(reranker: impl Reranker, model: impl Into<String>) -> Self {
        Self::of(Arc::new(reranker), model)
    }

    /// Asks `model` of a shared reranker.
    #[must_use]
    pub fn of(reranker: Arc<dyn Reranker>, model: impl Into<String>) -> Self {
        Self { reranker, request: RerankRequest::new(model, "", Vec::new()) }
    }

    /// Keeps this many of the best only.
    #[must_use]
    pub fn top(mut self, count: u32) -> Self {
        self.request.top = Some(count);
        self
    }

    /// Sets the clocks of each request.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.request.timeouts = timeouts;
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
        let options = self.request.options.entry(provider.into()).or_default();
        options.insert(name.into(), value.into());
        self
    }
}

#[async_trait]
impl Postprocessor for Rerank {
    async fn process(&self, query: &RetrievalQuery, chunks: Vec<Scored>) -> Result<Vec<Scored>> {
        if chunks.is_empty() {
            return Ok(chunks);
        }
        let mut request = self.request.clone();
        request.query.clone_from(&query.text);
        request.documents = chunks.iter().map(|found| found.chunk.text.clone()).collect();
        let ranked = self.reranker.rerank(request).await?;
        record_usage(&ranked.usage);
        let mut chunks: Vec<Option<Scored>> = chunks.into_iter().map(Some).collect();
        let mut ordered = Vec::with_capacity(ranked.documents.len());
        for document in ranked.documents {
            let found = chunks.get_mut(document.index).and_then(Option::take).ok_or_else(|| {
                let message = format!(
                    "the reranker ranked document {} twice, or there is none",
                    document.index
                );
                Error::new(ErrorKind::Decode, message).with_provider(ranked.provider.clone())
            })?;
            ordered.push(Scored::new(found.chunk, document.score as f32, Origin::Reranked));
        }
        Ok(ordered)
    }
}

/// Orders chunks by the relevance, from 0 to 10, that a language model gives them.
///
/// Chunks are judged some at a time, all of these calls at once. A chunk that the model does not mention has
/// the relevance 0; chunks of the same relevance stay in the order they came in. None is dropped: put a
/// [`Cutoff`](crate::Cutoff) behind it for that. A refusal, and an answer that was cut or filtered, are errors.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_rag::*;
/// # let found = |id: &str, text: &str, score| {
/// #     let key = ChunkKey::new(text, "splitter", "embedder");
/// #     Scored::new(Chunk::new(id, 0, 0..text.len(), text, key), score, Origin::Text)
/// # };
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("2: 9"), "any");
/// let chunks = vec![found("lamps", "Lamps.", 3.0), found("refunds", "Refunds.", 2.0)];
/// let rerank = ModelRerank::new().model(model);
/// let best = rerank.process(&RetrievalQuery::new("When are refunds paid?"), chunks).await?;
/// assert_eq!((best[0].chunk.document_id.as_str(), best[0].score), ("refunds", 9.0));
/// assert_eq!(best[1].score, 0.0);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct ModelRerank {
    ask: Ask,
    batch: usize,
    concurrency: usize,
}

asks!(ModelRerank, ask);

impl ModelRerank {
    /// Judges ten chunks in one call.
    #[must_use]
    pub fn new() -> Self {
        Self { ask: Ask::default(), batch: 10, concurrency: CONCURRENCY }
    }

    /// Sets how many chunks are judged in one call.
    #[must_use]
    pub fn batch(mut self, chunks: usize) -> Self {
        self.batch = chunks.max(1);
        self
    }

    /// Sets how many calls run at once; 8 without.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.max(1);
        self
    }
}

impl Default for ModelRerank {
    fn default() -> Self {
        Self::new()
    }
}

const JUDGE: &str = "You judge how well numbered texts help to answer a question. Write one line for \
    each text that helps: its number, a colon, and a relevance from 1 (hardly) to 10 (answers it), as \
    in `2: 7`. Leave out texts that do not help; where none helps, write `none`. Write nothing else.";

#[async_trait]
impl Postprocessor for ModelRerank {
    async fn process(
        &self,
        query: &RetrievalQuery,
        mut chunks: Vec<Scored>,
    ) -> Result<Vec<Scored>> {
        let calls: Vec<_> = chunks
            .chunks(self.batch)
            .map(|batch| {
                let mut texts = String::new();
                for (number, found) in (1..).zip(batch) {
                    // Writing to a string does not fail.
                    let _ = write!(texts, "Text {number}:\n{}\n\n", found.chunk.text.trim());
                }
                let question = format!("{texts}Question: {}", query.text);
                let messages = vec![Message::system(JUDGE), Message::user(question)];
                // Of a batch that helps with nothing, nothing may be said.
                let call = self.ask.call::<Response>("rerank", messages);
                let count = batch.len();
                async move {
                    let response = call.await?;
                    record_usage(&usage_of(&response));
                    Ok::<_, Error>(relevances(&whole(response)?.text(), count))
                }
            })
            .collect();
        let judged: Vec<Vec<f32>> =
            stream::iter(calls).buffered(self.concurrency).try_collect().await?;
        for (found, relevance) in chunks.iter_mut().zip(judged.into_iter().flatten()) {
            found.score = relevance;
            found.origin = Origin::Reranked;
        }
        chunks.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(chunks)
    }
}

/// Reads lines of a number and a relevance, whatever is written around the two; the first about a text
/// counts.
fn relevances(answer: &str, count: usize) -> Vec<f32> {
    let mut found: Vec<Option<f32>> = vec![None; count];
    for line in answer.lines() {
        let mut numbers = line
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .filter_map(|number| number.trim_matches('.').parse::<f32>().ok());
        let (Some(number), Some(relevance)) = (numbers.next(), numbers.next()) else { continue };
        // A number beyond all texts is none of them.
        let slot = found.get_mut((number as usize).wrapping_sub(1));
        if let Some(slot @ None) = slot {
            *slot = Some(relevance.clamp(0.0, 10.0));
        }
    }
    found.into_iter().map(Option::unwrap_or_default).collect()
}
