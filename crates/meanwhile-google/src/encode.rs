//! A request to a body: fields in a fixed order, so that the same request gives the same bytes.

use std::borrow::Cow;

use http::HeaderValue;
use meanwhile_core::{
    Error, ErrorKind, OutputFormat, Params, Request, Result, ToolChoice, ToolSpec,
};
use meanwhile_http::{Framing, Notes, Wire};
use serde_json::{Map, Value, json};

use crate::codec::Host;
use crate::contents;
use crate::models::Model;
use crate::schema;
use crate::sources::CONTINUATION;
use crate::written::{Content, Kind, Part};

/// Writes a request.
pub(crate) fn request(request: &Request, host: &Host) -> Result<Wire> {
    let model = Model::of(&request.model);
    let mut notes = Notes::new(request.unsupported);
    let mut options = Options::of(request, host);
    let mut conversation = contents::conversation(&request.messages, host, &model, &mut notes)?;
    let mut config = Fields::default();
    let wants_tools = !request.tools.is_empty() || !options.tools.is_empty();
    let instruction = output(request, &model, wants_tools, &mut notes, &mut config)?;
    if let Some(text) = instruction {
        conversation.system.push(Part::new(Kind::Text(Cow::Owned(text))));
    }
    let tier = params(request, &model, host, &mut notes, &mut config)?;
    for (name, value) in std::mem::take(&mut options.config) {
        merge(&mut config, name, value);
    }

    let mut body = Fields::default();
    if !conversation.system.is_empty() {
        let system = Content { role: None, parts: conversation.system };
        body.push("systemInstruction", Out::System(system));
    }
    body.push("contents", Out::Contents(conversation.turns));
    tools(request, &model, host, &options, &mut notes, &mut body)?;
    if !config.is_empty() {
        body.push("generationConfig", Out::Fields(config));
    }
    let mut header = None;
    if let Some(tier) = tier {
        if host.is_vertex() {
            header = HeaderValue::from_str(tier).ok();
        } else {
            body.push("serviceTier", Out::Text(tier));
        }
    }
    if let Some(token) = conversation.continuation {
        body.push(CONTINUATION, Out::Text(token));
    }
    for (name, value) in options.fields {
        merge(&mut body, name, value);
    }
    let bytes = serde_json::to_vec(&body).map_err(|source| {
        Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON")
            .with_source(source)
    })?;

    let path = host.model_path(&request.model);
    let mut wire = if request.is_streamed() {
        let path = format!("{path}:streamGenerateContent?alt=sse");
        Wire::post(path, bytes, Framing::ServerSentEvents)
    } else {
        Wire::post(format!("{path}:generateContent"), bytes, Framing::Whole)
    };
    if let Some(tier) = header {
        wire.headers.insert("x-vertex-ai-llm-shared-request-type", tier);
    }
    wire.warnings = notes.into_warnings();
    Ok(wire)
}

/// The vendor options, by where they go.
#[derive(Debug, Default)]
struct Options<'a> {
    config: Vec<(&'a String, &'a Value)>,
    tools: Vec<&'a Value>,
    tool_config: Option<&'a Map<String, Value>>,
    fields: Vec<(&'a String, &'a Value)>,
}

impl<'a> Options<'a> {
    fn of(request: &'a Request, host: &Host) -> Self {
        let mut options = Self::default();
        let ids = host.option_ids();
        let given = ids.iter().filter_map(|id| request.params.options.get(*id));
        for (name, value) in given.flatten() {
            match (name.as_str(), value) {
                ("generationConfig", Value::Object(fields)) => options.config.extend(fields),
                ("tools", Value::Array(tools)) => options.tools.extend(tools),
                ("toolConfig", Value::Object(fields)) => options.tool_config = Some(fields),
                _ => options.fields.push((name, value)),
            }
        }
        options
    }
}

