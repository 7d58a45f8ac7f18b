//! [`Pipeline`], a retriever with rerankers and post-processors behind it.

use std::sync::Arc;

use async_trait::async_trait;
use meanwhile_core::Result;

use super::Postprocessor;
use crate::{RetrievalQuery, Retriever, Scored};

/// How many more chunks than wanted rerankers choose from, where nothing else is said.
const CANDIDATES_PER_RESULT: usize = 4;

/// What happens to chunks between a retriever and whoever asked.
///
/// Rerankers see the candidates; of what they leave, the best `top_k` go through the post-processors.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps {
    pub(crate) candidates: Option<usize>,
    pub(crate) rerankers: Vec<Arc<dyn Postprocessor>>,
    pub(crate) postprocessors: Vec<Arc<dyn Postprocessor>>,
}

impl Steps {
    pub(crate) async fn run(
        &self,
        retriever: &dyn Retriever,
        query: &RetrievalQuery,
    ) -> Result<Vec<Scored>> {
        let fewest = match (self.candidates, self.rerankers.is_empty()) {
            (Some(candidates), _) => candidates,
            (None, true) => 0,
            (None, false) => query.top_k.saturating_mul(CANDIDATES_PER_RESULT),
        };
        let mut found = if fewest > query.top_k && query.top_k > 0 {
            retriever.retrieve(&query.clone().top_k(fewest)).await?
        } else {
            retriever.retrieve(query).await?
        };
        for reranker in &self.rerankers {
            found = reranker.process(query, found).await?;
        }
        found.truncate(query.top_k);
        for postprocessor in &self.postprocessors {
            found = postprocessor.process(query, found).await?;
        }
        Ok(found)
    }
}

/// Writes the methods that say what is looked for and what happens to it, for everything with the fields
/// `query` and `steps`.
macro_rules! steps {
    ($type:ty) => {
        impl $type {
            /// Sets the most chunks to find; 8 without.
            #[must_use = "settings are set on the value that is returned"]
            pub fn top_k(mut self, top_k: usize) -> Self {
                self.query.top_k = top_k;
                self
            }

            /// Adds a condition that all chunks fulfil; those given before hold as well.
            #[must_use = "settings are set on the value that is returned"]
            pub fn filter(mut self, filter: $crate::Filter) -> Self {
                self.query = self.query.filter(filter);
                self
            }

            /// Sets how many chunks rerankers choose from; four times as many as are wanted, without.
            #[must_use = "settings are set on the value that is returned"]
            pub fn candidates(mut self, candidates: usize) -> Self {
                self.steps.candidates = Some(candidates);
                self
            }

            /// Adds a reranker, which sees all candidates; the best of what it leaves are kept.
            #[must_use = "settings are set on the value that is returned"]
            pub fn rerank(mut self, reranker: impl $crate::Postprocessor) -> Self {
                self.steps.rerankers.push(std::sync::Arc::new(reranker));
                self
            }

            /// Adds a post-processor, which sees the chunks that are kept, after those before it.
            #[must_use = "settings are set on the value that is returned"]
            pub fn postprocess(mut self, postprocessor: impl $crate::Postprocessor) -> Self {
                self.steps.postprocessors.push(std::sync::Arc::new(postprocessor));
                self
            }
        }
    };
}
pub(crate) use steps;

/// A retriever, rerankers and post-processors as one retriever.
///
/// The number of chunks and the condition come with each question.
///
/// ```
/// # use meanwhile_rag::{Deduplicate, Document, Index, MemoryStore, Pipeline, RetrievalQuery};
/// # use meanwhile_rag::Retriever as _;
/// # futures::executor::block_on(async {
/// let index = Index::new(MemoryStore::new());
/// let text = "Refunds are paid within 30 days.";
/// index.ingest().run_all(["a", "b"].map(|id| Document::new(id, text))).await?;
/// // One retriever for everything that takes one.
/// let retriever = Pipeline::new(index.retriever()).postprocess(Deduplicate);
/// let found = retriever.retrieve(&RetrievalQuery::new("When are refunds paid?")).await?;
/// assert_eq!(found.len(), 1);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Pipeline {
    retriever: Arc<dyn Retriever>,
    steps: Steps,
}

impl Pipeline {
    /// Begins with a retriever.
    #[must_use]
    pub fn new(retriever: impl Retriever) -> Self {
        Self { retriever: Arc::new(retriever), steps: Steps::default() }
    }

    /// Sets how many chunks rerankers choose from; four times as many as are wanted, without.
    #[must_use]
    pub fn candidates(mut self, candidates: usize) -> Self {
        self.steps.candidates = Some(candidates);
        self
    }

    /// Adds a reranker, which sees all candidates; the best of what it leaves are kept.
    #[must_use]
    pub fn rerank(mut self, reranker: impl Postprocessor) -> Self {
        self.steps.rerankers.push(Arc::new(reranker));
        self
    }

    /// Adds a post-processor, which sees the chunks that are kept, after those before it.
    #[must_use]
    pub fn postprocess(mut self, postprocessor: impl Postprocessor) -> Self {
        self.steps.postprocessors.push(Arc::new(postprocessor));
        self
    }
}

#[async_trait]
impl Retriever for Pipeline {
    async fn retrieve(&self, query: &RetrievalQuery) -> Result<Vec<Scored>> {
        self.steps.run(&self.retriever, query).await
    }
}
