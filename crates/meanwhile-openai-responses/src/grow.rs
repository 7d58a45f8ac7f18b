//! [`Thoughts`], [`Call`] and [`Spoken`]: what grows piece by piece, beside the [texts](crate::texts) of a
//! message.

use std::collections::VecDeque;

use meanwhile_core::Event;
use serde_json::Value;

type Events = VecDeque<Event>;

/// Hands out the indexes of parts.
#[derive(Debug, Default)]
pub(crate) struct Parts(u32);

impl Parts {
    pub(crate) fn next(&mut self) -> u32 {
        let index = self.0;
        self.0 += 1;
        index
    }
}

/// Thinking.
#[derive(Debug, Default)]
pub(crate) struct Thoughts {
    pub(crate) part: Option<u32>,
    /// The section that grows: whether it is a summary, and its number.
    pub(crate) section: Option<(bool, u64)>,
}

/// A call of one of the program's tools.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) part: Option<u32>,
    /// Whether the tool takes free text.
    pub(crate) custom: bool,
    /// Arguments that came before the name.
    pub(crate) pending: String,
    /// Whether any of the arguments was handed on.
    pub(crate) begun: bool,
}

/// Speech.
#[derive(Debug, Default)]
pub(crate) struct Spoken {
    pub(crate) bytes: Vec<u8>,
    pub(crate) transcript: String,
}

impl Thoughts {
    pub(crate) fn open(&mut self, parts: &mut Parts, events: &mut Events) -> u32 {
        *self.part.get_or_insert_with(|| {
            let index = parts.next();
            events.push_back(Event::thinking_start(index));
            index
        })
    }

    pub(crate) fn add(
        &mut self,
        section: (bool, u64),
        text: &str,
        parts: &mut Parts,
        events: &mut Events,
    ) {
        if text.is_empty() {
            return;
        }
        let index = self.open(parts, events);
        let text = match self.section.replace(section) {
            Some(before) if before != section => format!("\n\n{text}"),
            _ => text.to_owned(),
        };
        events.push_back(Event::ThinkingDelta { index, text });
    }
}

impl Call {
    pub(crate) fn add(&mut self, text: &str, events: &mut Events) {
        let Some(index) = self.part else {
            self.pending.push_str(text);
            return;
        };
        if text.is_empty() {
            return;
        }
        let arguments = if self.custom {
            // Free text is handed on as a JSON string, piece by piece.
            let quoted = Value::from(text).to_string();
            let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
            if self.begun { inner.to_owned() } else { format!("\"{inner}") }
        } else {
            text.to_owned()
        };
        self.begun = true;
        events.push_back(Event::ToolCallDelta { index, arguments });
    }

    /// Ends the JSON string that free text is handed on as.
    pub(crate) fn end_text(&self, index: u32, events: &mut Events) {
        if self.custom {
            let end = if self.begun { "\"" } else { "\"\"" };
            events.push_back(Event::tool_call_delta(index, end));
        }
    }
}
