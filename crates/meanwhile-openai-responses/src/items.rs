//! [`Items`]: the output of one answer while it grows, item by item, and the parts it becomes.
//!
//! An event names its item by a position, an id or neither; servers differ, and some change ids on
//! the way. What an item's deltas did not bring is taken from its end, and what its end did not
//! bring from the whole answer, so that nothing comes twice and nothing is lost.

use std::collections::VecDeque;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use meanwhile_core::{Audio, Event, ProviderData, Request, Warning, WarningKind};
use meanwhile_http::CallIds;
use meanwhile_http::lenient::Str;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::grow::{Call, Parts, Spoken, Thoughts};
use crate::kept::{message_data, note, object, opaque, picture, waits_for_program};
use crate::texts::Contents;
use crate::wire::{self, Frame};

type Events = VecDeque<Event>;

/// The items of one answer.
#[derive(Debug)]
pub(crate) struct Items {
    label: Arc<str>,
    items: Vec<Item>,
    parts: Parts,
    /// The thinking that the items to come belong to.
    reasoning: Option<String>,
    /// Whether the model waits for the program.
    pub(crate) called: bool,
    ids: CallIds,
    audio: Spoken,
}

#[derive(Debug)]
struct Item {
    index: u64,
    id: Option<String>,
    /// The thinking that came before it.
    after: Option<String>,
    done: bool,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Message(Contents),
    Reasoning(Thoughts),
    Call(Call),
    /// Anything else arrives whole.
    Other,
}

/// Which kind of item an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Message,
    Reasoning,
    Call,
}

