//! [`Ledger`]: every call, counted twice: by the program that makes it, and by an observer.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use meanwhile::{ErrorKind, Moment, Observer, Run, RunKind};
use serde_json::json;

/// What became of the calls, as counted by both.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) program: Counts,
    pub(crate) observer: Counts,
    retries: AtomicU64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) started: AtomicU64,
    pub(crate) succeeded: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) cancelled: AtomicU64,
}

/// [`Counts`] at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) started: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
}

impl Ledger {
    pub(crate) fn retries(&self) -> u64 {
        self.retries.load(Relaxed)
    }
}

impl Counts {
    pub(crate) fn books(&self) -> Books {
        Books {
            started: self.started.load(Relaxed),
            succeeded: self.succeeded.load(Relaxed),
            failed: self.failed.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
        }
    }
}

impl Books {
    /// Whether each call that began has ended once.
    pub(crate) fn is_closed(&self) -> bool {
        self.started == self.succeeded + self.failed + self.cancelled
    }

    pub(crate) fn line(&self) -> serde_json::Value {
        json!({
            "started": self.started, "succeeded": self.succeeded,
            "failed": self.failed, "cancelled": self.cancelled,
        })
    }
}

impl Observer for Ledger {
    fn observe(&self, run: &Run, moment: &Moment<'_>) {
        if let Moment::Retry(_) = moment {
            self.retries.fetch_add(1, Relaxed);
        }
        // A call is a chain; the requests in it are counted with it.
        if run.kind() != RunKind::Chain {
            return;
        }
        let counter = match moment {
            Moment::ChainStart => &self.observer.started,
            Moment::ChainEnd => &self.observer.succeeded,
            Moment::Error(error) if error.kind() == ErrorKind::Cancelled => {
                &self.observer.cancelled
            }
            Moment::Error(_) => &self.observer.failed,
            _ => return,
        };
        counter.fetch_add(1, Relaxed);
    }

    fn wants_events(&self) -> bool {
        false
    }
}
