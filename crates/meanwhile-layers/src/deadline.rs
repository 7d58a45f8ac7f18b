//! [`Deadline`]: until when a request must be complete, with every wait and every try on the way.

use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, Request, TimeoutPhase};
use tokio::time::Instant;

/// The end of a request's clock for the whole call. What a layer waits is taken off what the provider
/// gets, so that the clock holds for all of it together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    limit: Duration,
    at: Option<Instant>,
}

impl Deadline {
    /// Starts the clock of `request`. One that lies beyond the end of time is none.
    pub(crate) fn of(request: &Request) -> Self {
        let limit = request.timeouts.whole;
        let at = limit.and_then(|limit| Instant::now().checked_add(limit));
        Self { limit: limit.unwrap_or_default(), at }
    }

    /// What is left of it; `None` where there is no limit.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether something is left after such a wait.
    pub(crate) fn allows(&self, wait: Duration) -> bool {
        self.left().is_none_or(|left| wait < left)
    }

    /// Gives `request` what is left.
    pub(crate) fn shorten(&self, request: &mut Request) {
        if let Some(left) = self.left() {
            request.timeouts.whole = Some(left);
        }
    }

    /// When it is over; `None` where there is no limit.
    #[cfg(feature = "cache")]
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at
    }

    /// What is told when `what` was not over in time.
    pub(crate) fn exceeded(&self, what: &str) -> Error {
        let limit = self.limit;
        let message =
            format!("{what} was not over within {limit:?}; raise the limit for the whole call");
        Error::new(ErrorKind::Timeout(TimeoutPhase::Whole), message)
    }

    /// Waits for `future` until the deadline.
    pub(crate) async fn run<F: Future>(&self, future: F, what: &str) -> Result<F::Output, Error> {
        let Some(at) = self.at else { return Ok(future.await) };
        tokio::time::timeout_at(at, future).await.map_err(|_| self.exceeded(what))
    }
}
