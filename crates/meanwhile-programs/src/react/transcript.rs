//! [`Transcript`]: what an agent said and did, as a value that can be stored and gone on from.

use meanwhile_core::{Message, Part, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// Reads a conversation.
    pub(super) fn of(messages: Vec<Message>) -> Self {
        let mut turns: Vec<Turn> = Vec::new();
        for message in messages.iter().filter(|message| message.role == Role::Assistant) {
            let calls = message.tool_calls().map(|call| {
                let results = messages.iter().flat_map(|message| &message.parts);
                let result = results.filter_map(as_result).find(|one| one.call_id == call.id);
                ToolStep {
                    name: call.name.clone(),
                    arguments: call
                        .json()
                        .unwrap_or_else(|_| Value::String(call.arguments.clone())),
                    observation: result.map(|result| result.text()).unwrap_or_default(),
                    is_error: result.is_some_and(|result| result.is_error),
                }
            });
            turns.push(Turn { thought: message.text(), calls: calls.collect() });
        }
        Self { turns, messages }
    }
}

fn as_result(part: &Part) -> Option<&meanwhile_core::ToolResult> {
    match part {
        Part::ToolResult(result) => Some(result),
        _ => None,
    }
}
