//! [`Prompt`]: messages, and the settings that hold for the one call they are used in.

use std::sync::Arc;
use std::time::Duration;

use crate::settings::configure;
use crate::tool::{ToolChoice, ToolSet, Toolbox};
use crate::{
    AnyProvider, IntoObserver, IntoParts, Layer, Message, ModelRef, OnUnsupported, Params, Part,
    Settings, Timeouts,
};

/// What a prompt function evaluates to: a conversation, and settings for the one call it starts.
///
/// Settings made here win over the attribute's and lose against the call site's.
///
/// ```
/// # use meanwhile_core::{Model, Prompt, Scripted};
/// # futures::executor::block_on(async {
/// let prompt = Prompt::new()
///     .system("You are a librarian.")
///     .user("Recommend a fantasy book.")
///     .temperature(0.7);
/// let scripted = Scripted::new().reply("A Wizard of Earthsea");
/// let answer: String = Model::new(scripted.clone(), "any").call(prompt).await?;
/// assert_eq!(answer, "A Wizard of Earthsea");
/// assert_eq!(scripted.requests()[0].params.temperature, Some(0.7));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Prompt {
    /// The conversation, oldest message first.
    pub messages: Vec<Message>,
    /// Settings of this call.
    pub settings: Settings,
}

impl Prompt {
    /// Makes an empty prompt.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a system message.
    #[must_use]
    pub fn system(self, parts: impl IntoParts) -> Self {
        self.message(Message::system(parts))
    }

    /// Adds a user message.
    #[must_use]
    pub fn user(self, parts: impl IntoParts) -> Self {
        self.message(Message::user(parts))
    }

    /// Adds an assistant message.
    #[must_use]
    pub fn assistant(self, parts: impl IntoParts) -> Self {
        self.message(Message::assistant(parts))
    }

    /// Adds a message.
    #[must_use]
    pub fn message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }

    /// Adds messages, such as the history of a conversation.
    #[must_use]
    pub fn messages(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.messages.extend(messages);
        self
    }

    fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }
}

configure!(impl[] Prompt);

/// What the body of a prompt function may evaluate to.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a prompt",
    label = "this is not a prompt",
    note = "a prompt is a string, a `Message`, a list of messages, a `Prompt`, or a `Result` of one of these"
)]
pub trait IntoPrompt {
    /// Turns the value into a prompt. Text alone becomes one user message.
    fn into_prompt(self) -> Prompt;
}

#[diagnostic::do_not_recommend]
impl<P: Into<Prompt>> IntoPrompt for P {
    fn into_prompt(self) -> Prompt {
        self.into()
    }
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self::new().user(text)
    }
}

impl From<String> for Prompt {
    fn from(text: String) -> Self {
        Self::new().user(text)
    }
}

impl From<&String> for Prompt {
    fn from(text: &String) -> Self {
        Self::new().user(text.as_str())
    }
}

impl From<Part> for Prompt {
    fn from(part: Part) -> Self {
        Self::new().user(part)
    }
}

impl From<Vec<Part>> for Prompt {
    fn from(parts: Vec<Part>) -> Self {
        Self::new().user(parts)
    }
}

impl<const N: usize> From<[Part; N]> for Prompt {
    fn from(parts: [Part; N]) -> Self {
        Self::new().user(parts)
    }
}

impl From<Message> for Prompt {
    fn from(message: Message) -> Self {
        Self::new().message(message)
    }
}

impl From<Vec<Message>> for Prompt {
    fn from(messages: Vec<Message>) -> Self {
        Self { messages, settings: Settings::new() }
    }
}

impl<const N: usize> From<[Message; N]> for Prompt {
    fn from(messages: [Message; N]) -> Self {
        Self::new().messages(messages)
    }
}

impl From<&[Message]> for Prompt {
    fn from(messages: &[Message]) -> Self {
        Self::from(messages.to_vec())
    }
}

impl From<&Vec<Message>> for Prompt {
    fn from(messages: &Vec<Message>) -> Self {
        Self::from(messages.clone())
    }
}
