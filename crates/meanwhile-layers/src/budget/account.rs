//! [`Accounts`]: what was spent and what is reserved, by key, and the limits that hold for each.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, Result, Usd, Warning, WarningKind};
use tokio::time::Instant;

/// Accounts that are over are looked for when there are more than this, and then whenever their number
/// has doubled.
const MANY: usize = 1024;

/// An amount of money, tokens and requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Spent {
    /// Money.
    pub money: Usd,
    /// Tokens read and written.
    pub tokens: u64,
    /// Requests, those that failed included.
    pub requests: u64,
}

impl Spent {
    fn plus(self, other: Self) -> Self {
        Self {
            money: self.money + other.money,
            tokens: self.tokens.saturating_add(other.tokens),
            requests: self.requests.saturating_add(other.requests),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            money: self.money.saturating_sub(other.money),
            tokens: self.tokens.saturating_sub(other.tokens),
            requests: self.requests.saturating_sub(other.requests),
        }
    }
}

/// What may be spent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) money: Option<Usd>,
    pub(super) tokens: Option<u64>,
    pub(super) requests: Option<u64>,
    pub(super) window: Option<Duration>,
    /// Per cent of a limit at which an answer carries a warning.
    pub(super) warn_at: Option<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Accounts(Mutex<Known>);

#[derive(Debug)]
struct Known {
    accounts: HashMap<Arc<str>, Account>,
    /// From how many on a new one makes those that are over be looked for.
    many: usize,
}

impl Default for Known {
    fn default() -> Self {
        Self { accounts: HashMap::new(), many: MANY }
    }
}

impl Known {
    fn account(&mut self, key: &Arc<str>, limits: &Limits) -> &mut Account {
        if self.accounts.len() >= self.many && !self.accounts.contains_key(key) {
            self.accounts.retain(|_, account| {
                account.renew(limits);
                account.spent != Spent::default() || account.reserved != Spent::default()
            });
            self.many = MANY.max(self.accounts.len().saturating_mul(2));
        }
        let account = self.accounts.entry(Arc::clone(key)).or_insert_with(Account::new);
        account.renew(limits);
        account
    }
}

#[derive(Debug)]
struct Account {
    begun: Instant,
    spent: Spent,
    /// By requests that are under way.
    reserved: Spent,
    warned: bool,
}

impl Account {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            spent: Spent::default(),
            reserved: Spent::default(),
            warned: false,
        }
    }

    fn left(&self, window: Duration) -> Duration {
        window.saturating_sub(self.begun.elapsed())
    }

    /// Begins anew where the window is over. What is under way stays reserved.
    fn renew(&mut self, limits: &Limits) {
        if limits.window.is_some_and(|window| self.begun.elapsed() >= window) {
            *self = Self { reserved: self.reserved, ..Self::new() };
        }
    }
}

impl Accounts {
    /// Reserves `wanted` if that is within the limits.
    pub(super) fn reserve(&self, key: &Arc<str>, wanted: Spent, limits: &Limits) -> Result<()> {
        let mut known = self.lock();
        let account = known.account(key, limits);
        let taken = account.spent.plus(account.reserved);
        let after = taken.plus(wanted);
        // Where nothing is reserved in advance, the last request may go over the limit.
        let over = |limit, after, taken| limit < after || limit <= taken;
        let exceeded = if limits.money.is_some_and(|limit| {
            over(limit.as_trillionths(), after.money.as_trillionths(), taken.money.as_trillionths())
        }) {
            limits.money.map(|limit| (account.spent.money.to_string(), limit.to_string()))
        } else if limits
            .tokens
            .is_some_and(|limit| over(u128::from(limit), after.tokens.into(), taken.tokens.into()))
        {
            limits.tokens.map(|limit| (account.spent.tokens.to_string(), format!("{limit} tokens")))
        } else if limits.requests.is_some_and(|limit| after.requests > limit) {
            limits.requests.map(|limit| (taken.requests.to_string(), format!("{limit} requests")))
        } else {
            None
        };
        let Some((spent, limit)) = exceeded else {
            account.reserved = account.reserved.plus(wanted);
            return Ok(());
        };
        let renewed = limits.window.map(|window| account.left(window));
        Err(refusal(key, &spent, &limit, account.reserved, renewed))
    }

    /// Takes back what was reserved and spends what it came to. Says so when a threshold is reached.
    pub(super) fn settle(
        &self,
        key: &Arc<str>,
        reserved: Spent,
        spent: Spent,
        limits: &Limits,
    ) -> Option<Warning> {
        let mut known = self.lock();
        let account = known.account(key, limits);
        account.reserved = account.reserved.minus(reserved);
        account.spent = account.spent.plus(spent);
        let percent = limits.warn_at.filter(|_| !account.warned)?;
        let reached = |spent: u128, limit: Option<u128>| {
            limit.is_some_and(|limit| {
                spent.saturating_mul(100) >= limit.saturating_mul(u128::from(percent))
            })
        };
        let Spent { money, tokens, requests } = account.spent;
        let what = if reached(money.as_trillionths(), limits.money.map(Usd::as_trillionths)) {
            format!("{money} of {}", limits.money.unwrap_or_default())
        } else if reached(tokens.into(), limits.tokens.map(u128::from)) {
            format!("{tokens} of {} tokens", limits.tokens.unwrap_or_default())
        } else if reached(requests.into(), limits.requests.map(u128::from)) {
            format!("{requests} of {} requests", limits.requests.unwrap_or_default())
        } else {
            return None;
        };
        account.warned = true;
        let message = format!("{}: {what} spent, which is {percent} % or more", Whose(key));
        Some(Warning::new(WarningKind::Other, "budget", message))
    }

    /// What was spent in the window that is under way.
    pub(super) fn spent(&self, key: &str, limits: &Limits) -> Spent {
        let mut known = self.lock();
        known.accounts.get_mut(key).map_or_else(Spent::default, |account| {
            account.renew(limits);
            account.spent
        })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refusal(
    key: &str,
    spent: &str,
    limit: &str,
    reserved: Spent,
    renewed: Option<Duration>,
) -> Error {
    let mut message = format!("{} is used up: {spent} of {limit} spent", Whose(key));
    if reserved.requests > 0 {
        message += &format!(", {} requests under way", reserved.requests);
    }
    let error = |message: String| Error::new(ErrorKind::Budget, message);
    match renewed {
        Some(wait) => {
            error(message + &format!("; wait {wait:.0?} until it is renewed, or raise it"))
                .with_retry_after(wait)
        }
        None => error(message + "; raise it to go on"),
    }
}

struct Whose<'a>(&'a str);

impl fmt::Display for Whose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("the budget")
        } else {
            write!(f, "the budget of `{}`", self.0)
        }
    }
}
