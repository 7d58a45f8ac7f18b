//! [`embed`], the vectors of one batch of chunks, whatever some of them do to the others.

use std::sync::Arc;
use std::time::Duration;

use meanwhile_core::{EmbeddingModel, Error, ErrorKind, Result, Usage};

use super::Ingestion;
use crate::offload::pause;
use crate::{ChunkKey, Store};

/// The wait before the second try; it doubles with every further one, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A provider that asks for more is not waited for.
const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// The waits between the tries of one piece of work.
pub(super) struct Tries {
    left: u32,
    wait: Duration,
}

impl Tries {
    pub(super) fn new(retries: u32) -> Self {
        Self { left: retries, wait: FIRST_WAIT }
    }

    /// How long to wait before the next try after `error`; `None` where there is to be none.
    pub(super) fn next(&mut self, error: &Error) -> Option<Duration> {
        let asked = error.retry_after();
        if !error.is_retryable() || asked.is_some_and(|asked| asked > LONGEST_ASKED) {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        let wait = asked.unwrap_or(self.wait);
        self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
        Some(wait)
    }
}

/// A text that is to be embedded.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) key: ChunkKey,
    pub(super) text: String,
    /// Whether its vector is kept apart, as not all documents that wait for it are done with this batch.
    pub(super) is_kept: bool,
}

/// What came of a batch.
pub(super) struct Embedded {
    pub(super) vectors: Vec<Vector>,
    /// Texts that were paid for.
    pub(super) count: u64,
    pub(super) usage: Usage,
}

/// What came of one text.
pub(super) struct Vector {
    pub(super) key: ChunkKey,
    pub(super) vector: Result<Vec<f32>>,
    /// Whether the store has it.
    pub(super) is_kept: bool,
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
                let (is_written, failure) = match kept.is_empty() {
                    true => (true, None),
                    false => match ingestion.store.cache_vectors(&kept).await {
                        Ok(()) => (true, None),
                        // The document may be stored all the same, when the store is there again.
                        Err(error) if error.is_retryable() => (false, None),
                        Err(error) => (false, Some(error)),
                    },
                };
                for (Text { key, is_kept, .. }, vector) in batch.into_iter().zip(vectors) {
                    let vector = failure.clone().map_or(Ok(vector), Err);
                    let is_kept = is_kept && is_written;
                    embedded.vectors.push(Vector { key, vector, is_kept });
                }
            }
            Err(error) if batch.len() > 1 && is_about_content(&error) => {
                waiting.push(batch.split_off(batch.len() / 2));
                waiting.push(batch);
            }
            Err(error) => {
                let failed = |text: Text| Vector {
                    key: text.key,
                    vector: Err(error.clone()),
                    is_kept: false,
                };
                embedded.vectors.extend(batch.into_iter().map(failed));
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
    let mut tries = Tries::new(retries);
    loop {
        match model.embed(batch.iter().map(|text| text.text.as_str())).await {
            Ok(answer) => {
                usage.add(&answer.usage);
                usage.raw = None;
                return Ok(answer.vectors);
            }
            Err(error) => match tries.next(&error) {
                Some(wait) => pause(wait).await?,
                None => return Err(error),
            },
        }
    }
}

/// Keeps vectors that were paid for and whose document could not be stored. That they cannot be kept is no
/// other failure.
pub(super) async fn keep(store: Arc<dyn Store>, vectors: Vec<(ChunkKey, Vec<f32>)>, retries: u32) {
    let mut tries = Tries::new(retries);
    while let Err(error) = store.cache_vectors(&vectors).await {
        let Some(wait) = tries.next(&error) else { return };
        if pause(wait).await.is_err() {
            return;
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
