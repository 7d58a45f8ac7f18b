//! A request to a body: fields in a fixed order, so that the same request gives the same bytes.

use std::borrow::Cow;
use std::fmt::Write as _;

use http::HeaderValue;
use meanwhile_core::{Error, ErrorKind, Request, Result, ToolChoice, Warning};
use meanwhile_http::{Fields, Framing, Notes, Wire};
use serde_json::{Map, Value, json};

use crate::messages::{Setting, conversation};
use crate::options::{BETAS, CITATIONS, STRICT_TOOLS, TOOL_OPTIONS, is_on};
use crate::settings::Settings;
use crate::shape::Shape;
use crate::tools::{self, Tool};
use crate::written::{Content, Turn};
use crate::{DIALECT, Host, models};

pub(crate) const VERSION: &str = "2023-06-01";
const VERTEX_VERSION: &str = "vertex-2023-10-16";
const BEDROCK_VERSION: &str = "bedrock-2023-05-31";
const FILES_BETA: &str = "files-api-2025-04-14";

/// What is asked about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its answer.
    Answer,
    /// How many tokens it has.
    Count,
}

/// The fields of a request that have tokens, which are those that counting them takes.
const COUNTED: &[&str] = &[
    "anthropic_version",
    "cache_control",
    "context_management",
    "mcp_servers",
    "messages",
    "model",
    "output_config",
    "output_format",
    "speed",
    "system",
    "thinking",
    "tool_choice",
    "tools",
];

/// Writes a request for `provider`.
pub(crate) fn request(
    request: &Request,
    provider: &str,
    host: Host,
    betas: &[String],
    purpose: Purpose,
) -> Result<Wire> {
    let facts = models::facts(&request.model, host);
    let mut notes = Notes::new(request.unsupported);
    let options = options(request, provider);
    let shape = Shape::new(request, facts, &mut notes)?;
    let forced = match (&shape, &request.tool_choice) {
        (_, ToolChoice::Required | ToolChoice::Tool(_)) => !request.tools.is_empty(),
        _ => false,
    };
    let settings = Settings::new(request, facts, forced, &mut notes)?;
    let tool_options = options.get(TOOL_OPTIONS).and_then(Value::as_object);
    let marks = tool_options.map_or(0, |tools| {
        tools.values().filter(|fields| fields.get("cache_control").is_some()).count()
    }) + usize::from(options.contains_key("cache_control"));
    let setting = Setting { provider, facts, citations: is_on(&options, CITATIONS), marks };
    let written = conversation(&request.messages, setting, &mut notes)?;

    let mut body = Body::with_capacity(12);
    match host {
        Host::Anthropic => body.push("model", Out::Text(&request.model)),
        Host::Vertex => {
            body.push("anthropic_version", Out::Text(VERTEX_VERSION));
            if purpose == Purpose::Count {
                body.push("model", Out::Text(&request.model));
            }
        }
        Host::Bedrock => body.push("anthropic_version", Out::Text(BEDROCK_VERSION)),
    }
    body.push("max_tokens", Out::Count(settings.max_tokens().into()));
    if !written.system.0.is_empty() {
        body.push("system", Out::Content(written.system));
    }
    body.push("messages", Out::Turns(written.turns));
    tools::write(request, &shape, &settings, &options, &mut notes, &mut body)?;
    output(&shape, &settings, &mut body);
    settings.write(request, facts, &mut notes, &mut body)?;
    match written.container {
        Some(container) if host == Host::Anthropic => {
            body.push("container", Out::Json(container.clone()));
        }
        None if !written.container_elsewhere => {}
        _ => {
            let message =
                "containers belong to the host that runs them, and this host does not have it";
            notes.mention(Warning::dropped("container", message));
        }
    }
    if request.is_streamed() && host != Host::Bedrock {
        body.push("stream", Out::Flag(true));
    }
    let mut betas: Vec<&str> = betas.iter().map(String::as_str).collect();
    if written.files {
        betas.push(FILES_BETA);
    }
    betas.extend(texts(options.get(BETAS)));
    for (name, value) in options.iter() {
        if ![BETAS, CITATIONS, STRICT_TOOLS, TOOL_OPTIONS].contains(&name.as_str()) {
            merge(&mut body, name, value);
        }
    }
    if purpose == Purpose::Count {
        body.retain(|name| COUNTED.contains(&name));
    }
    wire(request, host, &betas, body, purpose, notes)
}

