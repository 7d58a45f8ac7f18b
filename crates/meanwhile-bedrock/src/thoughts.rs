//! [`Thoughts`]: thinking that a model's wire writes in front of the answer, between two tags, as a part
//! of its own.
//!
//! So do gpt-oss and DeepSeek behind `InvokeModel`. Only what the first text begins with is thinking:
//! the same tags later on are the answer's own.

use std::collections::VecDeque;

use meanwhile_core::{Event, PartStart, Warning, WarningKind};

/// What has been seen of the first text.
#[derive(Debug)]
pub(crate) struct Thoughts {
    /// What thinking begins and ends with.
    tags: (&'static str, &'static str),
    stage: Stage,
    /// The index of the first text, as it comes in.
    text: Option<u32>,
    /// Whether thinking was found, so that later parts move up by one.
    is_split: bool,
    /// What may be the beginning of a tag.
    held: String,
    warned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is no text yet.
    Before,
    /// The text may begin with thinking.
    Opening,
    /// Thinking is open.
    Inside,
    /// Thinking has ended, and no text has followed.
    Behind,
    /// Text is open.
    Text,
    /// The first text has ended, or what comes is passed on as it is.
    Done,
}

impl Thoughts {
    pub(crate) fn between(open: &'static str, close: &'static str) -> Self {
        Self {
            tags: (open, close),
            stage: Stage::Before,
            text: None,
            is_split: false,
            held: String::new(),
            warned: false,
        }
    }

    /// Passes an event on, or what it becomes.
    pub(crate) fn pass(&mut self, event: Event, events: &mut VecDeque<Event>) {
        match event {
            Event::PartStart { index, part: PartStart::Text } if self.stage == Stage::Before => {
                self.text = Some(index);
                self.stage = Stage::Opening;
            }
            Event::TextDelta { index, text } if self.is_first(index) => {
                if self.stage == Stage::Text {
                    events.push_back(Event::TextDelta { index: self.moved(index), text });
                } else {
                    self.held.push_str(&text);
                    self.read(index, events);
                }
            }
            Event::PartEnd { index, data } if self.is_first(index) => {
                self.end(index, events);
                if self.stage == Stage::Text {
                    events.push_back(Event::PartEnd { index: self.moved(index), data });
                }
                self.stage = Stage::Done;
            }
            // There is no text that these could belong to.
            Event::Logprobs { index, .. } if self.is_first(index) && self.stage != Stage::Text => {
                if !std::mem::replace(&mut self.warned, true) {
                    let message = "the probabilities of tokens that are no text have no place and are missing";
                    let warning = Warning::new(WarningKind::Unreadable, "logprobs", message);
                    events.push_back(Event::warning(warning));
                }
            }
            other => events.push_back(self.placed(other)),
        }
    }

    /// Gives out what was held back of an answer that breaks off.
    pub(crate) fn finish(&mut self, events: &mut VecDeque<Event>) {
        if let (Some(index), false) = (self.text, self.held.is_empty()) {
            self.flush(index, events);
        }
    }

    fn is_first(&self, index: u32) -> bool {
        self.text == Some(index) && self.stage != Stage::Done
    }

    fn read(&mut self, index: u32, events: &mut VecDeque<Event>) {
        let (open, close) = self.tags;
        loop {
            match self.stage {
                Stage::Opening if self.held.starts_with(open) => {
                    self.held.drain(..open.len());
                    self.is_split = true;
                    self.stage = Stage::Inside;
                    events.push_back(Event::thinking_start(index));
                }
                Stage::Opening if open.starts_with(&self.held) => return,
                Stage::Inside => match self.held.find(close) {
                    Some(at) => {
                        let rest = self.held.split_off(at);
                        self.think(index, events);
                        self.held.push_str(rest.get(close.len()..).unwrap_or_default());
                        events.push_back(Event::part_end(index));
                        self.stage = Stage::Behind;
                    }
                    None => {
                        let kept = (1..close.len()).rev().find(|length| {
                            close.get(..*length).is_some_and(|part| self.held.ends_with(part))
                        });
                        let tag = self.held.split_off(self.held.len() - kept.unwrap_or(0));
                        self.think(index, events);
                        self.held = tag;
                        return;
                    }
                },
                // The template puts lines between thinking and the answer.
                Stage::Behind if self.held.starts_with('\n') => {
                    let rest = self.held.trim_start_matches('\n').to_owned();
                    self.held = rest;
                }
                Stage::Behind if self.held.is_empty() => return,
                _ => {
                    self.flush(index, events);
                    return;
                }
            }
        }
    }

    /// Gives out what is held as thinking.
    fn think(&mut self, index: u32, events: &mut VecDeque<Event>) {
        let text = std::mem::take(&mut self.held);
        if !text.is_empty() {
            events.push_back(Event::ThinkingDelta { index, text });
        }
    }

    /// Gives out what is held as what is open.
    fn flush(&mut self, index: u32, events: &mut VecDeque<Event>) {
        if self.stage == Stage::Inside {
            self.think(index, events);
            return;
        }
        if self.stage != Stage::Text {
            events.push_back(Event::text_start(self.moved(index)));
            self.stage = Stage::Text;
        }
        let text = std::mem::take(&mut self.held);
        events.push_back(Event::TextDelta { index: self.moved(index), text });
    }

    /// The first text has ended.
    fn end(&mut self, index: u32, events: &mut VecDeque<Event>) {
        if !self.held.is_empty() {
            self.flush(index, events);
        }
        // Cut off in the middle of a thought.
        if self.stage == Stage::Inside {
            events.push_back(Event::part_end(index));
        }
    }

    /// The index of a part in what is given out.
    fn moved(&self, index: u32) -> u32 {
        match self.text {
            Some(text) if self.is_split && index >= text => index + 1,
            _ => index,
        }
    }

    fn placed(&self, mut event: Event) -> Event {
        if let Event::PartStart { index, .. }
        | Event::TextDelta { index, .. }
        | Event::ThinkingDelta { index, .. }
        | Event::RefusalDelta { index, .. }
        | Event::Citation { index, .. }
        | Event::Logprobs { index, .. }
        | Event::ToolCallDelta { index, .. }
        | Event::PartEnd { index, .. }
        | Event::Part { index, .. } = &mut event
        {
            *index = self.moved(*index);
        }
        event
    }
}
