//! [`RateLimit`]: so many requests and so many tokens a minute, whoever asks.

mod estimate;
mod gate;
#[cfg(feature = "redis")]
mod redis;
mod settle;
mod store;
mod window;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    AnyProvider, Capabilities, Error, ErrorKind, EventStream, Layer, Provider, Request, Result,
    Usage, Warning, WarningKind,
};
use tokio::time::Instant;

use crate::deadline::Deadline;
use gate::{Gate, Gates};
use settle::{Bill, Metered};

#[cfg(feature = "redis")]
pub use self::redis::RedisRateStore;
pub use estimate::estimate_tokens;
pub use store::{Booked, Limits, MemoryRateStore, RateStore};

/// Lets so many requests, and so many tokens, through in any minute.
///
/// Requests under the same key share the limits; a key is the provider and the model unless
/// [`key`](Self::key) says otherwise. Who comes too early waits, first come, first served. The wait
/// counts towards the clock for the whole call ([`Timeouts::whole`](meanwhile_core::Timeouts)).
///
/// Tokens are [estimated](estimate_tokens) before and corrected by what the provider reports after; an
/// answer that is dropped counts with what it had reported, or else with what had arrived. A request
/// that is larger than the limit gets a whole minute for itself. When the provider says that it was too
/// much nevertheless, nothing is sent under that key for as long as it asks.
///
/// Clones, and all providers that one layer is put around, share what was counted.
///
/// # Errors
///
/// [`ErrorKind::RateLimit`] with [`Error::retry_after`], before anything is sent, when the wait would
/// overrun the clock of the call or is longer than [`longest_wait`](Self::longest_wait). Whatever the
/// [store](RateStore) fails with, unless it [fails open](Self::fail_open), and
/// [`ErrorKind::Timeout`] of the whole call when the store has not answered by then.
///
/// ```
/// use meanwhile_core::{AnyProvider, ErrorKind, Model, Scripted};
/// use meanwhile_layers::RateLimit;
/// # futures::executor::block_on(async {
/// let limit = RateLimit::new().requests_per_minute(1).fail_fast();
/// let provider = AnyProvider::from(Scripted::new().reply("one").reply("two"));
/// let model = Model::new(provider.layer(&limit), "any");
///
/// assert_eq!(model.call::<String>("first").await?, "one");
/// let error = model.call::<String>("second").await.unwrap_err();
///
/// assert_eq!(error.kind(), ErrorKind::RateLimit);
/// assert!(error.retry_after().is_some());
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct RateLimit {
    limits: Limits,
    longest_wait: Duration,
    fail_open: bool,
    key: Option<Key>,
    estimate: Estimate,
    count: Count,
    store: Arc<dyn RateStore>,
    gates: Arc<Gates>,
}

type Key = Arc<dyn Fn(&Request) -> String + Send + Sync>;
type Estimate = Arc<dyn Fn(&Request) -> u64 + Send + Sync>;
type Count = Arc<dyn Fn(&Usage) -> Option<u64> + Send + Sync>;

