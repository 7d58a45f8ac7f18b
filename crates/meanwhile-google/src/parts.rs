//! [`Parts`]: from the parts of Google's to the parts of an answer, as they come.
//!
//! Text and thinking grow until something else begins. A part with a signature stays a part of its
//! own, because Google wants signatures back where they stood; one that carries nothing else becomes
//! thinking without text.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use meanwhile_core::{
    Event, FinishReason, Logprob, Part as Said, ProviderData, Request, Thinking, Warning,
    WarningKind,
};
use meanwhile_http::lenient;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::calls::Calls;
use crate::media::{self, Answered, Speech};
use crate::sources::Sources;
use crate::wire::Part;

/// The parts of one answer.
#[derive(Debug)]
pub(crate) struct Parts {
    provider: Arc<str>,
    next_part: u32,
    /// The part that text is being added to.
    open: Option<(Kind, u32)>,
    /// What came beside that text, by the names of the fields.
    beside: Map<String, Value>,
    calls: Calls,
    /// Sound without a container, whose pieces join.
    speech: Option<Speech>,
    sources: Sources,
    /// How many parts of Google's have come.
    pieces: u64,
    warned_logprobs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Thinking,
    Text,
}

type Events = VecDeque<Event>;

impl Parts {
    /// Starts without parts, in the conversation of this request.
    pub(crate) fn after(provider: Arc<str>, request: &Request) -> Self {
        Self {
            calls: Calls::after(provider.clone(), request),
            provider,
            next_part: 0,
            open: None,
            beside: Map::new(),
            speech: None,
            sources: Sources::default(),
            pieces: 0,
            warned_logprobs: false,
        }
    }

    /// Whether the answer called a tool.
    pub(crate) fn called(&self) -> bool {
        self.calls.any()
    }

    /// Keeps a field of the candidate, if it is worth keeping.
    pub(crate) fn keep(&mut self, name: &str, raw: &RawValue) {
        self.sources.keep(name, raw);
    }

    /// Tells how probable the tokens of the last text were.
    pub(crate) fn logprobs(&mut self, tokens: Vec<Logprob>, events: &mut Events) {
        if tokens.is_empty() {
            return;
        }
        match self.sources.last() {
            Some(index) => events.push_back(Event::Logprobs { index, tokens }),
            None if self.warned_logprobs => {}
            None => {
                self.warned_logprobs = true;
                let message =
                    "the probabilities of tokens that are no text have no place and are missing";
                let warning = Warning::new(WarningKind::Unreadable, "logprobs", message);
                events.push_back(Event::warning(warning));
            }
        }
    }

    /// Ends every part. In an answer that is not complete, a call that is cut off stays cut off, so
    /// that it is not taken for whole.
    pub(crate) fn end(&mut self, reason: FinishReason, events: &mut Events) {
        self.close(events);
        self.calls.close(reason == FinishReason::Stop, events);
        self.end_speech(events);
        let sources = std::mem::take(&mut self.sources);
        sources.end(reason, &self.provider, &mut self.next_part, events);
    }

    /// Tells the half of a character that the last text ended with, which no other follows.
    pub(crate) fn half(&mut self, events: &mut Events) {
        let kind = self.open.map_or(Kind::Text, |(kind, _)| kind);
        self.text(kind, Cow::Borrowed("\u{fffd}"), events);
    }

    /// Adds one part of Google's.
    pub(crate) fn add(&mut self, part: Part<'_>, events: &mut Events) {
        self.part(part, events);
        self.pieces += 1;
    }

