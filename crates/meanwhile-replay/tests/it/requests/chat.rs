//! Chat Completions requests, of OpenAI and of all hosts that copy it.

use meanwhile_core::tool::{ToolCall, ToolChoice, ToolSpec};
use meanwhile_core::{
    Audio, CacheMark, Document, Effort, Image, MediaSource, Message, OutputFormat, OutputSchema,
    Part, ProviderData, Reasoning, Refusal, Request, Role, Schema, Thinking,
};
use meanwhile_openai_compatible::{ChatCodec, Preset, Quirks, ReasoningField};
use serde_json::{Value, json};

use super::fields::{Fields, bytes, data_url, effort, result};
use super::{Judge, Recorded, write};

/// The codec that a user of this provider gets.
pub(crate) fn codec(provider: &str) -> ChatCodec {
    match provider {
        "openai" => meanwhile_openai::codec(),
        "mistral" => meanwhile_mistral::codec(),
        "azure" => ChatCodec::new("azure", Quirks::openai()),
        provider => {
            let quirks = Preset::find(provider).map_or_else(Quirks::new, |preset| preset.quirks);
            ChatCodec::new(provider, quirks)
        }
    }
}

pub(crate) const JUDGE: Judge = Judge {
    wire: "chat",
    takes: |provider, api| api == "chat" && provider != "mistral",
    read: request,
    write: |provider, request| write(&codec(provider), request),
};

/// Mistral's variant, with thinking and documents in the content.
pub(crate) const MISTRAL: Judge = Judge {
    wire: "mistral",
    takes: |provider, api| (provider, api) == ("mistral", "chat"),
    ..JUDGE
};

/// A recorded body as a request.
pub(crate) fn request(recorded: &Recorded<'_>) -> Result<Request, String> {
    let own = [("ollama", "/api/chat"), ("cohere", "/v2/chat")];
    if own.iter().any(|(name, path)| *name == recorded.provider && recorded.path.ends_with(path)) {
        return Err(super::OTHER_WIRE.to_owned());
    }
    let provider = recorded.provider;
    let quirks = codec(provider).quirks(recorded.body["model"].as_str().unwrap_or_default());
    let mut fields = Fields::of(recorded.body)?;
    // Hosts of one model, or of one for each path, need no name of it in the body.
    let model = fields.text("model").unwrap_or_default();
    let messages = fields.take("messages").ok_or("no messages")?;
    let messages = messages.as_array().ok_or("messages that are no list")?;
    let messages = messages.iter().map(|value| message(provider, value));
    let mut request = Request::new(model, messages.collect::<Result<_, _>>()?);

    if fields.flag("stream") == Some(true) {
        request = request.streamed();
        fields.take("stream_options");
    }
    for tool in fields.list("tools") {
        request.tools.push(self::tool(&tool)?);
    }
    if fields.get("functions").is_some() {
        return Err("the retired `functions`".to_owned());
    }
    if let Some(choice) = fields.take("tool_choice") {
        request.tool_choice = tool_choice(&choice)?;
    }
    if let Some(format) = fields.take("response_format") {
        request.output = output(&format)?;
    }

    let params = &mut request.params;
    params.temperature = fields.number("temperature");
    params.top_p = fields.number("top_p");
    params.top_k = fields.count("top_k");
    params.max_tokens =
        fields.count("max_completion_tokens").or_else(|| fields.count("max_tokens"));
    params.stop = fields.texts("stop");
    params.seed = fields.count("seed").or_else(|| fields.count("random_seed"));
    params.presence_penalty = fields.number("presence_penalty");
    params.frequency_penalty = fields.number("frequency_penalty");
    params.parallel_tool_calls = fields.flag("parallel_tool_calls");
    if fields.flag("logprobs") == Some(true) {
        params.logprobs = Some(fields.count("top_logprobs").unwrap_or(0));
    }
    params.user = fields.text("user");
    params.service_tier = fields.text("service_tier");
    params.prompt_cache_key = fields.text("prompt_cache_key");
    params.reasoning = reasoning(&mut fields, &quirks);
    let rest = fields.rest();
    if !rest.is_empty() {
        params.options.insert(provider.to_owned(), rest);
    }
    Ok(request)
}

