//! [`PromptedCodec`]: models that take one prompt behind `InvokeModel`, in which marks tell the turns of a
//! conversation apart.
//!
//! Marks come from the template alone: a text that holds one, known or not, gets a space in it, so that what
//! somebody said cannot begin a turn. Such a wire carries text and a few settings; all else is dropped with a
//! warning, and Converse may have it.

use http::{HeaderMap, StatusCode};
use meanwhile_core::{
    Effort, Error, ErrorKind, Message, OutputFormat, Params, Part, Reasoning, Request, Result,
    Role, Warning,
};
use meanwhile_http::{Codec, Framing, Notes, Wire};
use serde_json::{Map, Value, json};

use crate::completion::PromptedDecoder;
use crate::config::ID;
use crate::models::Model;
use crate::template::{self, Fields, Style, Template};
use crate::{encode, error};

/// Writes prompts and reads what completes them.
#[derive(Debug, Clone)]
pub(crate) struct PromptedCodec {
    style: &'static Style,
}

impl PromptedCodec {
    /// The wire of a model; `None` where it is not known to take a prompt.
    pub(crate) fn of(model: &Model<'_>) -> Option<Self> {
        Some(Self { style: template::style(model)? })
    }
}

impl Codec for PromptedCodec {
    type Decoder = PromptedDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        let mut notes = Notes::new(request.unsupported);
        let Style { template, fields, thinks } = self.style;
        let prompt = prompt(request, template, &mut notes)?;
        let settings = settings(&request.params, fields, *thinks, &mut notes)?;
        for (name, is_asked) in [
            ("tools", !request.tools.is_empty()),
            ("output format", !matches!(request.output, OutputFormat::Text)),
        ] {
            if is_asked {
                notes.dropped(name, ABSENT)?;
            }
        }
        let mut body = Map::new();
        body.insert(fields.prompt.to_owned(), Value::String(prompt));
        match fields.settings {
            Some(name) if !settings.is_empty() => {
                body.insert(name.to_owned(), Value::Object(settings));
            }
            Some(_) => {}
            None => body.extend(settings),
        }
        if let Some(more) = request.params.options.get(ID) {
            encode::merge(&mut body, more);
        }
        let bytes = serde_json::to_vec(&body).map_err(|source| {
            let message = "the request cannot be written as JSON";
            Error::new(ErrorKind::InvalidRequest, message).with_source(source)
        })?;
        let operation =
            if request.is_streamed() { "invoke-with-response-stream" } else { "invoke" };
        let path = encode::path(&request.model, operation)?;
        let mut wire = Wire::post(path, bytes, Framing::Whole);
        wire.warnings = notes.into_warnings();
        Ok(wire)
    }

    fn decoder(&self, request: &Request) -> PromptedDecoder {
        // Where the model goes on from its own words, it does not think again.
        PromptedDecoder::new(self.style.thinks && !goes_on(&request.messages))
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        error::of_status(status, headers, body).with_provider(ID)
    }
}

const ABSENT: &str =
    "the own wire of this model does not have it; Converse may, leave out `:invoke`";

/// The settings under the names of the vendor.
fn settings(
    params: &Params,
    fields: &Fields,
    thinks: bool,
    notes: &mut Notes,
) -> Result<Map<String, Value>> {
    let stop = params.stop.as_deref().filter(|stop| !stop.is_empty());
    let mut settings = Map::new();
    let mut dropped = Vec::new();
    for (subject, name, value) in [
        ("max_tokens", Some(fields.max_tokens), params.max_tokens.map(Value::from)),
        ("temperature", Some("temperature"), params.temperature.map(Value::from)),
        ("top_p", Some(fields.top_p), params.top_p.map(Value::from)),
        ("top_k", fields.top_k, params.top_k.map(Value::from)),
        ("stop", fields.stop, stop.map(|stop| json!(stop))),
    ] {
        match (name, value) {
            (Some(name), Some(value)) => {
                settings.insert(name.to_owned(), value);
            }
            (None, Some(_)) => dropped.push(subject),
            (_, None) => {}
        }
    }
    let off = Some(Reasoning::Effort(Effort::None));
    let is_off = params.reasoning == off || params.reasoning == Some(Reasoning::Budget(0));
    let others = [
        ("seed", params.seed.is_some()),
        ("presence_penalty", params.presence_penalty.is_some()),
        ("frequency_penalty", params.frequency_penalty.is_some()),
        ("reasoning", params.reasoning.is_some() && !thinks && !is_off),
        ("logprobs", params.logprobs.is_some()),
        ("user", params.user.is_some()),
        ("service_tier", params.service_tier.is_some()),
        ("prompt_cache_key", params.prompt_cache_key.is_some()),
    ];
    dropped.extend(others.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name));
    for name in dropped {
        notes.dropped(name, ABSENT)?;
    }
    if thinks && params.reasoning.is_some() {
        let message = "this model thinks as much as it finds right";
        notes.dropped("reasoning", message)?;
    }
    Ok(settings)
}

