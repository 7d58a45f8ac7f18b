//! A request to a body: fields in a fixed order, so that the same request gives the same bytes.

use meanwhile_core::{
    Error, ErrorKind, OutputFormat, Params, Reasoning, Request, Result, ToolChoice,
};
use meanwhile_http::{Framing, Wire};
use meanwhile_openai_compatible::StructuredOutput;
use meanwhile_openai_compatible::dialect::{Notes, effort, strict_schema};
use serde_json::{Map, Value, json};

use crate::ResponsesQuirks;
use crate::body::{Body, Out, Tool};
use crate::input::{self, Input};

/// Writes a request for `provider`, whose data is labelled `label`, to be posted to `path`.
pub(crate) fn request(
    request: &Request,
    provider: &str,
    label: &str,
    quirks: &ResponsesQuirks,
    path: &str,
) -> Result<Wire> {
    let options = Options::of(&request.params, provider, label);
    let mut notes = Notes::new(request.unsupported);
    let mut body = Body::with_capacity(12);
    body.push("model", Out::Text(&request.model));
    let Input { instructions, items } =
        input::input(&request.messages, provider, label, quirks, options.stateful, &mut notes)?;
    if let Some(instructions) = instructions {
        body.push("instructions", Out::Owned(instructions));
    }
    body.push("input", Out::Items(items));
    tools(request, quirks, &options, &mut notes, &mut body)?;
    params(request, quirks, &options, &mut notes, &mut body)?;
    if request.is_streamed() {
        body.push("stream", Out::Flag(true));
    }
    for (name, value) in options.rest {
        // A vendor option replaces the field that was written from a setting.
        body.remove(name);
        body.push(name, Out::Borrowed(value));
    }
    let bytes = serde_json::to_vec(&body).map_err(|source| {
        Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON")
            .with_source(source)
    })?;
    let framing = if request.is_streamed() { Framing::ServerSentEvents } else { Framing::Whole };
    let mut wire = Wire::post(path, bytes, framing);
    wire.warnings = notes.into_warnings();
    Ok(wire)
}

/// The vendor options: those that add to what is written from settings, and the rest.
struct Options<'a> {
    tools: Vec<&'a Value>,
    include: Vec<&'a Value>,
    reasoning: Option<&'a Map<String, Value>>,
    text: Option<&'a Map<String, Value>>,
    rest: Vec<(&'a str, &'a Value)>,
    /// Whether the vendor stores this conversation.
    stateful: bool,
}

impl<'a> Options<'a> {
    fn of(params: &'a Params, provider: &str, label: &str) -> Self {
        let mut options = Self {
            tools: Vec::new(),
            include: Vec::new(),
            reasoning: None,
            text: None,
            rest: Vec::new(),
            stateful: false,
        };
        let given = [provider, label].map(|id| params.options.get(id));
        for (name, value) in given.into_iter().flatten().flatten() {
            match (&**name, value) {
                ("tools", Value::Array(tools)) => options.tools.extend(tools),
                ("include", Value::Array(include)) => options.include.extend(include),
                ("reasoning", Value::Object(fields)) => options.reasoning = Some(fields),
                ("text", Value::Object(fields)) => options.text = Some(fields),
                _ => options.rest.push((name, value)),
            }
            options.stateful |= match &**name {
                "previous_response_id" | "conversation" => !value.is_null(),
                "store" | "background" => *value == Value::Bool(true),
                _ => false,
            };
        }
        options
    }

    /// The type of the vendor's own or free-text tool that a choice names.
    fn kind_of(&self, name: &str) -> Option<&'a str> {
        self.tools.iter().find_map(|tool| {
            let kind = tool.get("type")?.as_str()?;
            let named = ["name", "server_label"]
                .iter()
                .any(|field| tool.get(field).and_then(Value::as_str) == Some(name));
            (kind == name || named).then_some(kind)
        })
    }
}

fn tools<'a>(
    request: &'a Request,
    quirks: &ResponsesQuirks,
    options: &Options<'a>,
    notes: &mut Notes,
    body: &mut Body<'a>,
) -> Result<()> {
    let own = options.tools.iter().map(|tool| Tool::Own(tool));
    let tools: Vec<Tool<'a>> =
        request.tools.iter().map(|tool| Tool::function(tool, quirks, notes)).chain(own).collect();
    if tools.is_empty() {
        return Ok(());
    }
    body.push("tools", Out::Tools(tools));
    match &request.tool_choice {
        ToolChoice::Auto => {}
        ToolChoice::None => body.push("tool_choice", Out::Text("none")),
        ToolChoice::Required => body.push("tool_choice", Out::Text("required")),
        ToolChoice::Tool(name) => {
            let choice = match options.kind_of(name) {
                None | Some("function") => json!({ "type": "function", "name": name }),
                Some("custom") => json!({ "type": "custom", "name": name }),
                Some("mcp") => json!({ "type": "mcp", "server_label": name }),
                Some(kind) => json!({ "type": kind }),
            };
            body.push("tool_choice", Out::Json(choice));
        }
        _ => notes.dropped("tool_choice", "this provider does not know the choice")?,
    }
    Ok(())
}