/// The setting for thinking, where the vendor is asked for it in the form that was recorded.
fn reasoning(fields: &mut Fields, quirks: &Quirks) -> Option<Reasoning> {
    match quirks.reasoning {
        ReasoningField::Effort => {
            let effort = effort(fields.get("reasoning_effort")?.as_str()?)?;
            fields.take("reasoning_effort");
            Some(Reasoning::Effort(effort))
        }
        ReasoningField::Object => {
            let object = fields.get("reasoning")?.as_object()?.clone();
            let reasoning = match (object.get("effort"), object.get("max_tokens")) {
                (Some(level), None) => Reasoning::Effort(effort(level.as_str()?)?),
                (None, Some(tokens)) => Reasoning::Budget(u32::try_from(tokens.as_u64()?).ok()?),
                _ => return None,
            };
            if object.len() == 1 {
                fields.take("reasoning");
                return Some(reasoning);
            }
            None
        }
        ReasoningField::Switch => {
            let kind = fields.get("thinking")?.get("type")?.as_str()?.to_owned();
            if fields.get("thinking")?.as_object()?.len() > 1 {
                return None;
            }
            fields.take("thinking");
            let effort = if kind == "disabled" { Effort::None } else { Effort::Medium };
            Some(Reasoning::Effort(effort))
        }
        ReasoningField::Enable => {
            let on = fields.flag("enable_thinking")?;
            let budget = fields.count("thinking_budget").map(Reasoning::Budget);
            let effort = if on { Effort::Medium } else { Effort::None };
            Some(budget.filter(|_| on).unwrap_or(Reasoning::Effort(effort)))
        }
        _ => None,
    }
}

pub(crate) fn tool(tool: &Value) -> Result<ToolSpec, String> {
    let function =
        tool.get("function").filter(|_| tool.get("type").is_none_or(|kind| kind == "function"));
    let mut function = Fields::of(function.ok_or("a tool that the server runs")?)?;
    let name = function.text("name").ok_or("a tool without a name")?;
    let description = function.text("description").unwrap_or_default();
    let parameters = function.take("parameters").unwrap_or_else(|| json!({}));
    Ok(ToolSpec::new(name, description, Schema::from(parameters)))
}

pub(crate) fn tool_choice(choice: &Value) -> Result<ToolChoice, String> {
    let named = choice.pointer("/function/name").or_else(|| choice.get("name"));
    match (choice.as_str(), named.and_then(Value::as_str)) {
        (Some("auto"), _) => Ok(ToolChoice::Auto),
        (Some("none"), _) => Ok(ToolChoice::None),
        (Some("required" | "any"), _) => Ok(ToolChoice::Required),
        (_, Some(name)) => Ok(ToolChoice::Tool(name.to_owned())),
        _ => Err(format!("the tool choice {choice}")),
    }
}

pub(crate) fn output(format: &Value) -> Result<OutputFormat, String> {
    match format["type"].as_str() {
        Some("text") => Ok(OutputFormat::Text),
        Some("json_object") => Ok(OutputFormat::Json),
        Some("json_schema") => {
            let schema = format.get("json_schema").ok_or("an output schema without a schema")?;
            let mut output = OutputSchema::new(
                schema["name"].as_str().unwrap_or_default(),
                Schema::from(schema["schema"].clone()),
            );
            output.description = schema["description"].as_str().map(str::to_owned);
            Ok(OutputFormat::Schema(output))
        }
        _ => Err(format!("the output format {format}")),
    }
}

fn message(provider: &str, value: &Value) -> Result<Message, String> {
    let mut fields = Fields::of(value)?;
    let role = fields.text("role").ok_or("a message without a role")?;
    let name = fields.text("name");
    let content = fields.take("content");
    let mut message = match role.as_str() {
        "system" | "developer" => Message::new(Role::System, parts(provider, content.as_ref())?),
        "user" => Message::new(Role::User, parts(provider, content.as_ref())?),
        "assistant" => assistant(provider, &mut fields, content.as_ref())?,
        "tool" => {
            let id =
                fields.text("tool_call_id").ok_or("a tool result without the id of its call")?;
            let parts = parts(provider, content.as_ref())?;
            let result = result(&id, name.as_deref().unwrap_or_default(), parts);
            return Ok(Message::tool_results([result]));
        }
        other => return Err(format!("the retired role `{other}`")),
    };
    message.name = name;
    Ok(message)
}

