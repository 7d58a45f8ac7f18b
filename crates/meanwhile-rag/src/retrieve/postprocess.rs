//! [`Postprocessor`], what is done to chunks that were found: cut, made unique, put in order, widened.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use meanwhile_core::Result;

use super::fusion::CONCURRENCY;
use crate::{Chunk, Index, RetrievalQuery, Scored, Store};

/// Changes what was found: drops chunks, adds some, puts them in another order.
#[async_trait]
pub trait Postprocessor: fmt::Debug + Send + Sync + 'static {
    /// Takes the chunks, the best first, and gives back those that are to be used, in their order.
    /// Dropping the future cancels.
    ///
    /// # Errors
    ///
    /// Whatever a model or a store reports.
    async fn process(&self, query: &RetrievalQuery, chunks: Vec<Scored>) -> Result<Vec<Scored>>;
}

#[async_trait]
impl<P: Postprocessor + ?Sized> Postprocessor for Arc<P> {
    async fn process(&self, query: &RetrievalQuery, chunks: Vec<Scored>) -> Result<Vec<Scored>> {
        (**self).process(query, chunks).await
    }
}

/// Drops chunks that score less. What a score means depends on its [`Origin`](crate::Origin).
///
/// ```
/// # use meanwhile_rag::*;
/// # let found = |id: &str, text: &str, score| {
/// #     let key = ChunkKey::new(text, "splitter", "embedder");
/// #     Scored::new(Chunk::new(id, 0, 0..text.len(), text, key), score, Origin::Text)
/// # };
/// # futures::executor::block_on(async {
/// let chunks = vec![found("a", "Refunds.", 7.5), found("b", "Lamps.", 0.4)];
/// let kept = Cutoff(1.0).process(&RetrievalQuery::new("refunds"), chunks).await?;
/// assert_eq!(kept.len(), 1);
/// assert_eq!(kept[0].chunk.document_id, "a");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cutoff(pub f32);

#[async_trait]
impl Postprocessor for Cutoff {
    async fn process(&self, _: &RetrievalQuery, mut chunks: Vec<Scored>) -> Result<Vec<Scored>> {
        chunks.retain(|found| found.score >= self.0);
        Ok(chunks)
    }
}

/// Drops chunks that say again what a better one says: with the same words, whatever the white space and the
/// case, or from within the same bytes of the same document.
///
/// ```
/// # use meanwhile_rag::*;
/// # let found = |id: &str, text: &str, score| {
/// #     let key = ChunkKey::new(text, "splitter", "embedder");
/// #     Scored::new(Chunk::new(id, 0, 0..text.len(), text, key), score, Origin::Text)
/// # };
/// # futures::executor::block_on(async {
/// let chunks = vec![found("a", "Refunds are paid.", 2.0), found("b", "refunds  ARE paid.", 1.0)];
/// let kept = Deduplicate.process(&RetrievalQuery::new("refunds"), chunks).await?;
/// assert_eq!(kept.len(), 1);
/// assert_eq!(kept[0].chunk.document_id, "a");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Deduplicate;

#[async_trait]
impl Postprocessor for Deduplicate {
    async fn process(&self, _: &RetrievalQuery, chunks: Vec<Scored>) -> Result<Vec<Scored>> {
        let mut texts = HashSet::new();
        let mut kept: Vec<Scored> = Vec::with_capacity(chunks.len());
        for found in chunks {
            let within = kept.iter().any(|kept| holds(&kept.chunk, &found.chunk));
            let mut words = String::with_capacity(found.chunk.text.len());
            for word in found.chunk.text.split_whitespace() {
                words.extend(word.chars().flat_map(char::to_lowercase));
                words.push(' ');
            }
            if !within && texts.insert(words) {
                kept.push(found);
            }
        }
        Ok(kept)
    }
}

fn holds(outer: &Chunk, inner: &Chunk) -> bool {
    outer.document_id == inner.document_id
        && outer.span.start <= inner.span.start
        && inner.span.end <= outer.span.end
}

