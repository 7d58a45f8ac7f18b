//! [`Retriever`], whatever finds chunks for a question.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use meanwhile_core::Result;
use serde::{Deserialize, Serialize};

use crate::{Filter, Scored};

/// Finds chunks for a question.
#[async_trait]
pub trait Retriever: fmt::Debug + Send + Sync + 'static {
    /// Finds at most [`top_k`](RetrievalQuery::top_k) chunks, the best first. Dropping the future stops
    /// the search.
    ///
    /// # Errors
    ///
    /// Whatever the embedder, the store or a model reports.
    async fn retrieve(&self, query: &RetrievalQuery) -> Result<Vec<Scored>>;
}

#[async_trait]
impl<R: Retriever + ?Sized> Retriever for Arc<R> {
    async fn retrieve(&self, query: &RetrievalQuery) -> Result<Vec<Scored>> {
        (**self).retrieve(query).await
    }
}

/// What to look for.
///
/// ```
/// # use meanwhile_rag::{Document, Index, MemoryStore, RetrievalQuery, Retriever as _, ne};
/// # futures::executor::block_on(async {
/// # let index = Index::new(MemoryStore::new());
/// # index.ingest().run_all([
/// #     Document::new("refunds", "Refunds are paid within 30 days."),
/// #     Document::new("gifts", "Gift cards are not taken back."),
/// # ]).await?;
/// let query = RetrievalQuery::new("refunds for gift cards").top_k(5).filter(ne("lang", "fr"));
/// let found = index.retriever().retrieve(&query).await?;
/// assert_eq!(found.len(), 2);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RetrievalQuery {
    /// The question, as a reader would ask it.
    pub text: String,
    /// The most chunks to find.
    pub top_k: usize,
    /// The condition that all of them fulfil.
    pub filter: Option<Filter>,
}

impl RetrievalQuery {
    /// How many chunks are found where nothing else is said.
    pub const TOP_K: usize = 8;

    /// Looks for [`TOP_K`](Self::TOP_K) chunks.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), top_k: Self::TOP_K, filter: None }
    }

    /// Sets the most chunks to find.
    #[must_use]
    pub fn top_k(mut self, top_k: usize) -> Self {
        self.top_k = top_k;
        self
    }

    /// Adds a condition; those given before hold as well.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(match self.filter {
            Some(before) => before.and(filter),
            None => filter,
        });
        self
    }
}
