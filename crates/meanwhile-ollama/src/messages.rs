//! The conversation as Ollama reads it: text, pictures beside it, calls with arguments as objects.

use std::borrow::Cow;
use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use meanwhile_core::{
    Document, Image, MediaSource, Part, ProviderData, Result, Role, ToolCall, ToolResult, Warning,
};
use meanwhile_http::Notes;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// What keeps texts apart that have to be one.
const BETWEEN: &str = "\n\n";

/// One message on the wire.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Message<'a> {
    role: &'static str,
    content: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    thinking: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<Data<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Call<'a> {
    id: &'a str,
    r#type: &'static str,
    function: CallFunction<'a>,
}

#[derive(Debug, Serialize)]
struct CallFunction<'a> {
    name: &'a str,
    arguments: Cow<'a, RawValue>,
}

/// Bytes in base64.
#[derive(Debug)]
struct Data<'a>(&'a [u8]);

impl fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Base64Display::new(self.0, &STANDARD).fmt(f)
    }
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Writes a conversation.
pub(crate) fn messages<'a>(
    messages: &'a [meanwhile_core::Message],
    notes: &mut Notes,
) -> Result<Vec<Message<'a>>> {
    let mut out = Vec::with_capacity(messages.len());
    for message in messages {
        if message.name.is_some() {
            notes.dropped("name", "Ollama does not take the names of speakers")?;
        }
        foreign(message.data.as_deref(), notes);
        let role = match message.role {
            Role::System => "system",
            Role::Assistant => "assistant",
            _ => "user",
        };
        let mut whole = Message { role, ..Message::default() };
        let mut answers = 0_usize;
        for part in &message.parts {
            match part {
                // The answers of tools are messages of their own, in front of what is said with them.
                Part::ToolResult(answer) if message.role != Role::Assistant => {
                    answers += 1;
                    out.push(result(answer, notes)?);
                }
                Part::ToolCall(call) if message.role == Role::Assistant => {
                    foreign(call.data.as_deref(), notes);
                    whole.tool_calls.push(self::call(call, notes)?);
                }
                Part::Thinking(thinking) if message.role == Role::Assistant => {
                    // Thoughts that another provider signed are not this model's to go on from.
                    if thinking.data.is_none() {
                        whole.thinking += thinking.text.as_str();
                    }
                    foreign(thinking.data.as_deref(), notes);
                }
                part => whole.part(part, notes)?,
            }
        }
        // An empty message is sent as such, but answers alone leave no message of their own.
        if message.parts.len() > answers || (answers == 0 && message.role != Role::Tool) {
            out.push(whole);
        }
    }
    Ok(out)
}

impl<'a> Message<'a> {
    /// Adds a part that any message may carry.
    fn part(&mut self, part: &'a Part, notes: &mut Notes) -> Result<()> {
        foreign(part.data(), notes);
        match part {
            Part::Text(text) => self.say(Cow::Borrowed(&text.text)),
            Part::Refusal(refusal) => self.say(Cow::Borrowed(&refusal.text)),
            Part::Image(image) => self.image(image, notes)?,
            Part::Document(document) => match text(document) {
                Some(text) => self.say(text),
                None => notes.dropped("document", "Ollama reads documents only as text")?,
            },
            Part::CacheMark(_) => {
                notes.dropped("cache mark", "Ollama decides itself what it caches")?;
            }
            // Another provider's, and said so above.
            Part::Opaque(_) => {}
            Part::Audio(_) => notes.dropped("audio", "Ollama does not take audio")?,
            other => notes.dropped(other.kind(), "this message cannot carry it")?,
        }
        Ok(())
    }

    /// Adds a text. Those of the model go on where the last one ended; others stand for themselves.
    fn say(&mut self, text: Cow<'a, str>) {
        if self.role != "assistant" && !self.content.is_empty() && !text.is_empty() {
            self.content += BETWEEN;
        }
        self.content += text;
    }

    fn image(&mut self, image: &'a Image, notes: &mut Notes) -> Result<()> {
        match &image.source {
            MediaSource::Bytes(bytes) => {
                self.images.push(Data(bytes));
                Ok(())
            }
            _ => notes.dropped("image", "Ollama fetches no pictures; pass the bytes"),
        }
    }
}

fn result<'a>(answer: &'a ToolResult, notes: &mut Notes) -> Result<Message<'a>> {
    foreign(answer.data.as_deref(), notes);
    let mut out = Message {
        role: "tool",
        tool_name: Some(&answer.name),
        tool_call_id: Some(&answer.call_id),
        ..Message::default()
    };
    for part in &answer.parts {
        out.part(part, notes)?;
    }
    // There is no field for a failure, so the text says it.
    let says = out.content.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"));
    if answer.is_error && !says {
        out.content = Cow::Owned(format!("error: {}", out.content));
    }
    Ok(out)
}

fn call<'a>(call: &'a ToolCall, notes: &mut Notes) -> Result<Call<'a>> {
    let text = call.arguments.trim();
    let arguments = if text.is_empty() { "{}" } else { text };
    let is_object = arguments.starts_with('{');
    let arguments = match serde_json::from_str::<&RawValue>(arguments) {
        Ok(raw) if is_object => Cow::Borrowed(raw),
        // Not as the model wrote it, but as it was meant, where that can be told.
        _ => {
            let meant = call.json().ok().filter(serde_json::Value::is_object);
            if meant.is_none() {
                let message = "a call's arguments are no JSON object; the model is shown none";
                notes.mention(Warning::changed("tool call", message));
            }
            let meant = meant.unwrap_or_else(|| serde_json::json!({}));
            let raw = serde_json::value::to_raw_value(&meant).map_err(|source| {
                let message = "the arguments of a call cannot be written as JSON";
                meanwhile_core::Error::new(meanwhile_core::ErrorKind::InvalidRequest, message)
                    .with_source(source)
            })?;
            Cow::Owned(raw)
        }
    };
    let function = CallFunction { name: &call.name, arguments };
    Ok(Call { id: &call.id, r#type: "function", function })
}

/// The text of a document, under its name.
fn text(document: &Document) -> Option<Cow<'_, str>> {
    let MediaSource::Text(text) = &document.source else { return None };
    Some(match &document.name {
        Some(name) => Cow::Owned(format!("{name}:\n\n{text}")),
        None => Cow::Borrowed(text),
    })
}

/// Ollama gives out no data, so all of it is another provider's.
fn foreign(data: Option<&ProviderData>, notes: &mut Notes) {
    if let Some(data) = data {
        let message = format!("data of provider `{}` means nothing to this one", data.provider);
        notes.mention(Warning::dropped("provider data", message));
    }
}
