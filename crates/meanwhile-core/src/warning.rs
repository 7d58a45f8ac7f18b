//! [`Warning`]: what was dropped, weakened or translated on the way, as data on the response.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What happened to a setting or part that a provider could not carry as it was.
///
/// ```
/// use meanwhile_core::{Warning, WarningKind};
///
/// let warnings = [
///     Warning::changed("temperature", "1.8 was sent as 1, the most there is"),
///     Warning::dropped("top_k", "the provider has no such setting"),
/// ];
/// let lost = warnings.iter().filter(|warning| warning.kind == WarningKind::Dropped);
/// assert_eq!(lost.map(|warning| &*warning.subject).collect::<Vec<_>>(), ["top_k"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WarningKind {
    /// It was left out of the request.
    Dropped,
    /// It was sent in a weaker or different form.
    Changed,
    /// The answer held something that could not be read; the rest was kept.
    Unreadable,
    /// The provider calls the setting deprecated.
    Deprecated,
    /// Anything else worth knowing.
    Other,
}

/// One thing that did not go through as asked.
///
/// ```
/// # use meanwhile_core::{Event, Finish, FinishReason, Model, Part, Response, Scripted, Warning};
/// # futures::executor::block_on(async {
/// // What a codec sends where the wire has no such setting.
/// let events = [
///     Event::warning(Warning::dropped("top_k", "the provider has no such setting")),
///     Event::part(0, Part::text("hello")),
///     Event::finish(Finish::new(FinishReason::Stop)),
/// ];
/// let model = Model::new(Scripted::new().events(events.map(Ok)), "any");
/// let response: Response = model.call("Say hello").params(|params| params.top_k(40)).await?;
/// let told: Vec<String> = response.warnings.iter().map(Warning::to_string).collect();
/// assert_eq!(told, ["top_k: the provider has no such setting"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Warning {
    /// What happened to it.
    pub kind: WarningKind,
    /// The setting or part: `top_k`, `image`, `thinking signature`.
    pub subject: Cow<'static, str>,
    /// Why, in one sentence.
    pub message: Cow<'static, str>,
}

impl Warning {
    /// Makes a warning.
    #[must_use]
    pub fn new(
        kind: WarningKind,
        subject: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { kind, subject: subject.into(), message: message.into() }
    }

    /// Reports that `subject` was left out of the request.
    #[must_use]
    pub fn dropped(
        subject: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(WarningKind::Dropped, subject, message)
    }

    /// Reports that `subject` was sent in another form.
    #[must_use]
    pub fn changed(
        subject: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(WarningKind::Changed, subject, message)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.message)
    }
}
