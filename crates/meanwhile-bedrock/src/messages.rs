//! The conversation as Converse writes it: system blocks apart, user and assistant in turn.

use std::borrow::Cow;

use meanwhile_core::{
    CacheMark, Part, ProviderData, Result, Role, Text, Thinking, ToolCall, ToolResult, Warning,
};
use meanwhile_http::Notes;
use serde_json::{Value, json};

use crate::encode::Form;
use crate::media;
use crate::models::{Family, Model};
use crate::written::{
    Block, CachePoint, CitationsContent, Cited, Input, Marked, Message, Reasoning,
    ToolResult as Answer, ToolUse,
};

/// Fields of an opaque part that tell about an answer and are no block of content.
pub(crate) const NOT_CONTENT: [&str; 3] =
    ["trace", "additionalModelResponseFields", "performanceConfig"];

/// A conversation.
pub(crate) struct Conversation<'a> {
    pub(crate) system: Vec<Block<'a>>,
    pub(crate) messages: Vec<Message<'a>>,
    /// The tools that calls of the conversation name, each once.
    pub(crate) called: Vec<&'a str>,
}

/// Writes a conversation.
pub(crate) fn conversation<'a>(
    messages: &'a [meanwhile_core::Message],
    provider: &str,
    model: Model<'_>,
    form: Form,
    notes: &mut Notes,
) -> Result<Conversation<'a>> {
    let out = Conversation {
        system: Vec::new(),
        messages: Vec::with_capacity(messages.len()),
        called: Vec::new(),
    };
    let mut writer = Writer { provider, model, form, notes, documents: Vec::new(), out };
    for message in messages {
        writer.message(message)?;
    }
    Ok(writer.out)
}

