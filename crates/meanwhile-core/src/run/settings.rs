//! [`RunSettings`]: what a call's run with tools, and the reading of its value, are configured with.

use std::fmt;
use std::sync::Arc;

use super::{RunLimits, RunState};
use crate::tool::{Approve, Host, ToolChoice, Toolbox};
use crate::{Message, OutputReader, Pricing, Timer};

/// What a run with tools, and the reading of its value, are configured with; a part of
/// [`Settings`](crate::Settings).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RunSettings {
    /// How far it may go.
    pub limits: RunLimits,
    /// Values of the program for its tools.
    pub host: Host,
    /// Who decides about tool calls, asked in order. Those of lower settings are asked first.
    pub approve: Vec<Arc<dyn Approve>>,
    /// When to stop after a turn. One of them is enough.
    pub stop_when: Vec<StopWhen>,
    /// What changes the next turn, in order. Those of lower settings come first.
    pub each_turn: Vec<EachTurn>,
    /// Most answers that may be asked for until one holds the value; 1 where nothing is set.
    pub attempts: Option<u32>,
    /// How a typed value is asked for.
    pub output_mode: Option<OutputMode>,
    /// What reads an answer that is not JSON of its schema as it stands.
    pub reader: Option<Arc<dyn OutputReader>>,
    /// What measures the time of runs and tools.
    pub timer: Option<Arc<dyn Timer>>,
    /// What knows the cost of answers, where it is limited.
    pub prices: Option<Arc<dyn Pricing>>,
}

impl RunSettings {
    /// Fills what is not set from `lower`.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        Self {
            limits: self.limits.or(lower.limits),
            host: self.host.or(lower.host),
            approve: joined(lower.approve, self.approve),
            stop_when: joined(lower.stop_when, self.stop_when),
            each_turn: joined(lower.each_turn, self.each_turn),
            attempts: self.attempts.or(lower.attempts),
            output_mode: self.output_mode.or(lower.output_mode),
            reader: self.reader.or(lower.reader),
            timer: self.timer.or(lower.timer),
            prices: self.prices.or(lower.prices),
        }
    }
}

fn joined<T>(mut lower: Vec<T>, upper: Vec<T>) -> Vec<T> {
    lower.extend(upper);
    lower
}

/// Merges settings that are mostly not there.
pub(crate) fn merge(
    upper: Option<Box<RunSettings>>,
    lower: Option<Box<RunSettings>>,
) -> Option<Box<RunSettings>> {
    match (upper, lower) {
        (Some(upper), Some(lower)) => Some(Box::new(upper.or(*lower))),
        (upper, lower) => upper.or(lower),
    }
}

/// How a typed value is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OutputMode {
    /// As the provider says that its model can: its own schema mode, else its JSON mode with the schema
    /// in the prompt, else in the prompt alone.
    #[default]
    Auto,
    /// In the provider's own schema mode, whatever it says of itself.
    Native,
    /// As the arguments of a tool, which the model has to call. Works together with other tools.
    Tool,
    /// In the provider's JSON mode, with the schema in the prompt.
    Json,
    /// In the prompt alone.
    Prompted,
}

/// A condition on which a run stops after a turn whose tools have run; its value is then read from the
/// newest answer.
#[derive(Clone)]
pub struct StopWhen(Arc<dyn Fn(&RunState) -> bool + Send + Sync>);

impl StopWhen {
    /// Stops when `condition` holds.
    #[must_use]
    pub fn new(condition: impl Fn(&RunState) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(condition))
    }

    pub(super) fn holds(&self, state: &RunState) -> bool {
        (self.0)(state)
    }
}

impl fmt::Debug for StopWhen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopWhen(..)")
    }
}

/// Changes the next turn before it is sent.
#[derive(Clone)]
pub struct EachTurn(Arc<dyn Fn(&mut NextTurn) + Send + Sync>);

impl EachTurn {
    /// Changes turns by a function.
    #[must_use]
    pub fn new(change: impl Fn(&mut NextTurn) + Send + Sync + 'static) -> Self {
        Self(Arc::new(change))
    }

    pub(super) fn change(&self, turn: &mut NextTurn) {
        (self.0)(turn);
    }
}

impl fmt::Debug for EachTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EachTurn(..)")
    }
}

/// The turn that is about to be sent.
#[derive(Debug)]
#[non_exhaustive]
pub struct NextTurn {
    /// Which turn it is, counted from 1.
    pub turn: u32,
    /// The conversation. Changes stay for the turns after this one.
    pub messages: Vec<Message>,
    /// The tools. Changes hold for this turn.
    pub tools: Toolbox,
    /// Whether the model may, must or must not call one, in this turn.
    pub tool_choice: ToolChoice,
}
