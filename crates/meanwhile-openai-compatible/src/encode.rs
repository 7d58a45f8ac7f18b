//! A request to a body: fields in a fixed order, so that the same request gives the same bytes.

use std::borrow::Cow;

use meanwhile_core::{
    Effort, Error, ErrorKind, OutputFormat, OutputSchema, Params, Part, Reasoning, Request, Result,
    ToolChoice, ToolSpec,
};
use meanwhile_http::{Fields, Framing, Notes, Wire};
use serde_json::{Value, json};

use crate::dialect::effort;
use crate::messages;
use crate::written::Message;
use crate::{Quirks, ReasoningField, StructuredOutput, schema};

/// Writes a request for `provider` to be posted to `path`.
pub(crate) fn request(
    request: &Request,
    provider: &str,
    quirks: &Quirks,
    path: &str,
) -> Result<Wire> {
    let mut notes = Notes::new(request.unsupported);
    let mut body = Body::with_capacity(8);
    if !quirks.model_field.is_empty() {
        body.push(quirks.model_field, Out::Text(&request.model));
    }
    let messages = messages::messages(&request.messages, provider, quirks, &mut notes)?;
    body.push("messages", Out::Messages(messages));
    tools(request, quirks, &mut notes, &mut body)?;
    output(&request.output, quirks, &mut notes, &mut body)?;
    params(request, quirks, &mut notes, &mut body)?;
    for (name, value) in quirks.switches {
        body.push(*name, Out::Flag(*value));
    }
    if request.is_streamed() && quirks.stream_switch {
        body.push("stream", Out::Flag(true));
        if quirks.stream_options {
            body.push("stream_options", Out::Json(json!({ "include_usage": true })));
        }
    }
    for (name, value) in request.params.options.get(provider).into_iter().flatten() {
        // A vendor option replaces the field that was written from a setting.
        body.remove(name);
        body.push(name, Out::Borrowed(value));
    }
    let mut bytes = Vec::with_capacity(room(request));
    serde_json::to_writer(&mut bytes, &body).map_err(|source| {
        Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON")
            .with_source(source)
    })?;
    let framing = if request.is_streamed() { Framing::ServerSentEvents } else { Framing::Whole };
    let mut wire = Wire::post(path, bytes, framing);
    wire.warnings = notes.into_warnings();
    Ok(wire)
}

/// How long the body of a conversation of texts will be at least.
fn room(request: &Request) -> usize {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let texts = parts.map(|part| match part {
        Part::Text(text) => text.text.len() + 64,
        _ => 64,
    });
    texts.sum::<usize>() + 256
}

fn tools<'a>(
    request: &'a Request,
    quirks: &Quirks,
    notes: &mut Notes,
    body: &mut Body<'a>,
) -> Result<()> {
    if request.tools.is_empty() {
        return Ok(());
    }
    if !quirks.tools {
        return notes.dropped("tools", "this provider's models cannot call tools");
    }
    let tools = request.tools.iter().map(|tool| Tool::new(tool, quirks, notes));
    body.push("tools", Out::Tools(tools.collect::<Result<_>>()?));
    match &request.tool_choice {
        ToolChoice::Auto => {}
        ToolChoice::None => body.push("tool_choice", Out::Text("none")),
        ToolChoice::Required => required(quirks, notes, body)?,
        ToolChoice::Tool(name) if quirks.named_tool_choice => {
            let choice = json!({ "type": "function", "function": { "name": name } });
            body.push("tool_choice", Out::Json(choice));
        }
        ToolChoice::Tool(_) => {
            let message = "this provider cannot be told which tool to call, only to call one";
            notes.changed("tool_choice", message)?;
            required(quirks, notes, body)?;
        }
        _ => notes.dropped("tool_choice", "this provider does not know the choice")?,
    }
    Ok(())
}

fn required(quirks: &Quirks, notes: &mut Notes, body: &mut Body<'_>) -> Result<()> {
    match quirks.required_tool_choice {
        Some(word) => body.push("tool_choice", Out::Text(word)),
        None => notes.dropped("tool_choice", "this provider cannot be made to call a tool")?,
    }
    Ok(())
}

fn output<'a>(
    output: &'a OutputFormat,
    quirks: &Quirks,
    notes: &mut Notes,
    body: &mut Body<'a>,
) -> Result<()> {
    let format = match (output, quirks.structured_output) {
        (OutputFormat::Text, _) => return Ok(()),
        (_, StructuredOutput::None) => {
            let message =
                "this provider cannot hold an answer to a shape; ask for it in the prompt";
            return notes.dropped("output format", message);
        }
        (OutputFormat::Json, _) => json!({ "type": "json_object" }),
        (OutputFormat::Schema(_), StructuredOutput::Json) => {
            let message = "this provider guarantees JSON only; ask for its shape in the prompt";
            notes.changed("output schema", message)?;
            json!({ "type": "json_object" })
        }
        (OutputFormat::Schema(output), StructuredOutput::Schema) => {
            response_format(output, output.schema.as_value().clone(), None)
        }
        (OutputFormat::Schema(output), StructuredOutput::Strict) => {
            let original = output.schema.as_value();
            match schema::strict(original) {
                Ok(schema) => response_format(output, schema, Some(true)),
                Err(what) => {
                    let message = format!("the schema has {what}, so its shape is not guaranteed");
                    notes.changed("output schema", message)?;
                    response_format(output, original.clone(), Some(false))
                }
            }
        }
        _ => return notes.dropped("output format", "this provider does not know the format"),
    };
    body.push("response_format", Out::Json(format));
    Ok(())
}

