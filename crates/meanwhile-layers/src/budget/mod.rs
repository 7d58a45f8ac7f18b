//! [`Budget`]: how much money, tokens or requests may be spent, checked before a request is sent.

mod account;
mod meter;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    AnyProvider, Capabilities, Error, ErrorKind, EventStream, Layer, Provider, Request, Result,
    Usage, Usd,
};

use self::account::{Accounts, Limits};
use self::meter::Meter;
use crate::{Prices, estimate_tokens};

pub use account::Spent;

/// What to do about a model whose price is not known, where money is limited.
///
/// ```
/// use meanwhile_core::{ErrorKind, Model, Response, Scripted, Usd};
/// use meanwhile_layers::{Budget, UnknownPrice};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> meanwhile_core::Result<()> {
/// // Nobody knows what this model costs.
/// let model = Model::new(Scripted::new().reply("hello"), "any");
/// let strict = Budget::money(Usd::dollars(2));
/// let error = model.call::<Response>("Hello").layer(strict).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Budget);
/// let lenient = Budget::money(Usd::dollars(2)).unknown_price(UnknownPrice::Warn);
/// let answer = model.call::<Response>("Hello").layer(lenient).await?;
/// assert_eq!(answer.warnings.len(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum UnknownPrice {
    /// Send nothing. Only the model that is asked first is looked up: what layers inside ask instead
    /// when it fails is let through, and counted where its price is known.
    #[default]
    Refuse,
    /// Send it, count no money, and say so in a warning on the answer.
    Warn,
}

/// Refuses requests when what may be spent is spent. Clones share what was spent.
///
/// A request is checked before it is sent and settled when its answer ends, with the counts that the
/// provider tells: of a whole answer, of one that failed or was dropped as far as it came, and of the
/// tries that failed before it. Without [`reserve`](Self::reserve), requests that are under way count
/// as nothing yet, and those that were let in before the limit was reached may go over it. What a cache
/// inside answers costs nothing.
///
/// Limits hold for the lifetime of the budget or, with [`window`](Self::window), for a span of time
/// after which they begin anew; they hold together or for each key of its own.
///
/// ```
/// use std::time::Duration;
/// use meanwhile_core::{ErrorKind, Model, Scripted, Usd};
/// use meanwhile_layers::{Budget, Price, Prices};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> meanwhile_core::Result<()> {
/// // Scripted answers read one token and write one a word.
/// let prices = Prices::bundled()
///     .with("scripted", "*", Price::new(Usd::ZERO, Usd::dollars(1_000_000)));
/// let budget = Budget::money(Usd::dollars(2)).prices(prices).per_tag("user");
/// let model = Model::of(Scripted::new().reply("one two").into(), "any");
/// let ask = |user: &str| {
///     model.call::<String>("Count!").layer(budget.clone()).tag("user", user.to_owned())
/// };
///
/// assert_eq!(ask("ann").await?, "one two");
/// assert_eq!(budget.spent("ann").money, Usd::dollars(2));
/// assert_eq!(ask("ann").await.unwrap_err().kind(), ErrorKind::Budget);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`ErrorKind::Budget`] when a limit is reached, with the time until it is renewed, or when the price
/// of the model is not known ([`unknown_price`](Self::unknown_price)).
#[derive(Clone)]
pub struct Budget {
    limits: Limits,
    prices: Prices,
    unknown: UnknownPrice,
    key: Arc<dyn Fn(&Request) -> String + Send + Sync>,
    estimate: Option<Estimate>,
    accounts: Arc<Accounts>,
}

type Estimate = Arc<dyn Fn(&Request) -> Usage + Send + Sync>;

