//! [`Transcript`]: what an agent said and did, as a value that can be stored and gone on from.

use meanwhile_core::{Error, Message, Part, Role, ToolCall, ToolResult};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::native::head;
use super::submit::SUBMIT_NOW;

/// What an agent said and did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Transcript {
    /// The turns, oldest first.
    pub turns: Vec<Turn>,
    /// The conversation, where tools were called natively: inputs, calls and results, each provider's
    /// opaque data in place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
}

/// What an agent did in one turn.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Turn {
    /// The inputs, in the first turn that a run took for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// What it said before it acted; empty where it said nothing.
    pub thought: String,
    /// The tools that it called, in its order.
    pub calls: Vec<ToolStep>,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ToolStep {
    /// The name of the tool.
    pub name: String,
    /// The arguments; a text where they are no JSON.
    pub arguments: Value,
    /// What came of it, as the model sees it.
    pub observation: String,
    /// Whether it failed.
    pub is_error: bool,
}

impl Transcript {
    /// What an agent had said and done when its run failed; `None` for an error of something else. Calls
    /// of tools without an outcome are left out, so that
    /// [`continue_with`](crate::ReAct::continue_with) goes on from it.
    #[must_use]
    pub fn of_error(error: &Error) -> Option<Self> {
        let state = error.run_state()?;
        let mut messages = state.messages.clone();
        messages.drain(..head(&messages));
        // Of the newest calls, some may have been answered when the run failed.
        let results = || state.calls.iter().filter_map(|call| call.result.as_ref());
        if results().next().is_some()
            && let Some(newest) = messages.last_mut()
        {
            newest.parts.retain(|part| match part {
                Part::ToolCall(call) => results().any(|result| result.call_id == call.id),
                _ => true,
            });
            messages.push(Message::tool_results(results().cloned()));
        }
        while messages.last().is_some_and(|last| last.tool_calls().next().is_some()) {
            messages.pop();
        }
        Some(Self::of(messages))
    }

    /// Reads a conversation.
    pub(super) fn of(messages: Vec<Message>) -> Self {
        let mut turns: Vec<Turn> = Vec::new();
        let mut asked = None;
        for (at, message) in messages.iter().enumerate() {
            match message.role {
                Role::User if message.text() != SUBMIT_NOW => asked = Some(message.text()),
                _ => {}
            }
            if message.role != Role::Assistant {
                continue;
            }
            let calls = message.tool_calls().map(|call| {
                // An id may come again in a later turn.
                let behind = messages.iter().skip(at + 1).flat_map(|message| &message.parts);
                let result = behind.filter_map(as_result).find(|one| one.call_id == call.id);
                ToolStep {
                    name: call.name.clone(),
                    arguments: call
                        .json()
                        .unwrap_or_else(|_| Value::String(call.arguments.clone())),
                    observation: result.map(|result| result.text()).unwrap_or_default(),
                    is_error: result.is_some_and(|result| result.is_error),
                }
            });
            let calls = calls.collect();
            turns.push(Turn { asked: asked.take(), thought: message.text(), calls });
        }
        Self { turns, messages }
    }
}

impl Turn {
    /// Says the turn as a conversation with native tool calls would.
    pub(super) fn say(self, index: usize, messages: &mut Vec<Message>) {
        messages.extend(self.asked.map(Message::user));
        let mut parts = Vec::new();
        if !self.thought.is_empty() {
            parts.push(Part::text(self.thought));
        }
        let calls = self.calls.into_iter().enumerate().map(|(number, step)| {
            let id = format!("call_{index}_{number}");
            let call = ToolCall::new(id, step.name, step.arguments.to_string());
            let result = match step.is_error {
                true => ToolResult::error(&call, step.observation),
                false => ToolResult::new(&call, step.observation),
            };
            (Part::ToolCall(call), result)
        });
        let (calls, results): (Vec<Part>, Vec<ToolResult>) = calls.unzip();
        parts.extend(calls);
        messages.push(Message::assistant(parts));
        if !results.is_empty() {
            messages.push(Message::tool_results(results));
        }
    }
}

fn as_result(part: &Part) -> Option<&meanwhile_core::ToolResult> {
    match part {
        Part::ToolResult(result) => Some(result),
        _ => None,
    }
}
