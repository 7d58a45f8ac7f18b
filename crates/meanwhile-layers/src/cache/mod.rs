//! [`Cache`]: an answer that was had before is not paid for again, and equal requests at the same time
//! are one.

mod disk;
mod flight;
mod key;
mod memory;
mod passenger;
#[cfg(feature = "redis")]
mod redis;
mod replay;
mod store;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    AnyProvider, Capabilities, Error, ErrorKind, EventStream, FinishReason, Fold, Layer, Provider,
    Request, Response, Result, Warning, WarningKind,
};

use self::flight::{Flights, Keep, Name, Opened, Opening};
use self::passenger::{Passenger, is_personal_warning};

#[cfg(feature = "redis")]
pub use self::redis::RedisCache;
pub use disk::DiskCache;
pub use key::CacheKey;
pub use memory::MemoryCache;
pub use store::{CacheStore, CachedAnswer};

/// The tag by which a call says what it wants of the cache: `use`, `refresh` or `bypass`. Set by
/// [`LayerSettings::cache`](crate::LayerSettings::cache).
pub const CACHE_TAG: &str = "meanwhile.cache";

/// What a request wants of the cache.
///
/// ```
/// use meanwhile_core::{Model, Response, Scripted};
/// use meanwhile_layers::{Cache, CachePolicy, LayerSettings as _, MemoryCache};
/// # futures::executor::block_on(async {
/// let cache = Cache::new(MemoryCache::new(1 << 20));
/// let model = Model::new(Scripted::new().reply("sun").reply("rain"), "any");
/// let ask = || model.call::<Response>("What is the weather like?").layer(cache.clone());
/// assert_eq!(ask().await?.text(), "sun");
/// // Not out of the cache, and not kept in it.
/// assert_eq!(ask().cache(CachePolicy::Bypass).await?.text(), "rain");
/// assert_eq!(ask().await?.text(), "sun");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CachePolicy {
    /// An answer out of the cache will do; a new one is kept.
    #[default]
    Use,
    /// The answer is to be a new one; it is kept in place of the old.
    Refresh,
    /// The cache has nothing to do with it.
    Bypass,
}

impl CachePolicy {
    /// The value of the tag [`CACHE_TAG`].
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Use => "use",
            Self::Refresh => "refresh",
            Self::Bypass => "bypass",
        }
    }
}

/// Answers from what was answered before. Clones share the store and what is under way.
///
/// Two requests are equal when everything that the answer depends on is ([`CacheKey::of`]); whether they
/// are streamed does not count. The answer comes as a stream either way, each part of it in one piece,
/// is marked ([`Response::cached`]) and says how many tokens it took when it was first given, which
/// cost nothing this time ([`Prices::cost_of`](crate::Prices::cost_of)).
///
/// Equal requests at the same time are sent once, and all of them read that one answer as it comes. It
/// goes on while any of them is read; dropping all cancels it. Its clocks are those of the request that
/// was sent; each of the others has its own clock of the whole call besides. When it fails before it has
/// begun, in a way that trying again may mend or that is the sender's own affair (its budget, its clock
/// of the whole call, its configuration, its cancelling), one of the others takes its place; another error
/// is an error for all.
///
/// What is kept are complete answers and calls of tools, not errors, and not what a limit or a filter cut
/// (see [`keep_if`](Self::keep_if)). An answer is in the store before its reader sees its end. A store
/// that fails costs a warning on the answer, never the answer. What a budget, a rate limit or the store
/// made a warning of is told to the sender only, and not kept.
///
/// What another provider answered, because a [`Fallback`](crate::Fallback) inside went to it, is not kept
/// as the answer of the first. Another model of the same provider is not told apart from an alias that the
/// provider resolves: put the cache inside of a fallback, around each provider, to keep both.
///
/// The same cache twice around one request is there once: the outer one.
///
/// Keys hold no credentials: providers of one id at one address share answers, whoever pays. Where that
/// is not wanted, give each its own [`namespace`](Self::namespace).
///
/// ```
/// use meanwhile_core::{Model, Response, Scripted};
/// use meanwhile_layers::{Cache, CachePolicy, LayerSettings as _, MemoryCache};
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().reply("42").reply("forty-two");
/// let cache = Cache::new(MemoryCache::new(64 << 20));
/// let model = Model::of(scripted.clone().into(), "any");
/// let ask = || model.call::<Response>("What is six times seven?").layer(cache.clone());
///
/// let first = ask().await?;
/// let again = ask().await?;
/// let new = ask().cache(CachePolicy::Refresh).await?;
///
/// assert!(!first.cached && again.cached && !new.cached);
/// assert_eq!((again.text(), new.text()), ("42".into(), "forty-two".into()));
/// assert_eq!(scripted.requests().len(), 2);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Cache {
    store: Arc<dyn CacheStore>,
    flights: Arc<Flights>,
    max_age: Option<Duration>,
    namespace: Arc<str>,
    policy: Policy,
    keep: Option<KeepIf>,
}