/// What a part says in a prompt; `None` where it says nothing there.
fn said(role: Role, part: &Part) -> Option<&str> {
    let text = match part {
        Part::Text(text) => &text.text,
        Part::Refusal(refusal) if role == Role::Assistant => &refusal.text,
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

/// Whether the last words of a conversation are the model's own.
fn goes_on(messages: &[Message]) -> bool {
    let speaks = |message: &&Message| {
        message.role != Role::System
            && message.parts.iter().any(|part| said(message.role, part).is_some())
    };
    messages.iter().rfind(speaks).is_some_and(|last| last.role == Role::Assistant)
}

/// Who speaks in a prompt, and what is said.
struct Turn {
    is_model: bool,
    text: String,
}

/// Writes a conversation as one prompt.
fn prompt(request: &Request, template: &Template, notes: &mut Notes) -> Result<String> {
    let mut system = String::new();
    let mut turns: Vec<Turn> = Vec::new();
    for message in &request.messages {
        if message.name.is_some() {
            notes.dropped("name", "this wire does not take the names of speakers")?;
        }
        let is_model = message.role == Role::Assistant;
        let is_system = message.role == Role::System;
        if is_system && !turns.is_empty() {
            let text = "this wire takes instructions before the conversation only; this one was moved there";
            notes.mention(Warning::changed("system message", text));
        }
        for part in &message.parts {
            let Some(text) = said(message.role, part) else {
                match part {
                    Part::Text(_) => {}
                    Part::Refusal(_) if is_model => {}
                    Part::Thinking(_) => {
                        let message = "this wire does not take thinking back";
                        notes.mention(Warning::dropped("thinking", message));
                    }
                    other => notes.dropped(other.kind(), ABSENT)?,
                }
                continue;
            };
            if !is_system && turns.last().is_none_or(|turn| turn.is_model != is_model) {
                turns.push(Turn { is_model, text: String::new() });
            }
            let into = match turns.last_mut() {
                Some(turn) if !is_system => &mut turn.text,
                _ => &mut system,
            };
            if !into.is_empty() {
                into.push_str("\n\n");
            }
            into.push_str(text);
        }
    }
    if turns.is_empty() {
        let message = "there is nothing to answer; a message of the user needs text";
        return Err(Error::new(ErrorKind::InvalidRequest, message));
    }
    let goes_on = goes_on(&request.messages);
    let mut out = String::from(template.begin);
    let mut put = |(before, behind): (&str, &str), text: &str| {
        out.push_str(before);
        out.push_str(&unmarked(text, template, notes));
        out.push_str(behind);
    };
    match template.system {
        Some(marks) if !system.is_empty() => put(marks, &system),
        None if !system.is_empty() => match turns.first_mut() {
            Some(first) if !first.is_model => {
                first.text = format!("{system}\n\n{}", first.text);
            }
            _ => put(template.user, &system),
        },
        _ => {}
    }
    let count = turns.len();
    for (at, turn) in (1..).zip(&turns) {
        let (before, behind) = if turn.is_model { template.model } else { template.user };
        let is_open = goes_on && at == count;
        put((before, if is_open { "" } else { behind }), &turn.text);
    }
    if !goes_on {
        out.push_str(template.answer);
    }
    Ok(out)
}

/// The text of a turn without the template's marks: each gets a space behind its first letter.
fn unmarked(text: &str, template: &Template, notes: &mut Notes) -> String {
    let mut out = text.to_owned();
    for mark in template.marks.iter().filter(|mark| text.contains(**mark)) {
        out = out.replace(mark, &broken(mark));
    }
    if let Some(brackets) = template.brackets {
        out = unbracketed(&out, brackets);
    }
    if out != text {
        let message = "a text holds a mark that would begin another turn; a space was put in it";
        notes.mention(Warning::changed("message", message));
    }
    out
}

/// A text without words between brackets. Strangers may have written it, and it may be brackets alone: no
/// part of it is read again for each of them.
fn unbracketed(text: &str, (open, close): (&str, &str)) -> String {
    let within = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let broken = broken(open);
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    // A mark is a word: where that ends, and where the next bracket in it closes.
    let mut word_end = 0;
    let mut next_close: Option<usize> = None;
    for (start, _) in text.match_indices(open) {
        let behind = start + open.len();
        let is_new = behind > word_end;
        if is_new {
            let blank = within(behind, text.len()).find(char::is_whitespace);
            word_end = blank.map_or(text.len(), |at| behind + at);
        }
        if is_new || next_close.is_some_and(|at| at < behind) {
            next_close = within(behind, word_end).find(close).map(|at| behind + at);
        }
        if next_close.is_some_and(|at| at > behind) {
            out.push_str(within(copied, start));
            out.push_str(&broken);
            copied = behind;
        }
    }
    out.push_str(within(copied, text.len()));
    out
}

/// A mark with a space behind its first letter.
fn broken(mark: &str) -> String {
    let (first, rest) = mark.split_at(mark.chars().next().map_or(0, char::len_utf8));
    format!("{first} {rest}")
}
