//! A request to a body: fields in a fixed order, so that the same request gives the same bytes.

use std::borrow::Cow;

use meanwhile_core::{
    Effort, Error, ErrorKind, OutputFormat, Params, Reasoning, Request, Result, ToolChoice,
    ToolSpec, Warning,
};
use meanwhile_http::{Framing, Notes, Wire};
use serde_json::Value;

use crate::ID;
use crate::messages::{self, Message};
use crate::options::is_runner_option;

/// Writes a request.
pub(crate) fn request(request: &Request) -> Result<Wire> {
    let mut notes = Notes::new(request.unsupported);
    let mut body = Fields::with_capacity(8);
    body.set("model", Out::Text(&request.model));
    body.set("messages", Out::Messages(messages::messages(&request.messages, &mut notes)?));
    tools(request, &mut notes, &mut body)?;
    match &request.output {
        OutputFormat::Text => {}
        OutputFormat::Json => body.set("format", Out::Text("json")),
        OutputFormat::Schema(output) => {
            let schema = grammar(output.schema.as_value(), &mut notes)?;
            body.set("format", Out::Json(schema));
        }
        _ => notes.dropped("output format", "Ollama does not know the format")?,
    }
    let mut options = Fields::default();
    params(request, &mut notes, &mut body, &mut options)?;
    // Without the field, the answer is a stream.
    body.set("stream", Out::Flag(request.is_streamed()));
    for (name, value) in request.params.options.get(ID).into_iter().flatten() {
        match value {
            Value::Object(runner) if name == "options" => {
                for (name, value) in runner {
                    options.set(name, Out::Json(Cow::Borrowed(value)));
                }
            }
            value if is_runner_option(name) => options.set(name, Out::Json(Cow::Borrowed(value))),
            value => body.set(name, Out::Json(Cow::Borrowed(value))),
        }
    }
    if !options.is_empty() {
        body.set("options", Out::Fields(options));
    }
    let bytes = serde_json::to_vec(&body).map_err(|source| {
        Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON")
            .with_source(source)
    })?;
    let framing = if request.is_streamed() { Framing::JsonLines } else { Framing::Whole };
    let mut wire = Wire::post("/api/chat", bytes, framing);
    wire.warnings = notes.into_warnings();
    Ok(wire)
}

fn tools<'a>(request: &'a Request, notes: &mut Notes, body: &mut Fields<'a>) -> Result<()> {
    if request.tools.is_empty() {
        return Ok(());
    }
    match &request.tool_choice {
        ToolChoice::Auto => {}
        ToolChoice::None => {
            // There is no field for it; a model cannot call what it is not told of.
            let message = "Ollama has no such setting; the tools are left out";
            notes.mention(Warning::changed("tool_choice", message));
            return Ok(());
        }
        _ => notes.dropped("tool_choice", "Ollama cannot be made to call a tool")?,
    }
    body.set("tools", Out::Tools(request.tools.iter().map(Tool::new).collect()));
    Ok(())
}

fn params<'a>(
    request: &'a Request,
    notes: &mut Notes,
    body: &mut Fields<'a>,
    options: &mut Fields<'a>,
) -> Result<()> {
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

    if let Some(reasoning) = reasoning {
        body.set("think", think(*reasoning, notes)?);
    }
    if let Some(alternatives) = *logprobs {
        body.set("logprobs", Out::Flag(true));
        if alternatives > 0 {
            body.set("top_logprobs", Out::Count(alternatives.into()));
        }
    }
    let number = |value: &Option<f64>| value.map(Out::Number);
    let count = |value: &Option<u32>| value.map(|count| Out::Count(count.into()));
    let stop = stop.as_deref().filter(|stop| !stop.is_empty()).map(Out::Texts);
    for (name, value) in [
        ("temperature", number(temperature)),
        ("top_p", number(top_p)),
        ("top_k", count(top_k)),
        ("num_predict", count(max_tokens)),
        ("stop", stop),
        ("seed", seed.map(Out::Count)),
        ("presence_penalty", number(presence_penalty)),
        ("frequency_penalty", number(frequency_penalty)),
    ] {
        if let Some(value) = value {
            options.set(name, value);
        }
    }
    if *parallel_tool_calls == Some(false) && !request.tools.is_empty() {
        let message = "Ollama cannot keep a model from calling several tools at once";
        notes.dropped("parallel_tool_calls", message)?;
    }
    for (name, is_set) in [
        ("user", user.is_some()),
        ("service_tier", service_tier.is_some()),
        ("prompt_cache_key", prompt_cache_key.is_some()),
    ] {
        if is_set {
            notes.dropped(name, "Ollama does not take the setting")?;
        }
    }
    Ok(())
}

