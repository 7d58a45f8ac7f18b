//! What providers offer beside answers: a trait for each, so that [`Provider`](crate::Provider) never grows.

mod batch;
mod embed;
mod images;
mod models;
mod moderate;
mod rerank;
mod speech;
mod transcribe;

pub use batch::{Batch, BatchId, BatchItem, BatchStatus, Batches};
pub use embed::{EmbedPurpose, EmbedRequest, Embedder, EmbeddingModel, Embeddings};
pub use images::{GeneratedImage, GeneratedImages, ImageGenerator, ImageRequest};
pub use models::{ListModels, ModelInfo};
pub use moderate::{Moderation, ModerationCategory, ModerationRequest, Moderations, Moderator};
pub use rerank::{Ranked, RankedDocuments, RerankRequest, Reranker};
pub use speech::{Speech, SpeechRequest, SpeechStream, SpeechSynthesizer};
pub use transcribe::{TimedText, TimestampUnit, Transcriber, Transcription, TranscriptionRequest};
