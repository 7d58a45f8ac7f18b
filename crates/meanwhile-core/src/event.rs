//! [`Event`]: the grammar of an answer. A response is the fold of its events.

use crate::{Attempt, Citation, Finish, Logprob, Part, ProviderData, Usage, Warning};

/// One step of an answer.
///
/// The grammar, which [`Fold`](crate::Fold) checks: a part is opened by [`PartStart`](Self::PartStart)
/// with an index that was not used before, grows by deltas of its own kind, and is closed by
/// [`PartEnd`](Self::PartEnd). Parts may interleave; their order in the response is the order of
/// their starts. [`Part`](Self::Part) is a part that arrives whole. [`Finish`](Self::Finish) comes
/// last and once; a stream that ends otherwise ends with an error.
///
/// ```
/// use meanwhile_core::{Event, Finish, FinishReason, Fold};
///
/// let mut fold = Fold::new("house", "small");
/// for event in [
///     Event::text_start(0),
///     Event::text_delta(0, "hel"),
///     Event::text_delta(0, "lo"),
///     Event::part_end(0),
///     Event::finish(Finish::new(FinishReason::Stop)),
/// ] {
///     fold.push(&event)?;
/// }
/// assert_eq!(fold.finish()?.text(), "hello");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// What is known about the response. May repeat; later fields win.
    Metadata(Box<Metadata>),
    /// A part begins.
    PartStart {
        /// The part's index, unique within the response.
        index: u32,
        /// What kind of part it is.
        part: PartStart,
    },
    /// More text.
    TextDelta {
        /// The part that grows.
        index: u32,
        /// What is added.
        text: String,
    },
    /// More thinking.
    ThinkingDelta {
        /// The part that grows.
        index: u32,
        /// What is added.
        text: String,
    },
    /// More of a refusal.
    RefusalDelta {
        /// The part that grows.
        index: u32,
        /// What is added.
        text: String,
    },
    /// What backs a text part, which may still be open or have ended.
    Citation {
        /// The text part.
        index: u32,
        /// The citation.
        citation: Box<Citation>,
    },
    /// How probable the next tokens of a text part were.
    Logprobs {
        /// The text part, open or ended.
        index: u32,
        /// The tokens, in order.
        tokens: Vec<Logprob>,
    },
    /// More of a tool call's arguments.
    ToolCallDelta {
        /// The part that grows.
        index: u32,
        /// What is added to the JSON text.
        arguments: String,
    },
    /// A part is complete.
    PartEnd {
        /// The part that ends.
        index: u32,
        /// Data that the provider wants back with the part.
        data: Option<Box<ProviderData>>,
    },
    /// A part that arrives whole.
    Part {
        /// The part's index, unique within the response.
        index: u32,
        /// The part.
        part: Box<Part>,
    },
    /// Token counts so far. May repeat; later counts win.
    Usage(Box<Usage>),
    /// A frame of the answer as the provider sent it, in front of its events, where the request asks
    /// for that.
    Raw(Box<str>),
    /// Something did not go through as asked.
    Warning(Box<Warning>),
    /// A try that failed before this answer began.
    Attempt(Box<Attempt>),
    /// The answer is complete.
    Finish(Box<Finish>),
}

/// What kind of part begins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartStart {
    /// Visible text.
    Text,
    /// Thinking.
    Thinking,
    /// A refusal.
    Refusal,
    /// A tool call, whose arguments follow as deltas of JSON text.
    ToolCall {
        /// The call's id, unique within the conversation.
        id: String,
        /// The tool's name.
        name: String,
    },
}

/// What is known about a response.
///
/// ```
/// use meanwhile_core::Metadata;
///
/// let mut known = Metadata::default();
/// known.id = Some("resp_1".to_owned());
/// let mut later = Metadata::default();
/// later.model = Some("gpt-4o-mini-2024-07-18".to_owned());
/// known.update(later);
/// assert_eq!(known.id.as_deref(), Some("resp_1"));
/// assert_eq!(known.model.as_deref(), Some("gpt-4o-mini-2024-07-18"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Metadata {
    /// The provider's id of the response.
    pub id: Option<String>,
    /// The provider that answered, where it is another one than was asked.
    pub provider: Option<String>,
    /// The model that answered, as the provider names it.
    pub model: Option<String>,
    /// The model that was asked for, where a layer asked for another than the call did.
    pub requested_model: Option<String>,
    /// The provider's id of the request (usually from a header).
    pub request_id: Option<String>,
    /// When the provider made the response, in seconds since 1970.
    pub created: Option<u64>,
    /// The tier of service that answered.
    pub service_tier: Option<String>,
    /// Whether the answer was had before, and comes out of a cache of this program.
    pub cached: bool,
}

