//! Responses requests, of OpenAI and of all hosts that copy it.

use meanwhile_core::tool::{ToolCall, ToolChoice, ToolSpec};
use meanwhile_core::{
    CacheMark, Document, Image, Message, OutputFormat, OutputSchema, Part, ProviderData, Reasoning,
    Refusal, Request, Role, Schema, Text, Thinking,
};
use meanwhile_openai_responses::{ResponsesCodec, ResponsesPreset, ResponsesQuirks, System};
use serde_json::{Map, Value, json};

use super::fields::{Fields, data_url, effort, result};
use super::{Judge, Recorded, write};

/// The codec that a user of this provider gets.
pub(crate) fn codec(provider: &str) -> ResponsesCodec {
    match provider {
        "openai" => meanwhile_openai::responses_codec(),
        "azure" => ResponsesCodec::new("azure", ResponsesQuirks::openai()),
        provider => match ResponsesPreset::find(provider) {
            Some(preset) => preset.codec(),
            None => ResponsesCodec::new(provider, ResponsesQuirks::new()),
        },
    }
}

pub(crate) const JUDGE: Judge = Judge {
    wire: "responses",
    takes: |_, api| api == "responses",
    read: request,
    write: |provider, request| write(&codec(provider), request),
};

/// A body in the one spelling: a text is a message of the user, `message` is the default type of an item
/// and `completed` its default status, and content of one text is that text.
pub(crate) fn spell(body: &Value) -> Value {
    let mut body = body.clone();
    let Some(input) = body.get_mut("input") else { return body };
    if input.is_string() {
        *input = json!([{ "role": "user", "content": input.take() }]);
    }
    for item in input.as_array_mut().into_iter().flatten() {
        let Some(item) = item.as_object_mut() else { continue };
        if item.get("type").is_some_and(|kind| kind == "message") {
            item.shift_remove("type");
        }
        if item.get("status").is_some_and(|status| status == "completed") {
            item.shift_remove("status");
        }
        if item.get("role").is_some_and(|role| role == "developer") && !item.contains_key("type") {
            item.insert("role".to_owned(), "system".into());
        }
        for name in ["content", "output"] {
            let text = match item.get(name).and_then(Value::as_array).map(Vec::as_slice) {
                Some([part]) if part.get("annotations").is_none_or(is_empty) => {
                    part.get("text").cloned()
                }
                _ => None,
            };
            item.extend(text.map(|text| (name.to_owned(), text)));
        }
    }
    body
}

fn is_empty(list: &Value) -> bool {
    list.as_array().is_some_and(Vec::is_empty)
}

