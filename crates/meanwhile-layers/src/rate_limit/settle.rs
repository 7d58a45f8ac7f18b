//! [`Metered`]: an answer whose tokens are counted, so that the booking can be corrected.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use meanwhile_core::{Error, ErrorKind, Event, EventStream, Result, Usage};

use super::gate::Gate;
use super::{RateLimit, estimate};

/// What was booked for a request, settled once: when its answer has ended or is dropped.
pub(crate) struct Bill {
    limit: RateLimit,
    key: Arc<str>,
    gate: Arc<Gate>,
    slot: u64,
    booked: u64,
    // What of it is the prompt.
    prompt: u64,
    // What the provider has reported so far.
    reported: Option<Usage>,
    // Bytes of the answer so far, for when the provider does not report.
    bytes: usize,
    open: bool,
}

impl Bill {
    pub(crate) fn new(
        limit: &RateLimit,
        key: &Arc<str>,
        gate: &Arc<Gate>,
        slot: u64,
        [booked, answer]: [u64; 2],
    ) -> Self {
        let (limit, key, gate) = (limit.clone(), key.clone(), gate.clone());
        let prompt = booked.saturating_sub(answer);
        Self { limit, key, gate, slot, booked, prompt, reported: None, bytes: 0, open: true }
    }

    /// Settles a request that failed. What was refused has used nothing.
    pub(crate) fn failed(&mut self, error: &Error) {
        if let Some(partial) = error.partial() {
            self.report(&partial.usage);
        }
        if error.kind() == ErrorKind::RateLimit
            && let Some(wait) = error.retry_after()
        {
            self.limit.store.pause(&self.key, &self.limit.limits, wait);
        }
        let nothing = self.bytes == 0 && self.reported.is_none();
        self.settle(if nothing { 0 } else { self.arrived() });
    }

    /// Settles an answer that is complete: what was reported, or the estimate where nothing was.
    fn complete(&mut self) {
        let used = self.reported().unwrap_or_else(|| self.arrived().max(self.booked));
        self.settle(used);
    }

    fn note(&mut self, event: &Event) {
        self.bytes += match event {
            Event::TextDelta { text, .. }
            | Event::ThinkingDelta { text, .. }
            | Event::RefusalDelta { text, .. } => text.len(),
            Event::ToolCallDelta { arguments, .. } => arguments.len(),
            Event::Usage(usage) => {
                self.report(usage);
                0
            }
            _ => 0,
        };
    }

    fn report(&mut self, usage: &Usage) {
        if *usage != Usage::default() {
            self.reported.get_or_insert_default().update(usage.clone());
        }
    }

    fn reported(&self) -> Option<u64> {
        self.reported.as_ref().and_then(|usage| (self.limit.count)(usage))
    }

    /// The tokens of an answer that is not complete: the prompt, and what was written until now.
    fn arrived(&self) -> u64 {
        let told = self.reported.as_ref().and_then(|usage| usage.output.total).unwrap_or_default();
        let written = estimate::text(self.bytes).saturating_sub(told);
        match self.reported() {
            Some(reported) => reported.saturating_add(written),
            None => self.prompt.saturating_add(told).saturating_add(written),
        }
    }

    fn settle(&mut self, used: u64) {
        if !std::mem::take(&mut self.open) || self.limit.limits.tokens.is_none() {
            return;
        }
        let limits = &self.limit.limits;
        self.limit.store.settle(&self.key, limits, self.slot, self.booked, used);
        if used < self.booked {
            self.gate.free();
        }
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        if self.open {
            let used = self.arrived();
            self.settle(used);
        }
    }
}

/// An answer whose tokens are counted.
pub(crate) struct Metered {
    stream: EventStream,
    bill: Bill,
}

impl Metered {
    pub(crate) fn new(stream: EventStream, bill: Bill) -> Self {
        Self { stream, bill }
    }
}

impl Stream for Metered {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let item = Pin::new(&mut this.stream).poll_next(cx);
        match &item {
            Poll::Ready(Some(Ok(event))) if event.is_terminal() => this.bill.complete(),
            Poll::Ready(Some(Ok(event))) => this.bill.note(event),
            Poll::Ready(Some(Err(error))) => this.bill.failed(error),
            _ => {}
        }
        item
    }
}
