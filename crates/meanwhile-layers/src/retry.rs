//! [`Retry`]: asks again when an answer failed before it began, as often and as late as is good for
//! everybody.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    AnyProvider, Attempt, Capabilities, Error, ErrorKind, EventStream, Layer, Provider, Request,
    Result,
};
use tokio::time::{Instant, sleep};

use crate::deadline::Deadline;
use crate::held::{Held, Restart, Restarting, record, tell_retry};

/// The tag by which a call says how often it may be sent again: a number, 0 for not at all. It goes
/// before what a [`Retry`] layer says; where there is none, nothing is tried again. Set by
/// [`LayerSettings::retries`](crate::LayerSettings::retries).
pub const RETRIES_TAG: &str = "meanwhile.retries";

/// Asks again, with the same request, after failures that may pass.
///
/// Without further settings it does what OpenAI's own clients do: two retries after failed
/// connections, clocks that ran out and the statuses 408, 409, 429 and 5xx
/// ([`Error::is_retryable`]; the header `x-should-retry` overrides them both ways). It waits as long
/// as the provider asks ([`Error::retry_after`]), or else as its [`Backoff`] says. A provider that
/// asks for more than two minutes is not asked again at all, and nothing is waited for that
/// would overrun the clock for the whole call ([`Timeouts::whole`](meanwhile_core::Timeouts)), which
/// holds for all tries together. Retries are bounded by a [`RetryBudget`], too.
///
/// Once the first event of an answer has been handed on, nothing is tried again. Failed tries are
/// listed on the answer ([`Response::attempts`](meanwhile_core::Response)) or, when all failed, on the
/// last error ([`Error::attempts`]), and observers are told. Tries that a layer inside has made count
/// as this layer's own, so that layers of retries do not multiply.
///
/// One call says otherwise with [`LayerSettings::retries`](crate::LayerSettings::retries).
///
/// Dropping the call or its stream ends the wait and the try. Clones share the budget.
///
/// ```
/// use meanwhile_core::{AnyProvider, Error, ErrorKind, Model, Response, Scripted};
/// use meanwhile_layers::Retry;
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let busy = || Error::new(ErrorKind::Overloaded, "come back later");
/// let provider = Scripted::new().error(busy()).error(busy()).reply("welcome");
///
/// let provider = AnyProvider::from(provider).layer(&Retry::new());
/// let answer: Response = Model::new(provider, "any").call("hello").await?;
///
/// assert_eq!(answer.text(), "welcome");
/// assert_eq!(answer.attempts.len(), 2);
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Retry(Arc<Policy>);

#[derive(Debug, Clone)]
struct Policy {
    retries: u32,
    kinds: Vec<(ErrorKind, u32)>,
    backoff: Backoff,
    longest_wait: Duration,
    budget: Option<RetryBudget>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            retries: 2,
            kinds: Vec::new(),
            backoff: Backoff::default(),
            longest_wait: Duration::from_secs(120),
            budget: Some(RetryBudget::default()),
        }
    }
}

impl Retry {
    /// Makes the layer: two retries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how often a request is sent again; 0 for not at all, unless the call says otherwise with
    /// [`LayerSettings::retries`](crate::LayerSettings::retries).
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.policy().retries = retries;
        self
    }

    /// Sets how often a request is sent again after failures of one kind, whatever
    /// [`retries`](Self::retries) says; 0 for not at all. A kind that is otherwise not worth
    /// another try becomes so. A provider's explicit no still counts, and 0 counts for calls that say how
    /// often themselves, too.
    #[must_use]
    pub fn retries_after(mut self, kind: ErrorKind, retries: u32) -> Self {
        let kinds = &mut self.policy().kinds;
        kinds.retain(|(known, _)| *known != kind);
        kinds.push((kind, retries));
        self
    }

    /// Sets how long is waited where the provider does not say.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.policy().backoff = backoff;
        self
    }

    /// Sets the longest wait that a provider may ask for; after a longer one the error is returned at
    /// once. 120 s without it.
    #[must_use]
    pub fn longest_wait(mut self, wait: Duration) -> Self {
        self.policy().longest_wait = wait;
        self
    }

    /// Sets the budget, which other layers may share.
    #[must_use]
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.policy().budget = Some(budget);
        self
    }

    /// Retries without a budget.
    #[must_use]
    pub fn without_budget(mut self) -> Self {
        self.policy().budget = None;
        self
    }

    fn policy(&mut self) -> &mut Policy {
        Arc::make_mut(&mut self.0)
    }
}

