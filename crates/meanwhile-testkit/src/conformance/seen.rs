//! [`Seen`]: what came of one request: its events, checked against their grammar, and their fold.

use std::collections::BTreeMap;

use meanwhile_core::{
    AnyProvider, Error, Event, FinishReason, Fold, Part, PartStart, Provider as _, Request,
    Response, Usage,
};
use serde_json::Value;

use super::exchange::Expected;
use super::mutate::UNKNOWN;

/// What came of one request.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) events: Vec<Event>,
    pub(super) error: Option<Error>,
    /// Whether something came after the terminal item.
    late: bool,
}

/// What an answer says, in a form in which answers can be compared.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    text: String,
    thinking: String,
    tool_calls: Vec<(String, Value)>,
    refusal: Option<String>,
    finish: Option<FinishReason>,
    usage: Usage,
}

/// Sends `request` and reads everything that comes.
pub(super) async fn see(provider: &AnyProvider, request: Request) -> Seen {
    let mut seen = Seen { events: Vec::new(), error: None, late: false };
    let mut stream = match provider.send(request).await {
        Ok(stream) => stream,
        Err(error) => {
            seen.error = Some(error);
            return seen;
        }
    };
    let mut over = false;
    while let Some(item) = stream.next().await {
        seen.late |= over;
        match item {
            Ok(event) => {
                over |= event.is_terminal();
                seen.events.push(event);
            }
            Err(error) => {
                over = true;
                seen.error = Some(error);
            }
        }
    }
    seen
}

impl Seen {
    /// The answer, which must be complete and keep to the grammar.
    pub(super) fn response(&self) -> Result<Response, String> {
        if let Some(error) = &self.error {
            return Err(format!("it failed: {error}"));
        }
        self.grammar(true)?;
        let mut fold = Fold::new("", "");
        for event in &self.events {
            fold.push(event).map_err(|error| error.to_string())?;
        }
        fold.finish().map_err(|error| error.to_string())
    }

    /// What the answer says.
    pub(super) fn said(&self) -> Result<Said, String> {
        Said::of(&self.response()?)
    }

    /// Checks the grammar of the events; `complete` ones end with a finish.
    pub(super) fn grammar(&self, complete: bool) -> Result<(), String> {
        let mut open: BTreeMap<u32, &PartStart> = BTreeMap::new();
        let mut known: BTreeMap<u32, bool> = BTreeMap::new();
        let mut finished = false;
        for (number, event) in self.events.iter().enumerate() {
            let wrong = |what: &str| Err(format!("event {number} ({event:?}): {what}"));
            if finished {
                return wrong("it comes after the finish");
            }
            let delta = |index: &u32, fits: fn(&PartStart) -> bool| match open.get(index) {
                Some(part) if fits(part) => Ok(()),
                Some(_) => wrong("the part is of another kind"),
                None => wrong("the part is not open"),
            };
            match event {
                Event::PartStart { index, part } => {
                    let text = matches!(part, PartStart::Text);
                    if known.insert(*index, text).is_some() {
                        return wrong("the index was used before");
                    }
                    open.insert(*index, part);
                }
                Event::Part { index, part } => {
                    let text = matches!(**part, Part::Text(_));
                    if known.insert(*index, text).is_some() {
                        return wrong("the index was used before");
                    }
                }
                Event::TextDelta { index, .. } => {
                    delta(index, |part| matches!(part, PartStart::Text))?;
                }
                Event::ThinkingDelta { index, .. } => {
                    delta(index, |part| matches!(part, PartStart::Thinking))?;
                }
                Event::RefusalDelta { index, .. } => {
                    delta(index, |part| matches!(part, PartStart::Refusal))?;
                }
                Event::ToolCallDelta { index, .. } => {
                    delta(index, |part| matches!(part, PartStart::ToolCall { .. }))?;
                }
                Event::Citation { index, .. } | Event::Logprobs { index, .. }
                    if known.get(index) != Some(&true) =>
                {
                    return wrong("there is no such text part");
                }
                Event::PartEnd { index, .. } if open.remove(index).is_none() => {
                    return wrong("the part is not open");
                }
                Event::Finish(_) => finished = true,
                _ => {}
            }
        }
        if self.late {
            return Err("something came after the terminal item".to_owned());
        }
        if finished && !open.is_empty() {
            let indexes: Vec<u32> = open.into_keys().collect();
            return Err(format!("the parts {indexes:?} were still open at the finish"));
        }
        if complete && !finished {
            return Err("there was no finish".to_owned());
        }
        Ok(())
    }

