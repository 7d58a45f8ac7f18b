//! [`Circuit`]: whether one target is worth asking. Told of outcomes, it opens, and closes again when a
//! probe succeeds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, TimeoutPhase};
use tokio::time::Instant;

/// When a circuit opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) failures: u32,
    pub(crate) share: f64,
    pub(crate) least: u32,
    pub(crate) window: Duration,
    pub(crate) cooldown: Duration,
    pub(crate) long_cooldown: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            failures: 5,
            share: 0.5,
            least: 10,
            window: Duration::from_secs(60),
            cooldown: Duration::from_secs(5),
            long_cooldown: Duration::from_secs(300),
        }
    }
}

/// What a circuit lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CircuitState {
    /// Everything.
    Closed,
    /// Nothing, for this long.
    Open(Duration),
    /// One request, which decides how it goes on.
    HalfOpen,
}

/// Outcomes of one target. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Circuit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Rules,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    // Failures since the last success.
    row: u32,
    // When the latest outcomes came, and whether they were failures.
    latest: VecDeque<(Instant, bool)>,
    open_until: Option<Instant>,
    // Whether the one request of the half-open circuit is on its way.
    probing: bool,
    // Counts how often it opened, so that outcomes of requests from before are told apart.
    era: u64,
}

// As long as never; clocks cannot count much further.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
// Most outcomes that are looked at for the share of failures.
const MOST_OUTCOMES: usize = 1000;

impl Circuit {
    pub(crate) fn new(rules: Rules) -> Self {
        Self(Arc::new(Inner { rules, state: Mutex::new(State::default()) }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> CircuitState {
        let state = self.lock();
        match state.open_until {
            None => CircuitState::Closed,
            Some(until) => match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => CircuitState::HalfOpen,
                left => CircuitState::Open(left),
            },
        }
    }

    /// Whether it may be forgotten: nobody is being asked, and it knows of no failure that still counts.
    pub(crate) fn is_idle(&self) -> bool {
        let now = Instant::now();
        let window = self.0.rules.window;
        let is_past = |then: Instant| now.saturating_duration_since(then) > window;
        let state = self.lock();
        Arc::strong_count(&self.0) == 1
            && state.open_until.is_none_or(is_past)
            && state.latest.iter().all(|(then, failed)| !failed || is_past(*then))
    }

    /// Whether a request would be let through now.
    pub(crate) fn is_passable(&self) -> bool {
        let state = self.lock();
        state.open_until.is_none_or(|until| until <= Instant::now() && !state.probing)
    }

    /// Lets a request through, or says how long nothing is; zero while a probe is on its way.
    pub(crate) fn enter(&self) -> Result<Trial, Duration> {
        let mut state = self.lock();
        let probe = match state.open_until {
            None => false,
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() || state.probing {
                    return Err(left);
                }
                state.probing = true;
                true
            }
        };
        let era = state.era;
        drop(state);
        Ok(Trial { circuit: self.clone(), probe, era, open: true })
    }
}

/// One request that was let through. Dropped without an outcome, it counts for nothing.
#[derive(Debug)]
pub(crate) struct Trial {
    circuit: Circuit,
    probe: bool,
    era: u64,
    open: bool,
}

impl Trial {
    /// Whether there was no outcome yet.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// The target answered.
    pub(crate) fn succeeded(&mut self) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let mut state = self.circuit.lock();
        if std::mem::take(&mut self.probe) {
            *state = State { era: state.era, ..State::default() };
        } else if self.era == state.era {
            state.row = 0;
            note(&mut state, &self.circuit.0.rules, false);
        }
    }

    /// The target failed, as far as it is to blame; perhaps in the middle of an answer.
    pub(crate) fn failed(&mut self, error: &Error) {
        self.open = false;
        let probe = std::mem::take(&mut self.probe);
        let rules = &self.circuit.0.rules;
        let mut state = self.circuit.lock();
        if probe {
            state.probing = false;
        }
        let cooldown = match blame(error) {
            Blame::None if probe && is_reply(error) => {
                // It answered, if only to say that the request is wrong.
                *state = State { era: state.era, ..State::default() };
                return;
            }
            Blame::None => return,
            Blame::Limit => Some(error.retry_after().unwrap_or(rules.cooldown)),
            Blame::Lasting => Some(error.retry_after().unwrap_or(rules.long_cooldown)),
            Blame::Passing if probe => Some(rules.cooldown),
            Blame::Passing => None,
        };
        // What began before it opened says nothing new.
        if !probe && self.era != state.era {
            return;
        }
        state.row = state.row.saturating_add(1);
        let over = note(&mut state, rules, true) || state.row >= rules.failures;
        if let Some(cooldown) = cooldown.or(over.then_some(rules.cooldown)) {
            let era = state.era + 1;
            let now = Instant::now();
            let open_until = Some(now.checked_add(cooldown.min(FAR)).unwrap_or(now));
            *state = State { era, open_until, ..State::default() };
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if self.open && self.probe {
            self.circuit.lock().probing = false;
        }
    }
}

/// Notes an outcome; whether too many of the latest ones were failures.
fn note(state: &mut State, rules: &Rules, failed: bool) -> bool {
    let now = Instant::now();
    while let Some((then, _)) = state.latest.front()
        && (now.saturating_duration_since(*then) > rules.window
            || state.latest.len() >= MOST_OUTCOMES)
    {
        state.latest.pop_front();
    }
    state.latest.push_back((now, failed));
    let failures = state.latest.iter().filter(|(_, failed)| *failed).count();
    let all = state.latest.len();
    let enough = all >= usize::try_from(rules.least).unwrap_or(usize::MAX);
    // Counts of a thousand at most are exact.
    enough && failures as f64 > rules.share * all as f64
}

/// Whether the target itself has said it: not a clock of ours, nor anything that failed before a
/// request was sent.
fn is_reply(error: &Error) -> bool {
    error.status().is_some()
        || matches!(
            error.kind(),
            ErrorKind::InvalidRequest
                | ErrorKind::Conflict
                | ErrorKind::RequestTooLarge
                | ErrorKind::ContextLength
                | ErrorKind::ContentFilter
        )
}

/// What an error says about the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// Nothing: the request itself is wrong, or was given up.
    None,
    /// It fails at the moment.
    Passing,
    /// It has had too much, and may say until when.
    Limit,
    /// It will not answer before somebody does something about it.
    Lasting,
}

pub(crate) fn blame(error: &Error) -> Blame {
    match error.kind() {
        ErrorKind::RateLimit => Blame::Limit,
        ErrorKind::Authentication
        | ErrorKind::PermissionDenied
        | ErrorKind::MissingCredential
        | ErrorKind::InsufficientFunds
        | ErrorKind::ModelNotFound
        | ErrorKind::NotFound => Blame::Lasting,
        ErrorKind::Overloaded
        | ErrorKind::Server
        | ErrorKind::Connection
        | ErrorKind::StreamInterrupted
        | ErrorKind::Decode => Blame::Passing,
        // The clock for the whole call is the caller's affair.
        ErrorKind::Timeout(phase) if phase != TimeoutPhase::Whole => Blame::Passing,
        _ => Blame::None,
    }
}
