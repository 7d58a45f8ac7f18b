//! The conversation as the dialect writes it: roles, content as text or parts, tool calls, results.

use std::borrow::Cow;

use meanwhile_core::{
    Audio, CacheMark, Document, Image, MediaSource, Part, ProviderData, Result, Role, ToolCall,
    ToolResult, Warning,
};
use serde_json::{Value, json};

use crate::encode::Notes;
use crate::written::{
    CacheControl, Call, CallFunction, Content, Data, File, ImageUrl, InputAudio, Item, ItemKind,
    Message, Thought, Url, join, url,
};
use crate::{AudioInput, Documents, Quirks, ReplayThinking, details};

/// Writes a conversation.
pub(crate) fn messages<'a>(
    messages: &'a [meanwhile_core::Message],
    provider: &str,
    quirks: &Quirks,
    notes: &mut Notes,
) -> Result<Vec<Message<'a>>> {
    let mut writer = Writer { provider, quirks, notes, out: Vec::with_capacity(messages.len()) };
    for message in messages {
        writer.message(message)?;
    }
    Ok(writer.out)
}

struct Writer<'a, 'c> {
    provider: &'c str,
    quirks: &'c Quirks,
    notes: &'c mut Notes,
    out: Vec<Message<'a>>,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, message: &'a meanwhile_core::Message) -> Result<()> {
        if let Some(data) = message.data.as_deref() {
            self.own(Some(data));
        }
        let name = match &message.name {
            Some(_) if self.quirks.unsupported.contains(&"name") => {
                self.notes.dropped("name", "this provider does not take the names of speakers")?;
                None
            }
            name => name.as_deref(),
        };
        if message.role == Role::Assistant {
            let mut out = self.assistant(&message.parts)?;
            out.name = name;
            self.out.push(out);
            return Ok(());
        }
        let results = message.parts.iter().filter_map(|part| match part {
            Part::ToolResult(result) => Some(result),
            _ => None,
        });
        let mut shown = Vec::new();
        let mut answers = 0_usize;
        for result in results {
            answers += 1;
            self.result(result, &mut shown)?;
        }
        if !shown.is_empty() {
            let content = Content::Items(shown);
            self.out.push(Message::new("user", content));
        }
        let rest = message.parts.len() - answers;
        // An empty message is sent as such, but results alone leave no message of their own.
        if rest > 0 || (answers == 0 && message.role != Role::Tool) {
            let role = match message.role {
                Role::System => self.quirks.system_role,
                _ => "user",
            };
            let parts = message.parts.iter().filter(|part| !matches!(part, Part::ToolResult(_)));
            let content = self.content(parts)?;
            let mut out = Message::new(role, content);
            out.name = name;
            self.out.push(out);
        }
        Ok(())
    }

    /// Writes the content of a message that is not the model's.
    fn content(&mut self, parts: impl Iterator<Item = &'a Part>) -> Result<Content<'a>> {
        let mut items = Vec::new();
        for part in parts {
            self.item(part, &mut items)?;
        }
        Ok(join(items))
    }

    /// Writes one part, if it can be written.
    fn item(&mut self, part: &'a Part, items: &mut Vec<Item<'a>>) -> Result<()> {
        if !matches!(part, Part::Opaque(_)) {
            self.own(part.data());
        }
        let kind = match part {
            Part::Text(text) => Some(ItemKind::Text { text: Cow::Borrowed(&text.text) }),
            Part::Image(image) => self.image(image)?,
            Part::Audio(audio) => self.audio(audio)?,
            Part::Document(document) => self.document(document)?,
            Part::CacheMark(mark) => {
                self.cache_mark(mark, items)?;
                None
            }
            Part::Opaque(data) => {
                self.own(Some(data));
                None
            }
            other => {
                self.notes.dropped(other.kind(), "only the model's messages may carry it")?;
                None
            }
        };
        items.extend(kind.map(Item::new));
        Ok(())
    }

    fn cache_mark(&mut self, mark: &'a CacheMark, items: &mut [Item<'a>]) -> Result<()> {
        match items.last_mut() {
            _ if !self.quirks.cache_marks => {
                self.notes.dropped("cache mark", "this provider decides itself what it caches")
            }
            Some(item) => {
                let ttl = mark.ttl.as_deref();
                item.cache_control = Some(CacheControl { r#type: "ephemeral", ttl });
                Ok(())
            }
            None => self.notes.dropped("cache mark", "there is nothing before it in its message"),
        }
    }

    fn image(&mut self, image: &'a Image) -> Result<Option<ItemKind<'a>>> {
        if !self.quirks.images {
            self.notes.dropped("image", "this provider does not take images")?;
            return Ok(None);
        }
        let Some(url) = url(&image.source, image.media_type.as_deref(), "image/png") else {
            self.notes.dropped("image", "this provider takes images as bytes or addresses")?;
            return Ok(None);
        };
        let detail = image.detail.as_deref();
        Ok(Some(ItemKind::ImageUrl { image_url: ImageUrl { url, detail } }))
    }

    fn audio(&mut self, audio: &'a Audio) -> Result<Option<ItemKind<'a>>> {
        let input_audio = match (self.quirks.audio, &audio.source) {
            (AudioInput::None, _) => {
                self.notes.dropped("audio", "this provider does not take audio")?;
                return Ok(None);
            }
            (AudioInput::Object, MediaSource::Bytes(bytes)) => {
                let media_type = audio.media_type.as_deref().unwrap_or("audio/wav");
                let format = match media_type.strip_prefix("audio/").unwrap_or(media_type) {
                    "mpeg" | "mp3" => "mp3",
                    "x-wav" | "wave" | "wav" => "wav",
                    other => other,
                };
                InputAudio::Object { data: Data(bytes), format }
            }
            (AudioInput::Text, MediaSource::Bytes(bytes)) => InputAudio::Data(Data(bytes)),
            (AudioInput::Text, MediaSource::Url(url)) => InputAudio::Address(url),
            _ => {
                self.notes.dropped(
                    "audio",
                    "this provider does not take audio from there; pass the bytes",
                )?;
                return Ok(None);
            }
        };
        Ok(Some(ItemKind::InputAudio { input_audio }))
    }

    fn document(&mut self, document: &'a Document) -> Result<Option<ItemKind<'a>>> {
        let name = document.name.as_deref();
        if let MediaSource::Text(text) = &document.source {
            let text = match name {
                Some(name) => Cow::Owned(format!("{name}:\n\n{text}")),
                None => Cow::Borrowed(text.as_str()),
            };
            return Ok(Some(ItemKind::Text { text }));
        }
        let reference = match &document.source {
            MediaSource::Reference { provider, id } if provider == self.provider => Some(&**id),
            _ => None,
        };
        let media_type = document.media_type.as_deref();
        let url = url(&document.source, media_type, "application/pdf");
        let file = |file_data, file_id| ItemKind::File {
            file: File { filename: name.or(file_data_name(&file_data)), file_data, file_id },
        };
        let item = match (self.quirks.documents, url, reference) {
            (Documents::File | Documents::FileOrUrl, None, Some(id)) => Some(ItemKind::File {
                file: File { filename: None, file_data: None, file_id: Some(id) },
            }),
            (Documents::File | Documents::FileOrUrl, Some(url @ Url::Data { .. }), _)
            | (Documents::FileOrUrl, Some(url), _) => Some(file(Some(url), None)),
            (Documents::Url, Some(document_url), _) => Some(ItemKind::DocumentUrl { document_url }),
            _ => None,
        };
        if item.is_none() {
            let message = match self.quirks.documents {
                Documents::None => "this provider does not take documents",
                _ => "this provider does not take documents from there; pass the bytes",
            };
            self.notes.dropped("document", message)?;
        }
        Ok(item)
    }

    /// Writes a tool's answer; images and the like go to `shown`, for a message of the user.
    fn result(&mut self, result: &'a ToolResult, shown: &mut Vec<Item<'a>>) -> Result<()> {
        self.own(result.data.as_deref());
        let mut texts = Vec::new();
        let before = shown.len();
        for part in &result.parts {
            match part {
                Part::Text(text) => texts.push(&*text.text),
                other => self.item(other, shown)?,
            }
        }
        let mut text = match texts.as_slice() {
            [text] => Cow::Borrowed(*text),
            texts => Cow::Owned(texts.concat()),
        };
        if shown.len() > before {
            let message = "the dialect has text in tool results only; the rest follows as a message of the user";
            self.notes.mention(Warning::changed("tool result", message));
            if text.is_empty() {
                text = Cow::Borrowed("(see the next message)");
            }
        }
        // There is no field for a failure, so the text says it.
        if result.is_error && !text.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"))
        {
            text = Cow::Owned(format!("error: {text}"));
        }
        let id = self.call_id(&result.call_id);
        let mut out = Message::new("tool", Content::Text(text));
        out.tool_call_id = Some(id);
        // All results of a turn must come before anything else is said.
        self.out.push(out);
        Ok(())
    }

    fn assistant(&mut self, parts: &'a [Part]) -> Result<Message<'a>> {
        let mut items = Vec::new();
        let mut out = Message::new("assistant", Content::Null);
        let mut thoughts = String::new();
        let mut thought_details = Vec::new();
        for part in parts {
            match part {
                Part::Text(_) | Part::CacheMark(_) | Part::Image(_) | Part::Document(_) => {
                    self.item(part, &mut items)?;
                }
                Part::Refusal(refusal) if self.quirks.refusals => {
                    let refusal = ItemKind::Refusal { refusal: &refusal.text };
                    items.push(Item::new(refusal));
                }
                Part::Refusal(refusal) => {
                    let text = Cow::Borrowed(&*refusal.text);
                    items.push(Item::new(ItemKind::Text { text }));
                }
                Part::Thinking(thinking) => {
                    let foreign = thinking.data.is_some();
                    let own = self.own(thinking.data.as_deref());
                    if foreign && own.is_none() {
                        continue;
                    }
                    match self.quirks.replay_thinking {
                        ReplayThinking::Never => {
                            let message = "this provider does not take the model's thinking back";
                            self.notes.mention(Warning::dropped("thinking", message));
                        }
                        ReplayThinking::Content if !thinking.text.is_empty() => {
                            let thought = Thought { r#type: "text", text: &thinking.text };
                            let signature = own.and_then(|own| own.get("signature"));
                            let kind = ItemKind::Thinking { thinking: [thought], signature };
                            items.push(Item::new(kind));
                        }
                        _ => thoughts.push_str(&thinking.text),
                    }
                    let more = own.and_then(|own| own.get("reasoning_details"));
                    let more = more.and_then(Value::as_array).into_iter().flatten().cloned();
                    details::append(&mut thought_details, more);
                }
                Part::ToolCall(call) => {
                    let call = self.call(call);
                    out.tool_calls.push(call);
                }
                Part::Audio(audio) => match self.own(audio.data.as_deref()) {
                    Some(own) => {
                        let id = own.get("audio").and_then(|audio| audio.get("id"));
                        out.extra.extend(id.map(|id| ("audio", json!({ "id": id }))));
                    }
                    None => {
                        self.notes.dropped("audio", "only this provider's own speech goes back")?
                    }
                },
                Part::Opaque(data) => {
                    let annotations = self.own(Some(data)).and_then(|own| own.get("annotations"));
                    if let Some(annotations) =
                        annotations.filter(|_| self.quirks.replay_annotations)
                    {
                        out.extra.insert("annotations", annotations.clone());
                    }
                }
                other => {
                    self.notes.dropped(other.kind(), "the model's messages cannot carry it")?
                }
            }
        }
        match self.quirks.replay_thinking {
            ReplayThinking::Details if !thought_details.is_empty() => {
                out.extra.insert("reasoning_details", Value::Array(thought_details));
            }
            ReplayThinking::Details if !thoughts.is_empty() => {
                out.extra.insert("reasoning", Value::String(thoughts));
            }
            ReplayThinking::Field(name) if !thoughts.is_empty() => {
                out.extra.insert(name, Value::String(thoughts));
            }
            _ => {}
        }
        let speaks = out.extra.contains_key("audio");
        if !items.is_empty() || (out.tool_calls.is_empty() && !speaks) {
            out.content = join(items);
        }
        Ok(out)
    }

    fn call(&mut self, call: &'a ToolCall) -> Call<'a> {
        let own = self.own(call.data.as_deref());
        let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
        Call {
            id: self.call_id(&call.id),
            r#type: "function",
            function: CallFunction { name: &call.name, arguments },
            extra_content: own.and_then(|own| own.get("extra_content")),
        }
    }

    fn call_id(&self, id: &'a str) -> Cow<'a, str> {
        let is_short = id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !self.quirks.short_tool_call_ids || is_short {
            return Cow::Borrowed(id);
        }
        Cow::Owned(short_id(id))
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

/// Bytes need a file name, which the program need not give.
fn file_data_name(data: &Option<Url<'_>>) -> Option<&'static str> {
    match data {
        Some(Url::Data { media_type: "application/pdf", .. }) => Some("document.pdf"),
        Some(_) => Some("document"),
        None => None,
    }
}

/// Nine letters and digits, the same for the same id.
fn short_id(id: &str) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // FNV-1a: fixed for all time, unlike the standard library's hasher.
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let letters = std::iter::repeat_with(|| {
        let letter = usize::try_from(hash % 62).unwrap_or_default();
        hash /= 62;
        LETTERS.get(letter).copied().map_or('0', char::from)
    });
    letters.take(9).collect()
}