/// A recorded body as a request.
pub(crate) fn request(recorded: &Recorded<'_>) -> Result<Request, String> {
    let codec = codec(recorded.provider);
    let label = codec.label();
    let mut fields = Fields::of(recorded.body)?;
    let model = fields.text("model").ok_or("no model in the body")?;
    let system = codec.quirks(&model).system;
    let mut request = Request::new(model, Vec::new());
    if system == System::Instructions
        && let Some(text) = fields.text("instructions")
    {
        request.messages.push(Message::system(text));
    }
    match fields.take("input") {
        Some(Value::String(text)) => request.messages.push(Message::user(text)),
        Some(Value::Array(items)) => conversation(&items, label, &mut request.messages)?,
        _ => return Err("no input".to_owned()),
    }
    if fields.flag("stream") == Some(true) {
        request = request.streamed();
        fields.take("stream_options");
    }
    let mut own = Map::new();
    for tool in fields.list("tools") {
        let names = ["type", "name", "description", "parameters", "strict"];
        let plain =
            tool.as_object().is_some_and(|tool| tool.keys().all(|key| names.contains(&&**key)));
        if plain && tool["type"] == "function" {
            request.tools.push(ToolSpec::new(
                tool["name"].as_str().unwrap_or_default(),
                tool["description"].as_str().unwrap_or_default(),
                Schema::from(tool["parameters"].clone()),
            ));
        } else {
            let tools = own.entry("tools").or_insert_with(|| json!([]));
            tools.as_array_mut().unwrap().push(tool);
        }
    }
    if let Some(choice) = fields.take("tool_choice") {
        request.tool_choice = match (choice.as_str(), choice["name"].as_str()) {
            (Some("auto"), _) => ToolChoice::Auto,
            (Some("none"), _) => ToolChoice::None,
            (Some("required"), _) => ToolChoice::Required,
            (_, Some(name)) => ToolChoice::Tool(name.to_owned()),
            _ => return Err(format!("the tool choice {choice}")),
        };
    }
    if let Some(Value::Object(mut text)) = fields.take("text") {
        if let Some(format) = text.shift_remove("format") {
            request.output = output(&format)?;
        }
        if !text.is_empty() {
            own.insert("text".to_owned(), text.into());
        }
    }
    let params = &mut request.params;
    params.temperature = fields.number("temperature");
    params.top_p = fields.number("top_p");
    params.max_tokens = fields.count("max_output_tokens");
    params.parallel_tool_calls = fields.flag("parallel_tool_calls");
    params.logprobs = fields.count("top_logprobs");
    params.user = fields.text("user");
    params.service_tier = fields.text("service_tier");
    params.prompt_cache_key = fields.text("prompt_cache_key");
    if let Some(Value::Object(mut reasoning)) = fields.take("reasoning") {
        if let Some(level) = reasoning.get("effort").and_then(Value::as_str).and_then(effort) {
            reasoning.shift_remove("effort");
            params.reasoning = Some(Reasoning::Effort(level));
        }
        if !reasoning.is_empty() {
            own.insert("reasoning".to_owned(), reasoning.into());
        }
    }
    own.extend(fields.rest());
    // It is the default of the API, but not ours.
    own.entry("store").or_insert(true.into());
    if !own.is_empty() {
        params.options.insert(recorded.provider.to_owned(), own);
    }
    Ok(request)
}

fn output(format: &Value) -> Result<OutputFormat, String> {
    match format["type"].as_str() {
        Some("text") => Ok(OutputFormat::Text),
        Some("json_object") => Ok(OutputFormat::Json),
        Some("json_schema") => {
            let name = format["name"].as_str().unwrap_or_default();
            let mut output = OutputSchema::new(name, Schema::from(format["schema"].clone()));
            output.description = format["description"].as_str().map(str::to_owned);
            Ok(OutputFormat::Schema(output))
        }
        _ => Err(format!("the output format {format}")),
    }
}

/// Items in a row become messages; what the model made in a row is one message.
fn conversation(items: &[Value], label: &str, messages: &mut Vec<Message>) -> Result<(), String> {
    for item in items {
        let kind = item["type"].as_str().unwrap_or("message");
        let role = match (kind, item["role"].as_str()) {
            ("message", Some("assistant"))
            | ("function_call" | "custom_tool_call" | "reasoning", _) => Role::Assistant,
            ("message", Some("system" | "developer")) => Role::System,
            ("message", Some("tool")) => return Err("a message of the role `tool`".to_owned()),
            (kind, None) if kind.ends_with("_call") => Role::Assistant,
            _ => Role::User,
        };
        let parts = match kind {
            "message" if role == Role::Assistant => said(item, label),
            "message" => content(&item["content"])?,
            "function_call" | "custom_tool_call" => vec![Part::ToolCall(call(item, label))],
            "function_call_output" | "custom_tool_call_output" => {
                let id = item["call_id"].as_str().unwrap_or_default();
                vec![Part::ToolResult(result(id, "", content(&item["output"])?))]
            }
            "reasoning" => {
                let data = ProviderData::new(label, item.clone());
                vec![Part::Thinking(Thinking::new("").with_data(data))]
            }
            _ => vec![Part::opaque(label, item.clone())],
        };
        match messages.last_mut() {
            // Texts in a row of one message are one item, so two items of text are two messages.
            Some(last)
                if role == Role::Assistant
                    && last.role == role
                    && !(item["content"].is_string()
                        && matches!(last.parts.last(), Some(Part::Text(_)))) =>
            {
                last.parts.extend(parts);
            }
            _ => messages.push(Message::new(role, parts)),
        }
    }
    Ok(())
}

