//! [`Plan`] turns a [`Request`] into a job for the model, and notes what the model cannot do.

use meanwhile_core::{
    Error, ErrorKind, Message, OnUnsupported, OutputFormat, Params, Part, Reasoning, Request,
    Result, Role, ToolChoice, ToolSpec, Warning,
};
use serde_json::{Value, json};

use crate::chat::{Speaker, Turn};
use crate::constraint::Grammar;
use crate::sampler::Sampling;
use crate::schema::{self, Bounds};
use crate::sequence::{Clocks, Job};
use crate::{LocalError, error};

/// What surrounds a tool call where free text is possible as well.
pub(crate) const CALL_OPEN: &str = "<tool_call>";
/// The end of what [`CALL_OPEN`] begins.
pub(crate) const CALL_CLOSE: &str = "</tool_call>";

/// What an answer may consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Text, or the JSON of a schema.
    Text,
    /// A tool call.
    Call,
    /// Text, or a tool call between [`CALL_OPEN`] and [`CALL_CLOSE`].
    Either,
}

/// A request as the model can take it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) job: Job,
    pub(crate) shape: Shape,
    pub(crate) warnings: Vec<Warning>,
}

impl Plan {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// When a schema or a setting cannot be used, or, where the request is strict, when anything
    /// would have to be left out.
    pub(crate) fn new(request: Request, bounds: &Bounds) -> Result<Self> {
        let mut warnings = Vec::new();
        let tools = usable_tools(&request, &mut warnings)?;
        let shape = match &request.tool_choice {
            _ if tools.is_empty() => Shape::Text,
            ToolChoice::Required | ToolChoice::Tool(_) => Shape::Call,
            _ => Shape::Either,
        };
        let grammar = grammar(&request.output, &tools, shape, bounds).map_err(error::to_core)?;
        let mut turns = turns(&request.messages, &mut warnings);
        if !tools.is_empty() {
            introduce(&tools, shape, &mut turns);
        }
        let timeouts = request.timeouts;
        let mut job = job(request.params, &mut warnings);
        job.turns = turns;
        job.grammar = grammar;
        job.clocks =
            Clocks { first: timeouts.first_event, idle: timeouts.idle, whole: timeouts.whole };
        if let (OnUnsupported::Error, Some(first)) = (request.unsupported, warnings.first()) {
            return Err(Error::new(ErrorKind::Unsupported, first.to_string()));
        }
        warnings.splice(0..0, request.warnings);
        Ok(Self { job, shape, warnings })
    }
}

/// The tools that may be called this time.
fn usable_tools(request: &Request, warnings: &mut Vec<Warning>) -> Result<Vec<ToolSpec>> {
    match &request.tool_choice {
        ToolChoice::None => Ok(Vec::new()),
        ToolChoice::Auto => {
            // So small a model would call the tool again for ever instead of using its answer.
            let answered = request.messages.last().is_some_and(|last| last.role == Role::Tool);
            Ok(if answered { Vec::new() } else { request.tools.clone() })
        }
        ToolChoice::Required if request.tools.is_empty() => Err(Error::new(
            ErrorKind::InvalidRequest,
            "a tool call is required, but the request has no tools",
        )),
        ToolChoice::Required => Ok(request.tools.clone()),
        ToolChoice::Tool(name) => {
            let tool = request.tools.iter().find(|tool| tool.name == *name).cloned();
            let missing =
                || format!("the tool choice names `{name}`, which is not one of the tools");
            Ok(vec![tool.ok_or_else(|| Error::new(ErrorKind::InvalidRequest, missing()))?])
        }
        other => {
            let message = format!("the choice {other:?} is not known here; the model decides");
            warnings.push(Warning::changed("tool choice", message));
            Ok(request.tools.clone())
        }
    }
}

/// The grammar of the answer; `None` is free text.
fn grammar(
    output: &OutputFormat,
    tools: &[ToolSpec],
    shape: Shape,
    bounds: &Bounds,
) -> std::result::Result<Option<Grammar>, LocalError> {
    let wanted = match output {
        OutputFormat::Schema(output) => Some(schema::bound(output.schema.as_value(), bounds)?),
        OutputFormat::Json => {
            let any = json!({ "type": "object", "additionalProperties": true });
            Some(schema::bound(&any, bounds)?)
        }
        _ => None,
    };
    let calls = || -> std::result::Result<Value, LocalError> {
        let calls = tools.iter().map(|tool| {
            let arguments = schema::bound(tool.parameters.as_value(), bounds)?;
            Ok((tool.name.as_str(), arguments))
        });
        Ok(schema::alternatives(calls.collect::<std::result::Result<Vec<_>, LocalError>>()?))
    };
    Ok(match (shape, wanted) {
        (Shape::Text, wanted) => wanted.map(Grammar::Json),
        (Shape::Call, _) => Some(Grammar::Json(calls()?)),
        (Shape::Either, wanted) => {
            let free = match wanted {
                Some(schema) => format!("%json {}", crate::constraint::compact(&schema)),
                None => "/[^<](.|\\n)*/".to_owned(),
            };
            let calls = crate::constraint::compact(&calls()?);
            Some(Grammar::Lark(format!(
                "start: free | call\nfree: {free}\ncall: \"{CALL_OPEN}\" arguments \"{CALL_CLOSE}\"\n\
                 arguments: %json {calls}\n"
            )))
        }
    })
}

