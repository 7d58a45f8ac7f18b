//! A request to a body: fields in a fixed order, so that the same request gives the same bytes.

use meanwhile_core::{
    Effort, Error, ErrorKind, OutputFormat, Params, Reasoning, Request, Result, ToolChoice,
};
use meanwhile_http::{Fields, Framing, Notes, Wire};
use serde_json::{Value, json};

use crate::messages;
use crate::schema;
use crate::written::{Document, Message};

const PATH: &str = "/v2/chat";

/// Writes a request for `provider`.
pub(crate) fn request(request: &Request, provider: &str) -> Result<Wire> {
    let mut notes = Notes::new(request.unsupported);
    let conversation = messages::conversation(&request.messages, provider, &mut notes)?;
    let mut body = Body::with_capacity(12);
    body.push("model", Out::Text(&request.model));
    body.push("messages", Out::Messages(conversation.messages));
    if request.is_streamed() {
        body.push("stream", Out::Flag(true));
    }
    tools(request, &mut notes, &mut body)?;
    if !conversation.documents.is_empty() {
        body.push("documents", Out::Documents(conversation.documents));
    }
    output(request, &mut notes, &mut body)?;
    params(request, &mut notes, &mut body)?;
    for (name, value) in request.params.options.get(provider).into_iter().flatten() {
        match (body.get_mut(name), value) {
            // Documents of both kinds are documents.
            (Some(Out::Documents(documents)), Value::Array(more)) => {
                let mut all: Vec<Value> =
                    documents.iter().filter_map(|one| serde_json::to_value(one).ok()).collect();
                all.extend(more.iter().cloned());
                body.remove(name);
                body.push(name, Out::Json(Value::Array(all)));
            }
            // A vendor option replaces the field that was written from a setting.
            _ => {
                body.remove(name);
                body.push(name, Out::Borrowed(value));
            }
        }
    }
    let bytes = serde_json::to_vec(&body).map_err(|source| {
        Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON")
            .with_source(source)
    })?;
    let framing = if request.is_streamed() { Framing::ServerSentEvents } else { Framing::Whole };
    let mut wire = Wire::post(PATH, bytes, framing);
    wire.warnings = notes.into_warnings();
    Ok(wire)
}

fn tools<'a>(request: &'a Request, notes: &mut Notes, body: &mut Body<'a>) -> Result<()> {
    let mut tools: Vec<_> = request.tools.iter().collect();
    let choice = match &request.tool_choice {
        ToolChoice::Auto => None,
        ToolChoice::None => Some("NONE"),
        ToolChoice::Required => Some("REQUIRED"),
        // A list of one tool is a choice of it.
        ToolChoice::Tool(name) => {
            tools.retain(|tool| tool.name == *name);
            Some("REQUIRED")
        }
        _ => {
            notes.dropped("tool_choice", "this provider does not know the choice")?;
            None
        }
    };
    if tools.is_empty() {
        return Ok(());
    }
    let tools = tools.into_iter().map(|tool| Tool {
        r#type: "function",
        function: ToolFunction {
            name: &tool.name,
            description: &tool.description,
            parameters: tool.parameters.as_value(),
        },
    });
    body.push("tools", Out::Tools(tools.collect()));
    if let Some(choice) = choice {
        body.push("tool_choice", Out::Text(choice));
    }
    Ok(())
}

fn output(request: &Request, notes: &mut Notes, body: &mut Body<'_>) -> Result<()> {
    let format = match &request.output {
        OutputFormat::Text => return Ok(()),
        OutputFormat::Schema(output) => match schema::accepted(output.schema.as_value()) {
            Ok(schema) => json!({ "type": "json_object", "json_schema": schema }),
            Err(what) => {
                let message = format!("the schema has {what}; ask for its shape in the prompt");
                notes.changed("output schema", message)?;
                json!({ "type": "json_object" })
            }
        },
        _ => json!({ "type": "json_object" }),
    };
    if !request.tools.is_empty() {
        let message = "this provider cannot hold an answer to a shape while it has tools";
        return notes.dropped("output format", message);
    }
    body.push("response_format", Out::Json(format));
    Ok(())
}

fn params<'a>(request: &'a Request, notes: &mut Notes, body: &mut Body<'a>) -> Result<()> {
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

    let mut set = |name: &'static str, value: Option<Out<'a>>| {
        if let Some(value) = value {
            body.push(name, value);
        }
    };
    set("max_tokens", max_tokens.map(|count| Out::Count(count.into())));
    let stop = stop.as_deref().filter(|stop| !stop.is_empty());
    set("stop_sequences", stop.map(Out::Texts));
    set("temperature", temperature.map(Out::Number));
    set("p", top_p.map(Out::Number));
    set("k", top_k.map(|count| Out::Count(count.into())));
    set("seed", seed.map(Out::Count));
    set("frequency_penalty", frequency_penalty.map(Out::Number));
    set("presence_penalty", presence_penalty.map(Out::Number));
    set("logprobs", logprobs.map(|_| Out::Flag(true)));
    if logprobs.is_some_and(|alternatives| alternatives > 0) {
        notes.changed("logprobs", "this provider reports the chosen token alone")?;
    }
    let absent = [
        ("user", user.is_some()),
        ("service_tier", service_tier.is_some()),
        ("prompt_cache_key", prompt_cache_key.is_some()),
        // It is what models do anyway.
        ("parallel_tool_calls", *parallel_tool_calls == Some(false) && !request.tools.is_empty()),
    ];
    for (name, is_set) in absent {
        if is_set {
            notes.dropped(name, "this provider does not have the setting")?;
        }
    }
    let thinking = match reasoning {
        None => return Ok(()),
        Some(Reasoning::Effort(Effort::None) | Reasoning::Budget(0)) => {
            json!({ "type": "disabled" })
        }
        Some(Reasoning::Budget(tokens)) => json!({ "type": "enabled", "token_budget": tokens }),
        Some(_) => {
            let message = "this provider takes a number of tokens instead of a level";
            notes.changed("reasoning", message)?;
            json!({ "type": "enabled" })
        }
    };
    body.push("thinking", Out::Json(thinking));
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
    Documents(Vec<Document<'a>>),
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
    parameters: &'a Value,
}
