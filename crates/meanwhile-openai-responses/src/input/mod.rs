//! The conversation as the dialect writes it: messages, calls, results and thinking as items in a row.
//!
//! What must hold: an item that came with thinking goes back under its id only together with that
//! thinking, and thinking goes back only with the item that followed it. Servers refuse anything else.

mod media;

use std::borrow::Cow;
use std::collections::BTreeSet;

use meanwhile_core::{
    CacheMark, Image, MediaSource, Message, Part, ProviderData, Result, Role, Text, Thinking,
    ToolCall, ToolResult, Warning,
};
use meanwhile_openai_compatible::dialect::{BETWEEN, Notes};
use serde_json::Value;

use crate::ResponsesQuirks;
use crate::quirks::System;
use crate::written::{
    AFTER, Breakpoint, Call, Content, Item, Output, OutputPart, Part as Written, PartKind, Picture,
    WithoutNulls,
};

/// A conversation, ready to be written.
pub(crate) struct Input<'a> {
    pub(crate) instructions: Option<Cow<'a, str>>,
    pub(crate) items: Vec<Item<'a>>,
}

/// Writes a conversation. `stateful` says that the vendor keeps what it answers.
pub(crate) fn input<'a>(
    messages: &'a [Message],
    provider: &str,
    label: &str,
    quirks: &ResponsesQuirks,
    stateful: bool,
    notes: &mut Notes,
) -> Result<Input<'a>> {
    let mut writer = Writer {
        provider,
        label,
        quirks,
        stateful,
        notes,
        items: Vec::with_capacity(messages.len()),
        custom: BTreeSet::new(),
    };
    let plain = |message: &&Message| {
        quirks.system == System::Instructions
            && message.role == Role::System
            && message.parts.iter().all(|part| matches!(part, Part::Text(_)))
    };
    let first = messages.iter().take_while(plain).count();
    let (system, rest) = messages.split_at_checked(first).unwrap_or((&[], messages));
    let texts = system.iter().map(|message| match message.parts.as_slice() {
        [Part::Text(text)] => Cow::Borrowed(text.text.as_str()),
        parts => {
            let texts = parts.iter().filter_map(|part| match part {
                Part::Text(text) => Some(text.text.as_str()),
                _ => None,
            });
            Cow::Owned(texts.collect::<Vec<_>>().join(BETWEEN))
        }
    });
    let instructions = texts.reduce(|all, next| all + BETWEEN + next);
    for message in rest {
        writer.message(message)?;
    }
    Ok(Input { instructions, items: writer.items })
}