impl RateLimit {
    /// Makes the layer without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self {
            limits: Limits { requests: None, tokens: None, window: Duration::from_secs(60) },
            longest_wait: Duration::MAX,
            fail_open: false,
            key: None,
            estimate: Arc::new(estimate_tokens),
            count: Arc::new(Usage::total),
            store: Arc::new(MemoryRateStore::new()),
            gates: Arc::new(Gates::default()),
        }
    }

    /// Sets how many requests are let through in any minute; 0 counts as 1.
    #[must_use]
    pub fn requests_per_minute(mut self, requests: u64) -> Self {
        self.limits.requests = Some(requests.max(1));
        self
    }

    /// Sets how many tokens, read and written, are let through in any minute; 0 counts as 1.
    #[must_use]
    pub fn tokens_per_minute(mut self, tokens: u64) -> Self {
        self.limits.tokens = Some(tokens.max(1));
        self
    }

    /// Sets another stretch of time than a minute; the numbers then hold for it.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.limits.window = window.max(Duration::from_millis(1));
        self
    }

    /// Sets which requests share the limits: those of equal keys.
    #[must_use]
    pub fn key(mut self, key: impl Fn(&Request) -> String + Send + Sync + 'static) -> Self {
        self.key = Some(Arc::new(key));
        self
    }

    /// Sets how the tokens of a request are estimated before it is sent.
    #[must_use]
    pub fn estimate(mut self, tokens: impl Fn(&Request) -> u64 + Send + Sync + 'static) -> Self {
        self.estimate = Arc::new(tokens);
        self
    }

    /// Sets which of the reported tokens count, where that is not their total: some providers let
    /// through for free what they read from a cache. `None` where the report does not say.
    #[must_use]
    pub fn count(mut self, tokens: impl Fn(&Usage) -> Option<u64> + Send + Sync + 'static) -> Self {
        self.count = Arc::new(tokens);
        self
    }

    /// Sets the longest wait; who would have to wait longer fails at once.
    #[must_use]
    pub fn longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }

    /// Does not wait: who comes too early fails. A layer of [retries](crate::Retry) around this one waits
    /// in its stead.
    #[must_use]
    pub fn fail_fast(self) -> Self {
        self.longest_wait(Duration::ZERO)
    }

    /// Keeps what was counted elsewhere than in this layer.
    #[must_use]
    pub fn store(mut self, store: impl RateStore) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// Lets requests through when the store cannot be asked, with a warning on the answer. Without it
    /// they fail with the store's error.
    #[must_use]
    pub fn fail_open(mut self) -> Self {
        self.fail_open = true;
        self
    }

    fn key_of(&self, provider: &str, request: &Request) -> Arc<str> {
        match &self.key {
            Some(key) => key(request).into(),
            None => format!("{provider}/{}", request.model).into(),
        }
    }

    /// Waits until `request` may be sent, and books it. `None` where the store could not be asked.
    async fn admit(
        &self,
        key: &Arc<str>,
        gate: &Arc<Gate>,
        request: &mut Request,
    ) -> Result<Option<Bill>> {
        let deadline = Deadline::of(request);
        let tokens = if self.limits.tokens.is_some() { (self.estimate)(request) } else { 0 };
        let began = Instant::now();
        let place = gate.enter(tokens);
        let ahead = place.wait(&self.limits);
        if ahead > self.longest_wait || !deadline.allows(ahead) {
            return Err(self.too_early(key, ahead));
        }
        let turn = deadline.run(place.turn(), "").await.map_err(|_| self.too_early(key, ahead))?;
        let slot = loop {
            let booked = self.store.book(key, &self.limits, tokens);
            let wait = match deadline
                .run(booked, "the booking in the store of the rate limit")
                .await?
            {
                Ok(Booked::Now(slot)) => break slot,
                Ok(Booked::Wait(wait)) => wait,
                Err(error) if self.fail_open => {
                    let message = format!("the rate limit was not kept: {}", error.message());
                    request.warnings.push(Warning::new(WarningKind::Other, "rate limit", message));
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            if began.elapsed().saturating_add(wait) > self.longest_wait || !deadline.allows(wait) {
                return Err(self.too_early(key, wait));
            }
            // Others may turn out to use less than they had booked, here or in another process.
            let look = wait.min(self.limits.window / 60).max(Duration::from_millis(1));
            gate.freed(look).await;
        };
        drop(turn);
        deadline.shorten(request);
        let answer = u64::from(request.params.max_tokens.unwrap_or_default());
        Ok(Some(Bill::new(self, key, gate, slot, [tokens, answer])))
    }

    fn too_early(&self, key: &str, wait: Duration) -> Error {
        let Limits { requests, tokens, window } = self.limits;
        let limit = match (requests, tokens) {
            (Some(requests), Some(tokens)) => format!("{requests} requests and {tokens} tokens"),
            (None, Some(tokens)) => format!("{tokens} tokens"),
            (requests, _) => format!("{} requests", requests.unwrap_or_default()),
        };
        let message = format!(
            "the own limit of {limit} in {window:?} for `{key}` is used up for another {wait:?}; \
             wait longer, send less or raise the limit"
        );
        let wait = wait.max(Duration::from_millis(1));
        Error::new(ErrorKind::RateLimit, message).with_retry_after(wait)
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("limits", &self.limits)
            .field("longest_wait", &self.longest_wait)
            .field("fail_open", &self.fail_open)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl Layer for RateLimit {
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        if self.limits.requests.is_none() && self.limits.tokens.is_none() {
            return inner;
        }
        AnyProvider::new(Limited { inner, limit: self.clone() })
    }
}

#[derive(Debug)]
struct Limited {
    inner: AnyProvider,
    limit: RateLimit,
}

#[async_trait]
impl Provider for Limited {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.inner.capabilities(model)
    }

    async fn send(&self, mut request: Request) -> Result<EventStream> {
        let key = self.limit.key_of(self.inner.id(), &request);
        let gate = self.limit.gates.get(&key);
        let Some(mut bill) = self.limit.admit(&key, &gate, &mut request).await? else {
            return self.inner.send(request).await;
        };
        match self.inner.send(request).await {
            Ok(stream) => Ok(EventStream::new(Metered::new(stream, bill))),
            Err(error) => {
                bill.failed(&error);
                Err(error)
            }
        }
    }
}