impl Budget {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            prices: Prices::bundled(),
            unknown: UnknownPrice::default(),
            key: Arc::new(|_| String::new()),
            estimate: None,
            accounts: Arc::default(),
        }
    }

    /// Limits money.
    #[must_use]
    pub fn money(limit: Usd) -> Self {
        Self::new(Limits { money: Some(limit), ..Limits::default() })
    }

    /// Limits tokens, read and written together.
    #[must_use]
    pub fn tokens(limit: u64) -> Self {
        Self::new(Limits { tokens: Some(limit), ..Limits::default() })
    }

    /// Limits requests. A try that a layer inside made and that failed counts as one.
    #[must_use]
    pub fn requests(limit: u64) -> Self {
        Self::new(Limits { requests: Some(limit), ..Limits::default() })
    }

    /// Limits money, too.
    #[must_use]
    pub fn and_money(mut self, limit: Usd) -> Self {
        self.limits.money = Some(limit);
        self
    }

    /// Limits tokens, too.
    #[must_use]
    pub fn and_tokens(mut self, limit: u64) -> Self {
        self.limits.tokens = Some(limit);
        self
    }

    /// Limits requests, too.
    #[must_use]
    pub fn and_requests(mut self, limit: u64) -> Self {
        self.limits.requests = Some(limit);
        self
    }

    /// Begins anew whenever this much time has passed. A window begins with the first request after
    /// the last one is over.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.limits.window = Some(window);
        self
    }

    /// Holds for each key of its own that `key` makes of a request. What was spent under a key is
    /// remembered until its [`window`](Self::window) is over; without a window, as long as the budget.
    #[must_use]
    pub fn per(mut self, key: impl Fn(&Request) -> String + Send + Sync + 'static) -> Self {
        self.key = Arc::new(key);
        self
    }

    /// Holds for each value of a tag of its own, and once for all requests without the tag.
    #[must_use]
    pub fn per_tag(self, tag: impl Into<String>) -> Self {
        let tag = tag.into();
        self.per(move |request| {
            let mut tags = request.tags.iter();
            tags.find(|(name, _)| *name == tag).map(|(_, value)| value.clone()).unwrap_or_default()
        })
    }

    /// Holds for each prompt function of its own.
    #[must_use]
    pub fn per_operation(self) -> Self {
        self.per(|request| request.operation.clone().into_owned())
    }

    /// Holds for each requested model of its own.
    #[must_use]
    pub fn per_model(self) -> Self {
        self.per(|request| request.model.clone())
    }

    /// Takes prices from this table.
    #[must_use]
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = prices;
        self
    }

    /// Sets what to do about a model whose price is not known, where money is limited.
    #[must_use]
    pub fn unknown_price(mut self, unknown: UnknownPrice) -> Self {
        self.unknown = unknown;
        self
    }

    /// Reserves what a request is estimated to use while it is under way, and refuses it when that is
    /// more than is left. An answer that is dropped before the provider told any counts is settled at
    /// what was reserved for it.
    #[must_use]
    pub fn reserve(mut self, estimate: impl Fn(&Request) -> Usage + Send + Sync + 'static) -> Self {
        self.estimate = Some(Arc::new(estimate));
        self
    }

    /// Reserves by a rough estimate: what [`estimate_tokens`] says of the prompt, and as many tokens
    /// written as `max_tokens` allows, or `output` where the request does not say.
    #[must_use]
    pub fn reserve_roughly(self, output: u64) -> Self {
        self.reserve(move |request| {
            let allowed = request.params.max_tokens.map(u64::from);
            let input = estimate_tokens(request).saturating_sub(allowed.unwrap_or(0));
            Usage::totals(input, allowed.unwrap_or(output))
        })
    }

    /// Puts a warning on the first answer after which this many per cent of a limit are spent.
    #[must_use]
    pub fn warn_at(mut self, percent: u8) -> Self {
        self.limits.warn_at = Some(percent);
        self
    }

    /// What was spent under a key, in the window that is under way. The key is empty where the budget
    /// holds for all requests together.
    #[must_use]
    pub fn spent(&self, key: &str) -> Spent {
        self.accounts.spent(key, &self.limits)
    }

    fn admit(&self, provider: &str, request: &Request) -> Result<Meter> {
        let mut wanted = Spent { requests: 1, ..Spent::default() };
        if self.limits.money.is_some()
            && self.unknown == UnknownPrice::Refuse
            && self.prices.price(provider, &request.model).is_none()
        {
            let message = format!(
                "the price of `{provider}/{}` is not known, and a budget limits money; add it with \
                 `Prices::with`, or let such models through with `UnknownPrice::Warn`",
                request.model
            );
            return Err(Error::new(ErrorKind::Budget, message));
        }
        if let Some(estimate) = &self.estimate {
            let usage = estimate(request);
            wanted.tokens = usage.total().unwrap_or(0);
            let cost = self.prices.cost(provider, &request.model, None, &usage);
            wanted.money = cost.map_or(Usd::ZERO, |cost| cost.total());
        }
        let key: Arc<str> = (self.key)(request).into();
        self.accounts.reserve(&key, wanted, &self.limits)?;
        Ok(Meter::new(self.clone(), key, wanted, provider, &request.model))
    }
}

impl Layer for Budget {
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        AnyProvider::new(Budgeted { inner, budget: self.clone() })
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Budgeted {
    inner: AnyProvider,
    budget: Budget,
}

#[async_trait]
impl Provider for Budgeted {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.inner.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let meter = self.budget.admit(self.inner.id(), &request)?;
        // Dropped on the way, the meter settles what is known.
        match self.inner.send(request).await {
            Ok(events) => Ok(EventStream::new(meter.watch(events))),
            Err(error) => Err(meter.fail(error)),
        }
    }
}
