//! [`Registry`]: from `provider/model` strings to [`Model`]s, equal for built-in and third-party providers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::{
    AnyProvider, Batches, Embedder, EmbeddingModel, Error, ErrorKind, ImageGenerator, Layer,
    ListModels, Model, ModelId, Moderator, OutputReader, Params, Pricing, Provider, Reranker,
    Result, SpeechSynthesizer, Timer, Transcriber,
};

/// Makes one thing that a provider offers from the environment. Does no network I/O.
pub type Connect<T> = fn() -> Result<Arc<T>>;

/// How a provider introduces itself to a [`Registry`]: its id and how to connect with the
/// environment's configuration. Every provider crate exports one as `const PROVIDER`.
///
/// ```
/// # use meanwhile_core::{AnyProvider, ProviderInfo, Registry, Scripted};
/// # futures::executor::block_on(async {
/// const PROVIDER: ProviderInfo = ProviderInfo::new("house", &["HOUSE_API_KEY"], || {
///     Ok(AnyProvider::new(Scripted::new().reply("hello")))
/// });
///
/// let registry = Registry::new();
/// registry.register(&PROVIDER);
/// let answer: String = registry.model("house/small")?.call("Say hello").await?;
/// assert_eq!(answer, "hello");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ProviderInfo {
    /// The part before `/` in model strings.
    pub id: &'static str,
    /// The environment variables that hold the credential, the first found counts. Empty for
    /// providers without one.
    pub key_variables: &'static [&'static str],
    /// Makes the provider from the environment. Called on first use, does no network I/O.
    pub connect: fn() -> Result<AnyProvider>,
    /// Makes the embedder from the environment, for providers that have one.
    pub embedder: Option<Connect<dyn Embedder>>,
    /// Makes the reranker from the environment, for providers that have one.
    pub reranker: Option<Connect<dyn Reranker>>,
    /// Makes the list of models from the environment, for providers that have one.
    pub models: Option<Connect<dyn ListModels>>,
    /// Makes the batches from the environment, for providers that have them.
    pub batches: Option<Connect<dyn Batches>>,
    /// Makes the moderator from the environment, for providers that have one.
    pub moderator: Option<Connect<dyn Moderator>>,
    /// Makes the speech synthesizer from the environment, for providers that have one.
    pub speech: Option<Connect<dyn SpeechSynthesizer>>,
    /// Makes the transcriber from the environment, for providers that have one.
    pub transcriber: Option<Connect<dyn Transcriber>>,
    /// Makes the image generator from the environment, for providers that have one.
    pub images: Option<Connect<dyn ImageGenerator>>,
}

impl ProviderInfo {
    /// Introduces a provider.
    #[must_use]
    pub const fn new(
        id: &'static str,
        key_variables: &'static [&'static str],
        connect: fn() -> Result<AnyProvider>,
    ) -> Self {
        Self {
            id,
            key_variables,
            connect,
            embedder: None,
            reranker: None,
            models: None,
            batches: None,
            moderator: None,
            speech: None,
            transcriber: None,
            images: None,
        }
    }

    /// Adds how to make the embedder.
    #[must_use]
    pub const fn with_embedder(mut self, connect: Connect<dyn Embedder>) -> Self {
        self.embedder = Some(connect);
        self
    }

    /// Adds how to make the reranker.
    #[must_use]
    pub const fn with_reranker(mut self, connect: Connect<dyn Reranker>) -> Self {
        self.reranker = Some(connect);
        self
    }

    /// Adds how to make the list of models.
    #[must_use]
    pub const fn with_models(mut self, connect: Connect<dyn ListModels>) -> Self {
        self.models = Some(connect);
        self
    }

    /// Adds how to make the batches.
    #[must_use]
    pub const fn with_batches(mut self, connect: Connect<dyn Batches>) -> Self {
        self.batches = Some(connect);
        self
    }

    /// Adds how to make the moderator.
    #[must_use]
    pub const fn with_moderator(mut self, connect: Connect<dyn Moderator>) -> Self {
        self.moderator = Some(connect);
        self
    }

    /// Adds how to make the speech synthesizer.
    #[must_use]
    pub const fn with_speech(mut self, connect: Connect<dyn SpeechSynthesizer>) -> Self {
        self.speech = Some(connect);
        self
    }

    /// Adds how to make the transcriber.
    #[must_use]
    pub const fn with_transcriber(mut self, connect: Connect<dyn Transcriber>) -> Self {
        self.transcriber = Some(connect);
        self
    }

    /// Adds how to make the image generator.
    #[must_use]
    pub const fn with_images(mut self, connect: Connect<dyn ImageGenerator>) -> Self {
        self.images = Some(connect);
        self
    }
}

