//! [`RateStore`]: where it is kept how much was let through; [`MemoryRateStore`] keeps it in this process.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::Result;
use tokio::time::Instant;

use super::window::{Window, slot_length};
use crate::room::Room;

/// How much may be let through in any stretch of time as long as the window.
///
/// ```
/// use std::time::Duration;
/// use meanwhile_layers::{Booked, Limits, MemoryRateStore, RateStore as _};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> meanwhile_core::Result<()> {
/// // One request in any minute, however large.
/// let limits = Limits::new(Some(1), None, Duration::from_secs(60));
/// let store = MemoryRateStore::new();
/// assert!(matches!(store.book("house/small", &limits, 900).await?, Booked::Now(_)));
/// assert!(matches!(store.book("house/small", &limits, 1).await?, Booked::Wait(_)));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Requests; `None` for any number.
    pub requests: Option<u64>,
    /// Tokens, read and written; `None` for any number.
    pub tokens: Option<u64>,
    /// The stretch of time.
    pub window: Duration,
}

impl Limits {
    /// Makes limits for any stretch of time as long as `window`; `None` for any number.
    #[must_use]
    pub fn new(requests: Option<u64>, tokens: Option<u64>, window: Duration) -> Self {
        Self { requests, tokens, window }
    }
}

/// What a store says about one more request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booked {
    /// It is booked and may be sent now. The number is for the store to find it again.
    Now(u64),
    /// It is not booked; ask again after this wait. Earlier may do, when others use less than they booked.
    Wait(Duration),
}

/// Where it is kept how much was let through under each key. Implement it to share limits between
/// processes in a way of your own.
///
/// Windows of different length are counted apart, so that a limit a minute and a limit a day can hold for
/// one key; those of one length are counted together.
#[async_trait]
pub trait RateStore: Debug + Send + Sync + 'static {
    /// Books one request with `tokens`, if it fits into `limits` now and nothing is
    /// [paused](Self::pause).
    ///
    /// # Errors
    ///
    /// That the store cannot be asked.
    async fn book(&self, key: &str, limits: &Limits, tokens: u64) -> Result<Booked>;

    /// Corrects the tokens of what was booked under `slot`. Is called while answers are dropped, too:
    /// must not block.
    fn settle(&self, key: &str, limits: &Limits, slot: u64, booked: u64, used: u64);

    /// Books nothing under `key` for `wait`, in whatever window. Must not block.
    fn pause(&self, key: &str, limits: &Limits, wait: Duration);
}

/// Keeps what was let through in this process. Clones share it.
///
/// ```
/// use meanwhile_core::{ErrorKind, Model, Scripted};
/// use meanwhile_layers::{MemoryRateStore, RateLimit};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> meanwhile_core::Result<()> {
/// // Two layers count in one place.
/// let store = MemoryRateStore::new();
/// let limit = || RateLimit::new().requests_per_minute(1).fail_fast().store(store.clone());
/// let model = Model::new(Scripted::new().reply("one").reply("two"), "any");
/// assert_eq!(model.call::<String>("first").layer(limit()).await?, "one");
/// let error = model.call::<String>("second").layer(limit()).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::RateLimit);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct MemoryRateStore(Arc<Memory>);

#[derive(Debug)]
struct Memory {
    start: Instant,
    keys: Mutex<Keys>,
}

#[derive(Debug, Default)]
struct Keys {
    keys: HashMap<String, Key>,
    room: Room,
}

#[derive(Debug, Default)]
struct Key {
    // By the length of their slots; there are few.
    windows: Vec<(u64, Window)>,
    pause_end: Duration,
}

impl Keys {
    /// Does `act` on a key, which is made where it is new.
    fn with<T>(&mut self, key: &str, now: Duration, act: impl FnOnce(&mut Key) -> T) -> T {
        let Self { keys, room } = self;
        if let Some(key) = keys.get_mut(key) {
            return act(key);
        }
        room.make(keys, |key| key.is_idle(now));
        act(keys.entry(key.to_owned()).or_default())
    }
}

impl Key {
    fn book(&mut self, limits: &Limits, tokens: u64, now: Duration) -> Result<u64, Duration> {
        if self.pause_end > now {
            return Err(self.pause_end);
        }
        let length = slot_length(limits);
        let known = self.windows.iter_mut().find(|(known, _)| *known == length);
        if let Some((_, window)) = known {
            return window.book(limits, tokens, now);
        }
        let mut window = Window::default();
        let booked = window.book(limits, tokens, now);
        self.windows.push((length, window));
        booked
    }

    /// Whether nothing counts any more.
    fn is_idle(&mut self, now: Duration) -> bool {
        self.windows.retain_mut(|(length, window)| !window.is_idle(*length, now));
        self.windows.is_empty() && self.pause_end <= now
    }
}

impl MemoryRateStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        let memory = Memory { start: Instant::now(), keys: Mutex::default() };
        Self(Arc::new(memory))
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.0.start.elapsed()
    }
}

impl Default for MemoryRateStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl RateStore for MemoryRateStore {
    async fn book(&self, key: &str, limits: &Limits, tokens: u64) -> Result<Booked> {
        let now = self.now();
        let booked = self.keys().with(key, now, |key| key.book(limits, tokens, now));
        Ok(match booked {
            Ok(slot) => Booked::Now(slot),
            Err(at) => Booked::Wait(at.saturating_sub(now)),
        })
    }

    fn settle(&self, key: &str, limits: &Limits, slot: u64, booked: u64, used: u64) {
        let length = slot_length(limits);
        if let Some(key) = self.keys().keys.get_mut(key)
            && let Some((_, window)) = key.windows.iter_mut().find(|(known, _)| *known == length)
        {
            window.settle(slot, booked, used);
        }
    }

    fn pause(&self, key: &str, _: &Limits, wait: Duration) {
        let now = self.now();
        let end = now.saturating_add(wait);
        self.keys().with(key, now, |key| key.pause_end = key.pause_end.max(end));
    }
}
