//! [`Attempt`]: a try that failed on the way to an answer, kept on the answer or on its error.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Usage};

/// One try that failed before the answer, or the last error, that it led to.
///
/// Layers that try again (retry, fallback, hedging) hand it on as
/// [`Event::Attempt`](crate::Event::Attempt) in front of the answer, and put it on the error with
/// [`Error::with_attempts`] when nothing is left to try.
///
/// ```
/// # use std::time::Duration;
/// # use meanwhile_core::{
/// #     Attempt, Error, ErrorKind, Event, Finish, FinishReason, Model, Part, Response, Scripted,
/// # };
/// # futures::executor::block_on(async {
/// let full = Error::new(ErrorKind::Overloaded, "at capacity").with_provider("openai");
/// let failed = Attempt::new(&full, "gpt-4o-mini", Duration::from_millis(900));
/// // What a layer that has tried again sends in front of the answer.
/// let events = [
///     Event::attempt(failed.with_wait(Duration::from_secs(1))),
///     Event::part(0, Part::text("hello")),
///     Event::finish(Finish::new(FinishReason::Stop)),
/// ];
/// let model = Model::new(Scripted::new().events(events.map(Ok)), "any");
/// let response: Response = model.call("Say hello").await?;
/// assert_eq!(response.attempts[0].kind, ErrorKind::Overloaded);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attempt {
    /// The provider that was asked, where the error names it.
    pub provider: Option<String>,
    /// The model that was asked, without the provider.
    pub model: String,
    /// What went wrong.
    pub kind: ErrorKind,
    /// What went wrong, in words; prints no secret.
    pub message: String,
    /// The HTTP status, where one was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The vendor's own error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How long the try took.
    pub elapsed: Duration,
    /// How long was waited after it; zero where the next try began at once or none followed.
    pub wait: Duration,
    /// What the try used, as far as the provider told. It is not part of the answer's own usage.
    pub usage: Usage,
}

impl Attempt {
    /// Describes a failed request for `model` that took `elapsed`.
    #[must_use]
    pub fn new(error: &Error, model: impl Into<String>, elapsed: Duration) -> Self {
        Self {
            provider: error.provider().map(str::to_owned),
            model: model.into(),
            kind: error.kind(),
            message: error.message().to_owned(),
            status: error.status(),
            code: error.code().map(str::to_owned),
            request_id: error.request_id().map(str::to_owned),
            elapsed,
            wait: Duration::ZERO,
            usage: error.partial().map(|partial| partial.usage.clone()).unwrap_or_default(),
        }
    }

    /// Sets how long is waited before the next try.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }
}