fn tools<'a>(
    request: &'a Request,
    model: &Model,
    host: &Host,
    options: &Options<'a>,
    notes: &mut Notes,
    body: &mut Fields<'a>,
) -> Result<()> {
    let mut list = Vec::with_capacity(1 + options.tools.len());
    if !request.tools.is_empty() {
        let declarations = request.tools.iter().map(|tool| Declaration::new(tool, model, notes));
        let function_declarations = declarations.collect::<Result<_>>()?;
        list.push(Tool::Functions { function_declarations });
    }
    list.extend(options.tools.iter().map(|tool| Tool::Given(tool)));
    let mixes = list.len() > 1 && !request.tools.is_empty();
    if !list.is_empty() {
        body.push("tools", Out::Tools(list));
    }
    let mut config = Map::new();
    if let Some(choice) = choice(request, notes)? {
        config.insert("functionCallingConfig".to_owned(), choice);
    }
    if mixes && model.mixes_tools() && !host.is_vertex() {
        config.insert("includeServerSideToolInvocations".to_owned(), Value::Bool(true));
    }
    for (name, value) in options.tool_config.into_iter().flatten() {
        match (config.get_mut(name).and_then(Value::as_object_mut), value) {
            (Some(known), Value::Object(more)) => known.extend(owned(more)),
            _ => {
                config.insert(name.clone(), value.clone());
            }
        }
    }
    if !config.is_empty() {
        body.push("toolConfig", Out::Json(Value::Object(config)));
    }
    Ok(())
}

/// See <https://ai.google.dev/api/caching#FunctionCallingConfig>.
fn choice(request: &Request, notes: &mut Notes) -> Result<Option<Value>> {
    if request.tools.is_empty() {
        return Ok(None);
    }
    Ok(Some(match &request.tool_choice {
        ToolChoice::Auto => return Ok(None),
        ToolChoice::None => json!({ "mode": "NONE" }),
        ToolChoice::Required => json!({ "mode": "ANY" }),
        ToolChoice::Tool(name) => json!({ "mode": "ANY", "allowedFunctionNames": [name] }),
        _ => {
            notes.dropped("tool_choice", "this provider does not know the choice")?;
            return Ok(None);
        }
    }))
}

/// Writes the shape of the answer; returns what has to be asked for in words instead.
fn output<'a>(
    request: &'a Request,
    model: &Model,
    wants_tools: bool,
    notes: &mut Notes,
    config: &mut Fields<'a>,
) -> Result<Option<String>> {
    let schema = match &request.output {
        OutputFormat::Text => return Ok(None),
        OutputFormat::Json => None,
        OutputFormat::Schema(output) => Some(output.schema.as_value()),
        _ => {
            notes.dropped("output format", "this provider does not know the format")?;
            return Ok(None);
        }
    };
    if wants_tools && !model.has_output_beside_tools() {
        let message = "this model cannot hold an answer to a shape while it has tools; it is asked for in the prompt";
        notes.changed("output format", message)?;
        return Ok(Some(match schema {
            Some(schema) => format!(
                "Answer with one JSON value that fits this JSON Schema, and with nothing else:\n{schema}"
            ),
            None => "Answer with one JSON value, and with nothing else.".to_owned(),
        }));
    }
    config.push("responseMimeType", Out::Text("application/json"));
    let Some(schema) = schema else { return Ok(None) };
    if model.takes_json_schema() {
        config.push("responseJsonSchema", Out::Schema(schema::json_schema(schema)));
        return Ok(None);
    }
    match schema::open_api(schema) {
        Ok(schema) => config.push("responseSchema", Out::Json(schema)),
        Err(what) => {
            let message = format!("the schema has {what}, so its shape is not guaranteed");
            notes.changed("output schema", message)?;
        }
    }
    Ok(None)
}

