//! What a message holds beside plain text: lists of parts, references, probabilities, speech.

use std::borrow::Cow;

use meanwhile_core::{Event, Part, Warning, WarningKind};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{ChatDecoder, Events, Kind};
use crate::{details, logprobs, media, sources, wire};

impl ChatDecoder {
    /// Adds one part of a list of content.
    pub(super) fn content_part(&mut self, part: Value, events: &mut Events) {
        let text = |name: &str| part.get(name).and_then(Value::as_str);
        match (text("type"), &part) {
            (_, Value::String(text)) => self.said(Cow::Borrowed(text), events),
            (Some("thinking" | "reasoning"), _) => {
                let inner = ["thinking", "text", "summary"];
                let inner = inner.iter().find_map(|name| part.get(name));
                let thoughts = match inner {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Array(inner)) => details::text(inner),
                    _ => String::new(),
                };
                self.text(Kind::Thinking, Cow::Owned(thoughts), events);
                let inner = inner.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let asides = inner.iter().filter(|inner| inner.get("text").is_none()).cloned();
                let asides: Vec<Value> = asides.collect();
                if !asides.is_empty() {
                    self.begin(Kind::Thinking, events);
                    self.keep_list("thinking", asides);
                }
                // Databricks writes it beside the text in the list.
                let mut signed = std::iter::once(&part).chain(inner);
                let signature = signed.find_map(|signed| signed.get("signature"));
                if let Some(signature) =
                    signature.filter(|value| !value.is_null() && value.as_str() != Some(""))
                {
                    self.begin(Kind::Thinking, events);
                    self.kept.insert("signature".to_owned(), signature.clone());
                    // The next thought may have a signature of its own.
                    self.close(events);
                }
            }
            (Some("refusal"), _) => {
                let text = text("refusal").unwrap_or_default();
                self.text(Kind::Refusal, Cow::Borrowed(text), events);
            }
            (Some("image_url"), _) => match media::image(&part) {
                Some(image) => self.part(Part::Image(image), events),
                None => self.opaque(part, events),
            },
            (Some("reference" | "tool_reference"), _) => self.reference(part, events),
            (Some("text" | "output_text") | None, _) if text("text").is_some() => {
                let text = text("text").unwrap_or_default();
                self.said(Cow::Borrowed(text), events);
            }
            _ => self.opaque(part, events),
        }
    }

    /// Keeps a part that has no counterpart here, for the program to look at.
    fn opaque(&mut self, part: Value, events: &mut Events) {
        if !part.is_null() {
            let part = sources::unknown(part, &self.provider);
            self.part(part, events);
        }
    }

    /// Cites what a part of the content refers to. The text ends there, so that the reference goes
    /// back in its place.
    fn reference(&mut self, part: Value, events: &mut Events) {
        let index = match (self.open, self.latest_text) {
            (None, Some(index)) => index,
            _ => self.begin(Kind::Text, events),
        };
        let citations = sources::referenced(part, &self.provider);
        events.extend(citations.into_iter().map(|citation| Event::citation(index, citation)));
        self.close(events);
    }

    /// Adds the probabilities of the tokens of the text, or of the one `token` that came with them.
    pub(super) fn logprobs(
        &mut self,
        raw: &RawValue,
        token: Option<&str>,
        whole: bool,
        events: &mut Events,
    ) {
        let tokens = logprobs::read(raw, token);
        let unplaced = match (tokens, self.latest_text) {
            (None, _) => true,
            // The text of these tokens is held back.
            (Some(tokens), None) if self.tags.holds_beginning() => {
                self.early.extend(tokens.text);
                tokens.others
            }
            (Some(mut tokens), Some(index)) => {
                if whole {
                    // Those of the thinking in front of the answer are no text.
                    let (all, mut at) = (tokens.text.len(), 0);
                    tokens.text.retain(|token| {
                        let is_answer = at >= self.tags.in_front();
                        at += token.token.len();
                        is_answer
                    });
                    tokens.others |= tokens.text.len() < all;
                }
                if !tokens.text.is_empty() {
                    events.push_back(Event::Logprobs { index, tokens: tokens.text });
                }
                tokens.others
            }
            (Some(tokens), None) => tokens.others || !tokens.text.is_empty(),
        };
        if unplaced {
            self.warn_of_logprobs(events);
        }
    }

    /// Tells, once, of probabilities that belong to no text.
    pub(super) fn warn_of_logprobs(&mut self, events: &mut Events) {
        if !std::mem::replace(&mut self.warned_logprobs, true) {
            let message =
                "the probabilities of tokens that are no text have no place and are missing";
            let warning = Warning::new(WarningKind::Unreadable, "logprobs", message);
            events.push_back(Event::warning(warning));
        }
    }

    pub(super) fn speech(&mut self, audio: &wire::Audio<'_>, events: &mut Events) {
        if self.audio.get_or_insert_default().add(audio).is_err() {
            let message = "a piece of the spoken answer is not base64 and is missing";
            let warning = Warning::new(WarningKind::Unreadable, "audio", message);
            events.push_back(Event::warning(warning));
        }
    }
}
