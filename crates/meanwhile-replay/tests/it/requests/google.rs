//! generateContent requests, on Google AI Studio and on Vertex AI.

use meanwhile_core::tool::{ToolCall, ToolChoice, ToolSpec};
use meanwhile_core::{
    Audio, Document, Image, MediaSource, Message, OutputFormat, OutputSchema, Part, ProviderData,
    Reasoning, Request, Role, Schema, Text, Thinking,
};
use meanwhile_google::GenerateContentCodec;
use serde_json::{Map, Value, json};

use super::fields::{Fields, bytes, effort, result};
use super::{Judge, Recorded, write};

/// The codec that a user of this provider gets.
pub(crate) fn codec(provider: &str) -> GenerateContentCodec {
    match provider {
        "vertex" => GenerateContentCodec::vertex("project", "location"),
        _ => GenerateContentCodec::ai_studio(),
    }
}

pub(crate) const JUDGE: Judge = Judge {
    wire: "google",
    takes: |_, api| api == "generate_content",
    read: request,
    write: |provider, request| write(&codec(provider), request),
};

/// A body in the one spelling: the API takes `snake_case` too, an object where a list of one belongs,
/// types in capitals, and a schema under either of two names.
pub(crate) fn spell(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut out = Map::new();
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                let name = camel(name);
                let (name, value) = match name.as_str() {
                    "args" | "response" | "labels" => (name, value.clone()),
                    "parametersJsonSchema" | "parameters" => {
                        ("parameters".to_owned(), lower(value))
                    }
                    "responseJsonSchema" | "responseSchema" => {
                        ("responseSchema".to_owned(), lower(value))
                    }
                    "tools" | "parts" | "contents" if value.is_object() => {
                        (name, json!([spell(value)]))
                    }
                    _ => (name, spell(value)),
                };
                if value != false || name != "thought" {
                    out.insert(name, value);
                }
            }
            Value::Object(out)
        }
        Value::Array(items) => items.iter().map(spell).collect(),
        other => other.clone(),
    }
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        out.push_str(letters.as_str());
    }
    out
}

/// A schema with its types in lower case.
fn lower(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) if name == "type" => {
                    (name.clone(), Value::String(text.to_lowercase()))
                }
                value => (name.clone(), lower(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(lower).collect(),
        other => other.clone(),
    }
}

/// A recorded body as a request.
pub(crate) fn request(recorded: &Recorded<'_>) -> Result<Request, String> {
    let body = spell(recorded.body);
    let mut fields = Fields::of(&body)?;
    let (_, last) = recorded.path.rsplit_once("models/").ok_or("no model in the path")?;
    let (model, verb) = last.split_once(':').unwrap_or((last, ""));
    let mut request = Request::new(model, Vec::new());
    if verb.starts_with("streamGenerateContent") {
        request = request.streamed();
    }
    let own = recorded.provider;
    if let Some(system) = fields.take("systemInstruction") {
        let parts = parts(own, &system, true)?;
        request.messages.push(Message::new(Role::System, parts));
    }
    for content in fields.list("contents") {
        let role = if content["role"] == "model" { Role::Assistant } else { Role::User };
        let parts = parts(own, &content, role == Role::Assistant)?;
        request.messages.push(Message::new(role, parts));
    }

    let mut options = Map::new();
    let mut vendors = Vec::new();
    for tool in fields.list("tools") {
        let mut tool = Fields::of(&tool)?;
        for declaration in tool.list("functionDeclarations") {
            let mut declaration = Fields::of(&declaration)?;
            let name = declaration.text("name").ok_or("a function without a name")?;
            let description = declaration.text("description").unwrap_or_default();
            let parameters = declaration.take("parameters").unwrap_or_else(|| json!({}));
            request.tools.push(ToolSpec::new(name, description, Schema::from(parameters)));
        }
        let rest = tool.rest();
        if !rest.is_empty() {
            vendors.push(Value::Object(rest));
        }
    }
    if !vendors.is_empty() {
        options.insert("tools".to_owned(), vendors.into());
    }
    if let Some(Value::Object(mut config)) = fields.take("toolConfig") {
        if let Some(calling) = config.get("functionCallingConfig") {
            let allowed = calling["allowedFunctionNames"].as_array().map(Vec::as_slice);
            let choice = match (calling["mode"].as_str(), allowed.unwrap_or_default()) {
                (Some("AUTO"), []) => Some(ToolChoice::Auto),
                (Some("NONE"), []) => Some(ToolChoice::None),
                (Some("ANY"), []) => Some(ToolChoice::Required),
                (Some("ANY"), [Value::String(name)]) => Some(ToolChoice::Tool(name.clone())),
                _ => None,
            };
            if let Some(choice) = choice {
                request.tool_choice = choice;
                config.shift_remove("functionCallingConfig");
            }
        }
        if !config.is_empty() {
            options.insert("toolConfig".to_owned(), config.into());
        }
    }
    if let Some(config) = fields.take("generationConfig") {
        let rest = config_of(&config, &mut request)?;
        if !rest.is_empty() {
            options.insert("generationConfig".to_owned(), rest.into());
        }
    }
    options.extend(fields.rest());
    if !options.is_empty() {
        request.params.options.insert(own.to_owned(), options);
    }
    Ok(request)
}

