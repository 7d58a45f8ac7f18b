//! The conversation as Google writes it: `systemInstruction`, and turns of `user` and `model`.

use std::borrow::Cow;

use meanwhile_core::{
    Document, MediaSource, Message, Part as Said, ProviderData, Result, Role, ToolCall, ToolResult,
    Warning,
};
use meanwhile_http::Notes;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::codec::Host;
use crate::media::{self, Base64};
use crate::models::Model;
use crate::sources::CONTINUATION;
use crate::written::{Blob, Call, Content, Encoded, File, Json, Kind, Output, Part, Response};

/// Stands in for the signature of a call that no model of Google made, which newer models ask for.
/// See <https://ai.google.dev/gemini-api/docs/thought-signatures>.
const UNSIGNED: &str = "skip_thought_signature_validator";

/// The two places that messages go to.
#[derive(Debug, Default)]
pub(crate) struct Conversation<'a> {
    pub(crate) system: Vec<Part<'a>>,
    pub(crate) turns: Vec<Content<'a>>,
    /// What goes on with the model's last turn, where that was paused.
    pub(crate) continuation: Option<&'a str>,
}

/// Writes a conversation.
pub(crate) fn conversation<'a>(
    messages: &'a [Message],
    host: &Host,
    model: &Model,
    notes: &mut Notes,
) -> Result<Conversation<'a>> {
    let out = Conversation::default();
    let mut writer =
        Writer { host, model, notes, out, results: false, typed: host.needs_media_type() };
    for message in messages {
        writer.message(message)?;
    }
    let mut out = writer.out;
    if !model.takes_system()
        && !out.system.is_empty()
        && let Some(first) = out.turns.iter_mut().find(|turn| turn.role == Some("user"))
    {
        let message = "this model has no system messages; it is told in the first message instead";
        writer.notes.mention(Warning::changed("system message", message));
        first.parts.splice(..0, out.system.drain(..));
    }
    if out.turns.is_empty() {
        let message = "a conversation needs a message of the user; an empty one is sent";
        writer.notes.mention(Warning::changed("messages", message));
        let parts = vec![Part::new(Kind::Text(Cow::Borrowed("")))];
        out.turns.push(Content { role: Some("user"), parts });
    }
    Ok(out)
}

