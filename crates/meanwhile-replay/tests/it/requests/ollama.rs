//! Ollama chat requests.

use meanwhile_core::tool::ToolCall;
use meanwhile_core::{
    Effort, Image, Message, OutputFormat, OutputSchema, Part, Reasoning, Request, Role, Schema,
    Thinking,
};
use meanwhile_ollama::OllamaCodec;
use serde_json::Value;

use super::fields::{Fields, bytes, effort, result};
use super::{Judge, Recorded, chat, write};

pub(crate) const JUDGE: Judge = Judge {
    wire: "ollama",
    takes: |provider, api| (provider, api) == ("ollama", "chat"),
    read: request,
    write: |_, request| write(&OllamaCodec::new(), request),
};

/// A recorded body as a request.
pub(crate) fn request(recorded: &Recorded<'_>) -> Result<Request, String> {
    if !recorded.path.ends_with("/api/chat") {
        return Err(super::OTHER_WIRE.to_owned());
    }
    let mut fields = Fields::of(recorded.body)?;
    let model = fields.text("model").ok_or("no model in the body")?;
    let mut request = Request::new(model, Vec::new());
    for value in fields.list("messages") {
        request.messages.push(message(&value)?);
    }
    for tool in fields.list("tools") {
        request.tools.push(chat::tool(&tool)?);
    }
    request.output = match fields.take("format") {
        None => OutputFormat::Text,
        Some(Value::String(_)) => OutputFormat::Json,
        Some(schema) => OutputFormat::Schema(OutputSchema::new("", Schema::from(schema))),
    };
    // Without the field, the answer is a stream.
    if fields.flag("stream") != Some(false) {
        request = request.streamed();
    }
    let params = &mut request.params;
    params.reasoning = match fields.take("think") {
        Some(Value::Bool(false)) => Some(Reasoning::Effort(Effort::None)),
        Some(Value::String(level)) => effort(&level).map(Reasoning::Effort),
        Some(other) => {
            params
                .options
                .entry("ollama".to_owned())
                .or_default()
                .insert("think".to_owned(), other);
            None
        }
        None => None,
    };
    if let Some(options) = fields.take("options") {
        let mut options = Fields::of(&options)?;
        params.temperature = options.number("temperature");
        params.top_p = options.number("top_p");
        params.top_k = options.count("top_k");
        params.max_tokens = options.count("num_predict");
        params.stop = options.texts("stop");
        params.seed = options.count("seed");
        let rest = options.rest();
        if !rest.is_empty() {
            params
                .options
                .entry("ollama".to_owned())
                .or_default()
                .insert("options".to_owned(), rest.into());
        }
    }
    params.options.entry("ollama".to_owned()).or_default().extend(fields.rest());
    Ok(request)
}

fn message(value: &Value) -> Result<Message, String> {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let mut parts = Vec::new();
    if !text("thinking").is_empty() {
        parts.push(Part::Thinking(Thinking::new(text("thinking"))));
    }
    if value["role"] == "tool" {
        let name = if text("tool_name").is_empty() { text("name") } else { text("tool_name") };
        let result = result(text("tool_call_id"), name, vec![Part::text(text("content"))]);
        return Ok(Message::tool_results([result]));
    }
    if !text("content").is_empty() {
        parts.push(Part::text(text("content")));
    }
    for image in value["images"].as_array().into_iter().flatten() {
        parts.push(Part::Image(Image::from(bytes(image.as_str().unwrap_or_default())?)));
    }
    for call in value["tool_calls"].as_array().into_iter().flatten() {
        let id = call["id"].as_str().unwrap_or_default();
        let function = &call["function"];
        let name = function["name"].as_str().unwrap_or_default();
        parts.push(Part::ToolCall(ToolCall::new(id, name, function["arguments"].to_string())));
    }
    let role = match text("role") {
        "system" => Role::System,
        "assistant" => Role::Assistant,
        _ => Role::User,
    };
    Ok(Message::new(role, parts))
}
