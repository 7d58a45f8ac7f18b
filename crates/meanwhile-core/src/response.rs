//! [`Response`]: one complete answer, or what had arrived of it when it broke.

use serde::{Deserialize, Serialize};

use crate::tool::ToolCall;
use crate::{Attempt, Citation, Finish, FinishReason, Message, Part, Role, Usage, Warning};

/// One answer of a model.
///
/// ```
/// # use meanwhile_core::{FinishReason, Model, Response, Scripted};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("Good morning"), "any");
/// let response: Response = model.call("Greet me").await?;
/// assert_eq!(response.text(), "Good morning");
/// assert_eq!(response.finish_reason(), Some(FinishReason::Stop));
/// assert_eq!(response.usage.output.total, Some(2));
/// assert!(response.warnings.is_empty() && response.attempts.is_empty());
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Response {
    /// The provider that answered.
    pub provider: String,
    /// The model that answered, as the provider names it; the requested one where it does not say.
    pub model: String,
    /// The model that was asked for, where a layer (a fallback, a router, a hedge) asked for another than
    /// the call did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_model: Option<String>,
    /// The provider's id of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The provider's id of the request, to quote to its support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When the provider made the response, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<u64>,
    /// The tier of service that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// Whether the answer was had before, and comes out of a cache of this program: its counts are
    /// those of the answer as it was first given, and nothing was paid for them again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
    /// The assistant message, ready to be appended to a conversation.
    pub message: Message,
    /// Why the model stopped; `None` where the provider did not say or the answer is partial.
    pub finish: Option<Finish>,
    /// Token counts.
    pub usage: Usage,
    /// What did not go through as asked.
    pub warnings: Vec<Warning>,
    /// The tries that failed before this answer, oldest first. Empty where the first one succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// The frames of the answer as the provider sent them, where the request asked for that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raw: Vec<String>,
}

impl Response {
    /// Makes an empty response of `provider` and `model`.
    #[must_use]
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
            requested_model: None,
            id: None,
            request_id: None,
            created: None,
            service_tier: None,
            cached: false,
            message: Message::new(Role::Assistant, Vec::new()),
            finish: None,
            usage: Usage::default(),
            warnings: Vec::new(),
            attempts: Vec::new(),
            raw: Vec::new(),
        }
    }

    /// Joins the text parts, without a separator. Empty where there is none.
    #[must_use]
    pub fn text(&self) -> String {
        self.message.text()
    }

    /// Joins what the model thought, where the provider shows it.
    #[must_use]
    pub fn thinking(&self) -> String {
        let thoughts = self.message.parts.iter().filter_map(|part| match part {
            Part::Thinking(thinking) => Some(thinking.text.as_str()),
            _ => None,
        });
        thoughts.collect()
    }

    /// The model's refusal, where it refused.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let mut refusals = self.message.parts.iter().filter_map(|part| match part {
            Part::Refusal(refusal) => Some(refusal.text.as_str()),
            _ => None,
        });
        let first = refusals.next()?;
        Some(refusals.fold(first.to_owned(), |all, next| all + next))
    }

    /// The tool calls, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.message.tool_calls()
    }

    /// What backs the answer, in the order of its text.
    pub fn citations(&self) -> impl Iterator<Item = &Citation> {
        let texts = self.message.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(&text.citations),
            _ => None,
        });
        texts.flatten()
    }

    /// Whether the token limit or a filter cut the answer: what it holds is not whole, and a tool call in
    /// it must not run.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self.finish_reason(), Some(FinishReason::Length | FinishReason::ContentFilter))
    }

    /// The unified finish reason; `None` where the provider did not say.
    #[must_use]
    pub fn finish_reason(&self) -> Option<FinishReason> {
        self.finish.as_ref().map(|finish| finish.reason)
    }
}
