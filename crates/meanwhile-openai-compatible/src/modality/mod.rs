//! What hosts of the dialect offer beside chat: `/embeddings`, `/rerank`, `/models`, `/batches`,
//! `/moderations`, `/audio/speech`, `/audio/transcriptions` and `/images/generations`.

mod batches;
mod embeddings;
mod images;
mod models;
mod moderations;
mod rerank;
mod speech;
mod transcriptions;

use std::collections::BTreeMap;
use std::sync::Arc;

use meanwhile_core::{
    Batches, Embedder, Error, ErrorKind, ImageGenerator, ListModels, Moderator, Reranker, Result,
    SpeechSynthesizer, Transcriber, Usage,
};
use meanwhile_http::Api;
use serde::Serialize;
use serde_json::{Map, Value};

pub use batches::BatchApi;
pub use embeddings::{EmbeddingApi, VectorEncoding};
pub use images::{ImageApi, ImageSize};
pub use models::ModelsApi;
pub use moderations::ModerationApi;
pub use rerank::RerankApi;
pub use speech::SpeechApi;
pub use transcriptions::TranscriptionApi;

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

    /// Makes a moderator of the same host. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn moderator(self) -> Result<Arc<dyn Moderator>> {
        Ok(Arc::new(ModerationApi::new(self.api()?)))
    }

    /// Makes a speech synthesizer of the same host. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn speech(self) -> Result<Arc<dyn SpeechSynthesizer>> {
        Ok(Arc::new(SpeechApi::new(self.api()?)))
    }

    /// Makes a transcriber of the same host. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn transcriber(self) -> Result<Arc<dyn Transcriber>> {
        Ok(Arc::new(TranscriptionApi::new(self.api()?)))
    }

    /// Makes an image generator of the same host. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn images(self) -> Result<Arc<dyn ImageGenerator>> {
        let size = self.quirks.image_size;
        Ok(Arc::new(ImageApi::new(self.api()?).with_size(size)))
    }
}

/// The vendor options of a request that are for this provider.
fn options(api: &Api, all: &BTreeMap<String, Map<String, Value>>) -> Map<String, Value> {
    all.get(api.id()).cloned().unwrap_or_default()
}

/// The counters of an answer, where they are of tokens.
fn token_usage(raw: Option<Value>) -> Usage {
    let mut usage = Usage::default();
    let counters = raw.as_ref();
    let count = |names: [&str; 2]| {
        names.iter().find_map(|name| counters.and_then(|usage| usage.get(name)?.as_u64()))
    };
    usage.input.total = count(["input_tokens", "prompt_tokens"]);
    usage.output.total = count(["output_tokens", "completion_tokens"]);
    usage.raw = raw.map(Into::into);
    usage
}

fn written(body: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(body).map_err(|source| {
        let message = "the request cannot be written as JSON";
        Error::new(ErrorKind::InvalidRequest, message).with_source(source)
    })
}