type KeepIf = Arc<dyn Fn(&Response) -> bool + Send + Sync>;
type Policy = Arc<dyn Fn(&Request) -> Result<CachePolicy> + Send + Sync>;

impl Cache {
    /// Keeps answers in `store`.
    #[must_use]
    pub fn new(store: impl CacheStore) -> Self {
        Self {
            store: Arc::new(store),
            flights: Arc::default(),
            max_age: None,
            namespace: "".into(),
            policy: Arc::new(tagged),
            keep: None,
        }
    }

    /// Does not use answers that were kept longer ago than this.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Keeps these answers apart from those of other namespaces in the same store.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<Arc<str>>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Decides what a request wants of the cache, in place of its tag [`CACHE_TAG`].
    #[must_use]
    pub fn policy(
        mut self,
        policy: impl Fn(&Request) -> CachePolicy + Send + Sync + 'static,
    ) -> Self {
        self.policy = Arc::new(move |request| Ok(policy(request)));
        self
    }

    /// Decides which complete answers are kept. Without it, those that the model ended itself
    /// ([`FinishReason::Stop`], [`FinishReason::ToolCalls`]) and the provider that was asked gave.
    #[must_use]
    pub fn keep_if(mut self, keep: impl Fn(&Response) -> bool + Send + Sync + 'static) -> Self {
        self.keep = Some(Arc::new(keep));
        self
    }
}

fn is_whole(response: &Response) -> bool {
    matches!(response.finish_reason(), Some(FinishReason::Stop | FinishReason::ToolCalls))
}

fn tagged(request: &Request) -> Result<CachePolicy> {
    let tag = request.tags.iter().find(|(name, _)| name == CACHE_TAG);
    let Some((_, value)) = tag else { return Ok(CachePolicy::Use) };
    let mut all = [CachePolicy::Use, CachePolicy::Refresh, CachePolicy::Bypass].into_iter();
    all.find(|policy| policy.as_str() == value).ok_or_else(|| {
        let message =
            format!("the tag `{CACHE_TAG}` is `{value}`; write `use`, `refresh` or `bypass`");
        Error::new(ErrorKind::Config, message)
    })
}

impl Layer for Cache {
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        AnyProvider::new(Cached(Arc::new(Shared { inner, cache: self.clone() })))
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("store", &self.store)
            .field("max_age", &self.max_age)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Cached(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    inner: AnyProvider,
    cache: Cache,
}

#[async_trait]
impl Provider for Cached {
    fn id(&self) -> &str {
        self.0.inner.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.0.inner.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let policy = (self.0.cache.policy)(&request)?;
        if policy == CachePolicy::Bypass || self.0.cache.flights.have_sent(&request) {
            return self.0.inner.send(request).await;
        }
        let capabilities = self.0.inner.capabilities(&request.model);
        let namespace = &self.0.cache.namespace;
        let key = CacheKey::of(namespace, self.0.inner.id(), capabilities, &request)?;
        let refresh = policy == CachePolicy::Refresh;
        let name = Name { key, streamed: request.is_streamed(), refresh };
        let mut passenger = Passenger::board(Arc::clone(&self.0), name, request);
        poll_fn(|cx| passenger.poll_accepted(cx)).await?;
        Ok(EventStream::new(passenger))
    }
}

impl Shared {
    /// What happens when nobody asks the same already: look it up, or ask.
    fn begin(self: Arc<Self>, name: Name, request: Request) -> (Opening, Fold, Keep) {
        let fold = Fold::new(self.inner.id(), request.model.clone());
        let keeper = Arc::clone(&self);
        let keep = move |mut response: Response| -> Option<flight::Keeping> {
            // What another cache had is kept there.
            if response.cached || !keeper.keeps(&response) {
                return None;
            }
            // They belong to the answer as it was first given.
            response.attempts.clear();
            response.warnings.retain(|warning| !is_personal_warning(warning));
            let answer = Arc::new(CachedAnswer::new(response));
            Some(Box::pin(async move {
                let kept = keeper.cache.store.put(&name.key, answer).await;
                kept.err().map(|error| trouble("the answer could not be kept", &error))
            }))
        };
        let opening = async move {
            let mut warnings = Vec::new();
            if !name.refresh {
                match self.cache.store.get(&name.key).await {
                    Ok(Some(answer)) if self.is_fresh(&answer) => return Ok(Opened::Found(answer)),
                    Ok(_) => {}
                    Err(error) => warnings.push(trouble("the cache was not used", &error)),
                }
            }
            Ok(Opened::Stream(self.inner.send(request).await?, warnings))
        };
        (Box::pin(opening), fold, Box::new(keep))
    }

    fn keeps(&self, response: &Response) -> bool {
        match &self.cache.keep {
            Some(keep) => keep(response),
            None => is_whole(response) && response.provider == self.inner.id(),
        }
    }

    fn is_fresh(&self, answer: &CachedAnswer) -> bool {
        self.cache.max_age.is_none_or(|age| answer.age() <= age)
    }
}

fn trouble(what: &str, error: &Error) -> Warning {
    Warning::new(WarningKind::Other, "cache", format!("{what}: {}", error.message()))
}
