//! [`Message`] and [`Part`]: what is said, in order, with each provider's opaque data in place.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tool::{ToolCall, ToolResult};
use crate::{Audio, Citation, Document, Image, Logprob, ProviderData};

/// Who speaks.
///
/// ```
/// use meanwhile_core::{Message, Role};
///
/// let conversation = [Message::system("Be brief."), Message::user("Hello")];
/// let roles: Vec<Role> = conversation.iter().map(|message| message.role).collect();
/// assert_eq!(roles, [Role::System, Role::User]);
/// assert_eq!(Role::Assistant.as_str(), "assistant");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The developer, setting the frame of the conversation.
    System,
    /// The person or program that asks.
    User,
    /// The model.
    Assistant,
    /// The program, answering the model's tool calls.
    Tool,
}

impl Role {
    /// The role's name as the wires write it: `system`, `user`, `assistant`, `tool`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message: a role and its parts, in order.
///
/// ```
/// # use meanwhile_core::{Message, Model, Response, Role, Scripted};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("Paris").reply("The Seine"), "any");
/// let mut conversation = vec![Message::user("What is the capital of France?")];
/// let response: Response = model.call(conversation.clone()).await?;
/// // An answer goes back as it came; the next question follows it.
/// conversation.push(response.message);
/// conversation.push(Message::user("Which river is it on?"));
/// assert_eq!(conversation[1].text(), "Paris");
/// assert_eq!(model.call::<String>(conversation).await?, "The Seine");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// The speaker's name, where several share a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Data that the provider wants back with this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<ProviderData>>,
}

impl Message {
    /// Makes a message of any role.
    #[must_use]
    pub fn new(role: Role, parts: impl IntoParts) -> Self {
        Self { role, parts: parts.into_parts(), name: None, data: None }
    }

    /// Makes a system message.
    #[must_use]
    pub fn system(parts: impl IntoParts) -> Self {
        Self::new(Role::System, parts)
    }

    /// Makes a user message.
    #[must_use]
    pub fn user(parts: impl IntoParts) -> Self {
        Self::new(Role::User, parts)
    }

    /// Makes an assistant message.
    #[must_use]
    pub fn assistant(parts: impl IntoParts) -> Self {
        Self::new(Role::Assistant, parts)
    }

    /// Makes the message that answers tool calls.
    #[must_use]
    pub fn tool_results(results: impl IntoIterator<Item = ToolResult>) -> Self {
        let parts: Vec<Part> = results.into_iter().map(Part::ToolResult).collect();
        Self::new(Role::Tool, parts)
    }

    /// Names the speaker.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Joins the text parts, without a separator.
    #[must_use]
    pub fn text(&self) -> String {
        self.parts.iter().filter_map(Part::as_text).collect()
    }

    /// The tool calls, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(Part::as_tool_call)
    }
}

/// One piece of a message.
///
/// ```
/// use meanwhile_core::{Image, Message, Part};
///
/// let question = Message::user([
///     Part::text("What is on this picture?"),
///     Part::from(Image::url("https://example.com/cat.png")),
/// ]);
/// let kinds: Vec<&str> = question.parts.iter().map(Part::kind).collect();
/// assert_eq!(kinds, ["text", "image"]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// Plain text.
    Text(Text),
    /// A picture.
    Image(Image),
    /// A sound recording.
    Audio(Audio),
    /// A document.
    Document(Document),
    /// What the model thought, with the provider's signature where it gave one.
    Thinking(Thinking),
    /// The model's refusal to answer, in its own words.
    Refusal(Refusal),
    /// The model asks for a tool to be run.
    ToolCall(ToolCall),
    /// The answer to a tool call.
    ToolResult(ToolResult),
    /// Everything up to here may be cached by the provider.
    CacheMark(CacheMark),
    /// A part that only one provider understands; it goes back to that provider verbatim.
    Opaque(ProviderData),
}

/// Plain text.
///
/// ```
/// use meanwhile_core::{Citation, Message, Part, Text};
///
/// let mut text = Text::new("Paris is the capital.");
/// text.citations.push(Citation::url("https://example.com/paris"));
/// let answer = Message::assistant(text);
/// assert_eq!(answer.text(), "Paris is the capital.");
/// assert!(matches!(&answer.parts[0], Part::Text(text) if text.citations.len() == 1));
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Text {
    /// The text.
    pub text: String,
    /// What backs the text, in the order the provider told it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation>,
    /// How probable its tokens were, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<Logprob>,
    /// Data that the provider wants back with this part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<ProviderData>>,
}

/// What the model thought before it answered.
///
/// ```
/// use meanwhile_core::{Message, Part, ProviderData, Thinking};
///
/// let signature = ProviderData::new("anthropic", "EqQBCkYIBBgC".into());
/// let thinking = Thinking::new("Six times seven.").with_data(signature);
/// let answer = Message::assistant([Part::from(thinking), Part::text("42")]);
/// // Thinking is no part of the visible text, and its signature stays in place.
/// assert_eq!(answer.text(), "42");
/// assert_eq!(answer.parts[0].data().unwrap().provider, "anthropic");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Thinking {
    /// The thoughts or their summary; empty where the provider keeps them to itself.
    pub text: String,
    /// The provider's signature, which it wants back in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<ProviderData>>,
}

