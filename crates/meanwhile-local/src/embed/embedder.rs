//! [`LocalEmbedder`] turns texts into vectors inside this process.

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use meanwhile_core::{EmbedRequest, Embedder, Embeddings, Error, ErrorKind, Result, Usage};
use serde_json::{Map, Value, json};

use super::queue::{Job, Worker};
use crate::engine::Settings;
use crate::sequence::Clocks;
use crate::weights;
use crate::{Builder, ID, LocalError, error};

/// The id of the embedding model: all-MiniLM-L6-v2.
pub const ALL_MINILM_L6_V2: &str = "all-minilm-l6-v2";

/// The length of its vectors.
const DIMENSIONS: u32 = 384;

/// The vendor option that lets texts which are too long lose their end.
const TRUNCATE: &str = "truncate";

/// A small embedding model inside this process: [all-MiniLM-L6-v2], English, 384 dimensions.
///
/// A vector is the mean over the tokens of a text, brought to length one, as the model's authors
/// make it: the dot product of two vectors is their cosine. What the vectors are for makes no
/// difference to this model.
///
/// Making one costs nothing. The first request starts a thread that fetches the weights (91 MB) if
/// this machine does not have them yet, loads them, and computes for everybody in the process.
/// Nothing here blocks an async runtime, and no particular runtime is needed. Requests that come
/// together are computed together, a text of each in turn. Dropping the future of a request gives
/// it up before the next batch of 256 tokens, and so do its timeouts. Fetching and loading are not
/// interrupted by either: a request whose time is over by then fails when they are done. Use
/// [`fetch`](Self::fetch) beforehand where that is too long. When they fail, so do all requests that
/// wait; the next one tries again.
///
/// On one core of a server that was busy with other work: loaded in 0.3 s; 101 MB held, 108 MB at
/// the peak; 130 texts of 17 words a second in one list; 15 ms for one alone. In the same runs,
/// candle's own BERT with padded batches embedded two thirds as many and needed 178 MB at its peak
/// (`cargo bench -p meanwhile-local --bench embeddings`).
///
/// A text may have 256 tokens, some 190 English words. A longer one is an error of kind
/// [`ContextLength`](ErrorKind::ContextLength) that names it; with the option `truncate` its end is
/// left out instead, and `usage.raw` says under `truncated` which texts that happened to.
///
/// ```no_run
/// use meanwhile_core::EmbeddingModel;
/// use meanwhile_local::{ALL_MINILM_L6_V2, LocalEmbedder};
///
/// # async fn example() -> meanwhile_core::Result<()> {
/// let model = EmbeddingModel::new(LocalEmbedder::new(), ALL_MINILM_L6_V2);
/// let long = model.option("local", "truncate", true).embed(["a cat", "a very long text"]).await?;
/// assert_eq!(long.dimensions(), 384);
/// # Ok(()) }
/// ```
///
/// [all-MiniLM-L6-v2]: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
#[derive(Clone)]
pub struct LocalEmbedder {
    settings: Settings,
}

impl LocalEmbedder {
    /// Makes the embedder with the usual settings.
    #[must_use]
    pub fn new() -> Self {
        Builder::default().embedder()
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self { settings }
    }

    /// Finds the weights, fetching them if need be, and returns their folder.
    ///
    /// The first request does the same; this is for installers and for images that should be
    /// complete before they run. Blocks as long as fetching takes.
    ///
    /// # Errors
    ///
    /// [`LocalError::WeightsNotFound`] when every way of finding them failed, with what each said;
    /// [`LocalError::Weights`] when a path was given at which they are not.
    pub fn fetch(&self) -> Result<PathBuf, LocalError> {
        weights::find(&weights::ALL_MINILM, &self.settings)
    }
}

impl Default for LocalEmbedder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LocalEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEmbedder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[async_trait]
impl Embedder for LocalEmbedder {
    fn id(&self) -> &str {
        ID
    }

    // Long lists hold up nobody here, and a list in one piece keeps what is said about its texts.
    fn batch_limit(&self, _: &str) -> usize {
        usize::MAX
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let model = request.model.clone();
        let named = |error: Error| error.with_provider(ID).with_model(model.clone());
        let job = job(request).map_err(named)?;
        let done = async { Worker::shared(&self.settings)?.ask(job).await };
        let done = done.await.map_err(error::to_core).map_err(named)?;
        let mut usage = Usage::default();
        usage.input.total = Some(done.tokens);
        usage.input.uncached = Some(done.tokens);
        usage.input.cache_read = Some(0);
        usage.input.cache_write = Some(0);
        let counters = json!({ "input_tokens": done.tokens, "truncated": done.truncated });
        usage.raw = Some(counters.into());
        Ok(Embeddings::new(ID, model, done.vectors, usage))
    }
}

/// Reads a request.
fn job(request: EmbedRequest) -> Result<Job> {
    let wrong = |kind, message: String| Err(Error::new(kind, message));
    let EmbedRequest { model, inputs, dimensions, timeouts, mut options, .. } = request;
    if model != ALL_MINILM_L6_V2 {
        return wrong(
            ErrorKind::ModelNotFound,
            format!(
                "there is no local embedding model `{model}`; the known one is \
                 `{ID}/{ALL_MINILM_L6_V2}`"
            ),
        );
    }
    if let Some(other) = dimensions.filter(|wanted| *wanted != DIMENSIONS) {
        return wrong(
            ErrorKind::Unsupported,
            format!(
                "the local embedding model makes vectors of {DIMENSIONS} dimensions, not {other}; \
                 leave the setting out"
            ),
        );
    }
    let mut options: Map<String, Value> = options.remove(ID).unwrap_or_default();
    let truncate = match options.remove(TRUNCATE) {
        None => false,
        Some(Value::Bool(truncate)) => truncate,
        Some(other) => {
            return wrong(
                ErrorKind::InvalidRequest,
                format!("the option `{TRUNCATE}` is {other}; it must be true or false"),
            );
        }
    };
    if let Some(unknown) = options.keys().next() {
        return wrong(
            ErrorKind::Unsupported,
            format!(
                "the local embedding model has no option `{unknown}`; the known one is `{TRUNCATE}`"
            ),
        );
    }
    let clocks = Clocks { first: timeouts.first_event, idle: timeouts.idle, whole: timeouts.whole };
    Ok(Job { texts: inputs, truncate, clocks })
}