impl Policy {
    /// How often a request may be sent again after `error`; `own` is what the call says.
    fn retries(&self, error: &Error, own: Option<u32>) -> u32 {
        match self.kinds.iter().find(|(kind, _)| *kind == error.kind()) {
            Some((_, 0)) => 0,
            Some((kind, _)) if is_refused(error, *kind) => 0,
            Some((_, retries)) => own.unwrap_or(*retries),
            None if error.is_retryable() => own.unwrap_or(self.retries),
            None => 0,
        }
    }

    fn is_off(&self) -> bool {
        self.retries == 0 && self.kinds.iter().all(|(_, retries)| *retries == 0)
    }

    /// What to do after `error` and `taken` retries.
    fn wait(&self, error: &Error, own: Option<u32>, taken: usize, deadline: Deadline) -> Next {
        let asked = error.retry_after().filter(|wait| !wait.is_zero());
        // Before anything else: who must wait that long has better things to do.
        if asked.is_some_and(|wait| wait > self.longest_wait) {
            return Next::GiveUp;
        }
        let taken = u32::try_from(taken).unwrap_or(u32::MAX);
        if taken >= self.retries(error, own) {
            return Next::GiveUp;
        }
        let wait = asked.unwrap_or_else(|| self.backoff.wait(taken));
        if !deadline.allows(wait) {
            return Next::GiveUp;
        }
        // Who is told by a rate limit when to come back adds nothing to a storm.
        let told = asked.is_some() && error.kind() == ErrorKind::RateLimit;
        match &self.budget {
            Some(budget) if !told && !budget.take() => Next::BudgetEmpty,
            _ => Next::Wait(wait),
        }
    }
}

/// What follows a failed try.
enum Next {
    Wait(Duration),
    GiveUp,
    BudgetEmpty,
}

/// Whether another try is ruled out, however often one is wished for after errors of this `kind`.
fn is_refused(error: &Error, kind: ErrorKind) -> bool {
    match error.told_to_retry() {
        Some(told) => !told,
        // A stream that broke when something of it had been received, say.
        None => !error.is_retryable() && Error::new(kind, "").is_retryable(),
    }
}

impl Layer for Retry {
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        AnyProvider::new(Retrying { inner, policy: self.0.clone() })
    }
}

#[derive(Debug)]
struct Retrying {
    inner: AnyProvider,
    policy: Arc<Policy>,
}

#[async_trait]
impl Provider for Retrying {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.inner.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let own = own_retries(&request)?;
        if own == Some(0) || own.is_none() && self.policy.is_off() {
            return self.inner.send(request).await;
        }
        let deadline = Deadline::of(&request);
        let started = Instant::now();
        let sent = self.inner.send(request.clone()).await;
        let tries = Tries {
            own,
            inner: self.inner.clone(),
            policy: self.policy.clone(),
            request,
            attempts: Vec::new(),
            started,
            deadline,
        };
        let (stream, tries) = match sent {
            Ok(stream) => (stream, tries),
            // Off the way of requests that succeed.
            Err(error) => tries.restart(error).await?,
        };
        Ok(Held::stream(stream, tries))
    }
}

/// What the call itself says about how often.
fn own_retries(request: &Request) -> Result<Option<u32>> {
    let Some((_, value)) = request.tags.iter().find(|(name, _)| name == RETRIES_TAG) else {
        return Ok(None);
    };
    value.parse().map(Some).map_err(|error| {
        let message = format!("the tag `{RETRIES_TAG}` is `{value}`; write a number");
        Error::new(ErrorKind::Config, message).with_source(error)
    })
}

/// The tries of one request.
struct Tries {
    // What the call says about how often.
    own: Option<u32>,
    inner: AnyProvider,
    policy: Arc<Policy>,
    request: Request,
    attempts: Vec<Attempt>,
    // When the newest try began.
    started: Instant,
    deadline: Deadline,
}

impl Tries {
    /// Sends the request until it is accepted.
    async fn ask(mut self) -> Result<(EventStream, Self)> {
        loop {
            match self.inner.send(self.request.clone()).await {
                Ok(stream) => return Ok((stream, self)),
                Err(error) => self.failed(error).await?,
            }
        }
    }

    /// Waits after a failed try, or gives up.
    async fn failed(&mut self, error: Error) -> Result<()> {
        let taken = self.attempts.len() + error.attempts().len();
        let wait = match self.policy.wait(&error, self.own, taken, self.deadline) {
            Next::Wait(wait) => wait,
            Next::GiveUp => return Err(error.with_attempts(std::mem::take(&mut self.attempts))),
            Next::BudgetEmpty => {
                let error = error.with_note(
                    "it was not sent again because the retry budget is empty; \
                     wait, send less or raise the budget",
                );
                return Err(error.with_attempts(std::mem::take(&mut self.attempts)));
            }
        };
        record(&mut self.attempts, &self.request, &error, self.started.elapsed(), wait);
        drop(error);
        tell_retry(&self.request, &self.attempts);
        sleep(wait).await;
        self.deadline.shorten(&mut self.request);
        self.started = Instant::now();
        Ok(())
    }
}

