//! [`Window`]: how much was let through lately, so that no stretch of time holds more than its limit.
//!
//! Time is cut into sixty slots a window. A slot counts until its last instant is a whole window ago, so
//! that what is let through in any stretch as long as a window is never more than the limit, and at
//! most a sixtieth of a window is given away.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Limits;

/// Slots of one window.
pub(crate) const SLOTS: u64 = 60;
// In milliseconds.
const LONGEST: u64 = 1 << 40;

/// What was let through, by slot. Times are durations since any fixed start. All limits that one window
/// is asked about have slots of one length; others would be numbered in other steps.
#[derive(Debug, Default)]
pub(crate) struct Window {
    slots: BTreeMap<u64, Used>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Used {
    requests: u64,
    tokens: u64,
}

impl Window {
    /// Books one more request with `tokens` at `now` and returns its slot, or says when it may fit.
    pub(crate) fn book(
        &mut self,
        limits: &Limits,
        tokens: u64,
        now: Duration,
    ) -> Result<u64, Duration> {
        let length = slot_length(limits);
        let current = slot_of(now, length);
        self.forget(current);
        if let Some(blocker) = self.blocker(limits, tokens, current) {
            // It no longer counts when a window has passed since its end.
            return Err(start_of(blocker + SLOTS + 1, length));
        }
        let used = self.slots.entry(current).or_default();
        used.requests += 1;
        used.tokens = used.tokens.saturating_add(tokens);
        Ok(current)
    }

    /// Corrects what was booked.
    pub(crate) fn settle(&mut self, slot: u64, booked: u64, used: u64) {
        if let Some(slot) = self.slots.get_mut(&slot) {
            slot.tokens = slot.tokens.saturating_sub(booked).saturating_add(used);
        }
    }

    /// Whether nothing counts any more at `now`, in slots of `length`.
    pub(crate) fn is_idle(&mut self, length: u64, now: Duration) -> bool {
        self.forget(slot_of(now, length));
        self.slots.is_empty()
    }

    fn forget(&mut self, current: u64) {
        while let Some(entry) = self.slots.first_entry()
            && *entry.key() + SLOTS < current
        {
            entry.remove();
        }
    }

    /// The slot that must no longer count before a request with `tokens` fits into the current one.
    fn blocker(&self, limits: &Limits, tokens: u64, current: u64) -> Option<u64> {
        let counted = self.slots.range(current.saturating_sub(SLOTS)..=current);
        let mut requests = 1;
        // More than the limit never fits; it gets the whole window for itself.
        let mut tokens = tokens.min(limits.tokens.unwrap_or(u64::MAX));
        // From the newest: the first slot that is too much, and all before it, must pass.
        for (slot, used) in counted.rev() {
            requests += used.requests;
            tokens = tokens.saturating_add(used.tokens);
            let over = limits.requests.is_some_and(|most| requests > most.max(1))
                || limits.tokens.is_some_and(|most| tokens > most);
            if over {
                return Some(*slot);
            }
        }
        None
    }
}

/// In whole milliseconds, as every store counts. Beyond some thirty years a window is as long as never.
pub(crate) fn slot_length(limits: &Limits) -> u64 {
    let window = u64::try_from(limits.window.as_millis()).unwrap_or(u64::MAX);
    window.min(LONGEST).div_ceil(SLOTS).max(1)
}

fn slot_of(at: Duration, length: u64) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX) / length
}

fn start_of(slot: u64, length: u64) -> Duration {
    Duration::from_millis(slot.saturating_mul(length))
}
