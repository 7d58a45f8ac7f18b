//! [`Gate`]: where those wait who ask under one key, in the order in which they came.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{MutexGuard, Notify};

use super::Limits;
use crate::room::Room;

/// The gates by key.
#[derive(Debug, Default)]
pub(crate) struct Gates(Mutex<Keys>);

#[derive(Debug, Default)]
struct Keys {
    gates: HashMap<Arc<str>, Arc<Gate>>,
    room: Room,
}

impl Gates {
    pub(crate) fn get(&self, key: &Arc<str>) -> Arc<Gate> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Keys { gates, room } = &mut *keys;
        if let Some(gate) = gates.get(key) {
            return gate.clone();
        }
        // At which nobody waits.
        room.make(gates, |gate| Arc::strong_count(gate) == 1);
        gates.entry(key.clone()).or_default().clone()
    }
}

/// Where those wait who ask under one key. Only the first in the row asks the store.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    // Gives turns in the order in which they were asked for.
    turns: tokio::sync::Mutex<()>,
    freed: Notify,
    requests: AtomicU64,
    tokens: AtomicU64,
}

impl Gate {
    /// Joins the row.
    pub(crate) fn enter(&self, tokens: u64) -> Place<'_> {
        let requests_ahead = self.requests.fetch_add(1, Ordering::Relaxed);
        let tokens_ahead = self.tokens.fetch_add(tokens, Ordering::Relaxed);
        Place { gate: self, tokens, requests_ahead, tokens_ahead }
    }

    /// Waits until something is given back, but no longer than `wait`.
    pub(crate) async fn freed(&self, wait: Duration) {
        // Either way it is time to look again.
        let _ = tokio::time::timeout(wait, self.freed.notified()).await;
    }

    /// Says that something was given back.
    pub(crate) fn free(&self) {
        self.freed.notify_one();
    }
}

/// A place in the row, left when dropped.
pub(crate) struct Place<'a> {
    gate: &'a Gate,
    tokens: u64,
    requests_ahead: u64,
    tokens_ahead: u64,
}

impl<'a> Place<'a> {
    /// How long those ahead take at least: the windows that they fill.
    pub(crate) fn wait(&self, limits: &Limits) -> Duration {
        let windows = |ahead: u64, most: Option<u64>| ahead / most.unwrap_or(u64::MAX).max(1);
        let windows = windows(self.requests_ahead, limits.requests)
            .max(windows(self.tokens_ahead, limits.tokens));
        limits.window.saturating_mul(u32::try_from(windows).unwrap_or(u32::MAX))
    }

    /// Waits for the turn, and keeps the place until it is over.
    pub(crate) async fn turn(self) -> Turn<'a> {
        let turn = self.gate.turns.lock().await;
        Turn { _turn: turn, _place: self }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gate.requests.fetch_sub(1, Ordering::Relaxed);
        self.gate.tokens.fetch_sub(self.tokens, Ordering::Relaxed);
    }
}

/// The turn of the first in the row; the next one's begins when it is dropped.
pub(crate) struct Turn<'a> {
    _turn: MutexGuard<'a, ()>,
    _place: Place<'a>,
}
