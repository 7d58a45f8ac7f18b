//! [`Index`], a store and an embedder, where ingestion, retrieval, questions and chats begin.

use std::sync::Arc;

use meanwhile_core::{EmbedPurpose, EmbeddingModel, Error, ErrorKind, Result};

use crate::Store;

/// A store and the embedder that it is filled and searched with. Cheap to clone.
///
/// Without an embedder, documents are found by their words alone.
#[derive(Debug, Clone)]
pub struct Index {
    store: Arc<dyn Store>,
    embedder: Option<EmbeddingModel>,
}

impl Index {
    /// Makes an index over `store`.
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        Self::of(Arc::new(store))
    }

    /// Makes an index over a shared store.
    #[must_use]
    pub fn of(store: Arc<dyn Store>) -> Self {
        Self { store, embedder: None }
    }

    /// Sets what chunks and questions are embedded with. The purpose, query or document, is set by the
    /// index.
    #[must_use]
    pub fn embedder(mut self, model: EmbeddingModel) -> Self {
        self.embedder = Some(model);
        self
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What chunks and questions are embedded with.
    #[must_use]
    pub fn embedding_model(&self) -> Option<&EmbeddingModel> {
        self.embedder.as_ref()
    }

    /// Embeds a question, to search the store with.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) without an embedder; whatever the embedder reports.
    pub async fn embed_query(&self, text: &str) -> Result<Vec<f32>> {
        let Some(model) = &self.embedder else {
            let message =
                "the index has no embedder: set one with `.embedder(…)`, or search by text";
            return Err(Error::new(ErrorKind::Config, message));
        };
        model.clone().purpose(EmbedPurpose::Query).embed_one(text).await
    }
}
