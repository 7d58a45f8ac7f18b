//! [`IndexRetriever`], which searches an index by meaning, by words, or by both.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use meanwhile_core::Result;
use serde::{Deserialize, Serialize};

use super::fusion::{CANDIDATES, CONCURRENCY, reciprocal_rank_fusion, texts};
use super::{QueryExpander, Retrieve};
use crate::{Filter, Index, RetrievalQuery, Retriever, Scored, SearchQuery};

/// What an index is searched by.
///
/// ```
/// # use meanwhile_core::ErrorKind;
/// # use meanwhile_rag::{Document, Index, MemoryStore, SearchMode};
/// # futures::executor::block_on(async {
/// # let index = Index::new(MemoryStore::new());
/// # index.ingest().run_all([
/// #     Document::new("refunds", "Refunds are paid within 30 days."),
/// #     Document::new("gifts", "Gift cards are not taken back."),
/// # ]).await?;
/// let by_words = index.retrieve("gift").mode(SearchMode::Text).await?;
/// assert_eq!(by_words[0].chunk.document_id, "gifts");
/// // For the other two, something has to embed the question.
/// let error = index.retrieve("gift").mode(SearchMode::Dense).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Config);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SearchMode {
    /// By meaning: the vectors nearest to that of the question.
    Dense,
    /// By words: BM25, or what the store has in its place.
    Text,
    /// By both, fused by [reciprocal rank](crate::reciprocal_rank_fusion).
    Hybrid,
}

/// Searches an index.
///
/// Hybrid where the index has an embedder, else by words. The questions of an expander are embedded in one
/// request; all searches run at once.
///
/// ```
/// # use meanwhile_rag::{Document, Index, IndexRetriever, MemoryStore, RetrievalQuery};
/// # use meanwhile_rag::{Retriever as _, WindowQueries};
/// # futures::executor::block_on(async {
/// # let index = Index::new(MemoryStore::new());
/// # index.ingest().run_all([
/// #     Document::new("refunds", "Refunds are paid within 30 days."),
/// #     Document::new("gifts", "Gift cards are not taken back."),
/// # ]).await?;
/// // For a long question: each stretch of eight words is searched for, too.
/// let retriever = IndexRetriever::new(index).text().expand(WindowQueries::new(8));
/// let question = "I have bought a lamp. When are refunds paid? It was a gift card.";
/// let found = retriever.retrieve(&RetrievalQuery::new(question)).await?;
/// assert_eq!(found.len(), 2);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct IndexRetriever {
    index: Index,
    pub(super) mode: Option<SearchMode>,
    pub(super) weights: (f32, f32),
    candidates: usize,
    pub(super) expander: Option<Arc<dyn QueryExpander>>,
}

/// Writes the methods that say how an index is searched, for everything with an [`IndexRetriever`].
macro_rules! searches {
    ($type:ty $(, $place:ident)?) => {
        impl $type {
            /// Searches by meaning, by words, or by both.
            #[must_use = "settings are set on the value that is returned"]
            pub fn mode(mut self, mode: SearchMode) -> Self {
                self.$($place.)?mode = Some(mode);
                self
            }

            /// Searches by meaning alone.
            #[must_use = "settings are set on the value that is returned"]
            pub fn dense(self) -> Self {
                self.mode(SearchMode::Dense)
            }

            /// Searches by words alone.
            #[must_use = "settings are set on the value that is returned"]
            pub fn text(self) -> Self {
                self.mode(SearchMode::Text)
            }

            /// Searches by meaning and by words.
            #[must_use = "settings are set on the value that is returned"]
            pub fn hybrid(self) -> Self {
                self.mode(SearchMode::Hybrid)
            }

            /// Sets how much places by meaning and places by words count in a hybrid search; 1 each
            /// without.
            #[must_use = "settings are set on the value that is returned"]
            pub fn weights(mut self, dense: f32, text: f32) -> Self {
                self.$($place.)?weights = (dense, text);
                self
            }

            /// Asks more questions than the one that was given, and fuses what is found.
            #[must_use = "settings are set on the value that is returned"]
            pub fn expand(mut self, expander: impl QueryExpander) -> Self {
                self.$($place.)?expander = Some(Arc::new(expander));
                self
            }
        }
    };
}
pub(super) use searches;

