//! The conversation as the dialect writes it: roles, content as text or parts, tool calls, results.

mod media;

use std::borrow::Cow;

use meanwhile_core::{
    CacheMark, Part, ProviderData, Result, Role, Text, ToolCall, ToolResult, Warning,
};
use meanwhile_http::Notes;
use serde_json::{Value, json};

use crate::decode::EXTRA_CONTENT;
use crate::written::{
    CacheControl, Call, CallFunction, CallKind, CallText, Content, Item, ItemKind, Message,
    Thought, content, short_id,
};
use crate::{Quirks, ReplayThinking, TextLists, details, sources};

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
    if let (Some(field), Some(last)) = (quirks.answer_prefix, writer.out.last_mut())
        && last.role == "assistant"
    {
        last.extra.insert(field, Value::Bool(true));
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
        let own = self.own(message.data.as_deref()).and_then(Value::as_object);
        let own = own.into_iter().flatten().map(|(name, value)| (name.as_str(), value.clone()));
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
            out.extra.extend(own);
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
            let content = match message.parts.as_slice() {
                [part @ Part::Text(text)] => {
                    self.own(part.data());
                    Content::Text(Cow::Borrowed(&text.text))
                }
                parts => {
                    let takes_lists = match self.quirks.text_lists {
                        TextLists::None => false,
                        TextLists::User => message.role != Role::System,
                        TextLists::All => true,
                    };
                    let said = |part: &&Part| !matches!(part, Part::ToolResult(_));
                    self.content(parts.iter().filter(said), takes_lists)?
                }
            };
            let mut out = Message::new(role, content);
            out.name = name;
            out.extra.extend(own);
            self.out.push(out);
        }
        Ok(())
    }

    /// Writes the content of a message that is not the model's.
    fn content(
        &mut self,
        parts: impl Iterator<Item = &'a Part>,
        takes_lists: bool,
    ) -> Result<Content<'a>> {
        let mut items = Vec::new();
        for part in parts {
            self.item(part, &mut items)?;
        }
        Ok(content(items, takes_lists))
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

    /// Writes a tool's answer; images and the like go to `shown`, for a message of the user.
    fn result(&mut self, result: &'a ToolResult, shown: &mut Vec<Item<'a>>) -> Result<()> {
        self.own(result.data.as_deref());
        if self.quirks.tool_result_parts
            && result.parts.iter().any(|part| !matches!(part, Part::Text(_)))
        {
            return self.result_of_parts(result);
        }
        let mut texts = Vec::new();
        let before = shown.len();
        for part in &result.parts {
            match part {
                Part::Text(text) => texts.push(Cow::Borrowed(&*text.text)),
                other => self.item(other, shown)?,
            }
        }
        if texts.is_empty() {
            texts.push(Cow::Borrowed(""));
        }
        if let Some(first) = texts.first_mut() {
            if shown.len() > before {
                let message = "the dialect has text in tool results only; the rest follows as a message of the user";
                self.notes.mention(Warning::changed("tool result", message));
                if first.is_empty() && result.parts.len() == shown.len() - before {
                    *first = Cow::Borrowed("(see the next message)");
                }
            }
            // There is no field for a failure, so the text says it.
            let word = first.get(..5);
            if result.is_error && !word.is_some_and(|word| word.eq_ignore_ascii_case("error")) {
                *first = Cow::Owned(format!("error: {first}"));
            }
        }
        let items = texts.into_iter().map(|text| Item::new(ItemKind::Text { text })).collect();
        let id = self.call_id(&result.call_id);
        let takes_lists = self.quirks.text_lists == TextLists::All;
        let mut out = Message::new("tool", content(items, takes_lists));
        out.tool_call_id = Some(id);
        // All results of a turn must come before anything else is said.
        self.out.push(out);
        Ok(())
    }

    /// Writes a tool's answer where it may carry more than text.
    fn result_of_parts(&mut self, result: &'a ToolResult) -> Result<()> {
        let mut items = Vec::new();
        if result.is_error {
            items.push(Item::new(ItemKind::Text { text: Cow::Borrowed("error: ") }));
        }
        for part in &result.parts {
            self.item(part, &mut items)?;
        }
        let id = self.call_id(&result.call_id);
        let mut out = Message::new("tool", content(items, true));
        out.tool_call_id = Some(id);
        self.out.push(out);
        Ok(())
    }

    fn assistant(&mut self, parts: &'a [Part]) -> Result<Message<'a>> {
        let mut items = Vec::new();
        let mut out = Message::new("assistant", Content::Null);
        let mut thoughts = String::new();
        let mut thought_details = Vec::new();
        let mut blocks = Vec::new();
        let mut annotations = Vec::new();
        let takes_lists = self.quirks.text_lists == TextLists::All;
        let mut follows_text = false;
        for part in parts {
            let before = items.len();
            let after_text = std::mem::replace(&mut follows_text, matches!(part, Part::Text(_)));
            match part {
                Part::Text(text) if !text.citations.is_empty() => {
                    self.cited(part, text, &mut items, &mut annotations)?;
                }
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
                        ReplayThinking::Content => {
                            let text = (!thinking.text.is_empty())
                                .then_some(Thought::Text { r#type: "text", text: &thinking.text });
                            let asides = own.and_then(|own| own.get("thinking")?.as_array());
                            let asides = asides.into_iter().flatten().map(Thought::Other);
                            let thinking: Vec<_> = text.into_iter().chain(asides).collect();
                            let signature = own.and_then(|own| own.get("signature"));
                            if !thinking.is_empty() || signature.is_some() {
                                let kind = ItemKind::Thinking { thinking, signature };
                                items.push(Item::new(kind));
                            }
                        }
                        _ => thoughts.push_str(&thinking.text),
                    }
                    let list = |name| own.and_then(|own| own.get(name)?.as_array());
                    let more = list("reasoning_details").into_iter().flatten().cloned();
                    details::append(&mut thought_details, more);
                    blocks.extend(list("thinking_blocks").into_iter().flatten().cloned());
                    if let (Some(opaque), ReplayThinking::Field(_)) = (
                        own.and_then(|own| own.get("reasoning_opaque")),
                        self.quirks.replay_thinking,
                    ) {
                        out.extra.insert("reasoning_opaque", opaque.clone());
                    }
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
                    let own = self.own(Some(data));
                    let list = |name| own.and_then(|own| own.get(name)?.as_array());
                    annotations.extend(list("annotations").into_iter().flatten().cloned());
                    if self.quirks.replay_thinking == ReplayThinking::Content {
                        let parts = list("content").into_iter().flatten();
                        let parts = parts.filter(|part| part.is_object());
                        items.extend(parts.map(|part| Item::new(ItemKind::Verbatim(part))));
                    }
                }
                other => {
                    self.notes.dropped(other.kind(), "the model's messages cannot carry it")?
                }
            }
            // Google wants its marks back with the message, and with each call on their own.
            if !matches!(part, Part::ToolCall(_))
                && let Some(own) = part.data().and_then(|data| data.for_provider(self.provider))
                && let Some(extra) = own.get(EXTRA_CONTENT)
            {
                out.extra.insert(EXTRA_CONTENT, extra.clone());
            }
            // Texts of the model that follow each other are one text in pieces.
            if !takes_lists && after_text && follows_text && items.len() > before {
                Item::continue_text(&mut items);
            }
        }
        if self.quirks.replay_annotations && !annotations.is_empty() {
            out.extra.insert("annotations", Value::Array(annotations));
        }
        match self.quirks.replay_thinking {
            ReplayThinking::Details if !thought_details.is_empty() => {
                out.extra.insert("reasoning_details", Value::Array(thought_details));
            }
            ReplayThinking::Details if !thoughts.is_empty() => {
                out.extra.insert("reasoning", Value::String(thoughts));
            }
            ReplayThinking::Blocks => {
                if !thoughts.is_empty() {
                    out.extra.insert("reasoning_content", Value::String(thoughts));
                }
                if !blocks.is_empty() {
                    out.extra.insert("thinking_blocks", Value::Array(blocks));
                }
            }
            ReplayThinking::Field(name) if !thoughts.is_empty() => {
                out.extra.insert(name, Value::String(thoughts));
            }
            _ => {}
        }
        let speaks = out.extra.contains_key("audio");
        if !items.is_empty() || (out.tool_calls.is_empty() && !speaks) {
            out.content = content(items, takes_lists);
        }
        Ok(out)
    }

    /// Writes a text with its citations, as the vendor sent them.
    fn cited(
        &mut self,
        part: &'a Part,
        text: &'a Text,
        items: &mut Vec<Item<'a>>,
        annotations: &mut Vec<Value>,
    ) -> Result<()> {
        if !text.text.is_empty() {
            self.item(part, items)?;
        }
        for citation in &text.citations {
            let Some(own) = self.own(citation.data.as_deref()) else { continue };
            annotations.extend(sources::annotation(own).cloned());
            if self.quirks.replay_thinking == ReplayThinking::Content {
                let reference = sources::reference(own).into_iter();
                items.extend(reference.map(|part| Item::new(ItemKind::Verbatim(part))));
            }
        }
        Ok(())
    }

    fn call(&mut self, call: &'a ToolCall) -> Call<'a> {
        let own = self.own(call.data.as_deref());
        let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
        let name = &call.name;
        let kind = match own.and_then(|own| own.get("type")?.as_str()) {
            Some("custom") => {
                // Free text was handed on as a JSON string.
                let text = serde_json::from_str::<String>(&call.arguments);
                let input = text.map_or(Cow::Borrowed(&*call.arguments), Cow::Owned);
                CallKind::Custom { custom: CallText { name, input } }
            }
            _ => CallKind::Function { function: CallFunction { name, arguments } },
        };
        Call {
            id: self.call_id(&call.id),
            kind,
            extra_content: own.and_then(|own| own.get(EXTRA_CONTENT)),
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