impl fmt::Debug for ProviderInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderInfo")
            .field("id", &self.id)
            .field("key_variables", &self.key_variables)
            .finish_non_exhaustive()
    }
}

/// The providers that `provider/model` strings can name. Clones share their entries.
///
/// ```
/// # use meanwhile_core::{AnyProvider, ErrorKind, Registry, Scripted};
/// # futures::executor::block_on(async {
/// let registry = Registry::new();
/// registry.insert_as("house", AnyProvider::new(Scripted::new().reply("hello")));
///
/// let answer: String = registry.model("house/small")?.call("Say hello").await?;
/// assert_eq!(answer, "hello");
/// let error = registry.model("hause/small").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::UnknownProvider);
/// assert!(error.message().contains("did you mean `house`?"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Registry(Arc<RwLock<Entries>>);

#[derive(Default)]
struct Entries {
    providers: BTreeMap<String, Entry>,
    // What was registered, which stays when the provider is connected.
    infos: BTreeMap<String, ProviderInfo>,
    // Ids that exist but are not compiled in, with the feature that brings them.
    features: BTreeMap<&'static str, &'static str>,
    params: Params,
    timer: Option<Arc<dyn Timer>>,
    reader: Option<Arc<dyn OutputReader>>,
    prices: Option<Arc<dyn Pricing>>,
    // Around every provider; the last one is the outermost.
    layers: Vec<Arc<dyn Layer>>,
    // Providers in their layers, made on first use.
    layered: BTreeMap<String, AnyProvider>,
}

#[derive(Clone)]
enum Entry {
    Info(ProviderInfo),
    Connected(AnyProvider),
}

static GLOBAL: OnceLock<Registry> = OnceLock::new();

impl Registry {
    /// Makes an empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes this the registry of the process, where everything that was given none looks up
    /// `provider/model` strings. The `meanwhile` facade sets its own when its registry is first used,
    /// unless there is one. To set the same one again changes nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the process has another one already, which stays.
    pub fn set_global(&self) -> Result<()> {
        if Arc::ptr_eq(&GLOBAL.get_or_init(|| self.clone()).0, &self.0) {
            return Ok(());
        }
        let message = "the process has a registry already, which stays; set yours before anything uses the first, or register in `Registry::global()`";
        Err(Error::new(ErrorKind::Config, message))
    }

    /// The registry of the process. While [none is set](Self::set_global), a new empty one each time,
    /// whose errors say what to do; nobody else sees what is registered there.
    #[must_use]
    pub fn global() -> Self {
        GLOBAL.get().cloned().unwrap_or_default()
    }

    /// Makes `info.id` available; it is connected on first use. An id that exists is replaced.
    pub fn register(&self, info: &ProviderInfo) -> &Self {
        let mut entries = self.write();
        entries.layered.remove(info.id);
        entries.providers.insert(info.id.to_owned(), Entry::Info(*info));
        entries.infos.insert(info.id.to_owned(), *info);
        drop(entries);
        self
    }

    /// Makes a connected provider available under its own id. An id that exists is replaced.
    pub fn insert(&self, provider: AnyProvider) -> &Self {
        let id = provider.id().to_owned();
        self.insert_as(id, provider)
    }

    /// Makes a connected provider available under another id. An id that exists is replaced.
    pub fn insert_as(&self, id: impl Into<String>, provider: AnyProvider) -> &Self {
        let id = id.into();
        let mut entries = self.write();
        // What was registered under the id spoke to another place.
        entries.infos.remove(&id);
        entries.layered.remove(&id);
        entries.providers.insert(id, Entry::Connected(provider));
        drop(entries);
        self
    }

    /// Names the feature that brings a provider which is not compiled in, for the error message.
    #[doc(hidden)]
    pub fn feature(&self, id: &'static str, feature: &'static str) -> &Self {
        self.write().features.insert(id, feature);
        self
    }

