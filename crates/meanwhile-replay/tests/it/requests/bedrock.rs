//! Bedrock Converse requests.

use meanwhile_bedrock::ConverseCodec;
use meanwhile_core::tool::{ToolCall, ToolChoice, ToolSpec};
use meanwhile_core::{
    Citation, Document, Effort, Image, MediaSource, Message, OutputFormat, OutputSchema, Part,
    ProviderData, Reasoning, Request, Role, Schema, Text, Thinking,
};
use serde_json::{Map, Value, json};

use super::fields::{Fields, bytes, effort, result};
use super::{Judge, Recorded, write};

const OWN: &str = "bedrock";

pub(crate) fn codec() -> ConverseCodec {
    ConverseCodec::new(OWN)
}

pub(crate) const JUDGE: Judge = Judge {
    wire: "bedrock",
    takes: |_, api| api == "converse",
    read: request,
    write: |_, request| write(&codec(), request),
};

/// A recorded body as a request.
pub(crate) fn request(recorded: &Recorded<'_>) -> Result<Request, String> {
    let mut fields = Fields::of(recorded.body)?;
    let path = recorded.path.strip_prefix("/model/").ok_or("no model in the path")?;
    let (model, operation) = path.rsplit_once('/').ok_or("no operation in the path")?;
    let model = model.replace("%3A", ":").replace("%2F", "/");
    let mut request = Request::new(model, Vec::new());
    if operation == "converse-stream" {
        request = request.streamed();
    }
    let system = fields.list("system");
    if !system.is_empty() {
        request.messages.push(Message::new(Role::System, parts(&system)?));
    }
    for message in fields.list("messages") {
        let role = if message["role"] == "assistant" { Role::Assistant } else { Role::User };
        let blocks = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        request.messages.push(Message::new(role, parts(blocks)?));
    }
    let mut own = Map::new();
    let params = &mut request.params;
    if let Some(config) = fields.take("inferenceConfig") {
        let mut config = Fields::of(&config)?;
        params.max_tokens = config.count("maxTokens");
        params.temperature = config.number("temperature");
        params.top_p = config.number("topP");
        params.stop = config.texts("stopSequences");
        own.extend(keep("inferenceConfig", config.rest()));
    }
    if let Some(Value::Object(mut more)) = fields.take("additionalModelRequestFields") {
        params.reasoning = reasoning(&mut more);
        own.extend(keep("additionalModelRequestFields", more));
    }
    if let Some(format) = fields.take("outputConfig") {
        let schema = &format["textFormat"]["structure"]["jsonSchema"];
        let text = schema["schema"].as_str().ok_or("an output format without a schema")?;
        let parsed: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut output =
            OutputSchema::new(schema["name"].as_str().unwrap_or_default(), Schema::from(parsed));
        output.description = schema["description"].as_str().map(str::to_owned);
        request.output = OutputFormat::Schema(output);
    }
    if let Some(config) = fields.take("toolConfig") {
        let mut vendors = Vec::new();
        for tool in config["tools"].as_array().into_iter().flatten() {
            let Some(spec) = tool.get("toolSpec") else {
                vendors.push(tool.clone());
                continue;
            };
            request.tools.push(ToolSpec::new(
                spec["name"].as_str().unwrap_or_default(),
                spec["description"].as_str().unwrap_or_default(),
                Schema::from(spec["inputSchema"]["json"].clone()),
            ));
        }
        if let Some(choice) = config["toolChoice"].as_object() {
            let name = config["toolChoice"]["tool"]["name"].as_str();
            request.tool_choice = match (choice.keys().next().map(String::as_str), name) {
                (Some("any"), _) => ToolChoice::Required,
                (Some("tool"), Some(name)) => ToolChoice::Tool(name.to_owned()),
                _ => ToolChoice::Auto,
            };
        }
        if !vendors.is_empty() {
            own.insert("toolConfig".to_owned(), json!({ "tools": vendors }));
        }
    }
    own.extend(fields.rest());
    if !own.is_empty() {
        request.params.options.insert(OWN.to_owned(), own);
    }
    Ok(request)
}

fn keep(name: &str, fields: Map<String, Value>) -> Option<(String, Value)> {
    (!fields.is_empty()).then(|| (name.to_owned(), fields.into()))
}