/// The vendor options: those of the dialect, then those of the host that serves it.
fn options<'a>(request: &'a Request, provider: &str) -> Cow<'a, Map<String, Value>> {
    let options = &request.params.options;
    let own = options.get(provider).filter(|_| provider != DIALECT);
    match (options.get(DIALECT), own) {
        (Some(shared), Some(own)) => {
            let mut all = shared.clone();
            all.extend(own.clone());
            Cow::Owned(all)
        }
        (Some(options), None) | (None, Some(options)) => Cow::Borrowed(options),
        (None, None) => Cow::Owned(Map::new()),
    }
}

fn wire(
    request: &Request,
    host: Host,
    betas: &[&str],
    mut body: Body<'_>,
    purpose: Purpose,
    notes: Notes,
) -> Result<Wire> {
    let mut names: Vec<&str> = Vec::with_capacity(betas.len());
    for name in betas.iter().flat_map(|names| names.split(',')).map(str::trim) {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    if host == Host::Bedrock && !names.is_empty() {
        body.push("anthropic_beta", Out::Json(json!(names)));
    }
    let bytes = serde_json::to_vec(&body).map_err(|source| {
        Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON")
            .with_source(source)
    })?;
    let model = || path_segment(&request.model);
    let streamed = request.is_streamed() && purpose == Purpose::Answer;
    let path = match (host, streamed) {
        (Host::Anthropic, _) if purpose == Purpose::Count => "/v1/messages/count_tokens".to_owned(),
        (Host::Vertex, _) if purpose == Purpose::Count => {
            "/publishers/anthropic/models/count-tokens:rawPredict".to_owned()
        }
        (Host::Anthropic, _) => "/v1/messages".to_owned(),
        (Host::Vertex, false) => format!("/publishers/anthropic/models/{}:rawPredict", model()),
        (Host::Vertex, true) => {
            format!("/publishers/anthropic/models/{}:streamRawPredict", model())
        }
        (Host::Bedrock, false) => format!("/model/{}/invoke", model()),
        (Host::Bedrock, true) => format!("/model/{}/invoke-with-response-stream", model()),
    };
    let framing = if streamed { Framing::ServerSentEvents } else { Framing::Whole };
    let mut wire = Wire::post(path, bytes, framing);
    if host == Host::Anthropic {
        wire.headers.insert("anthropic-version", HeaderValue::from_static(VERSION));
    }
    if host != Host::Bedrock && !names.is_empty() {
        let value = HeaderValue::from_str(&names.join(",")).map_err(|source| {
            let message = "the name of a beta feature holds a character that a header cannot carry";
            Error::new(ErrorKind::Config, message).with_source(source)
        })?;
        wire.headers.insert("anthropic-beta", value);
    }
    wire.warnings = notes.into_warnings();
    Ok(wire)
}

fn output(shape: &Shape<'_>, settings: &Settings, body: &mut Body<'_>) {
    let mut config = Map::new();
    if let Some(effort) = settings.effort() {
        config.insert("effort".to_owned(), effort.as_str().into());
    }
    if let Shape::Native(schema) = shape {
        config.insert("format".to_owned(), json!({ "type": "json_schema", "schema": schema }));
    }
    if !config.is_empty() {
        body.push("output_config", Out::Json(Value::Object(config)));
    }
}

fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str)
}

/// Encodes what would end a segment of a path. `@` stands in the ids of Vertex.
fn path_segment(model: &str) -> String {
    let mut out = String::with_capacity(model.len());
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

pub(crate) type Body<'a> = Fields<'a, Out<'a>>;

/// Adds a vendor option: tools to the tools, an object's fields to those of the object, and
/// otherwise in the place of what was written from a setting.
fn merge<'a>(body: &mut Body<'a>, name: &'a str, value: &'a Value) {
    match (body.get_mut(name), value) {
        (Some(Out::Tools(tools)), Value::Array(more)) => {
            tools.extend(more.iter().map(Tool::Given));
        }
        (Some(Out::Json(Value::Object(fields))), Value::Object(more)) => {
            fields.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        _ => body.set(name, Out::Borrowed(value)),
    }
}

/// The value of a field.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub(crate) enum Out<'a> {
    Text(&'a str),
    Texts(Vec<&'a str>),
    Number(f64),
    Count(u64),
    Flag(bool),
    Json(Value),
    Borrowed(&'a Value),
    Content(Content<'a>),
    Turns(Vec<Turn<'a>>),
    Tools(Vec<Tool<'a>>),
}
