//! The conversation as the wire writes it: system text in front, turns of blocks, results first.

use std::borrow::Cow;

use meanwhile_core::{
    CacheMark, Document, Image, Message, Part, ProviderData, Result, Role, Text, Thinking,
    ToolCall, ToolResult, Warning,
};
use meanwhile_http::Notes;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::decode::ANSWERED_BY;
use crate::models::Facts;
use crate::written::{Block, CacheControl, Citation, Content, Input, Kind, Source, Turn};
use crate::{DIALECT, arrange, media};

/// Most cache marks that the API takes in one request.
const CACHE_MARKS: usize = 4;

/// What of the request decides how its messages are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'c> {
    /// The provider whose files may be referred to.
    pub(crate) provider: &'c str,
    pub(crate) facts: Facts,
    /// Whether documents are to be cited.
    pub(crate) citations: bool,
    /// How many cache marks there are outside of the messages.
    pub(crate) marks: usize,
}

/// A conversation, written.
pub(crate) struct Conversation<'a> {
    pub(crate) system: Content<'a>,
    pub(crate) turns: Vec<Turn<'a>>,
    /// The container in which the last answer ran code.
    pub(crate) container: Option<&'a Value>,
    /// Whether an answer of another host of this wire ran code in a container of its own.
    pub(crate) container_elsewhere: bool,
    /// Whether it refers to files of the provider.
    pub(crate) files: bool,
}

/// Writes a conversation.
pub(crate) fn conversation<'a>(
    messages: &'a [Message],
    setting: Setting<'_>,
    notes: &mut Notes,
) -> Result<Conversation<'a>> {
    let conversation = Conversation {
        system: Content(Vec::new()),
        turns: Vec::with_capacity(messages.len()),
        container: None,
        container_elsewhere: false,
        files: false,
    };
    let mut writer = Writer { setting, notes: &mut *notes, out: conversation };
    for message in messages {
        writer.message(message)?;
    }
    let mut written = writer.out;
    arrange::turns(&mut written, notes)?;
    arrange::cache_marks(&mut written, CACHE_MARKS.saturating_sub(setting.marks), notes)?;
    Ok(written)
}

