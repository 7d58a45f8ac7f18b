//! A request to a body of Command R: the last message of the user, what was said before it, and the results of
//! the tools that were called since.

use meanwhile_core::{
    Effort, Error, ErrorKind, Message, OutputFormat, Params, Part, Reasoning, Request, Result,
    Role, ToolCall, ToolChoice, ToolResult, Warning,
};
use meanwhile_http::{Framing, Notes, Wire};
use serde_json::{Map, Value, json};

use super::tools;
use crate::config::ID;
use crate::encode;

const ABSENT: &str =
    "the own wire of this model does not have it; Converse may, leave out `:invoke`";

/// Writes a request.
pub(super) fn request(request: &Request) -> Result<Wire> {
    let mut notes = Notes::new(request.unsupported);
    let mut body = conversation(&request.messages, &mut notes)?;
    let has_results = body.contains_key("tool_results");
    params(request, &mut notes, &mut body)?;
    if !matches!(request.output, OutputFormat::Text) {
        notes.dropped("output format", ABSENT)?;
    }
    offer(request, has_results, &mut notes, &mut body)?;
    if let Some(more) = request.params.options.get(ID) {
        encode::merge(&mut body, more);
    }
    let bytes = serde_json::to_vec(&body).map_err(|source| {
        let message = "the request cannot be written as JSON";
        Error::new(ErrorKind::InvalidRequest, message).with_source(source)
    })?;
    let operation = if request.is_streamed() { "invoke-with-response-stream" } else { "invoke" };
    let path = encode::path(&request.model, operation)?;
    let mut wire = Wire::post(path, bytes, Framing::Whole);
    wire.warnings = notes.into_warnings();
    Ok(wire)
}

/// The tools that may be called; none where none may be.
fn offer(
    request: &Request,
    has_results: bool,
    notes: &mut Notes,
    body: &mut Map<String, Value>,
) -> Result<()> {
    if request.tools.is_empty() {
        return Ok(());
    }
    match request.tool_choice {
        ToolChoice::Auto => {}
        ToolChoice::None if !has_results => return Ok(()),
        _ => notes.dropped("tool_choice", "on this wire the model itself decides about tools")?,
    }
    body.insert("tools".to_owned(), tools::definitions(&request.tools));
    Ok(())
}

fn params(request: &Request, notes: &mut Notes, body: &mut Map<String, Value>) -> Result<()> {
    let Params {
        temperature,
        top_p,
        top_k,
        max_tokens,
        stop,
        seed,
        presence_penalty,
        frequency_penalty,
        parallel_tool_calls,
        reasoning,
        logprobs,
        user,
        service_tier,
        prompt_cache_key,
        options: _,
    } = &request.params;

    let stop = stop.as_deref().filter(|stop| !stop.is_empty());
    for (name, value) in [
        ("max_tokens", max_tokens.map(Value::from)),
        ("temperature", temperature.map(Value::from)),
        ("p", top_p.map(Value::from)),
        ("k", top_k.map(Value::from)),
        ("stop_sequences", stop.map(|stop| json!(stop))),
        ("seed", seed.map(Value::from)),
        ("presence_penalty", presence_penalty.map(Value::from)),
        ("frequency_penalty", frequency_penalty.map(Value::from)),
    ] {
        body.extend(value.map(|value| (name.to_owned(), value)));
    }
    let is_off =
        matches!(reasoning, None | Some(Reasoning::Effort(Effort::None) | Reasoning::Budget(0)));
    for (name, is_set) in [
        ("parallel_tool_calls", *parallel_tool_calls == Some(false) && !request.tools.is_empty()),
        ("reasoning", !is_off),
        ("logprobs", logprobs.is_some()),
        ("user", user.is_some()),
        ("service_tier", service_tier.is_some()),
        ("prompt_cache_key", prompt_cache_key.is_some()),
    ] {
        if is_set {
            notes.dropped(name, ABSENT)?;
        }
    }
    Ok(())
}

/// One side's words, until the other one speaks.
struct Turn {
    is_model: bool,
    text: String,
}

