//! What hosts of the dialect offer beside chat: `/embeddings`, `/models`, `/rerank` and `/batches`.

mod batches;
mod embeddings;
mod models;
mod rerank;

use std::sync::Arc;

use meanwhile_core::{Batches, Embedder, ListModels, Reranker, Result};

pub use batches::BatchApi;
pub use embeddings::{EmbeddingApi, VectorEncoding};
pub use models::ModelsApi;
pub use rerank::RerankApi;

use crate::{Builder, Quirks};

impl Builder {
    /// Makes an embedder of the same host. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn embedder(self) -> Result<Arc<dyn Embedder>> {
        let Quirks { version_path, vectors, .. } = self.quirks;
        let mut embedder =
            EmbeddingApi::new(self.api()?).with_path(format!("{version_path}/embeddings"));
        if let Some(encoding) = vectors {
            embedder = embedder.with_encoding(encoding);
        }
        Ok(Arc::new(embedder))
    }

    /// Makes a reranker of the same host. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn reranker(self) -> Result<Arc<dyn Reranker>> {
        Ok(Arc::new(RerankApi::new(self.api()?)))
    }

    /// Makes the batches of the host. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn batches(self) -> Result<Arc<dyn Batches>> {
        let provider = self.provider()?;
        Ok(Arc::new(BatchApi::new(provider.api(), provider.codec().clone())))
    }

    /// Makes the list of the host's models. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn models(self) -> Result<Arc<dyn ListModels>> {
        let path = format!("{}/models", self.quirks.version_path);
        Ok(Arc::new(ModelsApi::new(self.api()?).with_path(path)))
    }
}
