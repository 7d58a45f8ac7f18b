//! What hosts of the dialect offer beside chat: `/embeddings`, `/models` and `/rerank`.

mod embeddings;
mod models;
mod rerank;

use std::sync::Arc;

use meanwhile_core::{Embedder, ListModels, Reranker, Result};

pub use embeddings::{EmbeddingApi, VectorEncoding};
pub use models::ModelsApi;
pub use rerank::RerankApi;

use crate::Builder;

impl Builder {
    /// Makes an embedder of the same host. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn embedder(self) -> Result<Arc<dyn Embedder>> {
        Ok(Arc::new(EmbeddingApi::new(self.provider()?.api())))
    }

    /// Makes a reranker of the same host. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn reranker(self) -> Result<Arc<dyn Reranker>> {
        Ok(Arc::new(RerankApi::new(self.provider()?.api())))
    }

    /// Makes the list of the host's models. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn models(self) -> Result<Arc<dyn ListModels>> {
        Ok(Arc::new(ModelsApi::new(self.provider()?.api())))
    }
}
