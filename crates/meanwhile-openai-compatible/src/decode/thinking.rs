//! Thinking: under many names, in tags, in marks and in blocks with signatures.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::{ChatDecoder, EXTRA_CONTENT, Events, Kind, value};
use crate::details;
use crate::tags::{Piece, THOUGHT};
use crate::wire::Delta;

/// Other fields in which thinking comes.
pub(super) const NAMES: [&str; 7] = [
    "thinking",
    "reasoning_text",
    "think",
    "chain_of_thought",
    "thinking_blocks",
    "reasoning_opaque",
    "reasoning_steps",
];

impl ChatDecoder {
    /// Adds thinking, which many servers send in several fields at once.
    pub(super) fn thinking(&mut self, delta: &Delta<'_>, events: &mut Events) {
        let details = list(delta.reasoning_details);
        if delta.extras.is_empty() && details.is_empty() {
            // Nearly all thinking is text and nothing else.
            let plain = delta.reasoning_content.given().or(delta.reasoning.given());
            if let Some(text) = plain {
                self.seen.thinking_field |= !text.trim().is_empty();
                self.text(Kind::Thinking, Cow::Borrowed(text), events);
            }
            return;
        }
        let lists = [
            ("reasoning_details", details),
            ("thinking_blocks", list(delta.extra("thinking_blocks"))),
            ("reasoning_steps", list(delta.extra("reasoning_steps"))),
        ];
        let plain = delta.reasoning_content.given().or(delta.reasoning.given());
        let plain = plain.map(Cow::Borrowed).or_else(|| {
            let names = ["thinking", "reasoning_text", "think", "chain_of_thought"];
            names.into_iter().find_map(|name| delta.extra_text(name))
        });
        // The steps of a search are not what the model thinks in its text as well.
        let mut is_thought = plain.is_some();
        let text = plain.unwrap_or_else(|| {
            let texts = lists.iter().map(|(name, list)| (name, details::text(list)));
            let found = texts.into_iter().find(|(_, text)| !text.is_empty());
            is_thought = found.as_ref().is_some_and(|(name, _)| **name != "reasoning_steps");
            Cow::Owned(found.map(|(_, text)| text).unwrap_or_default())
        });
        self.seen.thinking_field |= is_thought && !text.trim().is_empty();
        self.text(Kind::Thinking, text, events);
        for (name, list) in lists {
            if list.is_empty() {
                continue;
            }
            self.begin(Kind::Thinking, events);
            self.keep_list(name, list);
        }
        if let Some(opaque) = delta.extra_text("reasoning_opaque") {
            self.begin(Kind::Thinking, events);
            self.kept.insert("reasoning_opaque".to_owned(), opaque.into());
        }
    }

    /// Adds to the list of this name that goes back with the part that is open.
    pub(super) fn keep_list(&mut self, name: &str, more: Vec<Value>) {
        let kept = self.kept.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = kept {
            details::append(list, more);
        }
    }

    /// Adds text of which the beginning may be thinking, in tags.
    pub(super) fn tagged(&mut self, text: &str, events: &mut Events) {
        let mut pieces = Vec::new();
        self.tags.push(text, &mut pieces);
        self.pieces(pieces, events);
    }

    /// Adds text that is marked as thinking.
    pub(super) fn marked(&mut self, text: &str, events: &mut Events) {
        let mut pieces = Vec::new();
        self.tags.marked(text, THOUGHT, &mut pieces);
        self.pieces(pieces, events);
    }

    /// Adds what was held back because it may have been a part of a tag or of a character.
    pub(super) fn flush(&mut self, events: &mut Events) {
        if let Some(name) = self.halves.take() {
            let half = Cow::Borrowed("\u{fffd}");
            match name {
                "content" => self.said(half, events),
                "refusal" => self.text(Kind::Refusal, half, events),
                "arguments" | "input" => {}
                _ => self.text(Kind::Thinking, half, events),
            }
        }
        self.flush_tags(events);
    }

    /// Something else than text begins.
    pub(super) fn break_off(&mut self, events: &mut Events) {
        self.flush_tags(events);
        self.close(events);
    }

    pub(super) fn flush_tags(&mut self, events: &mut Events) {
        if !self.tags.is_passing() {
            let mut pieces = Vec::new();
            self.tags.flush(&mut pieces);
            self.pieces(pieces, events);
        }
    }

    fn pieces(&mut self, pieces: Vec<Piece>, events: &mut Events) {
        for piece in pieces {
            match piece {
                // Some servers write the same thinking in a field of its own as well.
                Piece::Thinking(_) if self.seen.thinking_field => {}
                Piece::Thinking(text) => self.text(Kind::Thinking, Cow::Owned(text), events),
                Piece::Text(text) => self.text(Kind::Text, Cow::Owned(text), events),
            }
        }
    }

    /// Keeps what Google wants back with the message.
    pub(super) fn keep_extra(&mut self, mut extra: Value) {
        if let Some(google) = extra.get_mut("google").and_then(Value::as_object_mut) {
            google.remove("thought");
        }
        let is_empty = extra.as_object().is_none_or(|vendors| {
            vendors.values().all(|own| own.as_object().is_some_and(serde_json::Map::is_empty))
        });
        if is_empty {
            return;
        }
        match self.open {
            Some(_) => drop(self.kept.insert(EXTRA_CONTENT.to_owned(), extra)),
            None => self.loose = Some(extra),
        }
    }
}

/// Whether Google marks a message as thinking.
pub(super) fn is_marked(extra: Option<&Value>) -> bool {
    let mark = extra.and_then(|extra| extra.get("google")?.get("thought"));
    mark.and_then(Value::as_bool) == Some(true)
}

/// The items of a list that say something.
fn list(raw: Option<&RawValue>) -> Vec<Value> {
    match raw.and_then(value) {
        Some(Value::Array(list)) => list.into_iter().filter(details::is_substantial).collect(),
        _ => Vec::new(),
    }
}