fn params<'a>(
    request: &'a Request,
    quirks: &ResponsesQuirks,
    options: &Options<'a>,
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
        // Read by `Options::of`.
        options: _,
    } = &request.params;

    text(&request.output, quirks, options, notes, body)?;
    self::reasoning(*reasoning, quirks, options, notes, body)?;
    let mut set = |name: &'static str, field: &'static str, value: Option<Out<'a>>| match value {
        None => Ok(false),
        Some(_) if quirks.unsupported.contains(&name) => {
            let message = "this dialect, provider or model does not take the setting";
            notes.dropped(name, message).map(|()| false)
        }
        Some(value) => {
            body.push(field, value);
            Ok(true)
        }
    };
    let number = |value: &Option<f64>| value.map(Out::Number);
    let text = |value: &'a Option<String>| value.as_deref().map(Out::Text);
    set("temperature", "temperature", number(temperature))?;
    set("top_p", "top_p", number(top_p))?;
    set("top_k", "top_k", top_k.map(|count| Out::Count(count.into())))?;
    let tokens = max_tokens.map(|count| Out::Count(count.into()));
    set("max_tokens", "max_output_tokens", tokens)?;
    let stop = stop.as_deref().filter(|stop| !stop.is_empty());
    set("stop", "stop", stop.map(Out::Texts))?;
    set("seed", "seed", seed.map(Out::Count))?;
    set("presence_penalty", "presence_penalty", number(presence_penalty))?;
    set("frequency_penalty", "frequency_penalty", number(frequency_penalty))?;
    // The setting says nothing where there are no tools, and servers refuse it then.
    let has_tools = !request.tools.is_empty() || !options.tools.is_empty();
    let parallel = parallel_tool_calls.filter(|_| has_tools).map(Out::Flag);
    set("parallel_tool_calls", "parallel_tool_calls", parallel)?;
    let alternatives = logprobs.map(|count| Out::Count(count.into()));
    let wants_logprobs = set("logprobs", "top_logprobs", alternatives)?;
    set("user", "user", text(user))?;
    set("service_tier", "service_tier", text(service_tier))?;
    set("prompt_cache_key", "prompt_cache_key", text(prompt_cache_key))?;

    if let Some(store) = quirks.store.filter(|_| !options.stateful) {
        body.push("store", Out::Flag(store));
    }
    let encrypted =
        (quirks.encrypted_reasoning && !options.stateful).then_some("reasoning.encrypted_content");
    let probabilities = wants_logprobs.then_some("message.output_text.logprobs");
    let mut include: Vec<&str> = encrypted.into_iter().chain(probabilities).collect();
    for more in options.include.iter().filter_map(|name| name.as_str()) {
        if !include.contains(&more) {
            include.push(more);
        }
    }
    if !include.is_empty() {
        body.push("include", Out::Words(include));
    }
    Ok(())
}

/// Writes the shape of the answer, and what options say about its text.
fn text<'a>(
    output: &OutputFormat,
    quirks: &ResponsesQuirks,
    options: &Options<'a>,
    notes: &mut Notes,
    body: &mut Body<'a>,
) -> Result<()> {
    let mut text = Map::new();
    if let Some(format) = format(output, quirks, notes)? {
        text.insert("format".to_owned(), format);
    }
    for (name, value) in options.text.into_iter().flatten() {
        text.insert(name.clone(), value.clone());
    }
    if !text.is_empty() {
        body.push("text", Out::Json(Value::Object(text)));
    }
    Ok(())
}

fn format(
    output: &OutputFormat,
    quirks: &ResponsesQuirks,
    notes: &mut Notes,
) -> Result<Option<Value>> {
    let none = |notes: &mut Notes, message: &'static str| {
        notes.dropped("output format", message).map(|()| None)
    };
    let output = match (output, quirks.structured_output) {
        (OutputFormat::Text, _) => return Ok(None),
        (_, StructuredOutput::None) => {
            return none(
                notes,
                "this provider cannot hold an answer to a shape; ask for it in the prompt",
            );
        }
        (OutputFormat::Json, _) => return Ok(Some(json!({ "type": "json_object" }))),
        (OutputFormat::Schema(_), StructuredOutput::Json) => {
            let message = "this provider guarantees JSON only; ask for its shape in the prompt";
            notes.changed("output schema", message)?;
            return Ok(Some(json!({ "type": "json_object" })));
        }
        (OutputFormat::Schema(output), _) => output,
        _ => return none(notes, "this provider does not know the format"),
    };
    let original = output.schema.as_value();
    let (schema, strict) = match quirks.structured_output {
        StructuredOutput::Strict => match strict_schema(original) {
            Ok(schema) => (schema, Some(true)),
            Err(what) => {
                let message = format!("the schema has {what}, so its shape is not guaranteed");
                notes.changed("output schema", message)?;
                (original.clone(), Some(false))
            }
        },
        _ => (original.clone(), None),
    };
    let name = if output.name.is_empty() { "output" } else { &output.name };
    let mut format = json!({ "type": "json_schema", "name": name, "schema": schema });
    if let Some(fields) = format.as_object_mut() {
        fields
            .extend(output.description.clone().map(|text| ("description".to_owned(), text.into())));
        fields.extend(strict.map(|strict| ("strict".to_owned(), strict.into())));
    }
    Ok(Some(format))
}

/// Writes how much to think, and what options say about thinking.
fn reasoning<'a>(
    reasoning: Option<Reasoning>,
    quirks: &ResponsesQuirks,
    options: &Options<'a>,
    notes: &mut Notes,
    body: &mut Body<'a>,
) -> Result<()> {
    let mut fields = Map::new();
    match reasoning {
        None => {}
        Some(_) if !quirks.reasoning => {
            notes.dropped("reasoning", "this provider or model has no setting for thinking")?;
        }
        Some(Reasoning::Budget(tokens)) if quirks.budgets => {
            fields.insert("max_tokens".to_owned(), tokens.into());
        }
        Some(reasoning) => {
            let effort = effort(reasoning, quirks.efforts, notes)?;
            fields.insert("effort".to_owned(), effort.as_str().into());
        }
    }
    for (name, value) in options.reasoning.into_iter().flatten() {
        fields.insert(name.clone(), value.clone());
    }
    if !fields.is_empty() {
        body.push("reasoning", Out::Json(Value::Object(fields)));
    }
    Ok(())
}