/// Models that only switch thinking on and off read every level as on.
fn think(reasoning: Reasoning, notes: &mut Notes) -> Result<Out<'static>> {
    let nearest = |level: &'static str, notes: &mut Notes| {
        let message = format!("Ollama knows low, medium, high and max; this is sent as `{level}`");
        notes.changed("reasoning", message)?;
        Ok(Out::Text(level))
    };
    match reasoning {
        Reasoning::Effort(Effort::None) | Reasoning::Budget(0) => Ok(Out::Flag(false)),
        Reasoning::Effort(effort @ (Effort::Low | Effort::Medium | Effort::High | Effort::Max)) => {
            Ok(Out::Text(effort.as_str()))
        }
        Reasoning::Effort(Effort::Minimal) => nearest("low", notes),
        Reasoning::Effort(Effort::XHigh) => nearest("max", notes),
        Reasoning::Budget(1..=2048) => nearest("low", notes),
        Reasoning::Budget(2049..=12_288) => nearest("medium", notes),
        Reasoning::Budget(_) => nearest("high", notes),
        _ => Ok(Out::Flag(true)),
    }
}

/// The schema as the server's grammar accepts it: patterns must describe the whole text.
fn grammar<'a>(schema: &'a Value, notes: &mut Notes) -> Result<Cow<'a, Value>> {
    let fits = |pattern: &str| pattern.starts_with('^') && pattern.ends_with('$');
    if every_pattern(schema, &fits) {
        return Ok(Cow::Borrowed(schema));
    }
    notes.changed(
        "output schema",
        "Ollama holds an answer only to patterns from ^ to $; the others are left out",
    )?;
    let mut schema = schema.clone();
    remove_patterns(&mut schema, &fits);
    Ok(Cow::Owned(schema))
}

fn every_pattern(schema: &Value, fits: &impl Fn(&str) -> bool) -> bool {
    match schema {
        Value::Object(fields) => fields.iter().all(|(name, value)| match value {
            Value::String(pattern) if name == "pattern" => fits(pattern),
            value => every_pattern(value, fits),
        }),
        Value::Array(items) => items.iter().all(|item| every_pattern(item, fits)),
        _ => true,
    }
}

fn remove_patterns(schema: &mut Value, fits: &impl Fn(&str) -> bool) {
    match schema {
        Value::Object(fields) => {
            if matches!(fields.get("pattern"), Some(Value::String(pattern)) if !fits(pattern)) {
                fields.shift_remove("pattern");
            }
            for value in fields.values_mut() {
                remove_patterns(value, fits);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| remove_patterns(item, fits)),
        _ => {}
    }
}

type Fields<'a> = meanwhile_http::Fields<'a, Out<'a>>;

/// The value of a field.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Out<'a> {
    Text(&'a str),
    Texts(&'a [String]),
    Number(f64),
    Count(u64),
    Flag(bool),
    Json(Cow<'a, Value>),
    Messages(Vec<Message<'a>>),
    Tools(Vec<Tool<'a>>),
    Fields(Fields<'a>),
}

#[derive(serde::Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: ToolFunction<'a>,
}

#[derive(serde::Serialize)]
struct ToolFunction<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    parameters: &'a Value,
}

impl<'a> Tool<'a> {
    fn new(tool: &'a ToolSpec) -> Self {
        let ToolSpec { name, description, parameters, .. } = tool;
        let function = ToolFunction { name, description, parameters: parameters.as_value() };
        Self { r#type: "function", function }
    }
}
