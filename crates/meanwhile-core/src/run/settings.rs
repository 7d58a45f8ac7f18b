//! [`RunSettings`]: what a call's run with tools, and the reading of its value, are configured with.

use std::fmt;
use std::sync::Arc;

use super::{RunLimits, RunState};
use crate::tool::{Approve, Host, ToolChoice, Toolbox};
use crate::{Message, OutputReader, Pricing, Timer};

/// What a run with tools, and the reading of its value, are configured with; a part of
/// [`Settings`](crate::Settings).
///
/// ```
/// use meanwhile_core::{OutputMode, RunLimits, Settings};
///
/// let house = Settings::new().attempts(2).max_turns(20);
/// let here = Settings::new().output_mode(OutputMode::Tool).limits(RunLimits::new().turns(3));
/// let run = here.or(house).run.unwrap();
/// assert_eq!((run.attempts, run.output_mode), (Some(2), Some(OutputMode::Tool)));
/// assert_eq!(run.limits.turns, Some(3));
/// ```
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
///
/// ```
/// # use meanwhile_core::{Model, OutputFormat, OutputMode, Scripted};
/// # futures::executor::block_on(async {
/// // A model that keeps to arguments of tools better than to anything else.
/// let scripted = Scripted::new().tool_call("1", "final_answer", r#"{"value": 42}"#);
/// let call = Model::new(scripted.clone(), "any").call("What is six times seven?");
/// let answer: u8 = call.output_mode(OutputMode::Tool).await?;
/// assert_eq!(answer, 42);
/// assert_eq!(scripted.requests()[0].output, OutputFormat::Text);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
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
///
/// ```
/// # use meanwhile_core::*;
/// # #[derive(Debug)]
/// # struct Clock;
/// # #[async_trait::async_trait]
/// # impl Tool for Clock {
/// #     fn spec(&self) -> ToolSpec {
/// #         ToolSpec::new("clock", "Tells the time", serde_json::json!({"type": "object"}).into())
/// #     }
/// #     async fn call(&self, _: &ToolCall, _: &ToolContext) -> meanwhile_core::Result<ToolOutput> {
/// #         Ok(ToolOutput::new("12:00"))
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// let call = ToolCall::new("1", "clock", "{}");
/// let scripted = Scripted::new().parts([Part::text("I look at the clock."), Part::from(call)]);
/// let mut prompt = Prompt::from("What time is it?").tools(Toolbox::new().with(AnyTool::new(Clock)));
/// // What `.stop_when(…)` adds.
/// let stop = StopWhen::new(|state| state.turns == 1);
/// prompt.settings.run.get_or_insert_default().stop_when.push(stop);
/// let answer: String = Model::new(scripted, "any").call(prompt).await?;
/// assert_eq!(answer, "I look at the clock.");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
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
///
/// ```
/// # use meanwhile_core::*;
/// # #[derive(Debug)]
/// # struct Clock;
/// # #[async_trait::async_trait]
/// # impl Tool for Clock {
/// #     fn spec(&self) -> ToolSpec {
/// #         ToolSpec::new("clock", "Tells the time", serde_json::json!({"type": "object"}).into())
/// #     }
/// #     async fn call(&self, _: &ToolCall, _: &ToolContext) -> meanwhile_core::Result<ToolOutput> {
/// #         Ok(ToolOutput::new("12:00"))
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().tool_call("1", "clock", "{}").reply("Noon.");
/// let mut prompt = Prompt::from("What time is it?").tools(Toolbox::new().with(AnyTool::new(Clock)));
/// // What `.each_turn(…)` adds: the second turn has to answer.
/// let change = EachTurn::new(|turn| {
///     if turn.turn == 2 {
///         turn.tool_choice = ToolChoice::None;
///     }
/// });
/// prompt.settings.run.get_or_insert_default().each_turn.push(change);
/// let answer: String = Model::new(scripted.clone(), "any").call(prompt).await?;
/// assert_eq!(answer, "Noon.");
/// assert_eq!(scripted.requests()[1].tool_choice, ToolChoice::None);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
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