    fn part(&mut self, part: Part<'_>, events: &mut Events) {
        let Part { text, thought, function_call, inline_data, file_data, others } = part;
        if let Some(call) = function_call.0 {
            self.close(events);
            self.end_speech(events);
            let data = self.data(others, None);
            self.calls.add(call, data, &mut self.next_part, events);
            return;
        }
        let media = inline_data.0.map(|media| ("inlineData", media));
        if let Some((field, media)) = media.or(file_data.0.map(|media| ("fileData", media))) {
            let answered = media::read(field, media, thought.0);
            self.media(answered, others, events);
            return;
        }
        let kind = if thought.0 { Kind::Thinking } else { Kind::Text };
        let is_signature = |(name, _): &(Cow<'_, str>, _)| name == "thoughtSignature";
        // What else stands beside a text must not cut it.
        let signed = others.iter().any(is_signature);
        match text.0 {
            // Only code, its result and the like come without a text and with more than a signature.
            None if !others.iter().all(is_signature) => {
                self.opaque(others, thought.0, events);
            }
            Some(text) if !text.is_empty() => {
                if signed {
                    self.close(events);
                }
                self.text(kind, text, events);
                self.beside.extend(fields(others));
                if signed {
                    self.close(events);
                }
            }
            _ if !signed && self.open.is_some() => self.beside.extend(fields(others)),
            _ if !signed => {}
            _ if thought.0 => {
                let mut thinking = Thinking::default();
                thinking.data = self.data(others, None).map(Box::new);
                self.whole(thinking, events);
            }
            // A signature of the turn: it goes back as the empty text that it came with.
            _ => {
                let mut thinking = Thinking::default();
                thinking.data = self.data(others, Some(("text", Value::from("")))).map(Box::new);
                self.whole(thinking, events);
            }
        }
    }

    fn media(
        &mut self,
        answered: Answered,
        others: Vec<(Cow<'_, str>, &RawValue)>,
        events: &mut Events,
    ) {
        match answered {
            Answered::Sketch(field, value) => {
                if let Some(mut data) = self.data(others, Some((field, value))) {
                    if let Some(fields) = data.value.as_object_mut() {
                        fields.insert("thought".to_owned(), Value::Bool(true));
                    }
                    self.whole(Said::Opaque(data), events);
                }
            }
            Answered::Part(mut part) => {
                media::attach(&mut part, self.data(others, None));
                self.whole(part, events);
            }
            Answered::Speech(mut piece) => {
                piece.fields.extend(fields(others));
                self.close(events);
                self.calls.close(true, events);
                match &mut self.speech {
                    Some(speech) if speech.continues(&piece) => speech.join(piece),
                    _ => {
                        self.end_speech(events);
                        self.speech = Some(piece);
                    }
                }
            }
            Answered::Unreadable => {
                let message = "a picture or sound of the answer is not base64 and is missing";
                let warning = Warning::new(WarningKind::Unreadable, "media", message);
                events.push_back(Event::warning(warning));
            }
        }
    }

    fn opaque(
        &mut self,
        others: Vec<(Cow<'_, str>, &RawValue)>,
        thought: bool,
        events: &mut Events,
    ) {
        let more = thought.then_some(("thought", Value::Bool(true)));
        if let Some(data) = self.data(others, more) {
            self.whole(Said::Opaque(data), events);
        }
    }

    /// Fields of a part as data that goes back with it.
    fn data(
        &self,
        others: Vec<(Cow<'_, str>, &RawValue)>,
        more: Option<(&str, Value)>,
    ) -> Option<ProviderData> {
        let more = more.map(|(name, value)| (name.to_owned(), value));
        let fields: Map<String, Value> = more.into_iter().chain(fields(others)).collect();
        (!fields.is_empty()).then(|| ProviderData::new(&*self.provider, Value::Object(fields)))
    }

    /// Hands out a part that came whole.
    fn whole(&mut self, part: impl Into<Said>, events: &mut Events) {
        self.close(events);
        self.end_others(events);
        let index = self.next_part;
        self.next_part += 1;
        events.push_back(Event::part(index, part));
    }

    fn text(&mut self, kind: Kind, text: Cow<'_, str>, events: &mut Events) {
        let index = match self.open {
            Some((open, index)) if open == kind => index,
            _ => self.begin(kind, events),
        };
        if kind == Kind::Text {
            self.sources.say(&text, self.pieces);
        }
        let text = text.into_owned();
        events.push_back(match kind {
            Kind::Thinking => Event::ThinkingDelta { index, text },
            Kind::Text => Event::TextDelta { index, text },
        });
    }

    fn begin(&mut self, kind: Kind, events: &mut Events) -> u32 {
        self.close(events);
        self.end_others(events);
        let index = self.next_part;
        self.next_part += 1;
        self.open = Some((kind, index));
        events.push_back(match kind {
            Kind::Thinking => Event::thinking_start(index),
            Kind::Text => {
                self.sources.begin(index);
                Event::text_start(index)
            }
        });
        index
    }

    fn close(&mut self, events: &mut Events) {
        let Some((_, index)) = self.open.take() else { return };
        let beside = std::mem::take(&mut self.beside);
        let data = (!beside.is_empty())
            .then(|| Box::new(ProviderData::new(&*self.provider, Value::Object(beside))));
        events.push_back(Event::PartEnd { index, data });
    }

    /// Ends the call and the sound that something else has followed.
    fn end_others(&mut self, events: &mut Events) {
        self.calls.close(true, events);
        self.end_speech(events);
    }

    fn end_speech(&mut self, events: &mut Events) {
        if let Some(speech) = self.speech.take() {
            let index = self.next_part;
            self.next_part += 1;
            events.push_back(Event::part(index, speech.into_audio(&self.provider)));
        }
    }
}

/// Fields of a part that are kept as they came.
fn fields<'a>(
    others: Vec<(Cow<'a, str>, &'a RawValue)>,
) -> impl Iterator<Item = (String, Value)> + use<'a> {
    others.into_iter().filter_map(|(name, raw)| {
        Some((name.into_owned(), lenient::value(raw.get().as_bytes()).ok()?))
    })
}