impl Items {
    /// Starts without items, in the conversation of this request.
    pub(crate) fn after(label: Arc<str>, request: &Request) -> Self {
        Self {
            label,
            items: Vec::new(),
            parts: Parts::default(),
            reasoning: None,
            called: false,
            ids: CallIds::after(request),
            audio: Spoken::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// An item begins.
    pub(crate) fn added(&mut self, index: Option<u64>, raw: &RawValue, events: &mut Events) {
        let Ok(item) = serde_json::from_str::<wire::Item<'_>>(raw.get()) else { return };
        let position = self.begin(index, &item);
        let Some(state) = self.items.get_mut(position) else { return };
        match &mut state.kind {
            Kind::Reasoning(thoughts) => {
                thoughts.open(&mut self.parts, events);
            }
            Kind::Call(_) => self.start_call(position, &item, events),
            Kind::Message(_) | Kind::Other => {}
        }
    }

    /// An item is complete; it may be the first that is heard of it.
    pub(crate) fn done(&mut self, index: Option<u64>, raw: &RawValue, events: &mut Events) {
        let Ok(item) = serde_json::from_str::<wire::Item<'_>>(raw.get()) else {
            self.unreadable(raw, events);
            return;
        };
        let position = match self.find_item(index, &item) {
            Some(position) if self.items.get(position).is_some_and(|item| item.done) => return,
            Some(position) => position,
            None => self.begin(index, &item),
        };
        self.complete(position, &item, raw, events);
    }

    /// The whole answer is there: takes what no event brought.
    pub(crate) fn finish(&mut self, output: &[&RawValue], events: &mut Events) {
        for (index, raw) in (0..).zip(output) {
            let known = |item: &Item| item.index == index && item.done;
            if self.items.iter().any(known) {
                continue;
            }
            let Ok(item) = serde_json::from_str::<wire::Item<'_>>(raw.get()) else { continue };
            let same = item.id.given();
            let by_id = |known: &Item| known.done && same.is_some() && known.id.as_deref() == same;
            if !self.items.iter().any(by_id) {
                self.done(Some(index), raw, events);
            }
        }
        self.close(events);
    }

    /// Ends every part that is still open.
    pub(crate) fn close(&mut self, events: &mut Events) {
        for position in 0..self.items.len() {
            let Some(item) = self.items.get_mut(position).filter(|item| !item.done) else {
                continue;
            };
            item.done = true;
            match &mut item.kind {
                Kind::Message(contents) => contents.close(None, events),
                Kind::Reasoning(thoughts) => {
                    if let Some(index) = thoughts.part {
                        events.push_back(Event::part_end(index));
                    }
                }
                Kind::Call(call) => {
                    if let Some(index) = call.part {
                        call.end_text(index, events);
                        events.push_back(Event::part_end(index));
                    }
                }
                Kind::Other => {}
            }
        }
        let Spoken { bytes, transcript } = std::mem::take(&mut self.audio);
        if !bytes.is_empty() || !transcript.is_empty() {
            let mut audio = Audio::from(bytes);
            audio.transcript = (!transcript.is_empty()).then_some(transcript);
            events.push_back(Event::part(self.parts.next(), audio));
        }
    }

    /// The contents of the message that an event belongs to.
    pub(crate) fn contents(&mut self, frame: &Frame<'_>) -> Option<(&mut Contents, &mut Parts)> {
        let position = self.find(frame, Wanted::Message);
        match self.items.get_mut(position).map(|item| &mut item.kind) {
            Some(Kind::Message(contents)) => Some((contents, &mut self.parts)),
            _ => None,
        }
    }

    /// More thinking, or a whole section of it, which counts where no piece came.
    pub(crate) fn think(
        &mut self,
        frame: &Frame<'_>,
        summary: bool,
        text: &str,
        whole: bool,
        events: &mut Events,
    ) {
        if text.is_empty() {
            return;
        }
        let position = self.find(frame, Wanted::Reasoning);
        let Some(Item { kind: Kind::Reasoning(thoughts), done: false, .. }) =
            self.items.get_mut(position)
        else {
            return;
        };
        let number = if summary { frame.summary_index.0 } else { frame.content_index.0 };
        let section = (summary, number.unwrap_or(0));
        let repeated = summary && matches!(thoughts.section, Some((false, _)));
        let known = whole && thoughts.section == Some(section);
        if !(repeated || known) {
            thoughts.add(section, text, &mut self.parts, events);
        }
    }

    /// More of a call's arguments, or all of them, which count where no piece came.
    pub(crate) fn arguments(
        &mut self,
        frame: &Frame<'_>,
        text: &str,
        whole: bool,
        events: &mut Events,
    ) {
        let position = self.find(frame, Wanted::Call);
        if let Some(Item { kind: Kind::Call(call), done: false, .. }) = self.items.get_mut(position)
            && !(whole && (call.begun || !call.pending.is_empty()))
        {
            call.add(text, events);
        }
    }

    /// More of a spoken answer.
    pub(crate) fn speech(&mut self, data: &str, events: &mut Events) {
        // Each piece is base64 of its own.
        let data = data.trim_end_matches('=');
        if STANDARD_NO_PAD.decode_vec(data, &mut self.audio.bytes).is_err() {
            let message = "a piece of the spoken answer is not base64 and is missing";
            let warning = Warning::new(WarningKind::Unreadable, "audio", message);
            events.push_back(Event::warning(warning));
        }
    }

    /// More of what a spoken answer says.
    pub(crate) fn transcript(&mut self, text: &str) {
        self.audio.transcript.push_str(text);
    }

    /// The state of the item that an event belongs to; one that nothing announced begins here.
    fn find(&mut self, frame: &Frame<'_>, wanted: Wanted) -> usize {
        let fits = |item: &Item| item.kind.is(wanted);
        let at = frame.output_index.0.and_then(|index| {
            self.items.iter().rposition(|item| item.index == index && fits(item))
        });
        let named = || {
            let id = frame.item_id.given()?;
            self.items.iter().rposition(|item| item.id.as_deref() == Some(id) && fits(item))
        };
        // Where nothing tells the place, the latest one that is still open grows.
        let latest = || match frame.output_index.0 {
            None => self.items.iter().rposition(|item| fits(item) && !item.done),
            Some(_) => None,
        };
        at.or_else(named).or_else(latest).unwrap_or_else(|| {
            let kind = match wanted {
                Wanted::Message => "message",
                Wanted::Reasoning => "reasoning",
                Wanted::Call => "function_call",
            };
            let item = wire::Item { r#type: Str::from(kind), ..wire::Item::default() };
            self.begin(frame.output_index.0, &item)
        })
    }

    /// The state of an item that is complete.
    fn find_item(&self, index: Option<u64>, item: &wire::Item<'_>) -> Option<usize> {
        let same_id = |known: &Item| match (known.id.as_deref(), item.id.given()) {
            (Some(known), Some(id)) => known == id,
            _ => false,
        };
        let fits = |known: &Item| known.kind.is_of(item);
        let at = index.and_then(|index| {
            self.items.iter().rposition(|known| known.index == index && fits(known) && !known.done)
        });
        let named = || self.items.iter().rposition(|known| same_id(known) && fits(known));
        let latest = || match index {
            None => self.items.iter().rposition(|known| fits(known) && !known.done),
            Some(_) => None,
        };
        at.or_else(named).or_else(latest)
    }

    fn begin(&mut self, index: Option<u64>, item: &wire::Item<'_>) -> usize {
        let position = self.items.len();
        let kind = Kind::of(item);
        let after = match kind {
            Kind::Reasoning(_) => {
                self.reasoning = item.id.given().map(str::to_owned);
                None
            }
            _ => self.reasoning.clone(),
        };
        self.items.push(Item {
            index: index.unwrap_or(position as u64),
            id: item.id.given().map(str::to_owned),
            after,
            done: false,
            kind,
        });
        position
    }

    /// Starts a call once its name is known.
    fn start_call(&mut self, position: usize, item: &wire::Item<'_>, events: &mut Events) {
        let Some(Item { kind: Kind::Call(call), .. }) = self.items.get_mut(position) else {
            return;
        };
        if call.part.is_some() {
            return;
        }
        let Some(name) = item.name.given() else { return };
        let id = self.ids.give(item.call_id.given().or(item.id.given()));
        self.called = true;
        let index = self.parts.next();
        call.part = Some(index);
        events.push_back(Event::tool_call_start(index, id, name));
        let pending = std::mem::take(&mut call.pending);
        call.add(&pending, events);
    }

    fn complete(
        &mut self,
        position: usize,
        item: &wire::Item<'_>,
        raw: &RawValue,
        events: &mut Events,
    ) {
        self.start_call(position, item, events);
        let label = self.label.clone();
        let Some(state) = self.items.get_mut(position) else { return };
        state.done = true;
        let data = |kept: Map<String, Value>| {
            Some(Box::new(ProviderData::new(&*label, Value::Object(kept))))
        };
        match &mut state.kind {
            Kind::Message(contents) => {
                contents.fill(item, &label, &mut self.parts, events);
                let kept = item.id.given().map(|_| message_data(item, state.after.as_deref()));
                contents.close(kept.and_then(data).as_deref(), events);
                for content in &item.content.0 {
                    if content.r#type.text() == "output_audio" {
                        self.audio.transcript.push_str(content.transcript.text());
                        self.speech(content.data.text(), events);
                    }
                }
            }
            Kind::Reasoning(thoughts) => {
                let index = thoughts.open(&mut self.parts, events);
                // What came in pieces is complete; only silence is filled from the end. A summary
                // says nothing where the thinking itself is there.
                let shown = item.content.0.iter().any(|part| part.text.given().is_some());
                let sections = if shown { &item.content.0 } else { &item.summary.0 };
                if thoughts.section.is_none() {
                    for (at, part) in (0..).zip(sections) {
                        thoughts.add((!shown, at), part.text.text(), &mut self.parts, events);
                    }
                }
                let data = object(raw).and_then(data);
                events.push_back(Event::PartEnd { index, data });
            }
            Kind::Call(call) => {
                let whole = if call.custom { item.input.text() } else { &item.arguments.0 };
                if !call.begun && call.pending.is_empty() {
                    call.add(whole, events);
                }
                let Some(index) = call.part else {
                    let message = "a tool call came without the tool's name and is left out";
                    let warning = Warning::new(WarningKind::Unreadable, "tool call", message);
                    events.push_back(Event::warning(warning));
                    return;
                };
                call.end_text(index, events);
                let kept = object(raw).map(|mut kept| {
                    for name in ["call_id", "name", "arguments", "input"] {
                        kept.remove(name);
                    }
                    note(&mut kept, state.after.as_deref());
                    kept
                });
                events.push_back(Event::PartEnd { index, data: kept.and_then(data) });
            }
            Kind::Other => {
                self.called |= waits_for_program(item);
                let part = picture(item, raw, &label, state.after.as_deref());
                let part = part.or_else(|| opaque(raw, &label));
                if let Some(part) = part {
                    events.push_back(Event::part(self.parts.next(), part));
                }
            }
        }
    }

    /// An item that is no object.
    fn unreadable(&mut self, raw: &RawValue, events: &mut Events) {
        if let Some(part) = opaque(raw, &self.label) {
            events.push_back(Event::part(self.parts.next(), part));
        }
    }
}

impl Kind {
    fn of(item: &wire::Item<'_>) -> Self {
        match item.r#type.text() {
            "message" => Self::Message(Contents::default()),
            "reasoning" => Self::Reasoning(Thoughts::default()),
            "function_call" => Self::Call(Call::default()),
            // xAI's own tools come as such calls, too, and nothing but the id tells.
            "custom_tool_call" if !item.call_id.text().starts_with("xs_") => {
                Self::Call(Call { custom: true, ..Call::default() })
            }
            _ => Self::Other,
        }
    }

    fn is(&self, wanted: Wanted) -> bool {
        matches!(
            (self, wanted),
            (Self::Message(_), Wanted::Message)
                | (Self::Reasoning(_), Wanted::Reasoning)
                | (Self::Call(_), Wanted::Call)
        )
    }

    fn is_of(&self, item: &wire::Item<'_>) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(&Self::of(item))
    }
}