/// The model's refusal.
///
/// ```
/// # use meanwhile_core::{ErrorKind, Model, Part, Refusal, Response, Scripted};
/// # futures::executor::block_on(async {
/// let refusal = || Part::from(Refusal::new("I cannot help with that."));
/// let model = Model::new(Scripted::new().parts([refusal()]).parts([refusal()]), "any");
/// let response: Response = model.call("Write malware").await?;
/// assert_eq!(response.refusal().as_deref(), Some("I cannot help with that."));
/// // Where a value was asked for, a refusal is an error.
/// let error = model.call::<u8>("Write malware").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Output);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The model's own words.
    pub text: String,
    /// Data that the provider wants back with this part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<ProviderData>>,
}

macro_rules! text_part {
    ($($name:ident)*) => {$(
        impl $name {
            /// Makes the part without provider data.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self { text: text.into(), ..Self::default() }
            }

            /// Attaches data that the provider wants back.
            #[must_use]
            pub fn with_data(mut self, data: ProviderData) -> Self {
                self.data = Some(Box::new(data));
                self
            }
        }
    )*};
}
text_part!(Text Thinking Refusal);

/// Marks the end of a prefix that the provider may cache.
///
/// ```
/// use meanwhile_core::{CacheMark, Message, Part};
///
/// let question = Message::user([
///     Part::text("A long manual."),
///     Part::from(CacheMark::new().with_ttl("1h")),
///     Part::text("How is it switched off?"),
/// ]);
/// assert_eq!(question.text(), "A long manual.How is it switched off?");
/// assert_eq!(question.parts[1], Part::CacheMark(CacheMark::new().with_ttl("1h")));
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CacheMark {
    /// How long to keep it, where the provider offers a choice (`5m`, `1h`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
}

impl CacheMark {
    /// Marks a prefix for the provider's default time.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long to keep the prefix.
    #[must_use]
    pub fn with_ttl(mut self, ttl: impl Into<String>) -> Self {
        self.ttl = Some(ttl.into());
        self
    }
}

impl Part {
    /// Makes a text part.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Text::new(text))
    }

    /// Makes a cache mark.
    #[must_use]
    pub fn cache_mark() -> Self {
        Self::CacheMark(CacheMark::new())
    }

    /// Makes a part that only `provider` understands.
    #[must_use]
    pub fn opaque(provider: impl Into<String>, value: Value) -> Self {
        Self::Opaque(ProviderData::new(provider, value))
    }

    /// Returns the text of a text part.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(part) => Some(&part.text),
            _ => None,
        }
    }

    /// Returns the tool call of a tool-call part.
    #[must_use]
    pub fn as_tool_call(&self) -> Option<&ToolCall> {
        match self {
            Self::ToolCall(call) => Some(call),
            _ => None,
        }
    }

    /// The word for this kind of part in warnings: `image`, `tool call`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Image(_) => "image",
            Self::Audio(_) => "audio",
            Self::Document(_) => "document",
            Self::Thinking(_) => "thinking",
            Self::Refusal(_) => "refusal",
            Self::ToolCall(_) => "tool call",
            Self::ToolResult(_) => "tool result",
            Self::CacheMark(_) => "cache mark",
            Self::Opaque(_) => "opaque part",
        }
    }

    /// The provider data of the part, where it carries some.
    #[must_use]
    pub fn data(&self) -> Option<&ProviderData> {
        match self {
            Self::Text(part) => part.data.as_deref(),
            Self::Image(part) => part.data.as_deref(),
            Self::Audio(part) => part.data.as_deref(),
            Self::Document(part) => part.data.as_deref(),
            Self::Thinking(part) => part.data.as_deref(),
            Self::Refusal(part) => part.data.as_deref(),
            Self::ToolCall(part) => part.data.as_deref(),
            Self::ToolResult(part) => part.data.as_deref(),
            Self::CacheMark(_) => None,
            Self::Opaque(data) => Some(data),
        }
    }
}

macro_rules! part_from {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl From<$type> for Part {
            fn from(part: $type) -> Self {
                Self::$variant(part)
            }
        }
    )*};
}
part_from!(
    Text => Text, Image => Image, Audio => Audio, Document => Document, Thinking => Thinking,
    Refusal => Refusal, ToolCall => ToolCall, ToolResult => ToolResult, CacheMark => CacheMark,
);

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

/// What a message can be made of: text, a part, or a list of parts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the content of a message",
    note = "use text, a `Part`, or a list of parts"
)]
pub trait IntoParts {
    /// Turns the value into parts, in order.
    fn into_parts(self) -> Vec<Part>;
}

impl<P: Into<Part>> IntoParts for P {
    fn into_parts(self) -> Vec<Part> {
        vec![self.into()]
    }
}

impl IntoParts for Vec<Part> {
    fn into_parts(self) -> Vec<Part> {
        self
    }
}

impl<const N: usize> IntoParts for [Part; N] {
    fn into_parts(self) -> Vec<Part> {
        self.into()
    }
}