/// The model's message: what it thought, what it said, what it called.
fn assistant(
    provider: &str,
    fields: &mut Fields,
    content: Option<&Value>,
) -> Result<Message, String> {
    let mut parts = Vec::new();
    let details = fields.list("reasoning_details");
    let field = fields.text("reasoning_content").or_else(|| fields.text("reasoning"));
    let shown: String = details
        .iter()
        .filter_map(|detail| detail.get("text").or_else(|| detail.get("summary"))?.as_str())
        .collect();
    if field.is_some() || !details.is_empty() {
        let mut thinking = Thinking::new(field.unwrap_or(shown));
        if !details.is_empty() {
            let data = json!({ "reasoning_details": details });
            thinking = thinking.with_data(ProviderData::new(provider, data));
        }
        parts.push(Part::Thinking(thinking));
    }
    parts.extend(self::parts(provider, content)?);
    parts.extend(fields.text("refusal").map(|text| Part::Refusal(Refusal::new(text))));
    for call in fields.list("tool_calls") {
        let function = call.get("function").ok_or("a tool call that is no function")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        parts.push(Part::ToolCall(ToolCall::new(
            text(&call["id"]),
            text(&function["name"]),
            text(&function["arguments"]),
        )));
    }
    Ok(Message::new(Role::Assistant, parts))
}

/// Content: a text, or a list of parts with marks for the cache.
fn parts(provider: &str, content: Option<&Value>) -> Result<Vec<Part>, String> {
    let items = match content {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => return Ok(vec![Part::text(text.as_str())]),
        Some(Value::Array(items)) => items,
        Some(other) => return Err(format!("content that is {other}")),
    };
    let mut parts = Vec::new();
    for item in items {
        parts.push(part(provider, item)?);
        if let Some(control) = item.get("cache_control") {
            let mut mark = CacheMark::new();
            mark.ttl = control["ttl"].as_str().map(str::to_owned);
            parts.push(Part::CacheMark(mark));
        }
    }
    Ok(parts)
}

fn part(provider: &str, item: &Value) -> Result<Part, String> {
    match item["type"].as_str().unwrap_or_default() {
        "text" => Ok(Part::text(item["text"].as_str().unwrap_or_default())),
        "thinking" => {
            let thoughts = item["thinking"].as_array().into_iter().flatten();
            let text: String = thoughts.filter_map(|thought| thought["text"].as_str()).collect();
            Ok(Part::Thinking(Thinking::new(text)))
        }
        "document_url" => {
            let url = item["document_url"].as_str().ok_or("a document without an address")?;
            let mut document = match data_url(url)? {
                Some((media_type, bytes)) => Document::bytes(bytes, media_type),
                None => Document::url(url),
            };
            document.name = item["document_name"].as_str().map(str::to_owned);
            Ok(Part::Document(document))
        }
        "image_url" => {
            let image_url = &item["image_url"];
            let url = image_url.as_str().or_else(|| image_url["url"].as_str());
            let url = url.ok_or("an image without an address")?;
            let mut image = match data_url(url)? {
                Some((media_type, bytes)) => Image::bytes(bytes, media_type),
                None => Image::url(url),
            };
            image.detail = image_url["detail"].as_str().map(str::to_owned);
            Ok(Part::Image(image))
        }
        "input_audio" => {
            let audio = &item["input_audio"];
            let data = audio["data"].as_str().ok_or("audio without bytes")?;
            let format = audio["format"].as_str().unwrap_or("wav");
            Ok(Part::Audio(Audio::bytes(bytes(data)?, format!("audio/{format}"))))
        }
        "file" => {
            let file = &item["file"];
            let mut document = match (file["file_id"].as_str(), file["file_data"].as_str()) {
                (Some(id), _) => Document::reference(provider, id),
                (None, Some(url)) => match data_url(url)? {
                    Some((media_type, bytes)) => Document::bytes(bytes, media_type),
                    None => Document::from_source(MediaSource::Url(url.to_owned()), None),
                },
                _ => return Err("a file without bytes".to_owned()),
            };
            document.name = file["filename"].as_str().map(str::to_owned);
            Ok(Part::Document(document))
        }
        other => Err(format!("content of type `{other}`")),
    }
}
