//! [`RunState`]: how far a run has come, as a value that can be stored and gone on with elsewhere.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::tool::{Approval, ToolCall, ToolResult};
use crate::{Message, Part, Usage, Usd};

/// How far a run with tools has come.
///
/// Serialise it between two events of an [`AgentRun`](crate::AgentRun), in this process or for another
/// machine, and go on with [`Call::resume`](crate::Call::resume). It holds the conversation in neutral
/// form with each provider's opaque data in place; the tools, the model and the values of the
/// program are those of the call that goes on. The calls of a turn that were answered are not run
/// again; one that was running when the state was taken is.
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
/// let model = Model::new(scripted, "any");
/// let tools = || Toolbox::new().with(AnyTool::new(Clock));
/// let call = model.call::<String>("What time is it?").tools(tools());
/// let mut error = call.approve(approval(|_| async { Approval::Pause })).await.unwrap_err();
/// let stored = serde_json::to_string(&error.take_run_state())?;
/// // Later, somewhere else, once somebody has decided:
/// let mut state: RunState = serde_json::from_str(&stored)?;
/// assert!(state.decide("1", Approval::Allow));
/// let answer = model.call::<String>("What time is it?").tools(tools()).resume(state).await?;
/// assert_eq!(answer, "Noon.");
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RunState {
    /// The conversation, oldest message first: the prompt, and what followed.
    pub messages: Vec<Message>,
    /// The tool calls of the newest answer, while not all of them are answered.
    pub calls: Vec<PendingCall>,
    /// How many answers the model has given.
    pub turns: u32,
    /// What all answers so far have used.
    pub usage: Usage,
    /// What all answers so far have cost; counted where it is limited.
    pub cost: Usd,
    /// How many tool calls have failed.
    pub tool_errors: u32,
    /// How many answers did not hold the value that was asked for.
    pub failed_outputs: u32,
    /// The time that the run has taken, without that between two processes.
    pub elapsed: Duration,
    /// What paused answers held, which the next one continues.
    pub paused: Vec<Part>,
    /// Whether the newest message is the answer that holds the value. Going on reads it again, and
    /// asks nobody.
    pub answered: bool,
}

/// A tool call that the model waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PendingCall {
    /// The call as the model made it.
    pub call: ToolCall,
    /// What was decided about it, where something was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Its result, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ToolResult>,
}

impl RunState {
    /// Starts a run with a conversation.
    #[must_use]
    pub fn new(messages: Vec<Message>) -> Self {
        Self { messages, ..Self::default() }
    }

    /// The tool calls about which nothing is decided yet.
    pub fn undecided(&self) -> impl Iterator<Item = &ToolCall> {
        let waits = |pending: &&PendingCall| {
            pending.result.is_none() && matches!(pending.approval, None | Some(Approval::Pause))
        };
        self.calls.iter().filter(waits).map(|pending| &pending.call)
    }

    /// Decides about a tool call. Returns whether there is one of this id that waits.
    pub fn decide(&mut self, call_id: &str, approval: Approval) -> bool {
        let pending = self
            .calls
            .iter_mut()
            .find(|pending| pending.call.id == call_id && pending.result.is_none());
        match pending {
            Some(pending) => {
                pending.approval = Some(approval);
                true
            }
            None => false,
        }
    }

    /// Sets down the calls of an answer.
    pub(super) fn ask(&mut self, calls: impl Iterator<Item = ToolCall>) {
        self.calls = calls.map(|call| PendingCall { call, approval: None, result: None }).collect();
    }

    /// Moves the results, which are all there, into the conversation.
    pub(super) fn answer(&mut self) {
        let calls = std::mem::take(&mut self.calls);
        let results = calls.into_iter().filter_map(|pending| pending.result);
        self.messages.push(Message::tool_results(results));
    }
}