struct Writer<'a, 'c> {
    provider: &'c str,
    model: Model<'c>,
    form: Form,
    notes: &'c mut Notes,
    /// The names of documents so far, which must differ.
    documents: Vec<String>,
    out: Conversation<'a>,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, message: &'a meanwhile_core::Message) -> Result<()> {
        self.own(message.data.as_deref());
        if message.name.is_some() {
            self.notes.dropped("name", "this provider does not take the names of speakers")?;
        }
        let mut blocks = Vec::with_capacity(message.parts.len());
        for part in &message.parts {
            match message.role {
                Role::Assistant => self.assistant_part(part, &mut blocks)?,
                _ => self.part(part, &mut blocks)?,
            }
        }
        if message.role == Role::System {
            if !self.out.messages.is_empty() {
                let text = "this provider takes instructions before the conversation only; this one was moved there";
                self.notes.mention(Warning::changed("system message", text));
            }
            self.out.system.append(&mut blocks);
            return Ok(());
        }
        let role = match message.role {
            Role::Assistant => "assistant",
            _ => "user",
        };
        match self.out.messages.last_mut() {
            // Both must speak in turn.
            Some(last) if last.role == role => last.content.append(&mut blocks),
            _ if blocks.is_empty() => {}
            _ => self.out.messages.push(Message { role, content: blocks }),
        }
        Ok(())
    }

    /// Writes a part of a message that is not the model's, or of a tool's answer.
    fn part(&mut self, part: &'a Part, blocks: &mut Vec<Block<'a>>) -> Result<()> {
        match part {
            Part::Text(text) => {
                self.own(text.data.as_deref());
                self.text(&text.text, blocks);
            }
            Part::Image(image) => {
                self.own(image.data.as_deref());
                let written = media::image(image, self.provider);
                self.media("image", written, blocks)?;
            }
            Part::Audio(audio) => {
                self.own(audio.data.as_deref());
                let written = media::audio(audio, self.provider);
                self.media("audio", written, blocks)?;
            }
            Part::Document(_) if self.form == Form::Nova => {
                let message = "only Converse takes documents; leave out `:invoke`";
                self.notes.dropped("document", message)?;
            }
            Part::Document(document) => {
                let more = self.own(document.data.as_deref());
                let written = media::document(document, self.provider, more, &mut self.documents);
                self.media("document", written, blocks)?;
            }
            Part::CacheMark(mark) if self.form == Form::Nova => match blocks.pop() {
                Some(Block::Text(text)) => {
                    blocks.push(Block::Marked(Marked { text, cache_point: cache_point(mark) }));
                }
                other => {
                    blocks.extend(other);
                    self.notes.dropped("cache mark", "this model takes it behind text only")?;
                }
            },
            Part::CacheMark(mark) => blocks.push(Block::CachePoint(cache_point(mark))),
            Part::ToolResult(result) => {
                let block = self.result(result)?;
                blocks.push(block);
            }
            Part::Opaque(data) => self.opaque(data, blocks),
            other => self.notes.dropped(other.kind(), "only the model's messages may carry it")?,
        }
        Ok(())
    }

    fn assistant_part(&mut self, part: &'a Part, blocks: &mut Vec<Block<'a>>) -> Result<()> {
        match part {
            Part::Text(text) => self.said(text, blocks),
            Part::Refusal(refusal) => {
                self.own(refusal.data.as_deref());
                self.text(&refusal.text, blocks);
            }
            Part::Thinking(thinking) => self.thinking(thinking, blocks),
            Part::ToolCall(call) => {
                let block = self.call(call);
                blocks.push(block);
            }
            Part::Image(_)
            | Part::Audio(_)
            | Part::Document(_)
            | Part::CacheMark(_)
            | Part::Opaque(_) => self.part(part, blocks)?,
            other => self.notes.dropped(other.kind(), "the model's messages cannot carry it")?,
        }
        Ok(())
    }

    /// Writes text; blank text is refused, so it is left out.
    fn text(&self, text: &'a str, blocks: &mut Vec<Block<'a>>) {
        if !text.trim().is_empty() {
            blocks.push(Block::Text(Cow::Borrowed(text)));
        }
    }

    /// Writes what the model said, with what it cited.
    fn said(&mut self, text: &'a Text, blocks: &mut Vec<Block<'a>>) {
        self.own(text.data.as_deref());
        let cited: Vec<&Value> = text
            .citations
            .iter()
            .filter_map(|citation| self.own(citation.data.as_deref()))
            .collect();
        if cited.is_empty() {
            return self.text(&text.text, blocks);
        }
        let content = (!text.text.is_empty()).then(|| [Cited { text: &text.text }]);
        blocks.push(Block::CitationsContent(CitationsContent { content, citations: cited }));
    }

    fn thinking(&mut self, thinking: &'a Thinking, blocks: &mut Vec<Block<'a>>) {
        let own = self.own(thinking.data.as_deref());
        if thinking.data.is_some() && own.is_none() {
            return;
        }
        let field = |name| own.and_then(|own| own.get(name)).and_then(Value::as_str);
        let signature = field("signature");
        if let Some(redacted) = field("redactedContent") {
            return blocks.push(Block::ReasoningContent(Reasoning::RedactedContent(redacted)));
        }
        let refused = match self.model.family {
            Family::Claude if signature.is_none() => {
                "this model takes its thinking back with a signature only"
            }
            Family::DeepSeek => "this model does not take its thinking back",
            _ => "",
        };
        if !refused.is_empty() {
            self.notes.mention(Warning::dropped("thinking", refused));
        } else if !thinking.text.is_empty() || signature.is_some() {
            let text = Reasoning::ReasoningText { text: &thinking.text, signature };
            blocks.push(Block::ReasoningContent(text));
        }
    }

    fn call(&mut self, call: &'a ToolCall) -> Block<'a> {
        self.own(call.data.as_deref());
        if !self.out.called.contains(&&*call.name) {
            self.out.called.push(&call.name);
        }
        let is_object = call.arguments.trim_start().starts_with('{');
        let input = match serde_json::from_str(&call.arguments) {
            Ok(raw) if is_object => Input::Raw(raw),
            _ => Input::Value(match call.json() {
                Ok(object @ Value::Object(_)) => object,
                _ => {
                    let text = "the arguments are no JSON object and are sent within one";
                    self.notes.mention(Warning::changed("tool call", text));
                    json!({ "arguments": call.arguments })
                }
            }),
        };
        Block::ToolUse(ToolUse { tool_use_id: call_id(&call.id), name: &call.name, input })
    }

    fn result(&mut self, result: &'a ToolResult) -> Result<Block<'a>> {
        self.own(result.data.as_deref());
        let mut content = Vec::with_capacity(result.parts.len());
        for part in &result.parts {
            match part {
                Part::ToolResult(_) | Part::Audio(_) | Part::CacheMark(_) => {
                    self.notes.dropped(part.kind(), "tool results cannot carry it")?;
                }
                part => self.part(part, &mut content)?,
            }
        }
        Ok(Block::ToolResult(Answer {
            tool_use_id: call_id(&result.call_id),
            content,
            status: result.is_error.then_some("error"),
        }))
    }

    fn media(
        &mut self,
        subject: &'static str,
        written: Result<Block<'a>, String>,
        blocks: &mut Vec<Block<'a>>,
    ) -> Result<()> {
        match written {
            Ok(block) => blocks.push(block),
            Err(why) => self.notes.dropped(subject, why)?,
        }
        Ok(())
    }

    fn opaque(&mut self, data: &'a ProviderData, blocks: &mut Vec<Block<'a>>) {
        let Some(own) = self.own(Some(data)) else { return };
        if !NOT_CONTENT.iter().any(|name| own.get(name).is_some()) {
            blocks.push(Block::Own(own));
        }
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

fn cache_point(mark: &CacheMark) -> CachePoint<'_> {
    CachePoint { r#type: "default", ttl: mark.ttl.as_deref() }
}

/// The id of a call, in the letters and the length that the wire allows.
fn call_id(id: &str) -> Cow<'_, str> {
    const LONGEST: usize = 64;
    let is_legal = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    if (1..=LONGEST).contains(&id.len()) && id.chars().all(is_legal) {
        return Cow::Borrowed(id);
    }
    // FNV-1a: fixed for all time, unlike the standard library's hasher. It keeps ids apart that are
    // alike in their legal letters.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let legal: String = id.chars().filter(|c| is_legal(*c)).take(40).collect();
    Cow::Owned(format!("{legal}_{hash:016x}"))
}
