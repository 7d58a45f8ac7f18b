//! A request to a body: fields in a fixed order, so that the same request gives the same bytes.

use std::borrow::Cow;
use std::fmt::Write as _;

use meanwhile_core::{Error, ErrorKind, OutputSchema, Params, Request, Result, ToolChoice};
use meanwhile_http::{Framing, Notes, Wire};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value, json};

use crate::messages::{self, Conversation};
use crate::models::{Choice, Family, Model};
use crate::nova;
use crate::output::{self, Plan};
use crate::reasoning;
use crate::schema;
use crate::written::{Block, InputSchema, Message, Tool, ToolSpec};

/// In which form a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For Converse.
    Converse,
    /// As Nova's own body, for `InvokeModel`.
    Nova,
}

/// Writes a request for `provider`.
pub(crate) fn request(request: &Request, provider: &str, form: Form) -> Result<Wire> {
    let model = Model::of(&request.model);
    let mut notes = Notes::new(request.unsupported);
    let conversation =
        messages::conversation(&request.messages, provider, model, form, &mut notes)?;
    let mut settings = Settings::default();
    params(request, model, &mut notes, &mut settings)?;
    let plan = output::plan(request, model);
    match &plan {
        Plan::Unable(why) => notes.dropped("output format", *why)?,
        Plan::Native(output) => text_format(output, &mut notes, &mut settings)?,
        Plan::Text | Plan::Tool(..) => {}
    }
    let thinks = reasoning::is_on(&settings);
    let tools = tools(request, model, &plan, &conversation, thinks, &mut notes)?;
    let mut others = Vec::new();
    let mut own_tools = Vec::new();
    let mut own_choice = None;
    for (name, value) in request.params.options.get(provider).into_iter().flatten() {
        match (name.as_str(), value) {
            ("inferenceConfig", Value::Object(more)) => merge(&mut settings.inference, more),
            ("additionalModelRequestFields", Value::Object(more)) => {
                merge(&mut settings.additional, more);
            }
            ("outputConfig", Value::Object(more)) => merge(&mut settings.output, more),
            ("toolConfig", Value::Object(more)) => {
                let more_tools = more.get("tools").and_then(Value::as_array);
                own_tools.extend(more_tools.into_iter().flatten().map(Tool::Own));
                own_choice = more.get("toolChoice");
            }
            ("serviceTier", value) => settings.service_tier = Some(value.clone()),
            ("additionalModelResponseFieldPaths", value) => {
                settings.response_paths = Some(value.clone());
            }
            _ => others.push((&**name, value)),
        }
    }

    if form == Form::Nova {
        nova::move_fields(&mut settings, &mut others, &mut notes)?;
    }
    let mut body = Body { fields: Vec::with_capacity(9 + others.len()) };
    if form == Form::Nova {
        body.push("schemaVersion", Out::Json(Value::from(nova::SCHEMA_VERSION)));
    }
    body.push("messages", Out::Messages(conversation.messages));
    if !conversation.system.is_empty() {
        body.push("system", Out::Blocks(conversation.system));
    }
    body.push_object("inferenceConfig", settings.inference);
    if let Some(config) = tools.with(own_tools, own_choice) {
        body.push("toolConfig", Out::Tools(config));
    }
    match form {
        Form::Converse => body.push_object("additionalModelRequestFields", settings.additional),
        Form::Nova => body.fields.extend(
            settings.additional.iter().map(|(name, value)| (&**name, Out::Borrowed(value))),
        ),
    }
    if let Some(paths) = settings.response_paths {
        body.push("additionalModelResponseFieldPaths", Out::Json(paths));
    }
    if let Some(tier) = settings.service_tier {
        body.push("serviceTier", Out::Json(tier));
    }
    body.push_object("outputConfig", settings.output);
    for (name, value) in others {
        body.push(name, Out::Borrowed(value));
    }
    let bytes = serde_json::to_vec(&body).map_err(|source| {
        Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON")
            .with_source(source)
    })?;
    let (operation, framing) = match (form, request.is_streamed()) {
        (Form::Converse, true) => ("converse-stream", Framing::AwsEventStream),
        (Form::Converse, false) => ("converse", Framing::Whole),
        (Form::Nova, true) => ("invoke-with-response-stream", Framing::AwsEventStream),
        (Form::Nova, false) => ("invoke", Framing::Whole),
    };
    let mut wire = Wire::post(path(&request.model, operation)?, bytes, framing);
    wire.warnings = notes.into_warnings();
    Ok(wire)
}

