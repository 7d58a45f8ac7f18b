//! [`Calls`]: tells which tool call a fragment belongs to, by id, then by index, then by recency.
//!
//! Servers number and name calls in every way: several whole calls under index 0, empty ids in
//! continuations, no ids at all, fragments after the finish. A call is started once its name is
//! known and stays open until the answer ends.

use std::borrow::Cow;
use std::collections::VecDeque;

use meanwhile_core::{Event, ProviderData, Warning, WarningKind};
use serde_json::{Value, json};

/// The tool calls of one answer.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    calls: Vec<Call>,
    latest: usize,
    /// Calls that the conversation holds already, so that made-up ids stay unique in it.
    earlier: usize,
}

#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: Option<String>,
    name: String,
    /// The part that carries the call, once it has started.
    part: Option<u32>,
    /// Arguments that came before the name.
    pending: String,
    has_arguments: bool,
    extra: Option<Value>,
}

/// A piece of a tool call.
#[derive(Debug)]
pub(crate) struct Fragment<'a> {
    pub(crate) index: Option<u64>,
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) arguments: Cow<'a, str>,
    pub(crate) extra: Option<Value>,
    /// The fragment is a call of its own, whatever its index and id say.
    pub(crate) whole: bool,
}

impl Calls {
    /// Starts without calls, in a conversation that holds `earlier` ones.
    pub(crate) fn after(earlier: usize) -> Self {
        Self { earlier, ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Adds a fragment to its call, or begins a call with it.
    pub(crate) fn add(
        &mut self,
        fragment: Fragment<'_>,
        next_part: &mut u32,
        events: &mut VecDeque<Event>,
    ) {
        let position = if fragment.whole { None } else { self.find(&fragment) };
        let position = position.unwrap_or_else(|| {
            self.calls.push(Call { index: fragment.index, ..Call::default() });
            self.calls.len() - 1
        });
        self.latest = position;
        let made_up = self.earlier + position;
        let Some(call) = self.calls.get_mut(position) else { return };
        if call.part.is_none() && call.id.is_none() && !fragment.id.is_empty() {
            call.id = Some(fragment.id.to_owned());
        }
        if call.name.is_empty() {
            fragment.name.clone_into(&mut call.name);
        }
        call.extra = fragment.extra.or(call.extra.take());
        call.has_arguments |= !fragment.arguments.is_empty();
        match call.part {
            Some(part) => push_arguments(part, fragment.arguments, events),
            None if call.name.is_empty() => call.pending.push_str(&fragment.arguments),
            None => {
                call.start(made_up, next_part, events);
                if let Some(part) = call.part {
                    push_arguments(part, fragment.arguments, events);
                }
            }
        }
    }

    /// Ends all calls, in order.
    pub(crate) fn end(
        &mut self,
        provider: &str,
        next_part: &mut u32,
        events: &mut VecDeque<Event>,
    ) {
        for (position, mut call) in self.calls.drain(..).enumerate() {
            if call.part.is_none() {
                let message = "a tool call came without the tool's name";
                let warning = Warning::new(WarningKind::Unreadable, "tool call", message);
                events.push_back(Event::warning(warning));
                call.start(self.earlier + position, next_part, events);
            }
            let data = call.extra.map(|extra| {
                Box::new(ProviderData::new(provider, json!({ "extra_content": extra })))
            });
            if let Some(index) = call.part {
                events.push_back(Event::PartEnd { index, data });
            }
        }
    }

    /// The call that a fragment continues; `None` where it begins a new one.
    fn find(&self, fragment: &Fragment<'_>) -> Option<usize> {
        let Fragment { index, id, name, arguments, .. } = fragment;
        let at_index = index.and_then(|_| self.calls.iter().rposition(|call| call.index == *index));
        if !id.is_empty() {
            let same = self.calls.iter().rposition(|call| call.id.as_deref() == Some(*id));
            let elsewhere = |position: usize| {
                let at = self.calls.get(position).and_then(|call| call.index);
                !name.is_empty() && index.is_some() && at != *index
            };
            return match (same, at_index) {
                (Some(position), _) => (!elsewhere(position)).then_some(position),
                // A new id without a name begins nothing; a late id completes what has none.
                (None, Some(position)) => {
                    let call = self.calls.get(position)?;
                    let goes_on = name.is_empty() || (call.id.is_none() && call.name.is_empty());
                    goes_on.then_some(position)
                }
                (None, None) => None,
            };
        }
        let latest = (!self.calls.is_empty()).then_some(self.latest);
        match at_index {
            Some(position) => {
                let call = self.calls.get(position)?;
                let begins = !name.is_empty()
                    && !call.name.is_empty()
                    && (call.name != *name
                        || (call.has_arguments && arguments.trim_start().starts_with('{')));
                (!begins).then_some(position)
            }
            None if name.is_empty() => latest,
            None => None,
        }
    }
}

impl Call {
    fn start(&mut self, made_up: usize, next_part: &mut u32, events: &mut VecDeque<Event>) {
        let part = *next_part;
        *next_part += 1;
        self.part = Some(part);
        let id = self.id.get_or_insert_with(|| format!("call_{made_up}")).clone();
        events.push_back(Event::tool_call_start(part, id, self.name.clone()));
        push_arguments(part, Cow::Owned(std::mem::take(&mut self.pending)), events);
    }
}

fn push_arguments(index: u32, arguments: Cow<'_, str>, events: &mut VecDeque<Event>) {
    if !arguments.is_empty() {
        events.push_back(Event::ToolCallDelta { index, arguments: arguments.into_owned() });
    }
}
