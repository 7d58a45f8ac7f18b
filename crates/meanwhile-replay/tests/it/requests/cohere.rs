//! Cohere chat requests, version 2.

use meanwhile_cohere::ChatCodec;
use meanwhile_core::tool::{ToolCall, ToolChoice};
use meanwhile_core::{
    Effort, Image, Message, OutputFormat, OutputSchema, Part, ProviderData, Reasoning, Request,
    Role, Schema, Thinking,
};
use serde_json::{Value, json};

use super::fields::{Fields, data_url, result};
use super::{Judge, Recorded, chat, write};

const OWN: &str = "cohere";

pub(crate) const JUDGE: Judge = Judge {
    wire: "cohere",
    takes: |provider, api| (provider, api) == ("cohere", "chat"),
    read: request,
    write: |_, request| write(&ChatCodec::new(OWN), request),
};

/// A body without blank texts beside calls, which say nothing.
pub(crate) fn spell(body: &Value) -> Value {
    let mut body = body.clone();
    for message in body["messages"].as_array_mut().into_iter().flatten() {
        if !message["tool_calls"].is_array() {
            continue;
        }
        if let Some(content) = message["content"].as_array_mut() {
            content.retain(|part| part["text"].as_str().is_none_or(|text| !text.trim().is_empty()));
        }
    }
    body
}

/// A recorded body as a request.
fn request(recorded: &Recorded<'_>) -> Result<Request, String> {
    if !recorded.path.ends_with("/v2/chat") {
        return Err(super::OTHER_WIRE.to_owned());
    }
    let mut fields = Fields::of(recorded.body)?;
    let mut request = Request::new(fields.text("model").ok_or("no model in the body")?, Vec::new());
    for value in fields.list("messages") {
        request.messages.push(message(&value)?);
    }
    for tool in fields.list("tools") {
        request.tools.push(chat::tool(&tool)?);
    }
    request.tool_choice = match fields.text("tool_choice").as_deref() {
        Some("NONE") => ToolChoice::None,
        Some("REQUIRED") => ToolChoice::Required,
        _ => ToolChoice::Auto,
    };
    if let Some(format) = fields.take("response_format") {
        let schema = format.get("json_schema").or_else(|| format.get("schema"));
        request.output = match (format["type"].as_str(), schema) {
            (Some("json_object"), Some(schema)) => {
                OutputFormat::Schema(OutputSchema::new("", Schema::from(schema.clone())))
            }
            (Some("json_object"), None) => OutputFormat::Json,
            _ => OutputFormat::Text,
        };
    }
    if fields.flag("stream") == Some(true) {
        request = request.streamed();
    }
    let params = &mut request.params;
    params.temperature = fields.number("temperature");
    params.top_p = fields.number("p");
    params.top_k = fields.count("k");
    params.max_tokens = fields.count("max_tokens");
    params.stop = fields.texts("stop_sequences");
    params.seed = fields.count("seed");
    params.presence_penalty = fields.number("presence_penalty");
    params.frequency_penalty = fields.number("frequency_penalty");
    if let Some(thinking) = fields.get("thinking").cloned() {
        params.reasoning = match (thinking["type"].as_str(), thinking["token_budget"].as_u64()) {
            (Some("disabled"), _) => Some(Reasoning::Effort(Effort::None)),
            (_, Some(tokens)) => u32::try_from(tokens).ok().map(Reasoning::Budget),
            _ => None,
        };
        if params.reasoning.is_some() {
            fields.take("thinking");
        }
    }
    let rest = fields.rest();
    if !rest.is_empty() {
        params.options.insert(OWN.to_owned(), rest);
    }
    Ok(request)
}

fn message(value: &Value) -> Result<Message, String> {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let content = parts(&value["content"])?;
    if value["role"] == "tool" {
        return Ok(Message::tool_results([result(text("tool_call_id"), "", content)]));
    }
    let mut parts = Vec::new();
    if !text("tool_plan").is_empty() {
        let data = ProviderData::new(OWN, json!({ "tool_plan": true }));
        parts.push(Part::Thinking(Thinking::new(text("tool_plan")).with_data(data)));
    }
    parts.extend(content);
    for call in value["tool_calls"].as_array().into_iter().flatten() {
        let text = |place: &str| call.pointer(place).and_then(Value::as_str).unwrap_or_default();
        let call = ToolCall::new(text("/id"), text("/function/name"), text("/function/arguments"));
        parts.push(Part::ToolCall(call));
    }
    let role = match text("role") {
        "system" => Role::System,
        "assistant" => Role::Assistant,
        _ => Role::User,
    };
    Ok(Message::new(role, parts))
}

fn parts(content: &Value) -> Result<Vec<Part>, String> {
    let items = match content {
        Value::Null => return Ok(Vec::new()),
        Value::String(text) => return Ok(vec![Part::text(text.as_str())]),
        Value::Array(items) => items,
        other => return Err(format!("content that is {other}")),
    };
    let mut parts = Vec::new();
    for item in items {
        let text = |name: &str| item[name].as_str().unwrap_or_default();
        parts.push(match text("type") {
            "text" => Part::text(text("text")),
            "thinking" => {
                let data = ProviderData::new(OWN, json!({}));
                Part::Thinking(Thinking::new(text("thinking")).with_data(data))
            }
            "image_url" => {
                let url = item["image_url"]["url"].as_str().unwrap_or_default();
                let mut image = match data_url(url)? {
                    Some((media_type, bytes)) => Image::bytes(bytes, media_type),
                    None => Image::url(url),
                };
                image.detail = item["image_url"]["detail"].as_str().map(str::to_owned);
                Part::Image(image)
            }
            _ => Part::opaque(OWN, item.clone()),
        });
    }
    Ok(parts)
}