/// Puts the best chunks at both ends and the worst in the middle, where models with long prompts read
/// least carefully ([Liu et al. 2023](https://arxiv.org/abs/2307.03172)).
///
/// ```
/// # use meanwhile_rag::*;
/// # let found = |id: &str, text: &str, score| {
/// #     let key = ChunkKey::new(text, "splitter", "embedder");
/// #     Scored::new(Chunk::new(id, 0, 0..text.len(), text, key), score, Origin::Text)
/// # };
/// # futures::executor::block_on(async {
/// let chunks = ["1", "2", "3", "4"].map(|place| found(place, "Refunds.", 1.0)).to_vec();
/// let chunks = Reorder.process(&RetrievalQuery::new("refunds"), chunks).await?;
/// let order: Vec<&str> = chunks.iter().map(|found| &*found.chunk.document_id).collect();
/// assert_eq!(order, ["1", "3", "4", "2"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Reorder;

#[async_trait]
impl Postprocessor for Reorder {
    async fn process(&self, _: &RetrievalQuery, chunks: Vec<Scored>) -> Result<Vec<Scored>> {
        let (mut front, mut back) = (Vec::with_capacity(chunks.len()), Vec::new());
        for (place, found) in chunks.into_iter().enumerate() {
            if place % 2 == 0 { front.push(found) } else { back.push(found) }
        }
        front.extend(back.into_iter().rev());
        Ok(front)
    }
}

/// Adds the chunks that stand before and after those that were found, in the order of the document.
///
/// They have the score of the chunk they stand beside. None comes twice: a neighbour that was found
/// itself keeps its place.
///
/// ```
/// # use meanwhile_rag::splitters::TokenSplitter;
/// # use meanwhile_rag::{Document, Index, MemoryStore, Neighbours};
/// # futures::executor::block_on(async {
/// let index = Index::new(MemoryStore::new());
/// let steps = Document::new("steps", "Unscrew the lid. Replace the bulb. Screw it on again.");
/// index.ingest().splitter(TokenSplitter::new(5)).run_all([steps]).await?;
/// let found = index.retrieve("bulb").postprocess(Neighbours::new(&index, 1, 1)).await?;
/// assert!(found.len() > 1);
/// assert!(found.iter().map(|found| found.chunk.index).is_sorted());
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Neighbours {
    store: Arc<dyn Store>,
    before: u32,
    after: u32,
}

impl Neighbours {
    /// Adds this many chunks before and after each.
    #[must_use]
    pub fn new(index: &Index, before: u32, after: u32) -> Self {
        Self { store: Arc::clone(index.store()), before, after }
    }
}

#[async_trait]
impl Postprocessor for Neighbours {
    async fn process(&self, _: &RetrievalQuery, chunks: Vec<Scored>) -> Result<Vec<Scored>> {
        let around: Vec<_> = chunks
            .iter()
            .map(|found| {
                let (store, id) = (Arc::clone(&self.store), found.chunk.document_id.clone());
                let index = found.chunk.index;
                let last = index.saturating_add(self.after);
                let range = index.saturating_sub(self.before)..last.saturating_add(1);
                async move { store.chunks(&id, range).await }
            })
            .collect();
        let around: Vec<Vec<Chunk>> =
            stream::iter(around).buffered(CONCURRENCY).try_collect().await?;
        let place = |chunk: &Chunk| (chunk.document_id.clone(), chunk.index);
        let mut seen: HashSet<_> = chunks.iter().map(|found| place(&found.chunk)).collect();
        let mut all = Vec::with_capacity(chunks.len());
        for (found, around) in chunks.into_iter().zip(around) {
            let (score, origin) = (found.score, found.origin);
            let (before, after): (Vec<Chunk>, Vec<Chunk>) = around
                .into_iter()
                .filter(|chunk| seen.insert(place(chunk)))
                .partition(|chunk| chunk.index < found.chunk.index);
            all.extend(before.into_iter().map(|chunk| Scored::new(chunk, score, origin)));
            all.push(found);
            all.extend(after.into_iter().map(|chunk| Scored::new(chunk, score, origin)));
        }
        Ok(all)
    }
}