/// The path of an operation; an id may be an ARN with slashes.
pub(crate) fn path(model: &str, operation: &str) -> Result<String> {
    if model.is_empty() {
        let message = "the model id is empty; write it like `bedrock/amazon.nova-lite-v1:0`";
        return Err(Error::new(ErrorKind::InvalidRequest, message));
    }
    let mut path = String::with_capacity(model.len() + operation.len() + 16);
    path.push_str("/model/");
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path.push('/');
    path.push_str(operation);
    Ok(path)
}

/// What the settings become.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) inference: Map<String, Value>,
    /// Fields of the model's own request.
    pub(crate) additional: Map<String, Value>,
    pub(crate) output: Map<String, Value>,
    pub(crate) service_tier: Option<Value>,
    pub(crate) response_paths: Option<Value>,
}

fn params(
    request: &Request,
    model: Model<'_>,
    notes: &mut Notes,
    settings: &mut Settings,
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

    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            settings.inference.insert(name.to_owned(), value);
        }
    };
    set("maxTokens", max_tokens.map(Value::from));
    set("temperature", temperature.map(Value::from));
    set("topP", top_p.map(Value::from));
    let stop = stop.as_deref().filter(|stop| !stop.is_empty());
    set("stopSequences", stop.map(|stop| json!(stop)));
    if stop.is_some() && model.family == Family::Claude {
        // The only way to learn which one it was.
        let path = if request.is_streamed() { "/delta/stop_sequence" } else { "/stop_sequence" };
        settings.response_paths = Some(json!([path]));
    }
    if let Some(top_k) = top_k {
        let top_k = json!(top_k);
        let field = match model.family {
            Family::Claude | Family::Mistral => Some(("top_k", top_k)),
            Family::Cohere => Some(("k", top_k)),
            Family::Nova => Some(("inferenceConfig", json!({ "topK": top_k }))),
            _ => None,
        };
        match field {
            Some((name, value)) => {
                settings.additional.insert(name.to_owned(), value);
            }
            None => notes.dropped("top_k", "this model is not known to take the setting")?,
        }
    }
    let absent = [
        ("seed", seed.is_some()),
        ("presence_penalty", presence_penalty.is_some()),
        ("frequency_penalty", frequency_penalty.is_some()),
        ("logprobs", logprobs.is_some()),
        ("user", user.is_some()),
        ("prompt_cache_key", prompt_cache_key.is_some()),
        // It is what models do anyway.
        ("parallel_tool_calls", *parallel_tool_calls == Some(false) && !request.tools.is_empty()),
    ];
    for (name, is_set) in absent {
        if is_set {
            notes.dropped(name, "this provider does not have the setting")?;
        }
    }
    settings.service_tier = service_tier
        .as_deref()
        .map(|tier| json!({ "type": if tier == "auto" { "default" } else { tier } }));
    match reasoning {
        Some(asked) => {
            reasoning::set(*asked, model, *max_tokens, notes, settings)?;
            reasoning::drop_sampling(notes, settings)
        }
        None => Ok(()),
    }
}

/// Asks the service itself for a shape. The schema travels as text.
fn text_format(output: &OutputSchema, notes: &mut Notes, settings: &mut Settings) -> Result<()> {
    let original = output.schema.as_value();
    let schema = match schema::strict(original) {
        Ok(schema) => schema.to_string(),
        Err(what) => {
            let message = format!("the schema has {what}, which this provider may refuse");
            notes.changed("output schema", message)?;
            original.to_string()
        }
    };
    let mut json_schema = json!({ "schema": schema });
    if let Some(fields) = json_schema.as_object_mut() {
        if !output.name.is_empty() {
            fields.insert("name".to_owned(), json!(output.name));
        }
        if let Some(description) = &output.description {
            fields.insert("description".to_owned(), json!(description));
        }
    }
    let format = json!({ "type": "json_schema", "structure": { "jsonSchema": json_schema } });
    settings.output.insert("textFormat".to_owned(), format);
    Ok(())
}

