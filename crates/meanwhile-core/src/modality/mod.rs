//! What providers offer beside answers: a trait for each, so that [`Provider`](crate::Provider) never grows.

/// The setters that the requests beside answers share, as the fields do.
macro_rules! setters {
    ($request:ty) => {
        impl $request {
            /// Sets the clocks of this request.
            #[must_use]
            pub fn timeouts(mut self, timeouts: $crate::Timeouts) -> Self {
                self.timeouts = timeouts;
                self
            }

            /// Sets one vendor option of one provider, a field of its request body.
            #[must_use]
            pub fn option(
                mut self,
                provider: impl Into<String>,
                name: impl Into<String>,
                value: impl Into<::serde_json::Value>,
            ) -> Self {
                let options = self.options.entry(provider.into()).or_default();
                options.insert(name.into(), value.into());
                self
            }
        }
    };
}

use setters;

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
