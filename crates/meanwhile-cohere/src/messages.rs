//! The conversation as Cohere writes it: roles, tool calls with their plan, results, and documents
//! beside it.

use std::borrow::Cow;

use meanwhile_core::{
    Document, Image, MediaSource, Part, ProviderData, Result, Role, ToolCall, ToolResult, Warning,
};
use meanwhile_http::Notes;
use serde_json::Value;

use crate::written::{
    Call, CallFunction, Content, Document as Written, DocumentData, ImageUrl, Item, Message, Url,
};

/// A conversation.
pub(crate) struct Conversation<'a> {
    pub(crate) messages: Vec<Message<'a>>,
    pub(crate) documents: Vec<Written<'a>>,
}

/// Writes a conversation.
pub(crate) fn conversation<'a>(
    messages: &'a [meanwhile_core::Message],
    provider: &str,
    notes: &mut Notes,
) -> Result<Conversation<'a>> {
    let out = Conversation { messages: Vec::with_capacity(messages.len()), documents: Vec::new() };
    let mut writer = Writer { provider, notes, out };
    for message in messages {
        writer.message(message)?;
    }
    Ok(writer.out)
}

struct Writer<'a, 'c> {
    provider: &'c str,
    notes: &'c mut Notes,
    out: Conversation<'a>,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, message: &'a meanwhile_core::Message) -> Result<()> {
        self.own(message.data.as_deref());
        if message.name.is_some() {
            self.notes.dropped("name", "this provider does not take the names of speakers")?;
        }
        if message.role == Role::Assistant {
            let written = self.assistant(&message.parts)?;
            self.out.messages.push(written);
            return Ok(());
        }
        let mut items = Vec::with_capacity(message.parts.len());
        let mut results = 0_usize;
        for part in &message.parts {
            if let Part::ToolResult(result) = part {
                results += 1;
                let written = self.result(result)?;
                self.out.messages.push(written);
            } else {
                self.part(part, &mut items, true)?;
            }
        }
        let documents_only = items.is_empty() && !message.parts.is_empty();
        if results == 0 && !documents_only || !items.is_empty() {
            let role = if message.role == Role::System { "system" } else { "user" };
            self.out.messages.push(Message::new(role, Some(join(items))));
        }
        Ok(())
    }

    /// Writes a part; documents go beside the conversation, or into a tool's answer.
    fn part(&mut self, part: &'a Part, items: &mut Vec<Item<'a>>, beside: bool) -> Result<()> {
        if !matches!(part, Part::Opaque(_)) {
            self.own(part.data());
        }
        match part {
            Part::Text(text) => items.push(Item::Text { text: &text.text }),
            Part::Image(image) => items.extend(self.image(image)?),
            Part::Document(document) => {
                let Some(written) = self.document(document)? else { return Ok(()) };
                if beside {
                    self.out.documents.push(written);
                } else {
                    items.push(Item::Document { document: written });
                }
            }
            Part::CacheMark(_) => {
                self.notes.dropped("cache mark", "this provider decides itself what it caches")?;
            }
            Part::Opaque(data) => {
                let own = self.own(Some(data));
                items.extend(own.filter(|own| own.get("type").is_some()).map(Item::Own));
            }
            other => self.notes.dropped(other.kind(), "this provider does not take it here")?,
        }
        Ok(())
    }

    fn image(&mut self, image: &'a Image) -> Result<Option<Item<'a>>> {
        let url = match &image.source {
            MediaSource::Url(url) => Url::Address(url),
            MediaSource::Bytes(bytes) => {
                Url::Data { media_type: image.media_type.as_deref().unwrap_or("image/png"), bytes }
            }
            _ => {
                self.notes.dropped("image", "this provider takes images as bytes or addresses")?;
                return Ok(None);
            }
        };
        let detail = image.detail.as_deref();
        Ok(Some(Item::ImageUrl { image_url: ImageUrl { url, detail } }))
    }

    fn document(&mut self, document: &'a Document) -> Result<Option<Written<'a>>> {
        let text = match &document.source {
            MediaSource::Text(text) => Some(&**text),
            MediaSource::Bytes(bytes) => {
                let media_type = document.media_type.as_deref().unwrap_or("text/plain");
                let is_text = media_type.starts_with("text/") || media_type.ends_with("json");
                std::str::from_utf8(bytes).ok().filter(|_| is_text)
            }
            _ => None,
        };
        let Some(text) = text else {
            self.notes.dropped("document", "this provider takes documents as text only")?;
            return Ok(None);
        };
        let own = document.data.as_deref().and_then(|data| data.for_provider(self.provider));
        let id = own.and_then(|own| own.get("id")).and_then(Value::as_str).map(Cow::Borrowed);
        let data = DocumentData { title: document.name.as_deref(), text };
        Ok(Some(Written { id, data }))
    }

    fn result(&mut self, result: &'a ToolResult) -> Result<Message<'a>> {
        self.own(result.data.as_deref());
        let mut items = Vec::with_capacity(result.parts.len());
        for part in &result.parts {
            self.part(part, &mut items, false)?;
        }
        let mut content = join(items);
        // There is no field for a failure, so the text says it.
        if result.is_error {
            content = match content {
                Content::Text(text) => {
                    let says_so =
                        text.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"));
                    Content::Text(if says_so { text } else { format!("error: {text}").into() })
                }
                Content::Items(mut items) => {
                    items.insert(0, Item::Text { text: "error:" });
                    Content::Items(items)
                }
            };
        }
        let mut out = Message::new("tool", Some(content));
        out.tool_call_id = Some(&result.call_id);
        Ok(out)
    }

    fn assistant(&mut self, parts: &'a [Part]) -> Result<Message<'a>> {
        let mut out = Message::new("assistant", None);
        let mut items = Vec::new();
        for part in parts {
            match part {
                Part::Text(text) => {
                    self.own(text.data.as_deref());
                    if !text.text.is_empty() {
                        items.push(Item::Text { text: &text.text });
                    }
                    for citation in &text.citations {
                        out.citations.extend(self.own(citation.data.as_deref()));
                    }
                }
                Part::Refusal(refusal) => items.push(Item::Text { text: &refusal.text }),
                Part::Thinking(thinking) => {
                    let own = self.own(thinking.data.as_deref());
                    let is_plan = own.is_some_and(|own| own.get("tool_plan").is_some());
                    if thinking.data.is_some() && own.is_none() {
                        continue;
                    }
                    match &mut out.tool_plan {
                        Some(plan) if is_plan => plan.to_mut().push_str(&thinking.text),
                        None if is_plan => out.tool_plan = Some(Cow::Borrowed(&thinking.text)),
                        _ => items.push(Item::Thinking { thinking: &thinking.text }),
                    }
                }
                Part::ToolCall(call) => {
                    self.own(call.data.as_deref());
                    out.tool_calls.push(written_call(call));
                }
                Part::CacheMark(_) | Part::Opaque(_) => self.part(part, &mut items, false)?,
                other => {
                    self.notes.dropped(other.kind(), "the model's messages cannot carry it")?;
                }
            }
        }
        if !items.is_empty() || out.tool_calls.is_empty() {
            out.content = Some(join(items));
        }
        Ok(out)
    }

    /// The data, if it is this provider's own; another's is left out with a warning.
    fn own(&mut self, data: Option<&'a ProviderData>) -> Option<&'a Value> {
        let data = data?;
        let own = data.for_provider(self.provider);
        if own.is_none() {
            let message = format!("data of provider `{}` means nothing to this one", data.provider);
            self.notes.mention(Warning::dropped("provider data", message));
        }
        own
    }
}

impl<'a> Message<'a> {
    fn new(role: &'static str, content: Option<Content<'a>>) -> Self {
        let (tool_calls, citations) = (Vec::new(), Vec::new());
        Self { role, content, tool_calls, tool_plan: None, citations, tool_call_id: None }
    }
}

fn written_call(call: &ToolCall) -> Call<'_> {
    let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    Call {
        id: &call.id,
        r#type: "function",
        function: CallFunction { name: &call.name, arguments },
    }
}

/// One text is written as text.
fn join(items: Vec<Item<'_>>) -> Content<'_> {
    match items.as_slice() {
        [] => Content::Text(Cow::Borrowed("")),
        [Item::Text { text }] => Content::Text(Cow::Borrowed(text)),
        _ => Content::Items(items),
    }
}