impl Restart for Tries {
    fn restart(mut self, error: Error) -> Restarting<Self> {
        Box::pin(async move {
            self.failed(error).await?;
            self.ask().await
        })
    }

    fn begin(self) -> Vec<Attempt> {
        self.attempts
    }
}

/// How long to wait before a retry: twice as long each time, a little less by chance.
///
/// Without further settings: half a second, doubled up to 8 s, of which chance takes away up to a
/// quarter, so that clients that failed together do not come back together.
///
/// ```
/// use std::time::Duration;
/// use meanwhile_layers::{Backoff, Retry};
///
/// let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5)).jitter(0.0);
/// let waits: Vec<u64> = (0..4).map(|taken| backoff.wait(taken).as_secs()).collect();
/// assert_eq!(waits, [1, 2, 4, 5]);
/// let layer = Retry::new().retries(4).backoff(backoff);
/// # let _ = layer;
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    jitter: f64,
}

impl Backoff {
    /// Waits `first` before the first retry and twice as long before each further one, but never
    /// longer than `longest`.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, jitter: 0.25 }
    }

    /// Does not wait.
    #[must_use]
    pub fn none() -> Self {
        Self::new(Duration::ZERO, Duration::ZERO)
    }

    /// Sets which part of a wait chance may take away, from 0 to 1.
    #[must_use]
    pub fn jitter(mut self, part: f64) -> Self {
        self.jitter = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 };
        self
    }

    /// The wait before a retry when `taken` were made before it.
    #[must_use]
    pub fn wait(&self, taken: u32) -> Duration {
        let whole = self.first.saturating_mul(1 << taken.min(31)).min(self.longest);
        let off = whole.as_secs_f64() * self.jitter * fastrand::f64();
        // A part of the longest durations may be rounded up to more than one can hold.
        whole.saturating_sub(Duration::try_from_secs_f64(off).unwrap_or(whole))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(8))
    }
}

/// Bounds the retries of all calls that share it, so that they cannot become a storm.
///
/// A token bucket: each retry takes one, time brings them back. When it is empty, errors are
/// returned at once and say so. Retries that a rate limit has told when to come back take none. Without further
/// settings it holds 500 and gets 10 back a second. Clones share it.
///
/// ```
/// use meanwhile_core::{AnyProvider, Error, ErrorKind, Model, Scripted};
/// use meanwhile_layers::{Retry, RetryBudget};
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let busy = || Error::new(ErrorKind::Overloaded, "come back later");
/// let provider = AnyProvider::from(Scripted::new().error(busy()).error(busy()).reply("welcome"));
///
/// // One retry for all calls together, and none that comes back.
/// let budget = RetryBudget::new(1, 0.0);
/// let provider = provider.layer(&Retry::new().budget(budget.clone()));
/// let error = Model::new(provider, "any").call::<String>("hello").await.unwrap_err();
/// assert_eq!((error.attempts().len(), budget.left()), (1, 0));
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct RetryBudget(Arc<Bucket>);

#[derive(Debug)]
struct Bucket {
    most: f64,
    per_second: f64,
    // What was left, and when. `None`: full.
    level: Mutex<Option<(f64, Instant)>>,
}

impl RetryBudget {
    /// Makes a budget of `most` retries at once and `per_second` in the long run.
    #[must_use]
    pub fn new(most: u32, per_second: f64) -> Self {
        let per_second = if per_second.is_finite() { per_second.max(0.0) } else { 0.0 };
        Self(Arc::new(Bucket { most: f64::from(most), per_second, level: Mutex::new(None) }))
    }

    /// How many retries are left at the moment.
    #[must_use]
    pub fn left(&self) -> u32 {
        let level = self.0.level.lock().unwrap_or_else(PoisonError::into_inner);
        // From 0 to `most`, which fits.
        self.0.now(*level).0 as u32
    }

    fn take(&self) -> bool {
        let mut level = self.0.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, now) = self.0.now(*level);
        let taken = left >= 1.0;
        *level = Some((if taken { left - 1.0 } else { left }, now));
        taken
    }
}

impl Bucket {
    fn now(&self, level: Option<(f64, Instant)>) -> (f64, Instant) {
        let now = Instant::now();
        let left = match level {
            Some((left, then)) => {
                let back = now.saturating_duration_since(then).as_secs_f64() * self.per_second;
                (left + back).min(self.most)
            }
            None => self.most,
        };
        (left, now)
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new(500, 10.0)
    }
}