    /// Sets params of every call of this registry, below everything that a call itself sets.
    pub fn set_params(&self, params: Params) -> &Self {
        self.write().params = params;
        self
    }

    /// Sets what measures the time of runs and tools, where a call does not say.
    pub fn set_timer(&self, timer: impl Timer) -> &Self {
        self.write().timer = Some(Arc::new(timer));
        self
    }

    /// Sets what reads answers that are not JSON of their schema as they stand, where a call does not
    /// say.
    pub fn set_reader(&self, reader: impl OutputReader) -> &Self {
        self.write().reader = Some(Arc::new(reader));
        self
    }

    /// Reads strictly again, where a call does not say.
    pub fn clear_reader(&self) -> &Self {
        self.write().reader = None;
        self
    }

    /// Sets what knows the cost of answers, where a call does not say.
    pub fn set_prices(&self, prices: impl Pricing) -> &Self {
        self.write().prices = Some(Arc::new(prices));
        self
    }

    pub(crate) fn prices(&self) -> Option<Arc<dyn Pricing>> {
        self.read().prices.clone()
    }

    pub(crate) fn timer(&self) -> Option<Arc<dyn Timer>> {
        self.read().timer.clone()
    }

    pub(crate) fn reader(&self) -> Option<Arc<dyn OutputReader>> {
        self.read().reader.clone()
    }

    /// Puts a layer around every provider, those that are registered later included, outside of the
    /// layers that are there already.
    pub fn layer(&self, layer: impl Layer) -> &Self {
        let mut entries = self.write();
        entries.layers.push(Arc::new(layer));
        entries.layered.clear();
        drop(entries);
        self
    }

    /// Takes all layers away again; calls that were made keep theirs.
    pub fn clear_layers(&self) -> &Self {
        let mut entries = self.write();
        entries.layers.clear();
        entries.layered.clear();
        drop(entries);
        self
    }

    /// The params of every call.
    #[must_use]
    pub fn params(&self) -> Params {
        self.read().params.clone()
    }