fn tools<'a>(
    request: &'a Request,
    model: Model<'_>,
    plan: &Plan<'a>,
    conversation: &Conversation<'a>,
    thinks: bool,
    notes: &mut Notes,
) -> Result<ToolConfig<'a>> {
    let spec = |name: Cow<'a, str>, description: &'a str, schema: Cow<'a, Value>| {
        Tool::ToolSpec(ToolSpec { name, description, input_schema: InputSchema { json: schema } })
    };
    let mut config = ToolConfig::default();
    let forbidden = request.tool_choice == ToolChoice::None;
    if !forbidden || !conversation.called.is_empty() {
        config.tools.extend(request.tools.iter().map(|tool| {
            let schema = Cow::Borrowed(tool.parameters.as_value());
            spec(Cow::Borrowed(&tool.name), &tool.description, schema)
        }));
    }
    if forbidden && !config.tools.is_empty() {
        let message =
            "a conversation with calls needs its tools, so another call cannot be forbidden";
        notes.changed("tool_choice", message)?;
    }
    // The service refuses calls in a conversation without any tool.
    if config.tools.is_empty() {
        config.tools.extend(conversation.called.iter().map(|name| {
            let description = "No longer available.";
            spec(Cow::Borrowed(*name), description, Cow::Owned(json!({ "type": "object" })))
        }));
    }
    let has_own = !config.tools.is_empty() && !forbidden && !request.tools.is_empty();
    if let Plan::Tool(name, output) = plan {
        let description = output.description.as_deref().unwrap_or("Gives the answer.");
        let schema = Cow::Borrowed(output.schema.as_value());
        config.tools.push(spec(Cow::Owned(name.clone()), description, schema));
        if thinks {
            let message = "this model cannot be made to call a tool while it thinks, so the shape is not guaranteed";
            notes.changed("output schema", message)?;
            return Ok(config);
        }
        let only = !has_own && model.choice() == Choice::Tool;
        config.choice = Some(match &request.tool_choice {
            ToolChoice::Tool(name) if has_own => json!({ "tool": { "name": name } }),
            _ if only => json!({ "tool": { "name": name } }),
            _ => json!({ "any": {} }),
        });
        return Ok(config);
    }
    if request.tools.is_empty() {
        return Ok(config);
    }
    let unable = "this model decides itself whether it calls a tool";
    match &request.tool_choice {
        ToolChoice::Auto | ToolChoice::None => {}
        ToolChoice::Required | ToolChoice::Tool(_) if model.choice() == Choice::Auto => {
            notes.dropped("tool_choice", unable)?;
        }
        ToolChoice::Required => config.choice = Some(json!({ "any": {} })),
        ToolChoice::Tool(_) if model.choice() == Choice::Any => {
            let message = "this model cannot be told which tool to call, only to call one";
            notes.changed("tool_choice", message)?;
            config.choice = Some(json!({ "any": {} }));
        }
        ToolChoice::Tool(name) => config.choice = Some(json!({ "tool": { "name": name } })),
        _ => notes.dropped("tool_choice", "this provider does not know the choice")?,
    }
    Ok(config)
}

/// Adds what `more` has; objects within are merged likewise.
pub(crate) fn merge(into: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        match (into.get_mut(name), value) {
            (Some(Value::Object(inner)), Value::Object(more)) => merge(inner, more),
            _ => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}

/// The tools, and whether one must be called.
#[derive(Default)]
struct ToolConfig<'a> {
    tools: Vec<Tool<'a>>,
    choice: Option<Value>,
}

impl<'a> ToolConfig<'a> {
    /// Adds tools and the choice of a vendor option; `None` where there is no tool at all.
    fn with(mut self, own: Vec<Tool<'a>>, choice: Option<&Value>) -> Option<Self> {
        self.tools.extend(own);
        self.choice = choice.cloned().or(self.choice);
        (!self.tools.is_empty()).then_some(self)
    }
}

impl Serialize for ToolConfig<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("tools", &self.tools)?;
        if let Some(choice) = &self.choice {
            map.serialize_entry("toolChoice", choice)?;
        }
        map.end()
    }
}

/// The body: named fields, in order.
struct Body<'a> {
    fields: Vec<(&'a str, Out<'a>)>,
}

impl<'a> Body<'a> {
    fn push(&mut self, name: &'a str, value: Out<'a>) {
        self.fields.push((name, value));
    }

    fn push_object(&mut self, name: &'a str, object: Map<String, Value>) {
        if !object.is_empty() {
            self.push(name, Out::Json(Value::Object(object)));
        }
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The value of a field.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Out<'a> {
    Json(Value),
    Borrowed(&'a Value),
    Messages(Vec<Message<'a>>),
    Blocks(Vec<Block<'a>>),
    Tools(ToolConfig<'a>),
}