searches!(IndexRetriever);

impl IndexRetriever {
    /// Searches this index.
    #[must_use]
    pub fn new(index: Index) -> Self {
        let candidates = CANDIDATES;
        Self { index, mode: None, weights: (1.0, 1.0), candidates, expander: None }
    }

    /// Sets how long each ranking is that is fused, where fewer chunks are wanted in the end; 50
    /// without.
    #[must_use]
    pub fn candidates(mut self, candidates: usize) -> Self {
        self.candidates = candidates;
        self
    }

    async fn by_meaning(
        index: &Index,
        texts: &[String],
        filter: Option<&Filter>,
        limit: usize,
    ) -> Result<Vec<Vec<Scored>>> {
        let vectors = index.embed_queries(texts).await?;
        let queries = vectors.into_iter().map(|vector| SearchQuery::vector(vector, limit));
        let found = Self::search(index, queries.collect(), filter).await?;
        index.check_embedder(&found).await?;
        Ok(found)
    }

    async fn by_words(
        index: &Index,
        texts: &[String],
        filter: Option<&Filter>,
        limit: usize,
    ) -> Result<Vec<Vec<Scored>>> {
        let queries = texts.iter().map(|text| SearchQuery::text(text.as_str(), limit));
        Self::search(index, queries.collect(), filter).await
    }

    async fn search(
        index: &Index,
        queries: Vec<SearchQuery>,
        filter: Option<&Filter>,
    ) -> Result<Vec<Vec<Scored>>> {
        let searches: Vec<_> = queries
            .into_iter()
            .map(|query| {
                let (store, query) = (index.store(), query.filter(filter.cloned()));
                async move { store.search(&query).await }
            })
            .collect();
        stream::iter(searches).buffered(CONCURRENCY).try_collect().await
    }
}

#[async_trait]
impl Retriever for IndexRetriever {
    async fn retrieve(&self, query: &RetrievalQuery) -> Result<Vec<Scored>> {
        if query.top_k == 0 {
            return Ok(Vec::new());
        }
        let embeds = self.index.embedding_model().is_some();
        let mode = self.mode.unwrap_or(if embeds { SearchMode::Hybrid } else { SearchMode::Text });
        if mode != SearchMode::Text {
            self.index.query_embedder()?;
        }
        let texts = texts(query, self.expander.as_deref()).await?;
        let fused = texts.len() > 1 || mode == SearchMode::Hybrid;
        let limit = if fused { self.candidates.max(query.top_k) } else { query.top_k };
        let (index, filter) = (&self.index, query.filter.as_ref());
        let dense = async {
            match mode {
                SearchMode::Text => Ok(Vec::new()),
                _ => Self::by_meaning(index, &texts, filter, limit).await,
            }
        };
        let by_words = async {
            match mode {
                SearchMode::Dense => Ok(Vec::new()),
                _ => Self::by_words(index, &texts, filter, limit).await,
            }
        };
        let (mut dense, mut by_words) = future::try_join(dense, by_words).await?;
        if !fused {
            return Ok(dense.pop().or_else(|| by_words.pop()).unwrap_or_default());
        }
        let dense = dense.into_iter().map(|ranking| (self.weights.0, ranking));
        let by_words = by_words.into_iter().map(|ranking| (self.weights.1, ranking));
        Ok(reciprocal_rank_fusion(dense.chain(by_words), query.top_k))
    }
}

impl Index {
    /// Makes a retriever that searches the index.
    #[must_use]
    pub fn retriever(&self) -> IndexRetriever {
        IndexRetriever::new(self.clone())
    }

    /// Looks for chunks. Awaiting it searches; nothing is sent before.
    ///
    /// ```no_run
    /// # use meanwhile_rag::{Index, eq};
    /// # async fn example(index: Index) -> meanwhile_core::Result<()> {
    /// let found = index.retrieve("refund rules").top_k(8).filter(eq("lang", "en")).await?;
    /// for found in found {
    ///     println!("{:.3} {} {:?}", found.score, found.chunk.document_id, found.chunk.span);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn retrieve(&self, text: impl Into<String>) -> Retrieve {
        Retrieve::new(self.retriever(), text)
    }
}
