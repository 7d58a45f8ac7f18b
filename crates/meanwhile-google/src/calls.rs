//! [`Calls`]: tool calls, whole or in pieces of their arguments.
//!
//! A call that says it goes on stays open: the next call without a name, or with the same one, is more
//! of it. Older models give calls no ids; they get some that are unique in the conversation.

use std::collections::VecDeque;
use std::sync::Arc;

use meanwhile_core::{Event, ProviderData, Request, Warning, WarningKind};
use meanwhile_http::CallIds;
use meanwhile_http::lenient::Halves;

use crate::arguments::{Arguments, Misplaced, Piece};
use crate::wire::{FunctionCall, PartialArg};

/// The tool calls of one answer.
#[derive(Debug)]
pub(crate) struct Calls {
    provider: Arc<str>,
    ids: CallIds,
    any: bool,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    index: u32,
    id: Option<String>,
    name: String,
    arguments: Arguments,
    is_written: bool,
    data: Option<Box<ProviderData>>,
}

impl Calls {
    /// Starts without calls, in the conversation of this request.
    pub(crate) fn after(provider: Arc<str>, request: &Request) -> Self {
        Self { provider, ids: CallIds::after(request), any: false, open: None }
    }

    /// Whether the answer called a tool.
    pub(crate) fn any(&self) -> bool {
        self.any
    }

    /// Adds a call or a piece of one.
    pub(crate) fn add(
        &mut self,
        call: FunctionCall<'_>,
        data: Option<ProviderData>,
        next_part: &mut u32,
        events: &mut VecDeque<Event>,
    ) {
        let FunctionCall { id, name, args, partial_args, will_continue } = call;
        let id = id.given();
        let args = args.map(|raw| raw.get()).filter(|raw| *raw != "null");
        let continues = self.open.as_ref().is_some_and(|open| {
            name.given().is_none_or(|name| name == open.name)
                && (id.is_none() || open.id.as_deref() == id)
        });
        if !continues {
            self.close(true, events);
            let is_empty = id.is_none() && args.is_none() && partial_args.0.is_empty();
            match name.given() {
                None if is_empty => return,
                None => {
                    let message = "a tool call came without the tool's name";
                    let warning = Warning::new(WarningKind::Unreadable, "tool call", message);
                    events.push_back(Event::warning(warning));
                }
                Some(_) => {}
            }
            self.begin(id, name.given().unwrap_or_default(), next_part, events);
        }
        let provider = &self.provider;
        if let Some(open) = &mut self.open {
            if let Some(data) = data {
                open.data = Some(match open.data.take() {
                    Some(earlier) => Box::new(joined(provider, *earlier, data)),
                    None => Box::new(data),
                });
            }
            open.write(args, &partial_args.0, events);
        }
        if !will_continue.0 {
            self.close(true, events);
        }
    }

    /// Ends the open call; one that is not complete stays cut off as it is.
    pub(crate) fn close(&mut self, complete: bool, events: &mut VecDeque<Event>) {
        let Some(mut open) = self.open.take() else { return };
        if complete {
            let mut rest = String::new();
            open.arguments.end(&mut rest);
            push(open.index, rest, events);
        }
        events.push_back(Event::PartEnd { index: open.index, data: open.data });
    }

    fn begin(
        &mut self,
        id: Option<&str>,
        name: &str,
        next_part: &mut u32,
        events: &mut VecDeque<Event>,
    ) {
        let index = *next_part;
        *next_part += 1;
        let given = self.ids.give(id);
        self.any = true;
        events.push_back(Event::tool_call_start(index, given, name));
        self.open = Some(Open {
            index,
            id: id.map(str::to_owned),
            name: name.to_owned(),
            arguments: Arguments::default(),
            is_written: false,
            data: None,
        });
    }
}

impl Open {
    fn write(
        &mut self,
        args: Option<&str>,
        pieces: &[PartialArg<'_>],
        events: &mut VecDeque<Event>,
    ) {
        let mut text = String::new();
        for piece in pieces {
            let Some(value) = value(piece) else { continue };
            let path = piece.json_path.given().unwrap_or_default();
            if let Err(misplaced) = self.arguments.add(path, value, &mut text) {
                let message = match misplaced {
                    Misplaced::Unreadable => {
                        "a piece of the arguments names no place and is missing"
                    }
                    Misplaced::Late => "a piece of the arguments came out of order",
                };
                let warning = Warning::new(WarningKind::Unreadable, "tool call", message);
                events.push_back(Event::warning(warning));
            }
            self.is_written = true;
        }
        // Whole arguments behind pieces repeat them.
        if let Some(args) = args.filter(|args| !self.is_written && *args != "{}") {
            self.is_written = true;
            let mended = Halves::mended(args.as_bytes());
            let mended = mended.and_then(|mended| String::from_utf8(mended).ok());
            push_compact(mended.as_deref().unwrap_or(args), &mut text);
        }
        push(self.index, text, events);
    }
}

fn value<'a>(piece: &'a PartialArg<'_>) -> Option<Piece<'a>> {
    if let Some(text) = piece.string_value.0.as_deref() {
        return Some(Piece::Text { text, more: piece.will_continue.0 });
    }
    let literal = piece.number_value.or(piece.bool_value).map(|raw| raw.get());
    match literal.filter(|literal| *literal != "null") {
        Some(literal) => Some(Piece::Literal(literal)),
        None if piece.null_value.0 => Some(Piece::Literal("null")),
        None => None,
    }
}

fn push(index: u32, arguments: String, events: &mut VecDeque<Event>) {
    if !arguments.is_empty() {
        events.push_back(Event::ToolCallDelta { index, arguments });
    }
}

/// Writes JSON without the white space between its tokens: whole answers come indented.
fn push_compact(json: &str, out: &mut String) {
    let mut rest = json;
    while let Some(quote) = rest.find('"') {
        let (tokens, text) = rest.split_at(quote);
        out.extend(tokens.split_ascii_whitespace());
        let mut escaped = false;
        let end = text.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let (text, after) = text.split_at(end.map_or(text.len(), |end| end + 2));
        out.push_str(text);
        rest = after;
    }
    out.extend(rest.split_ascii_whitespace());
}

/// Data of a later piece goes over that of an earlier one, field by field.
fn joined(provider: &str, mut earlier: ProviderData, later: ProviderData) -> ProviderData {
    match (earlier.value.as_object_mut(), later.value) {
        (Some(fields), serde_json::Value::Object(more)) => {
            fields.extend(more);
            earlier
        }
        (_, value) => ProviderData::new(provider, value),
    }
}
