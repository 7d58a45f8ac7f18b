//! [`turns`] of a conversation, and what of each goes along with later ones.

use meanwhile_core::{Message, Part, Role, ToolCall, ToolResult};

use crate::splitters::TokenCounter;

/// One turn: what the user said and what followed.
pub(super) struct Turn<'a> {
    /// The place of its first message in the conversation.
    pub(super) start: usize,
    messages: &'a [Message],
}

/// Cuts a conversation into turns, oldest first. What comes before the first message of the user is left out,
/// but for what the program said about the conversation as its very first message: some providers refuse a
/// conversation that the model begins.
pub(super) fn turns(messages: &[Message]) -> Vec<Turn<'_>> {
    let begins = |(place, message): (usize, &Message)| {
        let is_first = place == 0 && message.role == Role::System;
        (is_first || message.role == Role::User).then_some(place)
    };
    let starts: Vec<usize> = messages.iter().enumerate().filter_map(begins).collect();
    let ends = starts.iter().skip(1).copied().chain([messages.len()]);
    let turn = |(start, end): (&usize, usize)| {
        let messages = messages.get(*start..end).unwrap_or_default();
        Turn { start: *start, messages }
    };
    starts.iter().zip(ends).map(turn).collect()
}

impl Turn<'_> {
    /// What was said: messages without calls of tools and their results.
    fn said(&self) -> impl Iterator<Item = &Message> {
        self.messages
            .iter()
            .filter(|message| message.role != Role::Tool && message.tool_calls().next().is_none())
    }

    /// All of it but for calls of this tool and their results.
    fn without(&self, tool: &str) -> Vec<Message> {
        let is_of = |call: &ToolCall| call.name == tool;
        let calls = self.messages.iter().flat_map(Message::tool_calls);
        let ids: Vec<&str> =
            calls.filter(|call| is_of(call)).map(|call| call.id.as_str()).collect();
        let is_result = |result: &ToolResult| ids.contains(&result.call_id.as_str());
        let rest = |message: &Message| {
            let mut rest = message.clone();
            rest.parts.retain(|part| match part {
                Part::ToolCall(call) => !is_of(call),
                Part::ToolResult(result) => !is_result(result),
                _ => true,
            });
            if rest.parts.len() == message.parts.len() {
                return Some(rest);
            }
            // What the model thought belongs to the calls as they were.
            rest.parts.retain(|part| !matches!(part, Part::Thinking(_) | Part::Opaque(_)));
            let has_tools = |part: &Part| matches!(part, Part::ToolCall(_) | Part::ToolResult(_));
            rest.parts.iter().any(has_tools).then_some(rest)
        };
        self.messages.iter().filter_map(rest).collect()
    }
}

/// The place of the first turn from which on all that was said fits into so many tokens.
pub(super) fn first_that_fits(
    turns: &[Turn<'_>],
    budget: usize,
    counter: &dyn TokenCounter,
) -> usize {
    let mut left = budget;
    let fits = turns.iter().rev().take_while(|turn| {
        let needs = tokens(turn.said(), counter);
        let fits = needs <= left;
        left = left.saturating_sub(needs);
        fits
    });
    turns.len() - fits.count()
}

/// The messages that go along: what was said, and of the newest turns what tools did, as far as the budget has
/// room for it. What the tool `search` found never does: its numbers are those of other sources.
pub(super) fn messages(
    turns: &[Turn<'_>],
    budget: usize,
    counter: &dyn TokenCounter,
    search: &str,
) -> Vec<Message> {
    let said: usize = turns.iter().map(|turn| tokens(turn.said(), counter)).sum();
    let mut left = budget.saturating_sub(said);
    let newest_first = turns.iter().rev().map(|turn| {
        let whole = turn.without(search);
        let more = tokens(whole.iter(), counter).saturating_sub(tokens(turn.said(), counter));
        if more > left {
            // Those before it are farther away still.
            left = 0;
            return turn.said().cloned().collect();
        }
        left -= more;
        whole
    });
    let mut turns: Vec<Vec<Message>> = newest_first.collect();
    turns.reverse();
    turns.concat()
}

fn tokens<'a>(messages: impl Iterator<Item = &'a Message>, counter: &dyn TokenCounter) -> usize {
    let part = |part: &Part| match part {
        Part::Text(part) => counter.count(&part.text),
        Part::ToolCall(call) => counter.count(&call.name) + counter.count(&call.arguments),
        Part::ToolResult(result) => counter.count(&result.text()),
        _ => 0,
    };
    messages.flat_map(|message| &message.parts).map(part).fold(0, usize::saturating_add)
}