struct Writer<'a, 'c> {
    host: &'c Host,
    model: &'c Model,
    notes: &'c mut Notes,
    out: Conversation<'a>,
    /// Whether the last turn is one of tool results: those of one turn go together.
    results: bool,
    /// Whether an address must come with its media type.
    typed: bool,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, message: &'a Message) -> Result<()> {
        if let Some(data) = message.data.as_deref() {
            self.own(Some(data));
        }
        if message.name.is_some() {
            self.notes.dropped("name", "this provider does not take the names of speakers")?;
        }
        match message.role {
            Role::System => self.system(message),
            Role::Assistant => {
                self.out.continuation = None;
                let mut parts = Vec::with_capacity(message.parts.len());
                for part in &message.parts {
                    self.answered(part, &mut parts)?;
                }
                let mut calls = parts.iter_mut().filter(|part| part.is_call());
                if let Some(first) = calls.next()
                    && self.model.wants_signatures()
                    && !first.is_signed()
                {
                    first.sign(UNSIGNED);
                }
                self.turn("model", parts);
                Ok(())
            }
            _ => self.asked(message),
        }
    }

    fn system(&mut self, message: &'a Message) -> Result<()> {
        if !self.out.turns.is_empty() {
            let message = "system messages stand before the conversation, so this one was moved";
            self.notes.mention(Warning::changed("system message", message));
        }
        for part in &message.parts {
            match part {
                Said::Text(text) => {
                    let part = Part::new(Kind::Text(Cow::Borrowed(&text.text)));
                    self.out.system.push(part);
                }
                Said::CacheMark(_) => self.cache_mark()?,
                other => {
                    self.notes.dropped(other.kind(), "system messages carry text alone")?;
                }
            }
        }
        Ok(())
    }

    /// Writes a message of the user or of tools: results first, because they answer the turn before.
    fn asked(&mut self, message: &'a Message) -> Result<()> {
        self.out.continuation = None;
        let mut results = Vec::new();
        let mut shown = Vec::new();
        let mut parts = Vec::new();
        for part in &message.parts {
            match part {
                Said::ToolResult(result) => self.result(result, &mut results, &mut shown)?,
                other => parts.extend(self.part(other)?),
            }
        }
        if !results.is_empty() {
            results.append(&mut shown);
            match self.out.turns.last_mut() {
                Some(last) if self.results => last.parts.append(&mut results),
                _ => self.turn("user", results),
            }
            self.results = true;
        }
        self.turn("user", parts);
        Ok(())
    }

    fn turn(&mut self, role: &'static str, parts: Vec<Part<'a>>) {
        // A turn without parts is refused.
        if !parts.is_empty() {
            self.results = false;
            self.out.turns.push(Content { role: Some(role), parts });
        }
    }

    /// Writes a part of the model's own.
    fn answered(&mut self, part: &'a Said, parts: &mut Vec<Part<'a>>) -> Result<()> {
        match part {
            Said::Thinking(thinking) => {
                let own = self.own(thinking.data.as_deref());
                if thinking.data.is_some() && own.is_none() {
                    return Ok(());
                }
                // The signature of a turn came with an empty text that was no thought.
                let thought = own.is_none_or(|own| own.get("text").is_none());
                if !thinking.text.is_empty() || own.is_some() {
                    let mut part = Part::new(Kind::Text(Cow::Borrowed(&thinking.text)));
                    if let Part::Built { thought: mark, .. } = &mut part {
                        *mark = thought;
                    }
                    parts.push(part.with_fields(own));
                }
            }
            Said::ToolCall(call) => {
                let own = self.own(call.data.as_deref());
                let call = self.call(call);
                parts.push(Part::new(Kind::Call(call)).with_fields(own));
            }
            Said::Refusal(refusal) => {
                self.own(refusal.data.as_deref());
                parts.push(Part::new(Kind::Text(Cow::Borrowed(&refusal.text))));
            }
            other => parts.extend(self.part(other)?),
        }
        Ok(())
    }

    /// Writes a part that either side may send; `None` where it cannot be written.
    fn part(&mut self, part: &'a Said) -> Result<Option<Part<'a>>> {
        if let Said::Opaque(data) = part {
            // What was kept about a candidate is no part of the conversation.
            let own = self.own(Some(data));
            if let Some(candidate) = own.and_then(|own| own.get("candidate")) {
                self.out.continuation = candidate.get(CONTINUATION).and_then(Value::as_str);
                return Ok(None);
            }
            return Ok(own.map(Part::Verbatim));
        }
        let own = self.own(part.data());
        let kind = match part {
            Said::Text(text) => Some(Kind::Text(Cow::Borrowed(&*text.text))),
            Said::Image(image) => {
                let kind =
                    self.media("image", &image.source, image.media_type.as_deref(), "image/jpeg")?;
                let resolution = match image.detail.as_deref() {
                    Some(detail) => self.resolution(detail)?,
                    None => None,
                };
                let part = kind.map(Part::new).map(|part| part.with_fields(own));
                return Ok(part.map(|mut part| {
                    if let Part::Built { resolution: level, .. } = &mut part {
                        *level = resolution;
                    }
                    part
                }));
            }
            Said::Audio(audio) => {
                self.media("audio", &audio.source, audio.media_type.as_deref(), "audio/mp3")?
            }
            Said::Document(document) => self.document(document)?,
            Said::CacheMark(_) => {
                self.cache_mark()?;
                None
            }
            other => {
                self.notes.dropped(other.kind(), "only the model's messages may carry it")?;
                None
            }
        };
        Ok(kind.map(Part::new).map(|part| part.with_fields(own)))
    }

    fn cache_mark(&mut self) -> Result<()> {
        let message = "this provider decides itself what it caches, or takes `cachedContent`";
        self.notes.dropped("cache mark", message)
    }

    fn resolution(&mut self, detail: &str) -> Result<Option<&'static str>> {
        let level = match detail {
            "auto" => return Ok(None),
            "low" => "MEDIA_RESOLUTION_LOW",
            "medium" => "MEDIA_RESOLUTION_MEDIUM",
            "high" => "MEDIA_RESOLUTION_HIGH",
            "ultra_high" => "MEDIA_RESOLUTION_ULTRA_HIGH",
            _ => {
                self.notes.dropped("image detail", "the level is none that this provider knows")?;
                return Ok(None);
            }
        };
        if self.model.takes_resolution() {
            return Ok(Some(level));
        }
        let message = "this model takes one `mediaResolution` for all images, as a vendor option";
        self.notes.dropped("image detail", message)?;
        Ok(None)
    }

    fn document(&mut self, document: &'a Document) -> Result<Option<Kind<'a>>> {
        if let MediaSource::Text(text) = &document.source {
            let text = match &document.name {
                Some(name) => Cow::Owned(format!("{name}:\n\n{text}")),
                None => Cow::Borrowed(text.as_str()),
            };
            return Ok(Some(Kind::Text(text)));
        }
        let media_type = document.media_type.as_deref();
        self.media("document", &document.source, media_type, "application/pdf")
    }

    fn media(
        &mut self,
        what: &'static str,
        source: &'a MediaSource,
        media_type: Option<&'a str>,
        default: &'static str,
    ) -> Result<Option<Kind<'a>>> {
        let mut is_unknown = false;
        let mut file = |uri: Cow<'a, str>, needed: bool| {
            let mut mime_type = media_type.or_else(|| media::guess(&uri));
            if mime_type.is_none() && needed {
                is_unknown = true;
                mime_type = Some(default);
            }
            Kind::File(File { mime_type: mime_type.map(Cow::Borrowed), file_uri: uri })
        };
        let needs_type = self.typed;
        let kind = match source {
            MediaSource::Bytes(bytes) => {
                is_unknown = media_type.is_none();
                let mime_type = Cow::Borrowed(media_type.unwrap_or(default));
                Some(Kind::Inline(Blob { mime_type, data: Base64(bytes) }))
            }
            MediaSource::Url(url) => match data_url(url) {
                Some(part) => Some(part),
                None => Some(file(Cow::Borrowed(url), needs_type)),
            },
            MediaSource::Reference { provider, id } if self.host.answers_to(provider) => {
                Some(file(media::file_uri(id), needs_type))
            }
            MediaSource::Reference { .. } => {
                self.notes.dropped(what, "the file is stored at another provider")?;
                None
            }
            MediaSource::Text(text) => Some(Kind::Text(Cow::Borrowed(text))),
            _ => {
                self.notes.dropped(what, "this provider does not take it from there")?;
                None
            }
        };
        if is_unknown {
            let message = format!(
                "the media type is not known, so it is called `{default}`; set it with the {what}"
            );
            self.notes.mention(Warning::changed("media type", message));
        }
        Ok(kind)
    }

    fn call(&mut self, call: &'a ToolCall) -> Call<'a> {
        let arguments = call.arguments.trim();
        let raw = serde_json::from_str::<&RawValue>(arguments).ok();
        let args = match raw.filter(|raw| raw.get().starts_with('{')) {
            Some(raw) => Json::Raw(raw),
            None => Json::Value(match call.json() {
                Ok(object @ Value::Object(_)) => object,
                _ => {
                    let message = "the arguments are no JSON object; their text is sent instead";
                    self.notes.mention(Warning::changed("tool call", message));
                    serde_json::json!({ "arguments": arguments })
                }
            }),
        };
        Call { id: &call.id, name: &call.name, args }
    }

    /// Writes a tool's answer. Images and the like go with it, or with older models behind it.
    fn result(
        &mut self,
        result: &'a ToolResult,
        results: &mut Vec<Part<'a>>,
        shown: &mut Vec<Part<'a>>,
    ) -> Result<()> {
        let own = self.own(result.data.as_deref());
        let mut texts = Vec::new();
        let mut media = Vec::new();
        // In results, an address without a media type is refused by either host.
        self.typed = true;
        for part in &result.parts {
            match part {
                Said::Text(text) => texts.push(&*text.text),
                Said::Document(Document { source: MediaSource::Text(text), .. }) => {
                    texts.push(text);
                }
                other => media.extend(self.part(other)?),
            }
        }
        self.typed = self.host.needs_media_type();
        texts.retain(|text| !text.is_empty());
        let text = match texts.as_slice() {
            [text] => Cow::Borrowed(*text),
            // Texts that stand for themselves do not become one word.
            texts => Cow::Owned(texts.join("\n\n")),
        };
        let mut parts = Vec::new();
        let mut hint = None;
        if !media.is_empty() {
            if self.model.takes_media_in_results() {
                parts = media;
            } else {
                let message = "this model has text in tool results only; the rest follows them";
                self.notes.mention(Warning::changed("tool result", message));
                shown.append(&mut media);
                hint = text.is_empty().then_some(Cow::Borrowed("(see below)"));
            }
        }
        let json = structured(hint.unwrap_or(text));
        let response = if result.is_error { Output::Error(json) } else { Output::Output(json) };
        let response = Response { id: &result.call_id, name: &result.name, response, parts };
        results.push(Part::new(Kind::Response(response)).with_fields(own));
        Ok(())
    }

    /// The data, if it is this provider's own; another's is left out with a warning.
    fn own(&mut self, data: Option<&'a ProviderData>) -> Option<&'a Value> {
        let data = data?;
        let own = data.for_provider(self.host.id());
        if own.is_none() {
            let message = format!("data of provider `{}` means nothing to this one", data.provider);
            self.notes.mention(Warning::dropped("provider data", message));
        }
        own
    }
}

/// Bytes that are written as an address stay bytes.
fn data_url(url: &str) -> Option<Kind<'_>> {
    let (media_type, data) = url.strip_prefix("data:")?.split_once(";base64,")?;
    let media_type = if media_type.is_empty() { "text/plain" } else { media_type };
    Some(Kind::Encoded(Encoded { mime_type: media_type, data }))
}

/// An object or list that a tool wrote is sent as such, anything else as text.
fn structured(text: Cow<'_, str>) -> Json<'_> {
    let Cow::Borrowed(borrowed) = text else { return Json::Text(text) };
    if borrowed.trim_start().starts_with(['{', '['])
        && let Ok(raw) = serde_json::from_str::<&RawValue>(borrowed)
    {
        return Json::Raw(raw);
    }
    Json::Text(Cow::Borrowed(borrowed))
}
