//! [`Blocks`]: the content blocks of an answer, each opened, grown and closed as one part.
//!
//! Blocks of a type that the core has no part for are put together and come whole, as opaque parts.

use std::borrow::Cow;
use std::collections::VecDeque;

use meanwhile_core::{
    Event, Metadata, Part, ProviderData, Request, Thinking, Warning, WarningKind,
};
use meanwhile_http::CallIds;
use meanwhile_http::lenient::{self, Halves, Str};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::DIALECT;
use crate::citation::citation;
use crate::shape::OUTPUT_TOOL;
use crate::wire::{Block, Delta};

type Events = VecDeque<Event>;

/// The blocks of one answer.
#[derive(Debug)]
pub(crate) struct Blocks {
    open: Vec<Open>,
    next_part: u32,
    /// Hosts that copy this wire leave them out.
    ids: CallIds,
    /// Whether the arguments of [`OUTPUT_TOOL`] are the answer's text.
    output_tool: bool,
    /// Whether the answer holds a tool call for the program.
    pub(crate) called: bool,
    /// Whether the answer came as the arguments of [`OUTPUT_TOOL`].
    pub(crate) answered: bool,
    /// The model that took over from the one that was asked.
    fallback: Option<String>,
    /// Whether a piece without a block was told of.
    warned: bool,
}

#[derive(Debug)]
struct Open {
    /// The block's number on the wire.
    index: Option<u64>,
    part: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text,
    Thinking {
        signature: String,
    },
    Call {
        /// Arguments that came with the start, for servers that do not stream them.
        input: Option<String>,
        data: Option<Value>,
    },
    /// A call of [`OUTPUT_TOOL`].
    Output {
        input: Option<String>,
    },
    Opaque {
        block: Map<String, Value>,
        input: String,
    },
}

impl Blocks {
    pub(crate) fn new(output_tool: bool, request: &Request) -> Self {
        Self {
            open: Vec::new(),
            next_part: 0,
            ids: CallIds::after(request),
            output_tool,
            called: false,
            answered: false,
            fallback: None,
            warned: false,
        }
    }

    /// Reads a block that comes whole.
    pub(crate) fn whole(&mut self, raw: &RawValue, events: &mut Events) {
        self.start(None, raw, events);
        if let Some(open) = self.open.pop() {
            close(open, events);
        }
    }