struct Writer<'a, 'c> {
    provider: &'c str,
    label: &'c str,
    quirks: &'c ResponsesQuirks,
    stateful: bool,
    notes: &'c mut Notes,
    items: Vec<Item<'a>>,
    /// The ids of calls of tools that take free text.
    custom: BTreeSet<&'a str>,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, message: &'a Message) -> Result<()> {
        if let Some(data) = message.data.as_deref() {
            self.own(Some(data));
        }
        if message.name.is_some() {
            self.notes.dropped("name", "this dialect has no field for the names of speakers")?;
        }
        if message.role == Role::Assistant {
            return self.assistant(&message.parts);
        }
        let role = match (message.role, self.quirks.system) {
            (Role::System, System::Message(role)) => role,
            (Role::System, System::Instructions) => "developer",
            _ => "user",
        };
        let mut parts = Vec::new();
        let mut any = false;
        for part in &message.parts {
            match part {
                Part::ToolResult(result) => {
                    self.flush(role, &mut parts);
                    self.result(result)?;
                    any = true;
                }
                Part::Opaque(data) => {
                    if let Some(item) = self.own(Some(data)) {
                        self.flush(role, &mut parts);
                        self.items.push(Item::Verbatim(item));
                    }
                    any = true;
                }
                part => self.part(part, &mut parts)?,
            }
        }
        // An empty message is sent as such.
        if parts.is_empty() && !any && message.role != Role::Tool {
            let content = Content::Text(Cow::Borrowed(""));
            self.items.push(Item::Message { role, content });
        }
        self.flush(role, &mut parts);
        Ok(())
    }

    /// Ends a message of the input.
    fn flush(&mut self, role: &'static str, parts: &mut Vec<Written<'a>>) {
        if !parts.is_empty() {
            let content = content(std::mem::take(parts));
            self.items.push(Item::Message { role, content });
        }
    }

    /// Writes one part of what is not the model's, if it can be written.
    fn part(&mut self, part: &'a Part, parts: &mut Vec<Written<'a>>) -> Result<()> {
        self.own(part.data());
        let kind = match part {
            Part::Text(text) => Some(PartKind::Text { text: Cow::Borrowed(&text.text) }),
            Part::Image(image) => self.image(image)?,
            Part::Audio(audio) => self.audio(audio)?,
            Part::Document(document) => self.document(document)?,
            Part::CacheMark(mark) => {
                self.cache_mark(mark, parts)?;
                None
            }
            other => {
                self.notes.dropped(other.kind(), "only the model's messages may carry it")?;
                None
            }
        };
        parts.extend(kind.map(|kind| Written { kind, prompt_cache_breakpoint: None }));
        Ok(())
    }

    fn cache_mark(&mut self, mark: &CacheMark, parts: &mut [Written<'a>]) -> Result<()> {
        match parts.last_mut() {
            _ if !self.quirks.cache_breakpoints => {
                self.notes.dropped("cache mark", "this provider decides itself what it caches")
            }
            Some(part) => {
                part.prompt_cache_breakpoint = Some(Breakpoint::explicit());
                if mark.ttl.is_some() {
                    let message = "the time is set for the whole request, by a vendor option";
                    self.notes.changed("cache mark", message)?;
                }
                Ok(())
            }
            None => self.notes.dropped("cache mark", "there is nothing before it in its message"),
        }
    }

    fn result(&mut self, result: &'a ToolResult) -> Result<()> {
        self.own(result.data.as_deref());
        let mut parts = Vec::new();
        for part in &result.parts {
            self.part(part, &mut parts)?;
        }
        // There is no field for a failure, so the text says it.
        if result.is_error {
            let says_so =
                |text: &str| text.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"));
            match parts.first_mut().map(|part| &mut part.kind) {
                Some(PartKind::Text { text }) if says_so(text) => {}
                Some(PartKind::Text { text }) => *text = Cow::Owned(format!("error: {text}")),
                _ => {
                    let kind = PartKind::Text { text: Cow::Borrowed("error") };
                    parts.insert(0, Written { kind, prompt_cache_breakpoint: None });
                }
            }
        }
        let r#type = match self.custom.contains(&*result.call_id) {
            true => "custom_tool_call_output",
            false => "function_call_output",
        };
        let output = content(parts);
        self.items.push(Item::Result { r#type, call_id: &result.call_id, output });
        Ok(())
    }

    fn assistant(&mut self, parts: &'a [Part]) -> Result<()> {
        // Thinking that is replayed, by its id.
        let mut thoughts = BTreeSet::new();
        let mut message: Option<Output<'a>> = None;
        for (position, part) in parts.iter().enumerate() {
            let (data, content) = match part {
                Part::Text(text) => (text.data.as_deref(), Some(self.text(text))),
                Part::Refusal(refusal) => {
                    let refusal_part = OutputPart::Refusal { refusal: &refusal.text };
                    (refusal.data.as_deref(), Some(refusal_part))
                }
                _ => (None, None),
            };
            if let Some(content) = content {
                let own = self.own(data);
                let id = own.and_then(|own| paired_id(own, &thoughts));
                match &mut message {
                    Some(open) if open.id == id => open.content.push(content),
                    _ => {
                        self.speak(message.take());
                        message = Some(output(own, id, content));
                    }
                }
                continue;
            }
            self.speak(message.take());
            match part {
                Part::Thinking(thinking) => {
                    let rest = parts.get(position + 1..).unwrap_or_default();
                    if let Some(item) = self.thinking(thinking, rest) {
                        thoughts.extend(item.get("id").and_then(Value::as_str));
                        self.items.push(Item::Reasoning(WithoutNulls(item)));
                    }
                }
                Part::ToolCall(call) => self.call(call, &thoughts),
                Part::Opaque(data) => {
                    let item = self.own(Some(data));
                    self.items.extend(item.map(Item::Verbatim));
                }
                Part::Image(image) => self.picture(image)?,
                Part::CacheMark(_) => {
                    let message = "only messages that are not the model's can be marked";
                    self.notes.dropped("cache mark", message)?;
                }
                other => {
                    self.own(other.data());
                    self.notes.dropped(other.kind(), "the model's messages cannot carry it")?;
                }
            }
        }
        self.speak(message);
        Ok(())
    }

    /// Adds a message of the model; text that never came from this vendor is written plainly.
    fn speak(&mut self, message: Option<Output<'a>>) {
        let Some(message) = message else { return };
        let plain = match message.content.as_slice() {
            [OutputPart::OutputText { text, annotations }]
                if message.id.is_none() && annotations.is_empty() && message.phase.is_none() =>
            {
                Some(*text)
            }
            _ => None,
        };
        self.items.push(match plain {
            Some(text) => {
                let content = Content::Text(Cow::Borrowed(text));
                Item::Message { role: "assistant", content }
            }
            None => Item::Output(message),
        });
    }

    fn text(&self, text: &'a Text) -> OutputPart<'a> {
        let own = text.citations.iter().filter_map(|citation| citation.data.as_deref());
        let annotations = own.filter_map(|data| data.for_provider(self.label)).collect();
        OutputPart::OutputText { text: &text.text, annotations }
    }

    /// The item of a thought, where it may go back.
    fn thinking(&mut self, thinking: &'a Thinking, rest: &'a [Part]) -> Option<&'a Value> {
        if thinking.data.is_none() {
            let message = "only thinking that came from this provider goes back to it";
            self.notes.mention(Warning::dropped("thinking", message));
        }
        let item = self.own(thinking.data.as_deref())?;
        let given = |name: &str| match item.get(name) {
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(parts)) => !parts.is_empty(),
            _ => false,
        };
        if !(self.stateful || given("encrypted_content") || given("content")) {
            let message = "the provider did not store it and did not give it in encrypted form";
            self.notes.mention(Warning::dropped("thinking", message));
            return None;
        }
        let follows = |part: &Part| !matches!(part, Part::Thinking(_) | Part::CacheMark(_));
        if !rest.iter().any(follows) {
            let message = "what it led to is missing, and the provider takes both or neither";
            self.notes.mention(Warning::dropped("thinking", message));
            return None;
        }
        Some(item)
    }

    fn call(&mut self, call: &'a ToolCall, thoughts: &BTreeSet<&'a str>) {
        let own = self.own(call.data.as_deref());
        let kind = own.and_then(|own| own.get("type")).and_then(Value::as_str);
        let custom = kind == Some("custom_tool_call");
        let arguments = if custom {
            self.custom.insert(&call.id);
            // Free text travels as a JSON string.
            let text = serde_json::from_str::<String>(&call.arguments);
            text.map_or(Cow::Borrowed(&*call.arguments), Cow::Owned)
        } else if call.arguments.trim().is_empty() {
            Cow::Borrowed("{}")
        } else {
            Cow::Borrowed(&*call.arguments)
        };
        self.items.push(Item::Call(Call {
            custom,
            id: own.and_then(|own| paired_id(own, thoughts)),
            call_id: &call.id,
            name: &call.name,
            arguments,
            own,
        }));
    }

    fn picture(&mut self, image: &'a Image) -> Result<()> {
        let own = self.own(image.data.as_deref());
        match (own, &image.source) {
            (Some(own), MediaSource::Bytes(bytes)) => {
                self.items.push(Item::Picture(Picture { own, bytes }));
                Ok(())
            }
            _ => self.notes.dropped("image", "only this provider's own pictures go back"),
        }
    }

    fn is_own(&self, provider: &str) -> bool {
        provider == self.provider || provider == self.label
    }

    /// The data, if it is of this wire; another's is left out with a warning.
    fn own(&mut self, data: Option<&'a ProviderData>) -> Option<&'a Value> {
        let data = data?;
        let own = data.for_provider(self.label);
        if own.is_none() {
            let message = format!("data of provider `{}` means nothing to this one", data.provider);
            self.notes.mention(Warning::dropped("provider data", message));
        }
        own
    }
}

/// Begins a message of the model.
fn output<'a>(own: Option<&'a Value>, id: Option<&'a str>, content: OutputPart<'a>) -> Output<'a> {
    let status = own.and_then(|own| own.get("status")).and_then(Value::as_str);
    Output {
        r#type: "message",
        id,
        role: "assistant",
        status: id.map(|_| status.unwrap_or("completed")),
        content: vec![content],
        phase: own.and_then(|own| own.get("phase")).filter(|phase| !phase.is_null()),
    }
}

/// The id of a kept item, unless it needs thinking that is not there.
fn paired_id<'a>(own: &'a Value, thoughts: &BTreeSet<&'a str>) -> Option<&'a str> {
    let after = own.get(AFTER).and_then(Value::as_str);
    let id = own.get("id").and_then(Value::as_str);
    id.filter(|_| after.is_none_or(|after| thoughts.contains(after)))
}

/// Content of one text is written as text, which every server reads; several stay apart.
fn content(mut parts: Vec<Written<'_>>) -> Content<'_> {
    match parts.as_mut_slice() {
        [] => Content::Text(Cow::Borrowed("")),
        [Written { kind: PartKind::Text { text }, prompt_cache_breakpoint: None }] => {
            Content::Text(std::mem::take(text))
        }
        _ => Content::Parts(parts),
    }
}