fn response_format(output: &OutputSchema, schema: Value, strict: Option<bool>) -> Value {
    let name = if output.name.is_empty() { "output" } else { &output.name };
    let mut format = json!({ "name": name, "schema": schema });
    if let Some(fields) = format.as_object_mut() {
        fields
            .extend(output.description.clone().map(|text| ("description".to_owned(), text.into())));
        fields.extend(strict.map(|strict| ("strict".to_owned(), strict.into())));
    }
    json!({ "type": "json_schema", "json_schema": format })
}

fn params<'a>(
    request: &'a Request,
    quirks: &Quirks,
    notes: &mut Notes,
    body: &mut Body<'a>,
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

    let mut set = |name: &'static str, field: &'static str, value: Option<Out<'a>>| match value {
        None => Ok(()),
        Some(_) if quirks.unsupported.contains(&name) => {
            notes.dropped(name, "this provider or model does not take the setting")
        }
        Some(value) => {
            body.push(field, value);
            Ok(())
        }
    };
    let number = |value: &Option<f64>| value.map(Out::Number);
    let count = |value: &Option<u32>| value.map(|count| Out::Count(count.into()));
    let text = |value: &'a Option<String>| value.as_deref().map(Out::Text);
    // The setting says nothing where there are no tools, and servers refuse it then.
    let parallel = parallel_tool_calls.filter(|_| !request.tools.is_empty()).map(Out::Flag);
    set("parallel_tool_calls", "parallel_tool_calls", parallel)?;
    set("temperature", "temperature", number(temperature))?;
    set("top_p", "top_p", number(top_p))?;
    set("top_k", "top_k", count(top_k))?;
    set("max_tokens", quirks.max_tokens_field, count(max_tokens))?;
    let stop = stop.as_deref().filter(|stop| !stop.is_empty());
    set("stop", "stop", stop.map(Out::Texts))?;
    set("seed", quirks.seed_field, seed.map(Out::Count))?;
    set("presence_penalty", "presence_penalty", number(presence_penalty))?;
    set("frequency_penalty", "frequency_penalty", number(frequency_penalty))?;
    set("logprobs", "logprobs", logprobs.map(|_| Out::Flag(true)))?;
    if let Some(alternatives) = logprobs.filter(|alternatives| *alternatives > 0)
        && !quirks.unsupported.contains(&"logprobs")
    {
        set("logprobs", "top_logprobs", Some(Out::Count(alternatives.into())))?;
    }
    set("user", "user", text(user))?;
    set("service_tier", "service_tier", text(service_tier))?;
    set("prompt_cache_key", "prompt_cache_key", text(prompt_cache_key))?;
    match reasoning {
        Some(reasoning) => self::reasoning(*reasoning, quirks, notes, body),
        None => Ok(()),
    }
}

fn reasoning(
    reasoning: Reasoning,
    quirks: &Quirks,
    notes: &mut Notes,
    body: &mut Body<'_>,
) -> Result<()> {
    let on_or_off = "this provider only switches thinking on and off";
    let off = matches!(reasoning, Reasoning::Effort(Effort::None) | Reasoning::Budget(0));
    match (quirks.reasoning, reasoning) {
        (ReasoningField::None, _) => {
            notes.dropped("reasoning", "this provider has no setting for thinking")?;
        }
        (ReasoningField::Effort, reasoning) => {
            let effort = effort(reasoning, quirks.efforts, notes)?;
            body.push("reasoning_effort", Out::Text(effort.as_str()));
        }
        (ReasoningField::Object, Reasoning::Budget(tokens)) => {
            body.push("reasoning", Out::Json(json!({ "max_tokens": tokens })));
        }
        (ReasoningField::Object, reasoning) => {
            let effort = effort(reasoning, quirks.efforts, notes)?;
            body.push("reasoning", Out::Json(json!({ "effort": effort.as_str() })));
        }
        (ReasoningField::Switch, _) => {
            if !off {
                notes.changed("reasoning", on_or_off)?;
            }
            let kind = if off { "disabled" } else { "enabled" };
            body.push("thinking", Out::Json(json!({ "type": kind })));
        }
        (ReasoningField::Enable, _) => {
            body.push("enable_thinking", Out::Flag(!off));
            match reasoning {
                Reasoning::Budget(tokens) if tokens > 0 => {
                    body.push("thinking_budget", Out::Count(tokens.into()));
                }
                _ if !off => notes.changed("reasoning", on_or_off)?,
                _ => {}
            }
        }
    }
    Ok(())
}

type Body<'a> = Fields<'a, Out<'a>>;

/// The value of a field.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Out<'a> {
    Text(&'a str),
    Texts(&'a [String]),
    Number(f64),
    Count(u64),
    Flag(bool),
    Json(Value),
    Borrowed(&'a Value),
    Messages(Vec<Message<'a>>),
    Tools(Vec<Tool<'a>>),
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
    parameters: Cow<'a, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

impl<'a> Tool<'a> {
    fn new(tool: &'a ToolSpec, quirks: &Quirks, notes: &mut Notes) -> Result<Self> {
        let mut parameters = Cow::Borrowed(tool.parameters.as_value());
        let mut strict = None;
        if quirks.strict_tools {
            match schema::strict(&parameters) {
                Ok(schema) => {
                    parameters = Cow::Owned(schema);
                    strict = Some(true);
                }
                Err(what) => {
                    let message = format!(
                        "the parameters of `{}` have {what}, so their shape is not guaranteed",
                        tool.name
                    );
                    notes.changed("tool", message)?;
                }
            }
        }
        let ToolSpec { name, description, .. } = tool;
        let function = ToolFunction { name, description, parameters, strict };
        Ok(Self { r#type: "function", function })
    }
}
