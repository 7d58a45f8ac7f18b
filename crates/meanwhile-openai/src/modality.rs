//! What OpenAI offers beside chat: embeddings, the list of models, batches, moderation, speech,
//! transcription and images.

use std::sync::Arc;

use meanwhile_core::{
    Batches, Embedder, ImageGenerator, ListModels, Moderator, Result, SpeechSynthesizer,
    Transcriber,
};
use meanwhile_openai_compatible::{EmbeddingApi, Quirks, VectorEncoding};

use crate::{Builder, models};

impl Builder {
    /// Makes the [embedder](https://platform.openai.com/docs/api-reference/embeddings). Does no
    /// network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn embedder(self) -> Result<Arc<dyn Embedder>> {
        let embedder = EmbeddingApi::new(self.into_dialect().api()?);
        Ok(Arc::new(embedder.with_encoding(VectorEncoding::Base64)))
    }

    /// Makes the [list of models](https://platform.openai.com/docs/api-reference/models/list). Does
    /// no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn models(self) -> Result<Arc<dyn ListModels>> {
        self.into_dialect().models()
    }

    /// Makes the [moderator](https://platform.openai.com/docs/api-reference/moderations). Does no
    /// network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn moderator(self) -> Result<Arc<dyn Moderator>> {
        self.into_dialect().moderator()
    }

    /// Makes the [speech
    /// synthesizer](https://platform.openai.com/docs/api-reference/audio/createSpeech). Does no network
    /// I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn speech(self) -> Result<Arc<dyn SpeechSynthesizer>> {
        self.into_dialect().speech()
    }

    /// Makes the
    /// [transcriber](https://platform.openai.com/docs/api-reference/audio/createTranscription). Does no
    /// network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn transcriber(self) -> Result<Arc<dyn Transcriber>> {
        self.into_dialect().transcriber()
    }

    /// Makes the [image generator](https://platform.openai.com/docs/api-reference/images/create). Does
    /// no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn images(self) -> Result<Arc<dyn ImageGenerator>> {
        self.into_dialect().images()
    }

    /// Makes the [batches](https://platform.openai.com/docs/api-reference/batch), whose requests go
    /// over the Chat Completions wire. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn batches(self) -> Result<Arc<dyn Batches>> {
        self.into_dialect().quirks(Quirks::openai()).model_quirks(models::quirks).batches()
    }
}