/// Tells the model about the tools, in its system message.
fn introduce(tools: &[ToolSpec], shape: Shape, turns: &mut Vec<Turn>) {
    let list: Vec<String> = tools
        .iter()
        .map(|tool| {
            let parameters = tool.parameters.as_value().get("properties");
            let parameters = parameters.cloned().unwrap_or_else(|| json!({}));
            json!({ "name": tool.name, "description": tool.description, "parameters": parameters })
                .to_string()
        })
        .collect();
    let call = r#"{"name":"...","arguments":{...}}"#;
    let how = match shape {
        Shape::Call => format!("Answer with a call of the right tool: {call}"),
        _ => format!("If a tool helps, answer only {CALL_OPEN}{call}{CALL_CLOSE}"),
    };
    let text = format!("You have these tools:\n{}\n{how}", list.join("\n"));
    match turns.first_mut() {
        Some(first) if first.speaker == Speaker::System => {
            first.text.push_str("\n\n");
            first.text.push_str(&text);
        }
        _ => turns.insert(0, Turn::new(Speaker::System, text)),
    }
}

/// The conversation as the model reads it.
///
/// A model of this size goes on writing calls when it sees one. So a call that was answered is left
/// out, and its answer stands in front of the question.
fn turns(messages: &[Message], warnings: &mut Vec<Warning>) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    // Where the calls that are not answered yet begin.
    let mut calls = None;
    for message in messages {
        if message.name.is_some() {
            let reason = "the local model tells speakers apart by their role only";
            warnings.push(Warning::dropped("name", reason));
        }
        let mut text = String::new();
        for part in &message.parts {
            write(part, &mut text, warnings);
        }
        let speaker = match message.role {
            Role::System => Speaker::System,
            Role::Assistant => Speaker::Assistant,
            // The model was not trained on a role for tools.
            _ => Speaker::User,
        };
        if message.role == Role::Tool
            && let Some(question) = question(&mut turns, calls.take())
        {
            question.text.insert_str(0, &format!("{text}\n"));
            continue;
        }
        if message.role == Role::Assistant && message.tool_calls().next().is_some() {
            calls.get_or_insert(turns.len());
        } else {
            calls = None;
        }
        turns.push(Turn::new(speaker, text));
    }
    turns
}

/// The question that led to the calls, which are taken away; `None` where something else did.
fn question(turns: &mut Vec<Turn>, calls: Option<usize>) -> Option<&mut Turn> {
    let calls = calls?;
    let before = turns.get(calls.checked_sub(1)?)?;
    if before.speaker != Speaker::User {
        return None;
    }
    turns.truncate(calls);
    turns.last_mut()
}

/// Adds one part of a message to its text.
fn write(part: &Part, text: &mut String, warnings: &mut Vec<Warning>) {
    match part {
        Part::Text(part) => text.push_str(&part.text),
        Part::Refusal(part) => text.push_str(&part.text),
        Part::ToolCall(call) => {
            let arguments = call.json().unwrap_or_else(|_| Value::String(call.arguments.clone()));
            let call = json!({ "name": call.name, "arguments": arguments });
            text.push_str(&format!("{CALL_OPEN}{call}{CALL_CLOSE}"));
        }
        Part::ToolResult(result) => {
            if !text.is_empty() {
                text.push('\n');
            }
            let verb = if result.is_error { "failed" } else { "says" };
            text.push_str(&format!("The {} tool {verb}: ", result.name));
            for part in &result.parts {
                write(part, text, warnings);
            }
        }
        Part::CacheMark(_) => {
            let reason = "the local model reuses what it read last by itself";
            warnings.push(Warning::dropped("cache mark", reason));
        }
        other => {
            let reason = "the local model reads text only";
            warnings.push(Warning::dropped(other.kind(), reason));
        }
    }
}

/// The settings of a job.
fn job(params: Params, warnings: &mut Vec<Warning>) -> Job {
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
        options,
    } = params;
    let mut dropped = |subject: &'static str, reason: &'static str| {
        warnings.push(Warning::dropped(subject, reason));
    };
    let thinks = match reasoning {
        None | Some(Reasoning::Effort(meanwhile_core::Effort::None) | Reasoning::Budget(0)) => {
            false
        }
        Some(_) => true,
    };
    if thinks {
        dropped("reasoning", "the local model does not think before it answers");
    }
    if parallel_tool_calls == Some(true) {
        dropped("parallel_tool_calls", "the local model calls one tool at a time");
    }
    if logprobs.is_some() {
        dropped("logprobs", "the local model does not report probabilities");
    }
    if user.is_some() {
        dropped("user", "the local model keeps no records of users");
    }
    if service_tier.is_some() {
        dropped("service_tier", "the local model has one tier");
    }
    if prompt_cache_key.is_some() {
        dropped("prompt_cache_key", "the local model finds what it can reuse by itself");
    }
    for name in options.get(crate::ID).into_iter().flat_map(serde_json::Map::keys) {
        let reason = "the local model has no options of its own";
        warnings.push(Warning::dropped(format!("option {name}"), reason));
    }
    let defaults = Sampling::default();
    Job {
        sampling: Sampling {
            temperature: temperature.map_or(defaults.temperature, |value| value as f32),
            top_p: top_p.map_or(defaults.top_p, |value| value as f32),
            top_k: top_k.map(|value| value as usize),
            seed,
            presence_penalty: presence_penalty.unwrap_or_default() as f32,
            frequency_penalty: frequency_penalty.unwrap_or_default() as f32,
        },
        max_tokens: max_tokens.map(|tokens| tokens as usize),
        stop: stop.unwrap_or_default(),
        ..Job::default()
    }
}