    /// The ids that can be named, in alphabetical order.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.read().providers.keys().cloned().collect()
    }

    /// Returns the provider called `id` in the layers of the registry, connecting it on first use.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownProvider`] with the nearest known id or the feature to enable;
    /// whatever connecting fails with, usually [`ErrorKind::MissingCredential`].
    pub fn provider(&self, id: &str) -> Result<AnyProvider> {
        let entries = self.read();
        if let Some(provider) = entries.layered.get(id) {
            return Ok(provider.clone());
        }
        let entry = entries.providers.get(id).cloned();
        drop(entries);
        let connected = match entry {
            Some(Entry::Connected(provider)) => provider,
            Some(Entry::Info(info)) => (info.connect)()?,
            None => return Err(self.unknown(id)),
        };
        let mut entries = self.write();
        // Two first calls at once may both connect; the first one in is kept.
        let connected = match entries.providers.get(id) {
            Some(Entry::Connected(first)) => first.clone(),
            _ => {
                let entry = Entry::Connected(connected.clone());
                entries.providers.insert(id.to_owned(), entry);
                connected
            }
        };
        let wrap = |inner, layer: &Arc<dyn Layer>| layer.wrap(inner);
        let layered = entries.layers.iter().fold(connected, wrap);
        entries.layered.insert(id.to_owned(), layered.clone());
        Ok(layered)
    }

    /// Returns the model that a `provider/model` string names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the string has no `/`; otherwise as [`provider`](Self::provider).
    pub fn model(&self, name: &str) -> Result<Model> {
        let id: ModelId = name.parse()?;
        Ok(Model::of(self.provider(&id.provider)?, id.model).found_in(self))
    }

    /// Returns the embedding model that a `provider/model` string names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the string has no `/`; [`ErrorKind::Unsupported`] when the provider
    /// embeds nothing; otherwise as [`provider`](Self::provider).
    pub fn embedding_model(&self, name: &str) -> Result<EmbeddingModel> {
        let id: ModelId = name.parse()?;
        Ok(EmbeddingModel::of(self.embedder(&id.provider)?, id.model))
    }

    /// Returns the embedder of the provider called `id`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when it has none; otherwise as [`provider`](Self::provider).
    pub fn embedder(&self, id: &str) -> Result<Arc<dyn Embedder>> {
        self.sibling(id, "embeddings", |info| info.embedder)
    }

    /// Returns the reranker of the provider called `id`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when it has none; otherwise as [`provider`](Self::provider).
    pub fn reranker(&self, id: &str) -> Result<Arc<dyn Reranker>> {
        self.sibling(id, "reranking", |info| info.reranker)
    }

    /// Returns what lists the models of the provider called `id`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when it offers no list; otherwise as [`provider`](Self::provider).
    pub fn models(&self, id: &str) -> Result<Arc<dyn ListModels>> {
        self.sibling(id, "a list of models", |info| info.models)
    }

    /// Returns the batches of the provider called `id`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when it has none; otherwise as [`provider`](Self::provider).
    pub fn batches(&self, id: &str) -> Result<Arc<dyn Batches>> {
        self.sibling(id, "batches", |info| info.batches)
    }

    /// Returns the moderator of the provider called `id`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when it has none; otherwise as [`provider`](Self::provider).
    pub fn moderator(&self, id: &str) -> Result<Arc<dyn Moderator>> {
        self.sibling(id, "moderation", |info| info.moderator)
    }

    /// Returns the speech synthesizer of the provider called `id`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when it has none; otherwise as [`provider`](Self::provider).
    pub fn speech(&self, id: &str) -> Result<Arc<dyn SpeechSynthesizer>> {
        self.sibling(id, "speech", |info| info.speech)
    }

    /// Returns the transcriber of the provider called `id`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when it has none; otherwise as [`provider`](Self::provider).
    pub fn transcriber(&self, id: &str) -> Result<Arc<dyn Transcriber>> {
        self.sibling(id, "transcription", |info| info.transcriber)
    }

    /// Returns the image generator of the provider called `id`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when it has none; otherwise as [`provider`](Self::provider).
    pub fn images(&self, id: &str) -> Result<Arc<dyn ImageGenerator>> {
        self.sibling(id, "images", |info| info.images)
    }

    fn sibling<T: ?Sized>(
        &self,
        id: &str,
        what: &str,
        pick: impl Fn(&ProviderInfo) -> Option<Connect<T>>,
    ) -> Result<Arc<T>> {
        let entries = self.read();
        let known = entries.providers.contains_key(id);
        let connect = entries.infos.get(id).and_then(pick);
        drop(entries);
        match connect {
            Some(connect) => connect(),
            None if known => {
                let message = format!("the provider `{id}` offers no {what} here");
                Err(Error::new(ErrorKind::Unsupported, message).with_provider(id.to_owned()))
            }
            None => Err(self.unknown(id)),
        }
    }

    fn unknown(&self, id: &str) -> Error {
        let entries = self.read();
        if let Some(feature) = entries.features.get(id) {
            let message = format!("provider `{id}` is not compiled in; enable feature `{feature}`");
            return Error::new(ErrorKind::UnknownProvider, message);
        }
        if entries.providers.is_empty() && entries.features.is_empty() {
            let message = format!(
                "there is no provider `{id}`, because nothing is registered: call `meanwhile::registry()` \
                 once before, or give a registry that has it"
            );
            return Error::new(ErrorKind::UnknownProvider, message);
        }
        let known = entries.providers.keys().map(String::as_str);
        let all = known.clone().chain(entries.features.keys().copied());
        let nearest = all
            .map(|name| (distance(id, name), name))
            .min()
            .filter(|(distance, name)| *distance <= 1 + name.len() / 4);
        let message = match nearest {
            Some((_, name)) => format!("there is no provider `{id}`; did you mean `{name}`?"),
            None => {
                let known: Vec<&str> = known.collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                format!("there is no provider `{id}`; the registered ones are: {known}")
            }
        };
        Error::new(ErrorKind::UnknownProvider, message)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Entries> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Entries> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The Levenshtein distance: how many characters to put in, take out or change. Fifteen lines, which
/// weigh less than one more crate under everybody's build.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (above, given) in (1..).zip(left.chars()) {
        let mut before = above;
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), above);
        for (cell, wanted) in row.iter_mut().skip(1).zip(right.chars()) {
            let changed = diagonal + usize::from(given != wanted);
            diagonal = *cell;
            before = changed.min(before + 1).min(*cell + 1);
            *cell = before;
        }
    }
    row.last().copied().unwrap_or_default()
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("ids", &self.ids()).finish_non_exhaustive()
    }
}