/// Writes the settings; returns the tier of service, which has a place of its own.
fn params<'a>(
    request: &'a Request,
    model: &Model,
    host: &Host,
    notes: &mut Notes,
    config: &mut Fields<'a>,
) -> Result<Option<&'a str>> {
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

    let mut set = |field: &'static str, value: Option<Out<'a>>| {
        if let Some(value) = value {
            config.push(field, value);
        }
    };
    set("temperature", temperature.map(Out::Number));
    set("topP", top_p.map(Out::Number));
    set("topK", top_k.map(|count| Out::Count(count.into())));
    set("maxOutputTokens", max_tokens.map(|count| Out::Count(count.into())));
    let stop = stop.as_deref().filter(|stop| !stop.is_empty());
    set("stopSequences", stop.map(Out::Texts));
    let small = seed.filter(|seed| i32::try_from(*seed).is_ok());
    set("seed", small.map(Out::Count));
    set("presencePenalty", presence_penalty.map(Out::Number));
    set("frequencyPenalty", frequency_penalty.map(Out::Number));
    set("responseLogprobs", logprobs.map(|_| Out::Flag(true)));
    let alternatives = logprobs.filter(|alternatives| *alternatives > 0);
    set("logprobs", alternatives.map(|count| Out::Count(count.into())));
    if let Some(reasoning) = reasoning
        && let Some(thinking) = model.thinking(*reasoning, notes)?
    {
        config.push("thinkingConfig", Out::Json(thinking));
    }

    if seed.is_some() && small.is_none() {
        notes.dropped("seed", "this provider takes seeds up to 2147483647")?;
    }
    if *parallel_tool_calls == Some(false) && !request.tools.is_empty() {
        let message = "this provider cannot keep its models from calling several tools at once";
        notes.dropped("parallel_tool_calls", message)?;
    }
    if user.is_some() {
        notes.dropped("user", "this provider does not take the name of the end user")?;
    }
    if prompt_cache_key.is_some() {
        let message = "this provider finds cached prefixes by itself, or takes `cachedContent`";
        notes.dropped("prompt_cache_key", message)?;
    }
    match service_tier.as_deref() {
        Some(tier) if host.is_vertex() && !matches!(tier, "flex" | "priority" | "standard") => {
            notes
                .dropped("service_tier", "this provider knows `flex`, `priority` and `standard`")?;
            Ok(None)
        }
        Some("standard") if host.is_vertex() => Ok(None),
        tier => Ok(tier),
    }
}

type Fields<'a> = meanwhile_http::Fields<'a, Out<'a>>;

/// Sets a field to a vendor option: objects that are made here grow, everything else is replaced.
fn merge<'a>(fields: &mut Fields<'a>, name: &'a str, value: &'a Value) {
    match (fields.get_mut(name), value) {
        (Some(Out::Json(Value::Object(known))), Value::Object(more)) => known.extend(owned(more)),
        _ => fields.set(name, Out::Borrowed(value)),
    }
}

fn owned(fields: &Map<String, Value>) -> impl Iterator<Item = (String, Value)> {
    fields.iter().map(|(name, value)| (name.clone(), value.clone()))
}

/// The value of a field.
#[derive(Debug, serde::Serialize)]
#[serde(untagged)]
enum Out<'a> {
    Text(&'a str),
    Texts(&'a [String]),
    Number(f64),
    Count(u64),
    Flag(bool),
    Json(Value),
    Schema(Cow<'a, Value>),
    Borrowed(&'a Value),
    Fields(Fields<'a>),
    System(Content<'a>),
    Contents(Vec<Content<'a>>),
    Tools(Vec<Tool<'a>>),
}

#[derive(Debug, serde::Serialize)]
#[serde(untagged)]
enum Tool<'a> {
    #[serde(rename_all = "camelCase")]
    Functions {
        function_declarations: Vec<Declaration<'a>>,
    },
    Given(&'a Value),
}

/// See <https://ai.google.dev/api/caching#FunctionDeclaration>.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<Cow<'a, Value>>,
}

impl<'a> Declaration<'a> {
    fn new(tool: &'a ToolSpec, model: &Model, notes: &mut Notes) -> Result<Self> {
        let ToolSpec { name, description, .. } = tool;
        let schema = tool.parameters.as_value();
        let mut declaration =
            Self { name, description, parameters: None, parameters_json_schema: None };
        let has_parameters = schema
            .get("properties")
            .and_then(Value::as_object)
            .is_some_and(|properties| !properties.is_empty())
            || ["$ref", "anyOf", "oneOf", "allOf", "additionalProperties"]
                .iter()
                .any(|keyword| schema.get(keyword).is_some_and(|value| *value != json!(false)));
        if !has_parameters {
            // An object without properties is refused by some models.
            return Ok(declaration);
        }
        if model.takes_json_schema() {
            declaration.parameters_json_schema = Some(schema::json_schema(schema));
            return Ok(declaration);
        }
        match schema::open_api(schema) {
            Ok(schema) => declaration.parameters = Some(schema),
            Err(what) => {
                let message = format!(
                    "the parameters of `{name}` have {what}, which this model may not read"
                );
                notes.changed("tool", message)?;
                declaration.parameters_json_schema = Some(Cow::Borrowed(schema));
            }
        }
        Ok(declaration)
    }
}
