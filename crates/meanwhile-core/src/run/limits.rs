//! [`RunLimits`]: how far a run with tools may go.

use std::time::Duration;

use crate::Usd;

/// How far a run with tools may go. What is not set here is set by the limits below, and else not
/// limited, but for the turns.
///
/// What several runs may cost together is limited by a budget, which is a layer.
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
/// let scripted = Scripted::new().tool_call("1", "clock", "{}").tool_call("2", "clock", "{}");
/// let limits = RunLimits::new().turns(2).tokens(50_000);
/// let call = Model::new(scripted, "any").call::<String>("What time is it?");
/// let call = call.tools(Toolbox::new().with(AnyTool::new(Clock)));
/// let error = call.limits(limits).await.unwrap_err();
/// // The model asked for the clock twice and had not answered.
/// assert_eq!(error.kind(), ErrorKind::TurnLimit);
/// assert_eq!(error.run_state().map(|state| state.turns), Some(2));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RunLimits {
    /// Most answers of the model; 10 where nothing is set.
    pub turns: Option<u32>,
    /// Most tokens, read and written, of all answers together. No further answer is asked for once
    /// they are used; an answer that is under way is not cut.
    pub tokens: Option<u64>,
    /// The most that all answers together may cost. No further answer is asked for once that is reached;
    /// an answer that is under way is not cut. Needs [`Pricing`](crate::Pricing) that knows the model:
    /// without, nothing is sent.
    pub cost: Option<Usd>,
    /// The longest that the run may take, waiting for approval within the process included. Needs a
    /// [`Timer`](crate::Timer).
    pub time: Option<Duration>,
    /// Most tool calls that fail: unknown tools, arguments that do not fit, tools that return an error
    /// or take too long. One more ends the run.
    pub tool_errors: Option<u32>,
    /// The longest that one tool may run, where the tool itself does not say. Needs a
    /// [`Timer`](crate::Timer).
    pub tool_timeout: Option<Duration>,
    /// Most tools of one turn that run at the same time; 8 where nothing is set.
    pub tool_concurrency: Option<usize>,
}

impl RunLimits {
    /// Makes limits of which none is set.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            turns: None,
            tokens: None,
            cost: None,
            time: None,
            tool_errors: None,
            tool_timeout: None,
            tool_concurrency: None,
        }
    }

    /// Sets the most answers of the model.
    #[must_use]
    pub const fn turns(mut self, turns: u32) -> Self {
        self.turns = Some(turns);
        self
    }

    /// Sets the most tokens of all answers together.
    #[must_use]
    pub const fn tokens(mut self, tokens: u64) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Sets the most that all answers together may cost.
    #[must_use]
    pub const fn cost(mut self, cost: Usd) -> Self {
        self.cost = Some(cost);
        self
    }

    /// Sets the longest that the run may take.
    #[must_use]
    pub const fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Sets the most tool calls that fail.
    #[must_use]
    pub const fn tool_errors(mut self, errors: u32) -> Self {
        self.tool_errors = Some(errors);
        self
    }

    /// Sets the longest that one tool may run.
    #[must_use]
    pub const fn tool_timeout(mut self, limit: Duration) -> Self {
        self.tool_timeout = Some(limit);
        self
    }

    /// Sets the most tools of one turn that run at the same time; 0 counts as 1.
    #[must_use]
    pub const fn tool_concurrency(mut self, tools: usize) -> Self {
        self.tool_concurrency = Some(tools);
        self
    }

    /// Fills what is not set from `lower`.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        Self {
            turns: self.turns.or(lower.turns),
            tokens: self.tokens.or(lower.tokens),
            cost: self.cost.or(lower.cost),
            time: self.time.or(lower.time),
            tool_errors: self.tool_errors.or(lower.tool_errors),
            tool_timeout: self.tool_timeout.or(lower.tool_timeout),
            tool_concurrency: self.tool_concurrency.or(lower.tool_concurrency),
        }
    }

    /// The turns, where nothing is set too.
    pub(crate) fn most_turns(&self) -> u32 {
        self.turns.unwrap_or(10).max(1)
    }

    /// The tools at the same time, where nothing is set too.
    pub(crate) fn most_tools(&self) -> usize {
        self.tool_concurrency.unwrap_or(8).max(1)
    }
}
