//! [`embed`], the vectors of one batch of chunks, whatever some of them do to the others.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use meanwhile_core::{EmbeddingModel, Error, ErrorKind, Result, Usage};

use super::Ingestion;
use crate::ChunkKey;
use crate::offload::offload;

/// The wait before the second try; it doubles with every further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest wait that a provider is heard on.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A text that is to be embedded.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) key: ChunkKey,
    pub(super) text: String,
    /// Whether its vector is kept apart, as its document is not done with this batch.
    pub(super) is_kept: bool,
}

/// What came of a batch.
pub(super) struct Embedded {
    pub(super) vectors: Vec<(ChunkKey, Result<Vec<f32>>)>,
    /// Texts that were paid for.
    pub(super) count: u64,
    pub(super) usage: Usage,
}

/// Embeds a batch. A request that is refused for what is in it is halved, until the texts that it is
/// refused for are alone.
pub(super) async fn embed(ingestion: Arc<Ingestion>, batch: Vec<Text>) -> Embedded {
    let mut embedded = Embedded { vectors: Vec::new(), count: 0, usage: Usage::default() };
    let Some(model) = &ingestion.embedder else { return embedded };
    let mut waiting = vec![batch];
    while let Some(mut batch) = waiting.pop() {
        match request(model, &batch, ingestion.retries, &mut embedded.usage).await {
            Ok(vectors) => {
                embedded.count += batch.len() as u64;
                let kept: Vec<_> = batch
                    .iter()
                    .zip(&vectors)
                    .filter(|(text, _)| text.is_kept)
                    .map(|(text, vector)| (text.key, vector.clone()))
                    .collect();
                let written = match kept.is_empty() {
                    true => Ok(()),
                    false => ingestion.store.cache_vectors(&kept).await,
                };
                for (text, vector) in batch.into_iter().zip(vectors) {
                    embedded.vectors.push((text.key, written.clone().map(|()| vector)));
                }
            }
            Err(error) if batch.len() > 1 && is_about_content(&error) => {
                waiting.push(batch.split_off(batch.len() / 2));
                waiting.push(batch);
            }
            Err(error) => {
                let failed = batch.into_iter().map(|text| (text.key, Err(error.clone())));
                embedded.vectors.extend(failed);
            }
        }
    }
    embedded
}

async fn request(
    model: &EmbeddingModel,
    batch: &[Text],
    retries: u32,
    usage: &mut Usage,
) -> Result<Vec<Vec<f32>>> {
    let mut tries = 0;
    let mut wait = FIRST_WAIT;
    loop {
        match model.embed(batch.iter().map(|text| text.text.as_str())).await {
            Ok(answer) => {
                usage.add(&answer.usage);
                usage.raw = None;
                return Ok(answer.vectors);
            }
            Err(error) if error.is_retryable() && tries < retries => {
                let pause = error.retry_after().unwrap_or(wait).min(LONGEST_WAIT);
                tries += 1;
                wait *= 2;
                // There is no runtime here whose clock could be asked.
                offload("wait", move || thread::sleep(pause)).await?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether another request of fewer texts may be taken.
fn is_about_content(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidRequest
            | ErrorKind::RequestTooLarge
            | ErrorKind::ContextLength
            | ErrorKind::ContentFilter
    )
}