    /// Opens a block, with whatever of it is there already.
    pub(crate) fn start(&mut self, index: Option<u64>, raw: &RawValue, events: &mut Events) {
        let json = raw.get();
        let mended;
        let read = match serde_json::from_str::<Block<'_>>(json) {
            Ok(block) => Some(block),
            Err(_) => {
                mended = Halves::mended(json.as_bytes()).unwrap_or_default();
                serde_json::from_slice(&mended).ok()
            }
        };
        let Some(block) = read else {
            let message = "a block of the answer is no object and is missing";
            events.push_back(Event::warning(Warning::new(
                WarningKind::Unreadable,
                "content block",
                message,
            )));
            return;
        };
        // A number that is used again begins another block.
        if index.is_some() {
            self.stop(index, events);
        }
        match block.r#type.text() {
            "text" => {
                let part = self.push(index, Kind::Text);
                events.push_back(Event::text_start(part));
                if let Some(text) = block.text.given() {
                    events.push_back(Event::text_delta(part, text));
                }
                for raw in block.citations.0.into_iter().flatten() {
                    cite(part, raw, events);
                }
            }
            "thinking" => {
                let signature = block.signature.text().to_owned();
                let part = self.push(index, Kind::Thinking { signature });
                events.push_back(Event::thinking_start(part));
                if let Some(thinking) = block.thinking.given() {
                    events.push_back(Event::thinking_delta(part, thinking));
                }
            }
            "redacted_thinking" => {
                let mut thinking = Thinking::default();
                thinking.data = value(raw).map(|block| Box::new(ProviderData::new(DIALECT, block)));
                let part = self.number();
                events.push_back(Event::part(part, thinking));
            }
            "tool_use" if self.output_tool && block.name.text() == OUTPUT_TOOL => {
                self.answered = true;
                let part = self.push(index, Kind::Output { input: arguments(block.input) });
                events.push_back(Event::text_start(part));
            }
            "tool_use" => {
                self.called = true;
                let data = block.caller.and_then(value).filter(|caller| {
                    caller.is_object() && caller.get("type").is_none_or(|kind| kind != "direct")
                });
                let data = data.map(|caller| json!({ "caller": caller }));
                let input = arguments(block.input);
                let part = self.push(index, Kind::Call { input, data });
                let id = self.ids.give(block.id.given());
                events.push_back(Event::tool_call_start(part, id, block.name.into_text()));
            }
            kind => {
                if let Some(Value::Object(block)) = value(raw) {
                    if kind == "fallback" {
                        let model = block.get("to").and_then(|to| to.get("model"));
                        self.answered_by(model.and_then(Value::as_str), events);
                    }
                    self.push(index, Kind::Opaque { block, input: String::new() });
                }
            }
        }
    }

    /// Another model answers from here on, if any is named.
    pub(crate) fn answered_by(&mut self, model: Option<&str>, events: &mut Events) {
        if model.is_none() || model == self.fallback.as_deref() {
            return;
        }
        self.fallback = model.map(str::to_owned);
        let mut metadata = Metadata::default();
        metadata.model.clone_from(&self.fallback);
        events.push_back(Event::Metadata(Box::new(metadata)));
    }

    /// Adds to a block. `whole` is the event, for deltas of unknown types.
    pub(crate) fn delta(
        &mut self,
        index: Option<u64>,
        delta: Delta<'_>,
        whole: &[u8],
        events: &mut Events,
    ) {
        let Some(at) = self.find(index).or_else(|| self.begin(index, &delta, events)) else {
            return;
        };
        let Some(open) = self.open.get_mut(at) else { return };
        let part = open.part;
        match &mut open.kind {
            Kind::Text => {
                if let Some(text) = given(delta.text) {
                    events.push_back(Event::text_delta(part, text));
                }
                if let Some(raw) = delta.citation {
                    cite(part, raw, events);
                }
            }
            Kind::Thinking { signature } => {
                signature.push_str(delta.signature.text());
                if let Some(thinking) = given(delta.thinking) {
                    events.push_back(Event::thinking_delta(part, thinking));
                }
            }
            Kind::Call { input, .. } => {
                if let Some(json) = given(delta.partial_json) {
                    *input = None;
                    events.push_back(Event::tool_call_delta(part, json));
                }
            }
            Kind::Output { input } => {
                if let Some(json) = given(delta.partial_json) {
                    *input = None;
                    events.push_back(Event::text_delta(part, json));
                }
            }
            Kind::Opaque { block, input } => match delta.r#type.text() {
                "input_json_delta" => input.push_str(delta.partial_json.text()),
                "citations_delta" => {
                    if let Some(citation) = delta.citation.and_then(value) {
                        add(block, "citations", Value::Array(vec![citation]));
                    }
                }
                _ => {
                    let mut fields = lenient::value(whole).ok();
                    let fields = fields.as_mut().and_then(|event| event.get_mut("delta"));
                    if let Some(Value::Object(fields)) = fields.map(Value::take) {
                        for (name, value) in fields.into_iter().filter(|(name, _)| name != "type") {
                            add(block, &name, value);
                        }
                    }
                }
            },
        }
    }

    /// Closes a block.
    pub(crate) fn stop(&mut self, index: Option<u64>, events: &mut Events) {
        if let Some(at) = self.find(index) {
            close(self.open.remove(at), events);
        }
    }

    /// Closes all blocks.
    pub(crate) fn end(&mut self, events: &mut Events) {
        for open in self.open.drain(..) {
            close(open, events);
        }
    }

    /// A part that is no block.
    pub(crate) fn part(&mut self, part: impl Into<Part>, events: &mut Events) {
        let index = self.number();
        events.push_back(Event::part(index, part));
    }

    fn find(&self, index: Option<u64>) -> Option<usize> {
        match index {
            Some(_) => self.open.iter().rposition(|open| open.index == index),
            None => self.open.len().checked_sub(1),
        }
    }

    /// Opens the block of a delta that came without a start.
    fn begin(
        &mut self,
        index: Option<u64>,
        delta: &Delta<'_>,
        events: &mut Events,
    ) -> Option<usize> {
        match delta.r#type.text() {
            "text_delta" | "citations_delta" => {
                let part = self.push(index, Kind::Text);
                events.push_back(Event::text_start(part));
            }
            "thinking_delta" | "signature_delta" => {
                let part = self.push(index, Kind::Thinking { signature: String::new() });
                events.push_back(Event::thinking_start(part));
            }
            kind => {
                if !std::mem::replace(&mut self.warned, true) {
                    let message = format!(
                        "a piece of type `{kind}` belongs to no block that has begun, and is missing"
                    );
                    let warning = Warning::new(WarningKind::Unreadable, "content block", message);
                    events.push_back(Event::warning(warning));
                }
                return None;
            }
        }
        self.open.len().checked_sub(1)
    }

    fn push(&mut self, index: Option<u64>, kind: Kind) -> u32 {
        let part = self.number();
        self.open.push(Open { index, part, kind });
        part
    }

    fn number(&mut self) -> u32 {
        let part = self.next_part;
        self.next_part += 1;
        part
    }
}

