//! [`Turn`]: how much a task does before the others of its thread have theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Most calls that begin, and most that end, in one turn.
const MOST: usize = 16;

/// How long a turn may take; what has begun by then is brought to its next stop.
const LENGTH: Duration = Duration::from_micros(500);

/// How long the others may take between two turns before fewer calls begin in each: most likely they
/// are the connections of those that have begun.
const PATIENCE: Duration = Duration::from_millis(1);

/// The turn of a task, which begins with its first poll after it gave way or had nothing to do.
#[derive(Debug)]
pub(crate) struct Turn {
    clock: Clock,
    /// Calls that have begun and that have ended in it.
    begun: usize,
    ended: usize,
    /// How many may begin.
    most: usize,
    gave_way: Option<Instant>,
}

/// When a turn ends, for those that are polled in it. Clones tell the same.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    zero: Instant,
    /// Nanoseconds after zero; `u64::MAX` where there is no end.
    end: AtomicU64,
}

impl Turn {
    pub(crate) fn new() -> Self {
        let shared = Shared { zero: Instant::now(), end: AtomicU64::new(u64::MAX) };
        Self { clock: Clock(Arc::new(shared)), begun: 0, ended: 0, most: MOST, gave_way: None }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Begins the turn, unless it has begun.
    pub(crate) fn begin(&mut self) {
        if self.clock.0.end.load(Ordering::Relaxed) != u64::MAX {
            return;
        }
        if let Some(gave_way) = self.gave_way.take() {
            self.most = match gave_way.elapsed() > PATIENCE {
                true => (self.most / 2).max(1),
                false => (self.most + 1).min(MOST),
            };
        }
        (self.begun, self.ended) = (0, 0);
        self.clock.set(self.clock.now().saturating_add(nanoseconds(LENGTH)));
    }

    /// Counts a call that begins, if it may.
    pub(crate) fn try_begin(&mut self) -> bool {
        let may = !self.is_full() && !self.is_over();
        self.begun += usize::from(may);
        may
    }

    /// Counts a call that has ended.
    pub(crate) fn ended(&mut self) {
        self.ended += 1;
    }

    /// Whether no more calls may begin.
    fn is_full(&self) -> bool {
        self.begun >= self.most
    }

    /// Whether nothing more may be done.
    pub(crate) fn is_over(&self) -> bool {
        self.ended >= MOST || self.clock.is_over()
    }

    /// Ends the turn; whether it is only to give way, so that there may be more to do.
    pub(crate) fn end(&mut self) -> bool {
        let gives_way = self.is_full() || self.is_over();
        self.gave_way = gives_way.then(Instant::now);
        self.clock.set(u64::MAX);
        gives_way
    }

    /// Lets what is polled from here on take as long as it needs.
    pub(crate) fn stop_clock(&mut self) {
        self.clock.set(u64::MAX - 1);
    }
}

impl Clock {
    /// Whether it is the turn of others.
    pub(crate) fn is_over(&self) -> bool {
        self.now() >= self.0.end.load(Ordering::Relaxed)
    }

    fn now(&self) -> u64 {
        nanoseconds(self.0.zero.elapsed())
    }

    fn set(&self, end: u64) {
        self.0.end.store(end, Ordering::Relaxed);
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX - 2)
}
