//! [`Clock`]: the time limits of one request, at the cost of one timer.
//!
//! The timer is set once and looked at when it fires: an event moves the limit, not the timer. Time
//! is asked for only when there is nothing to read.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, Result, TimeoutPhase, Timeouts};
use tokio::time::{Instant, Sleep, sleep_until};

pub(crate) struct Clock {
    limits: Timeouts,
    started: Instant,
    // When the last event was noticed, and how many there were.
    progress: Instant,
    events: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    pub(crate) fn start(limits: Timeouts) -> Self {
        let now = Instant::now();
        Self { limits, started: now, progress: now, events: 0, timer: None }
    }

    /// Waits for `future`, within the limits.
    pub(crate) async fn run<F: Future>(&mut self, future: F) -> Result<F::Output> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll(self.events, cx).map(Err),
        })
        .await
    }

    /// Call it when there is nothing to read, with the number of events so far: ready with an error
    /// when a limit is reached.
    pub(crate) fn poll(&mut self, events: u64, cx: &mut Context<'_>) -> Poll<Error> {
        if events != self.events {
            self.events = events;
            self.progress = Instant::now();
        }
        let Some((deadline, phase)) = self.deadline() else { return Poll::Pending };
        if self.poll_timer(deadline, cx).is_pending() {
            return Poll::Pending;
        }
        let limit = match phase {
            TimeoutPhase::FirstEvent => self.limits.first_event,
            TimeoutPhase::Idle => self.limits.idle,
            _ => self.limits.whole,
        };
        let limit = limit.unwrap_or_default();
        let message = match phase {
            TimeoutPhase::FirstEvent => format!(
                "no answer within {limit:?}; send the request again or raise the limit for the first event"
            ),
            TimeoutPhase::Idle => format!(
                "the answer fell silent for {limit:?}; send the request again or raise the idle limit"
            ),
            _ => format!(
                "the answer was not complete within {limit:?}; raise the limit for the whole call"
            ),
        };
        Poll::Ready(Error::new(ErrorKind::Timeout(phase), message))
    }

    /// Waits until `duration` from `since`, which other limits do not shorten.
    pub(crate) fn poll_grace(
        &mut self,
        since: Instant,
        duration: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        self.poll_timer(since + duration, cx)
    }

    fn poll_timer(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        // The timer may have been set for an earlier limit, which events have moved since.
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// The next limit. One that lies beyond the end of time is none.
    fn deadline(&self) -> Option<(Instant, TimeoutPhase)> {
        let (limit, phase) = match self.events {
            0 => (self.limits.first_event, TimeoutPhase::FirstEvent),
            _ => (self.limits.idle, TimeoutPhase::Idle),
        };
        let event = limit.and_then(|limit| Some((self.progress.checked_add(limit)?, phase)));
        let whole = self
            .limits
            .whole
            .and_then(|limit| Some((self.started.checked_add(limit)?, TimeoutPhase::Whole)));
        match (event, whole) {
            (Some(event), Some(whole)) => Some(if whole.0 < event.0 { whole } else { event }),
            (event, whole) => event.or(whole),
        }
    }
}
