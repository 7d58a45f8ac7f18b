//! What providers offer beside answers: a trait for each, so that [`Provider`](crate::Provider) never grows.

mod batch;
mod embed;
mod models;
mod rerank;

pub use batch::{Batch, BatchId, BatchItem, BatchStatus, Batches};
pub use embed::{EmbedPurpose, EmbedRequest, Embedder, EmbeddingModel, Embeddings};
pub use models::{ListModels, ModelInfo};
pub use rerank::{Ranked, RankedDocuments, RerankRequest, Reranker};