#[derive(Default)]
struct Conversation<'a> {
    preamble: String,
    turns: Vec<Turn>,
    calls: Vec<&'a ToolCall>,
    /// What tools gave since the user spoke last.
    results: Vec<Value>,
}

/// Writes the fields of a conversation.
fn conversation(messages: &[Message], notes: &mut Notes) -> Result<Map<String, Value>> {
    let mut told = Conversation::default();
    for message in messages {
        if message.name.is_some() {
            notes.dropped("name", "this wire does not take the names of speakers")?;
        }
        if message.role == Role::System && !told.turns.is_empty() {
            let text = "this wire takes instructions before the conversation only; this one was moved there";
            notes.mention(Warning::changed("system message", text));
        }
        for part in &message.parts {
            told.part(message.role, part, notes)?;
        }
    }
    told.into_fields(notes)
}

impl<'a> Conversation<'a> {
    fn part(&mut self, role: Role, part: &'a Part, notes: &mut Notes) -> Result<()> {
        match part {
            Part::Text(text) => self.say(role, &text.text, notes)?,
            Part::Refusal(refusal) if role == Role::Assistant => {
                self.say(role, &refusal.text, notes)?;
            }
            Part::Thinking(_) => {
                let message = "this wire does not take thinking back";
                notes.mention(Warning::dropped("thinking", message));
            }
            Part::ToolCall(call) => self.calls.push(call),
            Part::ToolResult(result) => self.result(result, notes)?,
            other => notes.dropped(other.kind(), ABSENT)?,
        }
        Ok(())
    }

    fn say(&mut self, role: Role, text: &str, notes: &mut Notes) -> Result<()> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let into = match role {
            Role::System => &mut self.preamble,
            _ => {
                let is_model = role == Role::Assistant;
                if !is_model && !self.results.is_empty() {
                    let message = "this wire takes what tools gave since the user spoke last; what they gave before is left out";
                    notes.dropped("tool result", message)?;
                    self.results.clear();
                }
                if self.turns.last().is_none_or(|turn| turn.is_model != is_model) {
                    self.turns.push(Turn { is_model, text: String::new() });
                }
                match self.turns.last_mut() {
                    Some(turn) => &mut turn.text,
                    None => return Ok(()),
                }
            }
        };
        if !into.is_empty() {
            into.push_str("\n\n");
        }
        into.push_str(text);
        Ok(())
    }

    fn result(&mut self, result: &ToolResult, notes: &mut Notes) -> Result<()> {
        for part in result.parts.iter().filter(|part| part.as_text().is_none()) {
            notes.dropped(part.kind(), ABSENT)?;
        }
        let call = self.calls.iter().rev().find(|call| call.id == result.call_id);
        self.results.push(tools::result(call.copied(), result));
        Ok(())
    }

    fn into_fields(mut self, notes: &mut Notes) -> Result<Map<String, Value>> {
        if !self.results.is_empty() && self.turns.last().is_some_and(|turn| turn.is_model) {
            let message = "this wire does not take what the model said beside its calls";
            notes.mention(Warning::dropped("message", message));
            self.turns.pop();
        }
        let last = self.turns.pop().filter(|turn| !turn.is_model);
        let Some(last) = last else {
            let message = "this wire answers a message of the user, and there is none at the end; add one, or leave out `:invoke`";
            return Err(Error::new(ErrorKind::InvalidRequest, message));
        };
        let mut fields = Map::new();
        fields.insert("message".to_owned(), Value::String(last.text));
        if !self.preamble.is_empty() {
            fields.insert("preamble".to_owned(), Value::String(self.preamble));
        }
        if !self.turns.is_empty() {
            let role = |turn: &Turn| if turn.is_model { "CHATBOT" } else { "USER" };
            let turns = self.turns.iter();
            let turns = turns.map(|turn| json!({ "role": role(turn), "message": turn.text }));
            fields.insert("chat_history".to_owned(), turns.collect());
        }
        if !self.results.is_empty() {
            fields.insert("tool_results".to_owned(), Value::Array(self.results));
        }
        Ok(fields)
    }
}