/// The setting for thinking, in the form of Anthropic's models.
fn reasoning(more: &mut Map<String, Value>) -> Option<Reasoning> {
    let level = more.get("output_config").and_then(|config| config["effort"].as_str());
    let level = level.and_then(effort);
    let name =
        ["thinking", "reasoning_config"].into_iter().find(|name| more.contains_key(*name))?;
    let thinking = more.get(name)?.as_object()?;
    let reasoning = match (thinking.get("type")?.as_str()?, level) {
        ("enabled", _) if thinking.len() == 2 => {
            Reasoning::Budget(u32::try_from(thinking.get("budget_tokens")?.as_u64()?).ok()?)
        }
        ("disabled", _) => Reasoning::Effort(Effort::None),
        ("adaptive", Some(level)) if thinking.len() == 1 => {
            more.shift_remove("output_config");
            Reasoning::Effort(level)
        }
        _ => return None,
    };
    more.shift_remove(name);
    Some(reasoning)
}

fn data(value: Value) -> ProviderData {
    ProviderData::new(OWN, value)
}

fn parts(blocks: &[Value]) -> Result<Vec<Part>, String> {
    blocks.iter().map(part).collect()
}

fn part(block: &Value) -> Result<Part, String> {
    let (kind, value) =
        block.as_object().and_then(|fields| fields.iter().next()).ok_or("an empty block")?;
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    Ok(match kind.as_str() {
        "text" => Part::text(value.as_str().unwrap_or_default()),
        "cachePoint" => Part::cache_mark(),
        "reasoningContent" => {
            let shown = &value["reasoningText"];
            let mut sealed = Map::new();
            for (name, value) in
                [("signature", &shown["signature"]), ("redactedContent", &value["redactedContent"])]
            {
                if !value.is_null() {
                    sealed.insert(name.to_owned(), value.clone());
                }
            }
            let mut thinking = Thinking::new(shown["text"].as_str().unwrap_or_default());
            thinking.data = (!sealed.is_empty()).then(|| Box::new(data(sealed.into())));
            Part::Thinking(thinking)
        }
        "citationsContent" => {
            let said = value["content"].as_array().into_iter().flatten();
            let mut part =
                Text::new(said.filter_map(|said| said["text"].as_str()).collect::<String>());
            let raw = value["citations"].as_array().into_iter().flatten().cloned();
            part.citations.extend(raw.map(|raw| Citation::new().with_data(data(raw))));
            Part::Text(part)
        }
        "toolUse" if value.get("type").is_none() => Part::ToolCall(ToolCall::new(
            text("toolUseId"),
            text("name"),
            value["input"].to_string(),
        )),
        "toolResult" if value.get("type").is_none() => {
            let content = value["content"].as_array().into_iter().flatten();
            let content = content.map(|block| match block.get("json") {
                Some(json) => Ok(Part::text(json.to_string())),
                None => part(block),
            });
            let mut result = result(text("toolUseId"), "", content.collect::<Result<_, _>>()?);
            result.is_error = value["status"] == "error";
            Part::ToolResult(result)
        }
        "image" => match source(value)? {
            Some(source) => {
                Part::Image(Image::from_source(source, Some(format!("image/{}", text("format")))))
            }
            None => Part::Opaque(data(block.clone())),
        },
        "document"
            if ["pdf", "txt", "md"].contains(&text("format")) && value.get("context").is_none() =>
        {
            match source(value)? {
                Some(source) => {
                    let kind = match text("format") {
                        "pdf" => "application/pdf".to_owned(),
                        "txt" => "text/plain".to_owned(),
                        "md" => "text/markdown".to_owned(),
                        other => format!("text/{other}"),
                    };
                    let mut document = Document::from_source(source, Some(kind));
                    document.name = value["name"].as_str().map(str::to_owned);
                    document.data = value
                        .get("citations")
                        .map(|citations| Box::new(data(json!({ "citations": citations }))));
                    Part::Document(document)
                }
                None => Part::Opaque(data(block.clone())),
            }
        }
        // Blocks that only this wire knows go through as they are.
        _ => Part::Opaque(data(block.clone())),
    })
}

fn source(value: &Value) -> Result<Option<MediaSource>, String> {
    let source = &value["source"];
    Ok(
        match (
            source["bytes"].as_str(),
            source["s3Location"]["uri"].as_str(),
            source["text"].as_str(),
        ) {
            (Some(text), _, _) => Some(MediaSource::Bytes(bytes(text)?.into())),
            (_, Some(uri), _) => Some(MediaSource::Url(uri.to_owned())),
            (_, _, Some(text)) => Some(MediaSource::Text(text.to_owned())),
            _ => None,
        },
    )
}
