//! [`Finish`]: why the model stopped, in one vocabulary and in the provider's own word.

use serde::{Deserialize, Serialize};

/// Why the model stopped.
///
/// ```
/// # use meanwhile_core::{Event, Finish, FinishReason, Model, Part, Response, Scripted};
/// # futures::executor::block_on(async {
/// # let cut = [
/// #     Event::part(0, Part::text("It all began")),
/// #     Event::finish(Finish::new(FinishReason::Length)),
/// # ];
/// # let model = Model::new(Scripted::new().events(cut.map(Ok)), "any");
/// let response: Response = model.call("Tell a story").max_tokens(3).await?;
/// let told = match response.finish_reason() {
///     Some(FinishReason::Stop) => "complete",
///     Some(FinishReason::Length) => "cut: raise `max_tokens`",
///     _ => "ended otherwise",
/// };
/// assert_eq!(told, "cut: raise `max_tokens`");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// The answer is complete.
    Stop,
    /// The token limit cut the answer. A tool call that was cut with it must not run.
    Length,
    /// The model waits for tool results.
    ToolCalls,
    /// The provider's content policy stopped the answer.
    ContentFilter,
    /// The provider paused a long turn; sending the conversation again continues it.
    Paused,
    /// The provider failed while answering.
    Error,
    /// A reason this version does not know; [`Finish::raw`] has it.
    Other,
}

impl FinishReason {
    /// The reason's name as it is serialised: `stop`, `tool_calls`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Paused => "paused",
            Self::Error => "error",
            Self::Other => "other",
        }
    }
}

/// How a response ended.
///
/// ```
/// use meanwhile_core::{Finish, FinishReason};
///
/// // Of a provider that ended at one of the request's `stop` texts.
/// let finish = Finish::new(FinishReason::Stop).with_raw("stop_sequence").with_stop_sequence("END");
/// assert_eq!(finish.reason.as_str(), "stop");
/// assert_eq!(finish.raw.as_deref(), Some("stop_sequence"));
/// assert_eq!(finish.stop_sequence.as_deref(), Some("END"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finish {
    /// The reason in this workspace's vocabulary.
    pub reason: FinishReason,
    /// The provider's own word, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The stop sequence that ended the answer, where the provider tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_sequence: Option<String>,
}

impl Finish {
    /// Makes a finish without the provider's own word.
    #[must_use]
    pub fn new(reason: FinishReason) -> Self {
        Self { reason, raw: None, stop_sequence: None }
    }

    /// Keeps the provider's own word.
    #[must_use]
    pub fn with_raw(mut self, raw: impl Into<String>) -> Self {
        self.raw = Some(raw.into());
        self
    }

    /// Keeps the stop sequence that ended the answer.
    #[must_use]
    pub fn with_stop_sequence(mut self, sequence: impl Into<String>) -> Self {
        self.stop_sequence = Some(sequence.into());
        self
    }
}
