//! What is said, as the JSON that the conventions describe: roles, and parts with a `type`.

use meanwhile_core::{
    FinishReason, MediaSource, Message, Part, Request, Response, Role, ToolCall, ToolResult,
};
use serde_json::{Value, json};

/// The system messages in front of the conversation.
pub(super) fn instructions(request: &Request) -> Option<String> {
    let system = request.messages.iter().filter(|message| message.role == Role::System);
    let parts: Vec<Value> = system.flat_map(parts).collect();
    (!parts.is_empty()).then(|| Value::Array(parts).to_string())
}

/// The conversation without its system messages.
pub(super) fn input(request: &Request) -> String {
    let spoken = request.messages.iter().filter(|message| message.role != Role::System);
    spoken.map(message).collect::<Value>().to_string()
}

/// The tools that the model may call.
pub(super) fn tools(request: &Request) -> Option<String> {
    if request.tools.is_empty() {
        return None;
    }
    let tools = request.tools.iter().map(|tool| {
        json!({
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters.as_value(),
        })
    });
    Some(tools.collect::<Value>().to_string())
}

/// The answer.
pub(super) fn output(response: &Response) -> String {
    let mut message = message(&response.message);
    let reason = response.finish_reason().map(|reason| match reason {
        FinishReason::ToolCalls => "tool_call",
        other => other.as_str(),
    });
    if let (Some(fields), Some(reason)) = (message.as_object_mut(), reason) {
        fields.insert("finish_reason".to_owned(), reason.into());
    }
    json!([message]).to_string()
}

/// What a tool answered: its text, or its parts where it is more than text.
pub(super) fn tool_result(result: &ToolResult) -> String {
    match answered(result) {
        Value::String(text) => text,
        parts => parts.to_string(),
    }
}

fn message(message: &Message) -> Value {
    let mut value = json!({
        "role": message.role.as_str(),
        "parts": parts(message).collect::<Value>(),
    });
    if let (Some(fields), Some(name)) = (value.as_object_mut(), &message.name) {
        fields.insert("name".to_owned(), name.as_str().into());
    }
    value
}

fn parts(message: &Message) -> impl Iterator<Item = Value> {
    message.parts.iter().filter_map(part)
}

fn part(part: &Part) -> Option<Value> {
    Some(match part {
        Part::Text(text) => json!({"type": "text", "content": text.text}),
        Part::Thinking(thinking) => json!({"type": "reasoning", "content": thinking.text}),
        Part::Refusal(refusal) => json!({"type": "refusal", "content": refusal.text}),
        Part::ToolCall(call) => json!({
            "type": "tool_call", "id": call.id, "name": call.name, "arguments": arguments(call),
        }),
        Part::ToolResult(result) => json!({
            "type": "tool_call_response", "id": result.call_id, "response": answered(result),
        }),
        Part::Image(image) => media("image", &image.source, image.media_type.as_deref()),
        Part::Audio(audio) => media("audio", &audio.source, audio.media_type.as_deref()),
        Part::Document(document) => {
            media("document", &document.source, document.media_type.as_deref())
        }
        // A mark says nothing, and what only one provider understands is not for others.
        _ => return None,
    })
}

/// The arguments as JSON; as text where they are none.
fn arguments(call: &ToolCall) -> Value {
    call.json().unwrap_or_else(|_| call.arguments.as_str().into())
}

fn answered(result: &ToolResult) -> Value {
    if result.parts.iter().all(|part| matches!(part, Part::Text(_))) {
        return result.text().into();
    }
    result.parts.iter().filter_map(part).collect()
}

fn media(modality: &str, source: &MediaSource, media_type: Option<&str>) -> Value {
    let mut value = match source {
        MediaSource::Url(url) => json!({"type": "uri", "uri": url}),
        MediaSource::Reference { id, .. } => json!({"type": "file", "file_id": id}),
        MediaSource::Text(text) => json!({"type": "text", "content": text}),
        source => json!({"type": "blob", "content": source.base64()}),
    };
    if let Some(fields) = value.as_object_mut() {
        fields.insert("modality".to_owned(), modality.into());
        if let Some(media_type) = media_type {
            fields.insert("mime_type".to_owned(), media_type.into());
        }
    }
    value
}
