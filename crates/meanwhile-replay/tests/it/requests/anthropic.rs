//! Anthropic Messages requests, on Anthropic's own host and on others.

use meanwhile_anthropic::{Host, MessagesCodec};
use meanwhile_core::tool::{ToolCall, ToolChoice, ToolSpec};
use meanwhile_core::{
    CacheMark, Citation, Document, Effort, Image, Message, OutputFormat, OutputSchema, Part,
    ProviderData, Reasoning, Request, Role, Schema, Text, Thinking,
};
use serde_json::{Map, Value, json};

use super::fields::{Fields, bytes, effort, result};
use super::{Judge, Recorded, write};

/// The name under which this wire's own data and options are kept, on every host.
const DIALECT: &str = "anthropic";

/// The codec that a user of this provider gets.
pub(crate) fn codec(provider: &str) -> MessagesCodec {
    let host = if provider == "vertex" { Host::Vertex } else { Host::Anthropic };
    MessagesCodec::new(provider, host)
}

pub(crate) const JUDGE: Judge = Judge {
    wire: "anthropic",
    takes: |_, api| ["messages", "anthropic_messages"].contains(&api),
    read: request,
    write: |provider, request| write(&codec(provider), request),
};

/// A recorded body as a request.
pub(crate) fn request(recorded: &Recorded<'_>) -> Result<Request, String> {
    let mut fields = Fields::of(recorded.body)?;
    let in_path = recorded.path.rsplit('/').next().and_then(|last| last.split(':').next());
    let model = fields.text("model").or_else(|| in_path.map(str::to_owned)).ok_or("no model")?;
    let mut request = Request::new(model, Vec::new());
    let mut own = Map::new();
    if let Some(system) = fields.take("system") {
        let parts = parts(recorded.provider, &system)?;
        request.messages.push(Message::new(Role::System, parts));
    }
    for message in fields.list("messages") {
        let role = match message["role"].as_str() {
            Some("assistant") => Role::Assistant,
            Some("system") => Role::System,
            _ => Role::User,
        };
        let parts = parts(recorded.provider, &message["content"])?;
        request.messages.push(Message::new(role, parts));
    }
    if recorded.body.to_string().contains(r#""citations":{"enabled":true}"#) {
        own.insert("citations".to_owned(), true.into());
    }
    if fields.flag("stream") == Some(true) {
        request = request.streamed();
    }
    tools(fields.list("tools"), &mut request, &mut own)?;
    if let Some(choice) = fields.take("tool_choice") {
        request.tool_choice = match (choice["type"].as_str(), choice["name"].as_str()) {
            (Some("auto"), _) => ToolChoice::Auto,
            (Some("any"), _) => ToolChoice::Required,
            (Some("none"), _) => ToolChoice::None,
            (Some("tool"), Some(name)) => ToolChoice::Tool(name.to_owned()),
            _ => return Err(format!("the tool choice {choice}")),
        };
        let alone = choice["disable_parallel_tool_use"].as_bool();
        request.params.parallel_tool_calls = alone.map(|alone| !alone);
    }
    let mut config = fields.take("output_config").unwrap_or_else(|| json!({}));
    let format = config.as_object_mut().and_then(|config| config.shift_remove("format"));
    if let Some(format) = format.or_else(|| fields.take("output_format")) {
        let schema = OutputSchema::new("", Schema::from(format["schema"].clone()));
        request.output = OutputFormat::Schema(schema);
    }
    let params = &mut request.params;
    params.max_tokens = fields.count("max_tokens");
    params.temperature = fields.number("temperature");
    params.top_p = fields.number("top_p");
    params.top_k = fields.count("top_k");
    params.stop = fields.texts("stop_sequences");
    params.service_tier = fields.text("service_tier");
    if let Some(thinking) = fields.take("thinking") {
        let level = config["effort"].as_str().and_then(effort);
        params.reasoning = match (thinking["type"].as_str(), thinking["budget_tokens"].as_u64()) {
            (Some("enabled"), Some(tokens)) => Some(Reasoning::Budget(tokens as u32)),
            (Some("disabled"), _) => Some(Reasoning::Effort(Effort::None)),
            (Some("adaptive"), _) => level.map(Reasoning::Effort),
            _ => return Err(format!("the thinking {thinking}")),
        };
        if thinking["type"] == "adaptive" {
            match params.reasoning {
                Some(_) => config = json!({}),
                None => drop(own.insert("thinking".to_owned(), thinking.clone())),
            }
        }
        if let Some(display) = thinking.get("display") {
            own.insert("thinking".to_owned(), json!({ "display": display }));
        }
    }
    if config.as_object().is_some_and(|config| !config.is_empty()) {
        own.insert("output_config".to_owned(), config);
    }
    own.extend(fields.rest().into_iter().filter(|(name, _)| name != "anthropic_version"));
    if !own.is_empty() {
        params.options.insert(DIALECT.to_owned(), own);
    }
    Ok(request)
}

