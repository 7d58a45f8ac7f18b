//! [`Hedge`]: a second request when the first one is slow, and whichever answer begins first.

mod race;

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    AnyProvider, Capabilities, EventStream, Layer, Model, Provider, Request, Result,
};

use self::race::Race;

/// Latencies that are remembered.
const REMEMBERED: usize = 128;
/// Latencies from which a percentile is taken; fewer say nothing.
const ENOUGH: usize = 20;

/// Sends a request a second time when its answer has not begun after a while, to the same provider or
/// to another, and goes on with whichever answer begins first. The others are dropped, which closes
/// their connections.
///
/// Costs what the others had used until then: most providers charge for the prompt at least. A budget
/// ([`HedgeBudget`]) keeps a provider that is slow for everybody from being asked twice by everybody;
/// without further settings one request in ten may be sent again, ten at once.
///
/// The requests that lost, and those that failed, are on the answer
/// ([`Response::attempts`](meanwhile_core::Response::attempts)). When all fail, the last error is
/// returned. A hedge answers slowness, not failure: one that fails while no other is under way is not
/// sent again, for which there are [`Retry`](crate::Retry) and [`Fallback`](crate::Fallback).
///
/// ```
/// use std::time::Duration;
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_layers::Hedge;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> meanwhile_core::Result<()> {
/// let small = Model::new(Scripted::new().reply("quick"), "small");
/// let model = Model::of(Scripted::new().reply("in time").into(), "large");
///
/// let hedge = Hedge::after(Duration::from_secs(3)).to(small);
/// assert_eq!(model.call::<String>("Hello?").layer(hedge).await?, "in time");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Hedge {
    delay: Delay,
    models: Arc<[Model]>,
    most: usize,
    budget: HedgeBudget,
    latencies: Arc<Latencies>,
}

#[derive(Debug, Clone, Copy)]
enum Delay {
    Fixed(Duration),
    Percentile(u8, Duration),
}

impl Hedge {
    /// Sends again after `delay`. Without a delay all are sent at once.
    #[must_use]
    pub fn after(delay: Duration) -> Self {
        Self {
            delay: Delay::Fixed(delay),
            models: Arc::new([]),
            most: 1,
            budget: HedgeBudget::percent(10),
            latencies: Arc::default(),
        }
    }

    /// Sends again when a request takes longer to begin its answer than `percent` per cent of the last
    /// 128 did; after `at_first` while fewer than 20 are known.
    #[must_use]
    pub fn after_percentile(percent: u8, at_first: Duration) -> Self {
        Self { delay: Delay::Percentile(percent.min(100), at_first), ..Self::after(at_first) }
    }

    /// Sends the second request to `model`, and a further one to the next model that is named; when
    /// there are more requests than models, it begins again with the first. Without models, all go to
    /// the same.
    #[must_use]
    pub fn to(mut self, model: Model) -> Self {
        self.models = self.models.iter().cloned().chain([model]).collect();
        self
    }

    /// Sends at most this many requests besides the first, each after the same delay again.
    #[must_use]
    pub fn max_hedges(mut self, hedges: usize) -> Self {
        self.most = hedges;
        self
    }

    /// Bounds how many requests of all calls are sent again.
    #[must_use]
    pub fn budget(mut self, budget: HedgeBudget) -> Self {
        self.budget = budget;
        self
    }

    fn delay(&self) -> Duration {
        match self.delay {
            Delay::Fixed(delay) => delay,
            Delay::Percentile(percent, at_first) => {
                self.latencies.percentile(percent).unwrap_or(at_first)
            }
        }
    }

    /// Who gets the hedge of this number, the first being 0; `None` for who is asked anyway.
    fn model(&self, number: usize) -> Option<&Model> {
        self.models.get(number.checked_rem(self.models.len())?)
    }
}

impl Layer for Hedge {
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        if self.most == 0 {
            return inner;
        }
        AnyProvider::new(Hedged { inner, hedge: self.clone() })
    }
}

impl fmt::Debug for Hedge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hedge")
            .field("delay", &self.delay)
            .field("models", &self.models)
            .field("most", &self.most)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// Bounds the hedges of all layers that share it to a share of the requests. Clones share it.
///
/// ```
/// use std::time::Duration;
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_layers::{Hedge, HedgeBudget};
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// // One request in twenty may be sent again, of whatever model: the budget is shared.
/// let budget = HedgeBudget::percent(5);
/// let hedge = Hedge::after(Duration::from_secs(2)).budget(budget.clone());
/// let slow = Scripted::new().silence_after([]).reply("in time");
/// let model = Model::new(slow.clone(), "any");
/// assert_eq!(model.call::<String>("Hello?").layer(hedge).await?, "in time");
/// assert_eq!(slow.requests().len(), 2);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct HedgeBudget(Option<Arc<Share>>);

#[derive(Debug)]
struct Share {
    percent: u64,
    /// Hundredths of a hedge that may be sent.
    left: AtomicU64,
}

/// Hundredths of a hedge that can be saved up.
const SAVED: u64 = 10 * 100;

impl HedgeBudget {
    /// Allows a hedge for so many per cent of the requests in the long run, and ten at once.
    #[must_use]
    pub fn percent(percent: u8) -> Self {
        Self(Some(Arc::new(Share { percent: percent.into(), left: AtomicU64::new(SAVED) })))
    }

    /// Allows every hedge.
    #[must_use]
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// A request came.
    fn earn(&self) {
        if let Some(share) = &self.0 {
            let _ = share.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                Some(left.saturating_add(share.percent).min(SAVED))
            });
        }
    }

    /// Takes a hedge, where there is one.
    fn take(&self) -> bool {
        self.0.as_ref().is_none_or(|share| {
            let take = |left: u64| left.checked_sub(100);
            share.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
        })
    }
}

/// How long the last answers took to begin.
#[derive(Debug, Default)]
struct Latencies(Mutex<VecDeque<Duration>>);

impl Latencies {
    fn record(&self, latency: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.pop_front();
        }
        known.push_back(latency);
    }

    fn percentile(&self, percent: u8) -> Option<Duration> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < ENOUGH {
            return None;
        }
        let mut sorted: Vec<Duration> = known.iter().copied().collect();
        drop(known);
        sorted.sort_unstable();
        // The smallest that so many per cent do not exceed.
        let rank = (sorted.len() * usize::from(percent)).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied()
    }
}

#[derive(Debug)]
struct Hedged {
    inner: AnyProvider,
    hedge: Hedge,
}

#[async_trait]
impl Provider for Hedged {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.inner.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let mut race = Race::new(self.inner.clone(), self.hedge.clone(), request);
        poll_fn(|cx| race.poll_accepted(cx)).await?;
        Ok(EventStream::new(race))
    }
}
