//! [`Local`] is the provider, [`Builder`] makes one with other than the usual settings.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use meanwhile_core::{
    AnyProvider, Capabilities, Error, ErrorKind, EventStream, Provider, ProviderInfo, Request,
    Result,
};

use crate::LocalError;
use crate::embed::LocalEmbedder;
use crate::engine::Settings;
use crate::error;
use crate::events::Events;
use crate::prompt::Plan;
use crate::queue::Worker;
use crate::schema::Bounds;
use crate::sequence::Output;
use crate::weights::{self, Progress};

/// The provider's id, the part before `/` in `local/smollm2-135m`.
pub(crate) const ID: &str = "local";

/// The id of the model: SmolLM2-135M-Instruct.
pub const SMOLLM2_135M: &str = "smollm2-135m";

/// The models there are.
const MODELS: [&str; 1] = [SMOLLM2_135M];

/// Introduces the provider to a registry, with the usual settings.
pub const PROVIDER: ProviderInfo = ProviderInfo::new(ID, &[], || Ok(Local::new().into()))
    .with_embedder(|| Ok(Arc::new(LocalEmbedder::new())));

/// A small language model inside this process.
///
/// Making one costs nothing. The first request starts a thread that fetches the weights if this
/// machine does not have them yet, loads them, and answers everybody in the process; it keeps the
/// model for the requests that follow. Nothing here blocks an async runtime, and no particular
/// runtime is needed.
///
/// Dropping the future of a request, or its stream, cancels the answer before its next token.
///
/// ```no_run
/// use meanwhile_core::Model;
/// use meanwhile_local::{Local, SMOLLM2_135M};
///
/// # async fn example() -> meanwhile_core::Result<()> {
/// let model = Model::new(Local::new(), SMOLLM2_135M);
/// let text: String = model.call("Name a colour.").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Local {
    settings: Settings,
    bounds: Bounds,
}

impl Local {
    /// Makes the provider with the usual settings.
    #[must_use]
    pub fn new() -> Self {
        Builder::default().build()
    }

    /// Starts a provider with other settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Finds the weights, fetching them if need be, and returns their file.
    ///
    /// The first request does the same; this is for installers and for images that should be
    /// complete before they run. Blocks as long as fetching takes.
    ///
    /// # Errors
    ///
    /// [`LocalError::WeightsNotFound`] when every way of finding them failed, with what each said;
    /// [`LocalError::Weights`] when a path was given at which there is no file.
    pub fn fetch(&self) -> Result<PathBuf, LocalError> {
        weights::find(&weights::SMOLLM2, &self.settings)
    }
}

impl Default for Local {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Local> for AnyProvider {
    fn from(local: Local) -> Self {
        Self::new(local)
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Makes a [`Local`] or a [`LocalEmbedder`] with other than the usual settings.
///
/// Providers with equal settings share one loaded model; each different combination of weights,
/// cache folder, threads and progress loads its own.
///
/// ```
/// use meanwhile_local::{Local, LocalError};
///
/// // Weights of your own; nothing is fetched, and nothing loaded before the first request.
/// let local = Local::builder().weights("models/mine.gguf").threads(2).build();
/// // An installer asks beforehand whether they are there.
/// assert!(matches!(local.fetch(), Err(LocalError::Weights { .. })));
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing until `build` or `embedder`"]
pub struct Builder {
    settings: Settings,
    embedding_weights: Option<PathBuf>,
    bounds: Bounds,
}

impl Builder {
    /// Reads the weights from this GGUF file, and fetches nothing.
    ///
    /// Without it, the file that the environment variable `MEANWHILE_LOCAL_MODEL` names is read,
    /// or the one in the cache folder, where it is put by fetching it.
    pub fn weights(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.path = Some(path.into());
        self
    }

    /// Reads the embedding model from this folder, and fetches nothing: `config.json`,
    /// `tokenizer.json` and `model.safetensors` of all-MiniLM-L6-v2, or of another model of the
    /// BERT family whose vectors are the mean over its tokens.
    ///
    /// Without it, the folder that the environment variable `MEANWHILE_LOCAL_EMBEDDING_MODEL`
    /// names is read, or the one in the cache folder, where it is put by fetching it.
    pub fn embedding_weights(mut self, folder: impl Into<PathBuf>) -> Self {
        self.embedding_weights = Some(folder.into());
        self
    }

    /// Keeps fetched weights in this folder.
    ///
    /// Without it, the folder that the environment variable `MEANWHILE_CACHE` names is used, or
    /// `meanwhile` in the user's cache folder.
    pub fn cache_folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.cache = Some(path.into());
        self
    }

    /// Computes with this many threads instead of one.
    ///
    /// One is right wherever other work runs on the same machine; more help a model that has the
    /// machine to itself.
    pub fn threads(mut self, count: usize) -> Self {
        self.settings.threads = count;
        self
    }

    /// Sets when the fetching of weights shows how far it is.
    pub fn progress(mut self, progress: Progress) -> Self {
        self.settings.progress = progress;
        self
    }

    /// Sets the caps on what a JSON Schema leaves open.
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Makes the provider. Nothing is loaded before the first request.
    #[must_use]
    pub fn build(self) -> Local {
        let Self { mut settings, bounds, .. } = self;
        settings.threads = settings.threads.max(1);
        Local { settings, bounds }
    }

    /// Makes the embedder. Nothing is loaded before the first request.
    #[must_use]
    pub fn embedder(self) -> LocalEmbedder {
        let Self { mut settings, embedding_weights, .. } = self;
        settings.path = embedding_weights;
        settings.threads = settings.threads.max(1);
        LocalEmbedder::with(settings)
    }
}

#[async_trait]
impl Provider for Local {
    fn id(&self) -> &str {
        ID
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        let mut capabilities =
            if MODELS.contains(&model) { Capabilities::text() } else { Capabilities::none() };
        // Weights of the user's own are another place to ask than those the id stands for.
        let variable = || std::env::var_os("MEANWHILE_LOCAL_MODEL").filter(|path| !path.is_empty());
        let path = self.settings.path.clone().map(PathBuf::into_os_string).or_else(variable);
        capabilities.endpoint = path.map(|path| {
            // FNV-1a: the same in every process.
            path.as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
            })
        });
        capabilities
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let model = request.model.clone();
        let named = |error: Error| error.with_provider(ID).with_model(model.clone());
        if !MODELS.contains(&model.as_str()) {
            let known = MODELS.map(|model| format!("`{ID}/{model}`")).join(", ");
            let message = format!("there is no local model `{model}`; the known ones are: {known}");
            return Err(named(Error::new(ErrorKind::ModelNotFound, message)));
        }
        let Plan { job, shape, warnings } = Plan::new(request, &self.bounds).map_err(named)?;
        let started = async {
            let mut answer = Worker::shared(&self.settings)?.ask(job).await?;
            match answer.next().await {
                Some(Ok(Output::Started { prompt, reused })) => Ok((answer, (prompt, reused))),
                Some(Err(error)) => Err(error),
                _ => Err(LocalError::WorkerStopped),
            }
        };
        let (answer, counts) = started.await.map_err(error::to_core).map_err(named)?;
        let events = Events::new(answer, &model, shape, warnings, counts);
        Ok(EventStream::new(events.map(move |event| {
            event.map_err(|error| error.with_provider(ID).with_model(model.clone()))
        })))
    }
}