    /// What the deltas of each part add up to must be what the response holds.
    pub(super) fn deltas_equal_finals(&self) -> Result<(), String> {
        let response = self.response()?;
        let mut order = Vec::new();
        let mut grown: BTreeMap<u32, String> = BTreeMap::new();
        for event in &self.events {
            match event {
                Event::PartStart { index, .. } => order.push((*index, None)),
                Event::Part { index, part } => order.push((*index, Some(&**part))),
                Event::TextDelta { index, text }
                | Event::ThinkingDelta { index, text }
                | Event::RefusalDelta { index, text }
                | Event::ToolCallDelta { index, arguments: text } => {
                    grown.entry(*index).or_default().push_str(text);
                }
                _ => {}
            }
        }
        if order.len() != response.message.parts.len() {
            return Err(format!("{} parts began, {response:?} was folded", order.len()));
        }
        for ((index, whole), part) in order.into_iter().zip(&response.message.parts) {
            let grown = grown.get(&index).map(String::as_str).unwrap_or_default();
            let same = match (whole, part) {
                (Some(whole), part) => whole.kind() == part.kind(),
                (None, Part::Text(part)) => part.text == grown,
                (None, Part::Thinking(part)) => part.text == grown,
                (None, Part::Refusal(part)) => part.text == grown,
                // No arguments at all are `{}`.
                (None, Part::ToolCall(call)) => {
                    call.arguments == grown || (grown.trim().is_empty() && call.arguments == "{}")
                }
                (None, _) => false,
            };
            if !same {
                return Err(format!("the deltas of part {index} give {grown:?}, not {part:?}"));
            }
        }
        Ok(())
    }
}

impl Said {
    pub(super) fn of(response: &Response) -> Result<Self, String> {
        let mut tool_calls = Vec::new();
        for call in response.tool_calls() {
            let mut arguments = call.json().map_err(|error| error.to_string())?;
            super::mutate::remove_unknown(&mut arguments);
            tool_calls.push((call.name.clone(), arguments));
        }
        let mut usage = response.usage.clone();
        usage.raw = None;
        Ok(Self {
            text: response.text(),
            thinking: response.thinking(),
            tool_calls,
            refusal: response.refusal(),
            finish: response.finish_reason(),
            usage,
        })
    }

    /// Says how two answers differ.
    pub(super) fn same(&self, other: &Self, what: &str) -> Result<(), String> {
        if self == other { Ok(()) } else { Err(format!("{what}: {self:?} became {other:?}")) }
    }

    /// Says how two answers differ, where the counters of the other one may be missing: they come
    /// last on many wires, behind everything that makes an answer complete.
    pub(super) fn same_but_usage(&self, other: &Self, what: &str) -> Result<(), String> {
        let content = |said: &Self| {
            let Self { text, thinking, tool_calls, refusal, finish, usage: _ } = said;
            format!("{text:?} {thinking:?} {tool_calls:?} {refusal:?} {finish:?}")
        };
        if content(self) == content(other) { Ok(()) } else { self.same(other, what) }
    }

    /// The same but for the reason of the finish.
    pub(super) fn without_finish(mut self) -> Self {
        self.finish = None;
        self
    }

    /// Compares with what the author of the provider expects.
    pub(super) fn check(&self, expected: &Expected) -> Result<(), String> {
        let mut wrong = Vec::new();
        let mut compare = |what: &str, fine: bool, expected: &dyn std::fmt::Debug| {
            if !fine {
                wrong.push(format!("the {what} is not {expected:?}"));
            }
        };
        if let Some(text) = &expected.text {
            compare("text", self.text == *text, text);
        }
        if let Some(thinking) = &expected.thinking {
            compare("thinking", self.thinking == *thinking, thinking);
        }
        let calls = &expected.tool_calls;
        compare("list of tool calls", self.tool_calls == *calls, calls);
        if let Some(finish) = &expected.finish {
            compare("finish", self.finish == Some(*finish), finish);
        }
        if let Some((input, output)) = expected.usage {
            let seen = (self.usage.input.total, self.usage.output.total);
            compare("usage", seen == (Some(input), Some(output)), &(input, output));
        }
        if wrong.is_empty() { Ok(()) } else { Err(format!("{}; it is {self:?}", wrong.join(", "))) }
    }

    pub(super) fn holds_unknown(&self) -> bool {
        self.text.contains(UNKNOWN) || self.thinking.contains(UNKNOWN)
    }
}