/// Reads the settings and gives back what has no place in a request.
fn config_of(config: &Value, request: &mut Request) -> Result<Map<String, Value>, String> {
    let mut config = Fields::of(config)?;
    let params = &mut request.params;
    params.temperature = config.number("temperature");
    params.top_p = config.number("topP");
    params.top_k = config.number("topK").map(|count| count as u32);
    config.take("topK");
    params.max_tokens = config.count("maxOutputTokens");
    params.stop = config.texts("stopSequences");
    params.seed = config.count("seed");
    params.presence_penalty = config.number("presencePenalty");
    params.frequency_penalty = config.number("frequencyPenalty");
    if config.flag("responseLogprobs") == Some(true) {
        params.logprobs = Some(config.count("logprobs").unwrap_or(0));
    }
    if config.get("responseMimeType").is_some_and(|kind| kind == "application/json") {
        config.take("responseMimeType");
        request.output = match config.take("responseSchema") {
            Some(schema) => OutputFormat::Schema(OutputSchema::new("", Schema::from(schema))),
            None => OutputFormat::Json,
        };
    }
    if let Some(Value::Object(mut thinking)) = config.take("thinkingConfig") {
        let budget = thinking.get("thinkingBudget").and_then(Value::as_u64);
        let level = thinking.get("thinkingLevel").and_then(Value::as_str);
        let level = level.and_then(|level| effort(&level.to_lowercase()));
        if let Some(tokens) = budget {
            thinking.shift_remove("thinkingBudget");
            request.params.reasoning = Some(Reasoning::Budget(tokens as u32));
        } else if let Some(level) = level {
            thinking.shift_remove("thinkingLevel");
            request.params.reasoning = Some(Reasoning::Effort(level));
        }
        if !thinking.is_empty() {
            let mut rest = config.rest();
            rest.insert("thinkingConfig".to_owned(), thinking.into());
            return Ok(rest);
        }
    }
    Ok(config.rest())
}

fn parts(own: &str, content: &Value, model: bool) -> Result<Vec<Part>, String> {
    let items = content["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| part(own, item, model)).collect()
}

fn part(own: &str, item: &Value, model: bool) -> Result<Part, String> {
    let mut fields = Fields::of(item)?;
    let kept = |fields: Fields| {
        let rest = fields.rest();
        (!rest.is_empty()).then(|| Box::new(ProviderData::new(own, rest.into())))
    };
    if let Some(text) = fields.text("text") {
        if fields.flag("thought") == Some(true) && model {
            let mut thinking = Thinking::new(text);
            thinking.data = kept(fields);
            return Ok(Part::Thinking(thinking));
        }
        let mut part = Text::new(text);
        part.data = kept(fields);
        return Ok(Part::Text(part));
    }
    if let Some(call) = fields.take("functionCall") {
        let text = |name: &str| call[name].as_str().unwrap_or_default();
        let arguments = call.get("args").map(Value::to_string).unwrap_or_default();
        let mut call = ToolCall::new(text("id"), text("name"), arguments);
        call.data = kept(fields);
        return Ok(Part::ToolCall(call));
    }
    if let Some(answer) = fields.take("functionResponse") {
        let text = |name: &str| answer[name].as_str().unwrap_or_default();
        let response = &answer["response"];
        let text_of = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let failure = response
            .get("error")
            .filter(|_| response.as_object().is_some_and(|all| all.len() == 1));
        let mut content = vec![Part::text(text_of(failure.unwrap_or_else(|| answered(response))))];
        for part in answer["parts"].as_array().into_iter().flatten() {
            content.push(self::part(own, part, false)?);
        }
        let mut result = result(text("id"), text("name"), content);
        result.is_error = failure.is_some();
        return Ok(Part::ToolResult(result));
    }
    let (blob, file) = (fields.take("inlineData"), fields.take("fileData"));
    let Some(media) = blob.as_ref().or(file.as_ref()) else {
        return Ok(Part::opaque(own, item.clone()));
    };
    let media_type = media["mimeType"].as_str().map(str::to_owned);
    let source = match (media["data"].as_str(), media["fileUri"].as_str()) {
        (Some(data), _) => MediaSource::Bytes(bytes(data)?.into()),
        (_, Some(uri)) => MediaSource::Url(uri.to_owned()),
        _ => return Err("media without a source".to_owned()),
    };
    let data = kept(fields);
    Ok(match media_type.as_deref().and_then(|kind| kind.split('/').next()) {
        Some("image") => {
            let mut image = Image::from_source(source, media_type);
            image.data = data;
            Part::Image(image)
        }
        Some("audio") => {
            let mut audio = Audio::from_source(source, media_type);
            audio.data = data;
            Part::Audio(audio)
        }
        _ => {
            let mut document = Document::from_source(source, media_type);
            document.data = data;
            Part::Document(document)
        }
    })
}

/// What a tool answered, without the name that its client gave it.
pub(crate) fn answered(response: &Value) -> &Value {
    let names = ["output", "result", "return_value", "content", "response", "tool_result"];
    match response.as_object() {
        Some(fields) if fields.len() == 1 => {
            names.iter().find_map(|name| fields.get(*name)).unwrap_or(response)
        }
        _ => response,
    }
}