impl Metadata {
    /// Takes over every field that `later` knows.
    pub fn update(&mut self, later: Self) {
        fn take<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        take(&mut self.id, later.id);
        take(&mut self.provider, later.provider);
        take(&mut self.model, later.model);
        take(&mut self.requested_model, later.requested_model);
        take(&mut self.request_id, later.request_id);
        take(&mut self.created, later.created);
        take(&mut self.service_tier, later.service_tier);
        self.cached |= later.cached;
    }
}

impl Event {
    /// Starts a text part.
    #[must_use]
    pub fn text_start(index: u32) -> Self {
        Self::PartStart { index, part: PartStart::Text }
    }

    /// Starts a thinking part.
    #[must_use]
    pub fn thinking_start(index: u32) -> Self {
        Self::PartStart { index, part: PartStart::Thinking }
    }

    /// Starts a refusal.
    #[must_use]
    pub fn refusal_start(index: u32) -> Self {
        Self::PartStart { index, part: PartStart::Refusal }
    }

    /// Starts a tool call.
    #[must_use]
    pub fn tool_call_start(index: u32, id: impl Into<String>, name: impl Into<String>) -> Self {
        Self::PartStart { index, part: PartStart::ToolCall { id: id.into(), name: name.into() } }
    }

    /// Adds text to a part.
    #[must_use]
    pub fn text_delta(index: u32, text: impl Into<String>) -> Self {
        Self::TextDelta { index, text: text.into() }
    }

    /// Adds thinking to a part.
    #[must_use]
    pub fn thinking_delta(index: u32, text: impl Into<String>) -> Self {
        Self::ThinkingDelta { index, text: text.into() }
    }

    /// Adds to a refusal.
    #[must_use]
    pub fn refusal_delta(index: u32, text: impl Into<String>) -> Self {
        Self::RefusalDelta { index, text: text.into() }
    }

    /// Adds to a tool call's arguments.
    #[must_use]
    pub fn tool_call_delta(index: u32, arguments: impl Into<String>) -> Self {
        Self::ToolCallDelta { index, arguments: arguments.into() }
    }

    /// Ends a part that carries no provider data.
    #[must_use]
    pub fn part_end(index: u32) -> Self {
        Self::PartEnd { index, data: None }
    }

    /// Adds a citation to a text part.
    #[must_use]
    pub fn citation(index: u32, citation: Citation) -> Self {
        Self::Citation { index, citation: Box::new(citation) }
    }

    /// Delivers a whole part.
    #[must_use]
    pub fn part(index: u32, part: impl Into<Part>) -> Self {
        Self::Part { index, part: Box::new(part.into()) }
    }

    /// Reports token counts.
    #[must_use]
    pub fn usage(usage: Usage) -> Self {
        Self::Usage(Box::new(usage))
    }

    /// Reports a warning.
    #[must_use]
    pub fn warning(warning: Warning) -> Self {
        Self::Warning(Box::new(warning))
    }

    /// Reports a try that failed before this answer.
    #[must_use]
    pub fn attempt(attempt: Attempt) -> Self {
        Self::Attempt(Box::new(attempt))
    }

    /// Ends the answer.
    #[must_use]
    pub fn finish(finish: Finish) -> Self {
        Self::Finish(Box::new(finish))
    }

    /// Whether this is part of the answer itself, or its end. What comes before the first such event
    /// (metadata, warnings, raw frames, counts) can still be taken back: layers that try again do so
    /// until it.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        !matches!(
            self,
            Self::Metadata(_) | Self::Usage(_) | Self::Raw(_) | Self::Warning(_) | Self::Attempt(_)
        )
    }

    /// Whether this is the last event of an answer.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Finish(_))
    }
}