/// Tools of the program, with what is set beside their schema; tools of the vendor as they are.
fn tools(
    tools: Vec<Value>,
    request: &mut Request,
    own: &mut Map<String, Value>,
) -> Result<(), String> {
    let (mut vendors, mut options) = (Vec::new(), Map::new());
    for tool in tools {
        let mut fields = Fields::of(&tool)?;
        if fields.get("type").is_some_and(|kind| kind != "custom") {
            vendors.push(tool);
            continue;
        }
        fields.take("type");
        let name = fields.text("name").ok_or("a tool without a name")?;
        let description = fields.text("description").unwrap_or_default();
        let schema = fields.take("input_schema").ok_or("a tool without a schema")?;
        request.tools.push(ToolSpec::new(name.clone(), description, Schema::from(schema)));
        let rest = fields.rest();
        if !rest.is_empty() {
            options.insert(name, Value::Object(rest));
        }
    }
    if !vendors.is_empty() {
        own.insert("tools".to_owned(), vendors.into());
    }
    if !options.is_empty() {
        own.insert("tool_options".to_owned(), options.into());
    }
    Ok(())
}

/// Content: a text, or blocks with marks for the cache.
fn parts(provider: &str, content: &Value) -> Result<Vec<Part>, String> {
    let blocks = match content {
        Value::Null => return Ok(Vec::new()),
        Value::String(text) => return Ok(vec![Part::text(text.as_str())]),
        Value::Array(blocks) => blocks,
        other => return Err(format!("content that is {other}")),
    };
    let mut parts = Vec::new();
    for block in blocks {
        let mut fields = Fields::of(block)?;
        let mark = fields.take("cache_control");
        parts.push(part(provider, fields, block)?);
        if let Some(control) = mark {
            let mut mark = CacheMark::new();
            mark.ttl = control["ttl"].as_str().map(str::to_owned);
            parts.push(Part::CacheMark(mark));
        }
    }
    Ok(parts)
}

fn data(value: Value) -> ProviderData {
    ProviderData::new(DIALECT, value)
}

fn part(provider: &str, mut fields: Fields, block: &Value) -> Result<Part, String> {
    Ok(match block["type"].as_str().unwrap_or_default() {
        "text" => {
            let mut text = Text::new(fields.text("text").unwrap_or_default());
            let citations = fields.list("citations");
            text.citations
                .extend(citations.into_iter().map(|raw| Citation::new().with_data(data(raw))));
            Part::Text(text)
        }
        "thinking" => {
            let text = fields.text("thinking").unwrap_or_default();
            Part::Thinking(
                Thinking::new(text).with_data(data(json!({ "signature": block["signature"] }))),
            )
        }
        "redacted_thinking" => Part::Thinking(Thinking::new("").with_data(data(block.clone()))),
        "tool_use" => {
            let text = |name: &str| block[name].as_str().unwrap_or_default();
            let mut call = ToolCall::new(text("id"), text("name"), block["input"].to_string());
            call.data =
                fields.take("caller").map(|caller| Box::new(data(json!({ "caller": caller }))));
            Part::ToolCall(call)
        }
        "tool_result" => {
            let id = fields.text("tool_use_id").ok_or("a result without the id of its call")?;
            let content = fields.take("content").unwrap_or_default();
            let mut result = result(&id, "", parts(provider, &content)?);
            result.is_error = fields.flag("is_error").unwrap_or(false);
            Part::ToolResult(result)
        }
        "image" => {
            let source = &block["source"];
            Part::Image(match source["type"].as_str() {
                Some("base64") => {
                    Image::bytes(bytes(text(source, "data"))?, text(source, "media_type"))
                }
                Some("url") => Image::url(text(source, "url")),
                _ => Image::reference(provider, text(source, "file_id")),
            })
        }
        "document" => {
            let source = &block["source"];
            let mut document = match source["type"].as_str() {
                Some("base64") => {
                    Document::bytes(bytes(text(source, "data"))?, text(source, "media_type"))
                }
                Some("url") => Document::url(text(source, "url")),
                Some("text") => Document::text(text(source, "data")),
                Some("file") => Document::reference(provider, text(source, "file_id")),
                _ => return Ok(Part::Opaque(data(block.clone()))),
            };
            document.name = fields.text("title");
            Part::Document(document)
        }
        // Blocks that only this wire knows go through as they are.
        _ => Part::Opaque(data(block.clone())),
    })
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
