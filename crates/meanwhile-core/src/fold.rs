//! [`Fold`]: events to response. The only place where an answer is put together.

use crate::event::PartStart;
use crate::tool::ToolCall;
use crate::{
    Error, ErrorKind, Event, Metadata, Part, ProviderData, Refusal, Response, Result, Text,
    Thinking, Usage,
};

/// Puts a [`Response`] together from its events.
///
/// Linear in the number of events and bytes. Parts keep the order of their starts, however their
/// deltas interleave.
///
/// ```
/// use meanwhile_core::{ErrorKind, Event, Fold};
///
/// let mut fold = Fold::new("house", "small");
/// fold.push(&Event::text_start(0))?;
/// fold.push(&Event::text_delta(0, "hel"))?;
/// // A delta for a part that was not begun breaks the grammar.
/// let error = fold.push(&Event::text_delta(1, "lo")).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Decode);
/// assert_eq!(fold.into_partial().text(), "hel");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Fold {
    response: Response,
    slots: Vec<Slot>,
    finished: bool,
}

#[derive(Debug)]
struct Slot {
    index: u32,
    open: bool,
    part: Part,
}

impl Fold {
    /// Starts an empty answer of `provider` to a request for `model`.
    #[must_use]
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self { response: Response::new(provider, model), slots: Vec::new(), finished: false }
    }

    /// Adds one event.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`] when the event breaks the grammar of [`Event`]: a delta for a part
    /// that is not open or of another kind, an index used twice, anything after the finish.
    pub fn push(&mut self, event: &Event) -> Result<()> {
        if self.finished {
            return Err(broken("an event arrived after the finish"));
        }
        match event {
            Event::TextDelta { index, text } => match self.open(*index)? {
                Part::Text(part) => part.text.push_str(text),
                _ => return Err(mismatch("text", *index)),
            },
            Event::ThinkingDelta { index, text } => match self.open(*index)? {
                Part::Thinking(part) => part.text.push_str(text),
                _ => return Err(mismatch("thinking", *index)),
            },
            Event::RefusalDelta { index, text } => match self.open(*index)? {
                Part::Refusal(part) => part.text.push_str(text),
                _ => return Err(mismatch("refusal", *index)),
            },
            Event::ToolCallDelta { index, arguments } => match self.open(*index)? {
                Part::ToolCall(call) => call.arguments.push_str(arguments),
                _ => return Err(mismatch("tool call", *index)),
            },
            Event::Citation { index, citation } => {
                self.text(*index)?.citations.push((**citation).clone());
            }
            Event::Logprobs { index, tokens } => {
                self.text(*index)?.logprobs.extend_from_slice(tokens);
            }
            Event::PartStart { index, part } => {
                let part = match part {
                    PartStart::Text => Part::Text(Text::default()),
                    PartStart::Thinking => Part::Thinking(Thinking::default()),
                    PartStart::Refusal => Part::Refusal(Refusal::default()),
                    PartStart::ToolCall { id, name } => {
                        Part::ToolCall(ToolCall::new(id.clone(), name.clone(), String::new()))
                    }
                };
                self.insert(*index, true, part)?;
            }
            Event::PartEnd { index, data } => self.close(*index, data.clone())?,
            Event::Part { index, part } => self.insert(*index, false, (**part).clone())?,
            Event::Metadata(metadata) => self.describe((**metadata).clone()),
            Event::Usage(usage) => self.response.usage.update((**usage).clone()),
            Event::Raw(frame) => self.response.raw.push(frame.to_string()),
            Event::Warning(warning) => self.response.warnings.push((**warning).clone()),
            Event::Attempt(attempt) => self.response.attempts.push((**attempt).clone()),
            Event::Finish(finish) => {
                self.response.finish = Some((**finish).clone());
                self.finished = true;
            }
        }
        Ok(())
    }

    /// Adds one event that nobody else needs: what it holds is moved instead of copied.
    pub(crate) fn absorb(&mut self, event: Event) -> Result<()> {
        match event {
            Event::TextDelta { index, text } if !self.finished => match self.open(index)? {
                Part::Text(part) if part.text.is_empty() => part.text = text,
                Part::Text(part) => part.text.push_str(&text),
                _ => return Err(mismatch("text", index)),
            },
            Event::Part { index, part } if !self.finished => self.insert(index, false, *part)?,
            Event::PartEnd { index, data } if !self.finished => self.close(index, data)?,
            Event::Metadata(metadata) if !self.finished => self.describe(*metadata),
            Event::Usage(usage) if !self.finished => self.response.usage.update(*usage),
            Event::Finish(finish) if !self.finished => {
                self.response.finish = Some(*finish);
                self.finished = true;
            }
            event => self.push(&event)?,
        }
        Ok(())
    }

    /// Returns the complete response.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StreamInterrupted`], with the partial response, when no finish was pushed.
    pub fn finish(self) -> Result<Response> {
        if self.finished {
            return Ok(self.into_partial());
        }
        let error = Error::new(
            ErrorKind::StreamInterrupted,
            "the answer ended before its finish; send the request again",
        );
        Err(error.with_partial(self.into_partial()))
    }

    /// Returns what has arrived so far, complete or not.
    #[must_use]
    pub fn into_partial(mut self) -> Response {
        self.response.message.parts = self
            .slots
            .into_iter()
            .map(|slot| match slot.part {
                Part::ToolCall(mut call) => {
                    // A tool without parameters is called with no arguments at all by some models.
                    if !slot.open && call.arguments.trim().is_empty() {
                        call.arguments = "{}".to_owned();
                    }
                    Part::ToolCall(call)
                }
                part => part,
            })
            .collect();
        self.response
    }

    /// Puts what is known on the error that ended the answer: who gave it, the id of the request, what
    /// had arrived (content, counts, warnings), and the tries that had failed before.
    #[must_use]
    pub fn fail(mut self, error: Error) -> Error {
        let attempts = std::mem::take(&mut self.response.attempts);
        let error = error.with_attempts(attempts);
        let error = match &self.response.request_id {
            Some(id) if error.request_id().is_none() => error.with_request_id(id.clone()),
            _ => error,
        };
        let Response { provider, model, usage, warnings, raw, .. } = &self.response;
        let error = match error.provider() {
            None => error.with_provider(provider.clone()),
            Some(_) => error,
        };
        let error = if error.model().is_none() { error.with_model(model.clone()) } else { error };
        let heard = *usage != Usage::default() || !warnings.is_empty() || !raw.is_empty();
        if self.is_empty() && !heard {
            return error;
        }
        error.with_partial(self.into_partial())
    }

    /// Whether nothing of the answer itself has arrived yet: no part, whole or begun.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn describe(&mut self, metadata: Metadata) {
        let response = &mut self.response;
        response.id = metadata.id.or(response.id.take());
        response.provider =
            metadata.provider.unwrap_or_else(|| std::mem::take(&mut response.provider));
        response.model = metadata.model.unwrap_or_else(|| std::mem::take(&mut response.model));
        response.requested_model = metadata.requested_model.or(response.requested_model.take());
        response.request_id = metadata.request_id.or(response.request_id.take());
        response.created = metadata.created.or(response.created);
        response.service_tier = metadata.service_tier.or(response.service_tier.take());
        response.cached |= metadata.cached;
    }

    fn slot(&mut self, index: u32) -> Option<&mut Slot> {
        // Deltas nearly always belong to one of the newest parts.
        self.slots.iter_mut().rev().find(|slot| slot.index == index)
    }

    fn open(&mut self, index: u32) -> Result<&mut Part> {
        match self.slot(index) {
            Some(slot) if slot.open => Ok(&mut slot.part),
            _ => Err(broken(format!("a delta arrived for part {index}, which is not open"))),
        }
    }

    fn text(&mut self, index: u32) -> Result<&mut Text> {
        match self.slot(index).map(|slot| &mut slot.part) {
            Some(Part::Text(text)) => Ok(text),
            _ => Err(broken(format!("a citation or a logprob arrived for part {index}, no text"))),
        }
    }

    fn insert(&mut self, index: u32, open: bool, part: Part) -> Result<()> {
        if self.slot(index).is_some() {
            return Err(broken(format!("part {index} was started twice")));
        }
        self.slots.push(Slot { index, open, part });
        Ok(())
    }

    fn close(&mut self, index: u32, data: Option<Box<ProviderData>>) -> Result<()> {
        let slot = self.slot(index).filter(|slot| slot.open);
        let slot = slot.ok_or_else(|| broken(format!("part {index} ended but is not open")))?;
        slot.open = false;
        match &mut slot.part {
            Part::Text(part) => part.data = data,
            Part::Thinking(part) => part.data = data,
            Part::Refusal(part) => part.data = data,
            Part::ToolCall(call) => call.data = data,
            _ => {}
        }
        Ok(())
    }
}

fn broken(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Decode, message)
}

fn mismatch(kind: &str, index: u32) -> Error {
    broken(format!("a {kind} delta arrived for part {index}, which is of another kind"))
}
