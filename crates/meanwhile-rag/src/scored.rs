//! [`Scored`], a chunk that was found, and how well it fits.

use serde::{Deserialize, Serialize};

use crate::Chunk;

/// A chunk that was found.
///
/// ```
/// # use meanwhile_core::Result;
/// # use meanwhile_rag::{Chunk, ChunkKey, Origin, RetrievalQuery, Retriever, Scored};
/// /// Finds the same chunk whatever the question.
/// #[derive(Debug)]
/// struct Pinned(Chunk);
///
/// #[async_trait::async_trait]
/// impl Retriever for Pinned {
///     async fn retrieve(&self, _: &RetrievalQuery) -> Result<Vec<Scored>> {
///         Ok(vec![Scored::new(self.0.clone(), 1.0, Origin::Text)])
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let text = "We are closed on Sundays.";
/// let key = ChunkKey::new(text, "whole/1", "none");
/// let pinned = Pinned(Chunk::new("hours", 0, 0..text.len(), text, key));
/// let found = pinned.retrieve(&RetrievalQuery::new("When are you open?")).await?;
/// assert_eq!((found[0].score, found[0].chunk.text.as_str()), (1.0, text));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Scored {
    /// The chunk.
    pub chunk: Chunk,
    /// How well it fits; higher is better. Only scores of one origin can be compared.
    pub score: f32,
    /// What the score is.
    pub origin: Origin,
}

impl Scored {
    /// Gives a chunk its score.
    #[must_use]
    pub fn new(chunk: Chunk, score: f32, origin: Origin) -> Self {
        Self { chunk, score, origin }
    }
}

/// What a score is.
///
/// ```
/// # use meanwhile_rag::{Document, Index, MemoryStore, Origin};
/// # futures::executor::block_on(async {
/// # let index = Index::new(MemoryStore::new());
/// # index.ingest().run_all([
/// #     Document::new("refunds", "Refunds are paid within 30 days."),
/// #     Document::new("gifts", "Gift cards are not taken back."),
/// # ]).await?;
/// // There is no embedder: what is found is found by its words.
/// let found = index.retrieve("When are refunds paid?").await?;
/// assert_eq!(found[0].origin, Origin::Text);
/// // The scores of two origins cannot be compared.
/// let dense = found.iter().filter(|found| found.origin == Origin::Dense);
/// assert_eq!(dense.count(), 0);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// The cosine of the angle between two vectors, from -1 to 1.
    Dense,
    /// How well words fit: BM25 or what the store has in its place, above 0.
    Text,
    /// Several rankings in one.
    Fused,
    /// What a reranker says.
    Reranked,
}