struct Writer<'a, 'c> {
    setting: Setting<'c>,
    notes: &'c mut Notes,
    out: Conversation<'a>,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, message: &'a Message) -> Result<()> {
        self.own(message.data.as_deref());
        if message.name.is_some() {
            self.notes.dropped("name", "this API does not take the names of speakers")?;
        }
        let place = match message.role {
            Role::Assistant => self.turn("assistant"),
            Role::System if self.out.turns.is_empty() => Place::System,
            Role::System if self.setting.facts.late_system => self.turn("system"),
            Role::System => {
                self.notes.changed("system message", MOVED)?;
                Place::System
            }
            _ => self.users_turn(),
        };
        for part in &message.parts {
            match part {
                Part::CacheMark(mark) => self.cache_mark(mark, place)?,
                Part::Opaque(data) => self.opaque(data, place),
                part => {
                    let block = match message.role {
                        Role::Assistant => self.said(part)?,
                        Role::System => self.told(part)?,
                        _ => self.asked(part)?,
                    };
                    if let Some(block) = block {
                        self.push(place, block);
                    }
                }
            }
        }
        // The API refuses messages without content.
        if let Place::Turn(at) = place
            && self.out.turns.get(at).is_some_and(|turn| turn.content.0.is_empty())
        {
            self.out.turns.remove(at);
        }
        Ok(())
    }

    /// The place of a message: turns of one role in a row are one turn.
    fn turn(&mut self, role: &'static str) -> Place {
        if self.out.turns.last().is_none_or(|turn| turn.role != role) {
            self.out.turns.push(Turn { role, content: Content(Vec::new()) });
        }
        Place::Turn(self.out.turns.len().saturating_sub(1))
    }

    /// The place of a message of the user. The API wants system messages behind those of the user and
    /// in front of the model's, so this one goes before a system message.
    fn users_turn(&mut self) -> Place {
        let last = self.out.turns.len().saturating_sub(1);
        if self.out.turns.last().is_none_or(|turn| turn.role != "system") {
            return self.turn("user");
        }
        self.notes.mention(Warning::changed("system message", BEHIND));
        let before = last
            .checked_sub(1)
            .filter(|before| self.out.turns.get(*before).is_some_and(|turn| turn.role == "user"));
        Place::Turn(before.unwrap_or_else(|| {
            let content = Content(Vec::new());
            self.out.turns.insert(last, Turn { role: "user", content });
            last
        }))
    }

    fn push(&mut self, place: Place, block: Block<'a>) {
        let turn = match place {
            Place::Turn(at) => self.out.turns.get_mut(at),
            Place::System => None,
        };
        turn.map_or(&mut self.out.system, |turn| &mut turn.content).0.push(block);
    }

    /// Marks the last block before this place, in this message or an earlier one.
    fn cache_mark(&mut self, mark: &'a CacheMark, place: Place) -> Result<()> {
        let turns = match place {
            Place::System => &mut [],
            Place::Turn(_) => self.out.turns.as_mut_slice(),
        };
        let turns = turns.iter_mut().flat_map(|turn| &mut turn.content.0);
        let mut blocks = self.out.system.0.iter_mut().chain(turns);
        match blocks.rfind(|block| block.takes_cache_mark()) {
            Some(block) => {
                block.cache = Some(CacheControl { r#type: "ephemeral", ttl: mark.ttl.as_deref() });
                Ok(())
            }
            None => self.notes.dropped("cache mark", "there is nothing before it to cache"),
        }
    }

    /// A part of a system message.
    fn told(&mut self, part: &'a Part) -> Result<Option<Block<'a>>> {
        match part {
            Part::Text(text) => Ok(self.text(text)),
            other => {
                self.notes.dropped(other.kind(), "system messages of this API are text")?;
                Ok(None)
            }
        }
    }

    /// A part of a message of the user or of the tools.
    fn asked(&mut self, part: &'a Part) -> Result<Option<Block<'a>>> {
        match part {
            Part::Text(text) => Ok(self.text(text)),
            Part::Image(image) => self.image(image),
            Part::Document(document) => self.document(document),
            Part::ToolResult(result) => self.result(result).map(Some),
            Part::Audio(_) => {
                self.notes.dropped("audio", "this API does not take audio")?;
                Ok(None)
            }
            other => {
                self.notes.dropped(other.kind(), "only the model's messages may carry it")?;
                Ok(None)
            }
        }
    }

    /// A part of a message of the model.
    fn said(&mut self, part: &'a Part) -> Result<Option<Block<'a>>> {
        match part {
            Part::Text(text) => Ok(self.text(text)),
            Part::Thinking(thinking) => Ok(self.thinking(thinking)),
            Part::ToolCall(call) => Ok(Some(self.call(call))),
            Part::Refusal(refusal) => {
                self.own(refusal.data.as_deref());
                Ok(plain(&refusal.text))
            }
            other => {
                self.notes.dropped(other.kind(), "the model's messages cannot carry it")?;
                Ok(None)
            }
        }
    }

    fn text(&mut self, text: &'a Text) -> Option<Block<'a>> {
        self.own(text.data.as_deref());
        let mut block = plain(&text.text)?;
        if let Kind::Text { citations, .. } = &mut block.kind {
            for citation in &text.citations {
                match citation.data.as_deref().and_then(|data| data.for_provider(DIALECT)) {
                    Some(data) => citations.push(Citation(data)),
                    None => {
                        let message = "citations of another provider mean nothing to this one";
                        self.notes.mention(Warning::dropped("citation", message));
                    }
                }
            }
        }
        Some(block)
    }

    fn thinking(&mut self, thinking: &'a Thinking) -> Option<Block<'a>> {
        let own = self.own(thinking.data.as_deref());
        if let Some(Value::Object(block)) = own
            && block.contains_key("type")
        {
            return Some(Block::new(Kind::Given(block)));
        }
        let signature = own.and_then(|own| own.get("signature")).and_then(Value::as_str);
        if signature.is_none() && (own.is_some() || thinking.data.is_none()) {
            let message = "thinking without this API's signature is not taken back";
            self.notes.mention(Warning::dropped("thinking", message));
        }
        Some(Block::new(Kind::Thinking { text: &thinking.text, signature: signature? }))
    }

    fn call(&mut self, call: &'a ToolCall) -> Block<'a> {
        let own = self.own(call.data.as_deref());
        let input = match serde_json::from_str::<&RawValue>(&call.arguments) {
            Ok(raw) if raw.get().starts_with('{') => Input::Raw(raw),
            _ => match call.json() {
                Ok(value @ Value::Object(_)) => Input::Json(value),
                _ => {
                    let message =
                        "the arguments of a call are no JSON object; they go back as text in one";
                    self.notes.mention(Warning::changed("tool call", message));
                    Input::Json(json!({ "invalid_arguments": call.arguments }))
                }
            },
        };
        let caller = own.and_then(|own| own.get("caller"));
        Block::new(Kind::Call { id: call_id(&call.id), name: &call.name, input, caller })
    }

    fn result(&mut self, result: &'a ToolResult) -> Result<Block<'a>> {
        let mut blocks = Vec::new();
        let mut cache = None;
        for part in &result.parts {
            match part {
                Part::Text(text) => blocks.extend(self.text(text)),
                Part::Image(image) => blocks.extend(self.image(image)?),
                Part::Document(document) => blocks.extend(self.document(document)?),
                Part::CacheMark(mark) => {
                    cache = Some(CacheControl { r#type: "ephemeral", ttl: mark.ttl.as_deref() });
                }
                Part::Opaque(data) => {
                    if let Some(Value::Object(block)) = self.own(Some(data)) {
                        blocks.push(Block::new(Kind::Given(block)));
                    }
                }
                other => self.notes.dropped(other.kind(), "a tool result cannot carry it")?,
            }
        }
        let extra = self.own(result.data.as_deref()).and_then(Value::as_object);
        let id = call_id(&result.call_id);
        let kind = Kind::Result { id, content: Content(blocks), is_error: result.is_error };
        Ok(Block { kind, cache, extra })
    }

    fn image(&mut self, image: &'a Image) -> Result<Option<Block<'a>>> {
        if image.detail.is_some() {
            self.notes.dropped("detail", "this API looks at all images alike")?;
        }
        let source = match media::image(image, self.setting.provider) {
            Ok(source) => source,
            Err(why) => {
                self.notes.dropped("image", why)?;
                return Ok(None);
            }
        };
        let data = image.data.as_deref();
        Ok(Some(self.media(Kind::Image { source }, data)))
    }

    fn document(&mut self, document: &'a Document) -> Result<Option<Block<'a>>> {
        let source = match media::document(document, self.setting.provider) {
            Ok(source) => source,
            Err(why) => {
                self.notes.dropped("document", why)?;
                return Ok(None);
            }
        };
        let title = document.name.as_deref();
        let kind = Kind::Document { source, title, citations: self.setting.citations };
        Ok(Some(self.media(kind, document.data.as_deref())))
    }

    /// A block with the fields that its data adds.
    fn media(&mut self, kind: Kind<'a>, data: Option<&'a ProviderData>) -> Block<'a> {
        let source = match &kind {
            Kind::Image { source } | Kind::Document { source, .. } => Some(source),
            _ => None,
        };
        self.out.files |= matches!(source, Some(Source::File { .. }));
        let extra = self.own(data).and_then(Value::as_object);
        Block { kind, cache: None, extra }
    }

    /// A block that only this API knows, or what was told about an answer as a whole.
    fn opaque(&mut self, data: &'a ProviderData, place: Place) {
        let Some(Value::Object(fields)) = self.own(Some(data)) else { return };
        if fields.contains_key("type") {
            self.out.files |= fields.get("type").is_some_and(|kind| kind == "container_upload");
            self.push(place, Block::new(Kind::Given(fields)));
        } else if let Some(id) = fields.get("container").and_then(|container| container.get("id")) {
            let host = fields.get(ANSWERED_BY).and_then(Value::as_str).unwrap_or(DIALECT);
            match host == self.setting.provider {
                true => self.out.container = Some(id),
                false => self.out.container_elsewhere = true,
            }
        }
    }

    /// The data, if it is of this wire; another's is left out with a warning.
    fn own(&mut self, data: Option<&'a ProviderData>) -> Option<&'a Value> {
        let data = data?;
        let own = data.for_provider(DIALECT);
        if own.is_none() {
            let message = format!("data of provider `{}` means nothing to this one", data.provider);
            self.notes.mention(Warning::dropped("provider data", message));
        }
        own
    }
}

/// Where the blocks of a message go.
#[derive(Debug, Clone, Copy)]
enum Place {
    System,
    /// The turn at this index.
    Turn(usize),
}

pub(crate) const MOVED: &str = "this model does not take a system message in this place, so it was moved in front of the conversation";
const BEHIND: &str = "a system message stands behind the message of the user that follows it";

/// A block of text. The API refuses blank ones, and they say nothing.
fn plain(text: &str) -> Option<Block<'_>> {
    let kind = Kind::Text { text: Cow::Borrowed(text), citations: Vec::new() };
    (!text.trim().is_empty()).then(|| Block::new(kind))
}

/// An id that the API takes, the same for the same id: letters, digits, `_` and `-`.
fn call_id(id: &str) -> Cow<'_, str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.chars().all(legal) {
        return Cow::Borrowed(id);
    }
    // FNV-1a keeps ids apart that differ in other characters only.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let kept: String = id.chars().filter(|c| legal(*c)).collect();
    Cow::Owned(format!("{kept}_{hash:016x}"))
}