/// What is kept of an item beside its content.
fn kept(item: &Value, label: &str, taken: &[&str]) -> Option<ProviderData> {
    let fields = item.as_object()?.iter().filter(|(name, _)| !taken.contains(&&***name));
    let fields: Map<String, Value> =
        fields.map(|(name, value)| (name.clone(), value.clone())).collect();
    (!fields.is_empty()).then(|| ProviderData::new(label, fields.into()))
}

fn said(item: &Value, label: &str) -> Vec<Part> {
    let data = kept(item, label, &["content", "role", "type"]);
    if let Some(text) = item["content"].as_str() {
        let mut text = Text::new(text);
        text.data = data.map(Box::new);
        return vec![Part::Text(text)];
    }
    let parts = item["content"].as_array().into_iter().flatten().map(|part| {
        if let Some(refusal) = part["refusal"].as_str() {
            let mut refusal = Refusal::new(refusal);
            refusal.data = data.clone().map(Box::new);
            return Part::Refusal(refusal);
        }
        let mut text = Text::new(part["text"].as_str().unwrap_or_default());
        text.data = data.clone().map(Box::new);
        let raw = part["annotations"].as_array().into_iter().flatten();
        text.citations.extend(raw.map(|raw| {
            meanwhile_core::Citation::new().with_data(ProviderData::new(label, raw.clone()))
        }));
        Part::Text(text)
    });
    parts.collect()
}

fn call(item: &Value, label: &str) -> ToolCall {
    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let arguments = match item["type"] == "custom_tool_call" {
        true => item["input"].to_string(),
        false => text("arguments"),
    };
    let mut call = ToolCall::new(text("call_id"), text("name"), arguments);
    let taken = ["call_id", "name", "arguments", "input"];
    call.data = kept(item, label, &taken).map(Box::new);
    call
}

fn content(value: &Value) -> Result<Vec<Part>, String> {
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::String(text) => return Ok(vec![Part::text(text.as_str())]),
        Value::Array(items) => items,
        other => return Err(format!("content that is {other}")),
    };
    let mut parts = Vec::new();
    for item in items {
        let text = |name: &str| item[name].as_str();
        parts.push(match text("type").unwrap_or_default() {
            "input_text" | "output_text" => Part::text(text("text").unwrap_or_default()),
            "input_image" => {
                let mut image = match (text("file_id"), text("image_url")) {
                    (Some(id), _) => Image::reference("openai", id),
                    (None, Some(url)) => match data_url(url)? {
                        Some((media_type, bytes)) => Image::bytes(bytes, media_type),
                        None => Image::url(url),
                    },
                    _ => return Err("an image without a source".to_owned()),
                };
                image.detail = text("detail").map(str::to_owned);
                Part::Image(image)
            }
            "input_file" => {
                let mut document = match (text("file_id"), text("file_data"), text("file_url")) {
                    (Some(id), _, _) => Document::reference("openai", id),
                    (_, Some(data), _) => match data_url(data)? {
                        Some((media_type, bytes)) => Document::bytes(bytes, media_type),
                        None => return Err("a file that is no `data:` URL".to_owned()),
                    },
                    (_, _, Some(url)) => Document::url(url),
                    _ => return Err("a file without a source".to_owned()),
                };
                document.name = text("filename").map(str::to_owned);
                Part::Document(document)
            }
            other => return Err(format!("content of type `{other}`")),
        });
        if item.get("prompt_cache_breakpoint").is_some() {
            parts.push(Part::CacheMark(CacheMark::new()));
        }
    }
    Ok(parts)
}