fn close(open: Open, events: &mut Events) {
    let Open { part, kind, .. } = open;
    let own = |value: Value| Box::new(ProviderData::new(DIALECT, value));
    let data = match kind {
        Kind::Text => None,
        Kind::Thinking { signature } => {
            (!signature.is_empty()).then(|| own(json!({ "signature": signature })))
        }
        Kind::Call { input, data } => {
            if let Some(input) = input {
                events.push_back(Event::tool_call_delta(part, input));
            }
            data.map(own)
        }
        Kind::Output { input } => {
            if let Some(input) = input {
                events.push_back(Event::text_delta(part, input));
            }
            None
        }
        Kind::Opaque { mut block, input } => {
            if !input.is_empty() {
                let input = serde_json::from_str(&input).unwrap_or(Value::String(input));
                block.insert("input".to_owned(), input);
            }
            let block = ProviderData::new(DIALECT, Value::Object(block));
            events.push_back(Event::part(part, Part::Opaque(block)));
            return;
        }
    };
    events.push_back(Event::PartEnd { index: part, data });
}

fn cite(part: u32, raw: &RawValue, events: &mut Events) {
    if let Some(raw @ Value::Object(_)) = value(raw) {
        events.push_back(Event::citation(part, citation(raw)));
    }
}

/// Adds to a field of a block: text to text, items to a list, anything else in its place.
fn add(block: &mut Map<String, Value>, name: &str, value: Value) {
    match (block.get_mut(name), value) {
        (Some(Value::String(known)), Value::String(more)) => known.push_str(&more),
        (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
        (_, Value::Null) => {}
        (_, value) => {
            block.insert(name.to_owned(), value);
        }
    }
}

/// Arguments that say something: a stream begins with an empty object.
fn arguments(input: Option<&RawValue>) -> Option<String> {
    let input = input?.get();
    let says_something =
        input.strip_prefix('{').is_some_and(|rest| !rest.trim_start().starts_with('}'));
    says_something.then(|| match Halves::mended(input.as_bytes()).map(String::from_utf8) {
        Some(Ok(mended)) => mended,
        _ => input.to_owned(),
    })
}

fn value(raw: &RawValue) -> Option<Value> {
    lenient::value(raw.get().as_bytes()).ok()
}

/// Text, unless it is empty.
fn given(text: Str<'_>) -> Option<Cow<'_, str>> {
    text.0.filter(|text| !text.is_empty())
}
