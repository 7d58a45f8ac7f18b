//! [`reciprocal_rank_fusion`], several rankings in one, and [`FusionRetriever`], several retrievers in one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use meanwhile_core::Result;

use super::QueryExpander;
use crate::{Origin, RetrievalQuery, Retriever, Scored};

/// What is added to a place before it is inverted, so that the first places do not outweigh all others:
/// 60, as in [the paper](https://plg.uwaterloo.ca/~gvcormac/cormacksigir09-rrf.pdf).
pub const RANK_CONSTANT: f32 = 60.0;

/// Searches that run at once for one question.
pub(super) const CONCURRENCY: usize = 8;

/// How many chunks each ranking has, at least, where several are fused.
pub(super) const CANDIDATES: usize = 50;

/// Makes one ranking of several, each with a weight: a chunk scores `weight / (60 + place)` in each, with
/// places counted from 1, and the sums decide. Of equals, the one of the smaller document id and index
/// comes first. Only places count, so that rankings of any origin can be fused.
///
/// ```
/// use meanwhile_rag::{Chunk, ChunkKey, Origin, Scored, reciprocal_rank_fusion};
///
/// let found = |id: &str, score| {
///     let chunk = Chunk::new(id, 0, 0..1, "x", ChunkKey::new("x", "splitter", "embedder"));
///     Scored::new(chunk, score, Origin::Text)
/// };
/// let by_words = vec![found("a", 9.0), found("b", 8.0)];
/// let by_meaning = vec![found("b", 0.7), found("c", 0.6)];
///
/// let fused = reciprocal_rank_fusion([(1.0, by_words), (1.0, by_meaning)], 10);
///
/// assert_eq!(fused[0].chunk.document_id, "b");
/// assert_eq!(fused.len(), 3);
/// ```
#[must_use]
pub fn reciprocal_rank_fusion(
    rankings: impl IntoIterator<Item = (f32, Vec<Scored>)>,
    limit: usize,
) -> Vec<Scored> {
    let mut fused: Vec<Scored> = Vec::new();
    let mut places: HashMap<(String, u32), usize> = HashMap::new();
    for (weight, ranking) in rankings {
        let mut divisor = RANK_CONSTANT;
        for mut found in ranking {
            divisor += 1.0;
            let score = weight / divisor;
            match places.entry((found.chunk.document_id.clone(), found.chunk.index)) {
                Entry::Occupied(known) => {
                    if let Some(known) = fused.get_mut(*known.get()) {
                        known.score += score;
                    }
                }
                Entry::Vacant(new) => {
                    new.insert(fused.len());
                    found.score = score;
                    found.origin = Origin::Fused;
                    fused.push(found);
                }
            }
        }
    }
    sort(&mut fused);
    fused.truncate(limit);
    fused
}

/// Sorts by score, the best first; of equals, the one of the smaller document id and index.
fn sort(found: &mut [Scored]) {
    found.sort_by(|a, b| {
        let places =
            (&a.chunk.document_id, a.chunk.index).cmp(&(&b.chunk.document_id, b.chunk.index));
        b.score.total_cmp(&a.score).then(places)
    });
}

/// Asks several retrievers at once and fuses what they find.
///
/// With a [`QueryExpander`], each of them is asked every question.
///
/// ```
/// # use meanwhile_rag::{Document, FusionRetriever, Index, MemoryStore, RetrievalQuery};
/// # use meanwhile_rag::Retriever as _;
/// # futures::executor::block_on(async {
/// let index = async |id: &str, text: &str| -> meanwhile_core::Result<Index> {
///     let index = Index::new(MemoryStore::new());
///     index.ingest().run_all([Document::new(id, text)]).await?;
///     Ok(index)
/// };
/// let handbook = index("handbook", "Refunds are paid within 30 days.").await?;
/// let tickets = index("ticket-7", "The refund of my lamp was paid late.").await?;
/// // What stands in the handbook counts twice as much.
/// let both = FusionRetriever::new()
///     .with_weight(2.0, handbook.retriever())
///     .with(tickets.retriever());
/// let found = both.retrieve(&RetrievalQuery::new("When are refunds paid?")).await?;
/// assert_eq!(found[0].chunk.document_id, "handbook");
/// assert_eq!(found.len(), 2);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct FusionRetriever {
    retrievers: Vec<(f32, Arc<dyn Retriever>)>,
    expander: Option<Arc<dyn QueryExpander>>,
    candidates: usize,
}

impl FusionRetriever {
    /// Makes one of no retrievers, which finds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { retrievers: Vec::new(), expander: None, candidates: CANDIDATES }
    }

    /// Adds a retriever.
    #[must_use]
    pub fn with(self, retriever: impl Retriever) -> Self {
        self.with_weight(1.0, retriever)
    }

    /// Adds a retriever whose places count `weight` times.
    #[must_use]
    pub fn with_weight(mut self, weight: f32, retriever: impl Retriever) -> Self {
        self.retrievers.push((weight, Arc::new(retriever)));
        self
    }

    /// Asks more questions than the one that was given.
    #[must_use]
    pub fn expand(mut self, expander: impl QueryExpander) -> Self {
        self.expander = Some(Arc::new(expander));
        self
    }

    /// Sets how many chunks each retriever is asked for, where fewer are wanted in the end; 50 without.
    #[must_use]
    pub fn candidates(mut self, candidates: usize) -> Self {
        self.candidates = candidates;
        self
    }
}

impl Default for FusionRetriever {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Retriever for FusionRetriever {
    async fn retrieve(&self, query: &RetrievalQuery) -> Result<Vec<Scored>> {
        if query.top_k == 0 {
            return Ok(Vec::new());
        }
        let texts = texts(query, self.expander.as_deref()).await?;
        let limit = self.candidates.max(query.top_k);
        let mut searches = Vec::with_capacity(texts.len() * self.retrievers.len());
        for text in texts {
            let query = RetrievalQuery { text, top_k: limit, filter: query.filter.clone() };
            for (weight, retriever) in &self.retrievers {
                let (query, weight, retriever) = (query.clone(), *weight, Arc::clone(retriever));
                searches.push(async move { Ok((weight, retriever.retrieve(&query).await?)) });
            }
        }
        let rankings: Vec<_> = stream::iter(searches).buffered(CONCURRENCY).try_collect().await?;
        Ok(reciprocal_rank_fusion(rankings, query.top_k))
    }
}

/// The question, and those that are asked beside it; none twice.
pub(super) async fn texts(
    query: &RetrievalQuery,
    expander: Option<&dyn QueryExpander>,
) -> Result<Vec<String>> {
    let mut texts = vec![query.text.clone()];
    if let Some(expander) = expander {
        for text in expander.expand(&query.text).await? {
            if !text.trim().is_empty() && !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    Ok(texts)
}
