//! [`IntoMessages`], what a conversation can be written as: text, messages, pairs and maps.

use std::collections::{BTreeMap, HashMap};

use meanwhile_core::{
    Error, ErrorKind, IntoParts, Message, Part, Result, Role, ToolCall, ToolResult,
};
use serde_json::{Map, Value};

/// What the role of a message can be written as.
pub trait IntoRole {
    /// Turns the value into a role.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) for a name of no role.
    fn into_role(self) -> Result<Role>;
}

impl IntoRole for Role {
    fn into_role(self) -> Result<Role> {
        Ok(self)
    }
}

impl IntoRole for &str {
    fn into_role(self) -> Result<Role> {
        match self {
            "system" | "developer" => Ok(Role::System),
            "user" => Ok(Role::User),
            "assistant" => Ok(Role::Assistant),
            "tool" => Ok(Role::Tool),
            other => Err(config(format!(
                "there is no role `{other}`: write `system`, `user`, `assistant` or `tool`"
            ))),
        }
    }
}

impl IntoRole for String {
    fn into_role(self) -> Result<Role> {
        self.as_str().into_role()
    }
}

/// What a message can be written as: text of the user, a [`Message`], a pair of role and content, or a map
/// with `role` and `content`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a message",
    note = "write text, a `Message`, a pair such as `(\"user\", \"Hello\")`, or a map with `role` and `content`"
)]
pub trait IntoMessage {
    /// Turns the value into a message.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) for a name of no role, and for a map with a field that is missing, not
    /// known or of the wrong type.
    fn into_message(self) -> Result<Message>;
}

impl IntoMessage for Message {
    fn into_message(self) -> Result<Message> {
        Ok(self)
    }
}

impl IntoMessage for &Message {
    fn into_message(self) -> Result<Message> {
        Ok(self.clone())
    }
}

impl IntoMessage for &str {
    fn into_message(self) -> Result<Message> {
        Ok(Message::user(self))
    }
}

impl IntoMessage for String {
    fn into_message(self) -> Result<Message> {
        Ok(Message::user(self))
    }
}

impl IntoMessage for &String {
    fn into_message(self) -> Result<Message> {
        Ok(Message::user(self.as_str()))
    }
}

impl<R: IntoRole, C: IntoParts> IntoMessage for (R, C) {
    fn into_message(self) -> Result<Message> {
        Ok(Message::new(self.0.into_role()?, self.1))
    }
}

impl<K: AsRef<str>, V: Into<String>> IntoMessage for BTreeMap<K, V> {
    fn into_message(self) -> Result<Message> {
        let fields =
            self.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value.into().into()));
        fields.collect::<Map<String, Value>>().into_message()
    }
}

impl<K: AsRef<str>, V: Into<String>, S> IntoMessage for HashMap<K, V, S> {
    fn into_message(self) -> Result<Message> {
        let fields =
            self.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value.into().into()));
        fields.collect::<Map<String, Value>>().into_message()
    }
}

impl IntoMessage for Value {
    fn into_message(self) -> Result<Message> {
        match self {
            Self::String(text) => text.into_message(),
            Self::Object(fields) => fields.into_message(),
            _ => Err(config("a message is text, or a map with `role` and `content`".to_owned())),
        }
    }
}

impl IntoMessage for Map<String, Value> {
    fn into_message(self) -> Result<Message> {
        let (mut role, mut parts, mut name, mut call_id) = (None, Vec::new(), None, None);
        for (field, value) in self {
            match (field.as_str(), value) {
                ("role", Value::String(text)) => role = Some(text.into_role()?),
                ("content", value) => parts = content(value)?,
                ("name", Value::String(text)) => name = Some(text),
                ("tool_call_id", Value::String(text)) => call_id = Some(text),
                ("role" | "name" | "tool_call_id", _) => {
                    return Err(config(format!("`{field}` of a message is text")));
                }
                _ => {
                    return Err(config(format!(
                        "a message has no field `{field}`: it has `role`, `content`, `name`, and \
                         `tool_call_id`; build a `Message` for anything else"
                    )));
                }
            }
        }
        let Some(role) = role else {
            return Err(config("a message needs a `role`".to_owned()));
        };
        match (role, call_id) {
            (Role::Tool, Some(id)) => {
                let call = ToolCall::new(id, name.unwrap_or_default(), "");
                Ok(Message::tool_results([ToolResult::new(&call, parts)]))
            }
            (Role::Tool, None) => {
                Err(config("a message of a tool needs `tool_call_id`".to_owned()))
            }
            (_, Some(_)) => Err(config("only a message of a tool has `tool_call_id`".to_owned())),
            (role, None) => {
                let message = Message::new(role, parts);
                Ok(match name {
                    Some(name) => message.with_name(name),
                    None => message,
                })
            }
        }
    }
}

/// Text, or a list of texts as chat interfaces write them: `{"type": "text", "text": "…"}`.
fn content(value: Value) -> Result<Vec<Part>> {
    let wrong = || {
        let message = "the `content` of a message is text, or a list of `{\"type\": \"text\", \"text\": …}`; \
            build a `Message` for anything else";
        config(message.to_owned())
    };
    match value {
        Value::String(text) => Ok(vec![Part::text(text)]),
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(Part::text(text)),
                Value::Object(fields) if fields.get("type").is_none_or(|kind| kind == "text") => {
                    match fields.get("text") {
                        Some(Value::String(text)) => Ok(Part::text(text.as_str())),
                        _ => Err(wrong()),
                    }
                }
                _ => Err(wrong()),
            })
            .collect(),
        _ => Err(wrong()),
    }
}

fn config(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}

/// What a conversation can be written as: one message, or a list of them, oldest first.
pub trait IntoMessages {
    /// Turns the value into messages.
    ///
    /// # Errors
    ///
    /// As [`IntoMessage::into_message`].
    fn into_messages(self) -> Result<Vec<Message>>;
}

macro_rules! one {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> IntoMessages for $type {
            fn into_messages(self) -> Result<Vec<Message>> {
                Ok(vec![self.into_message()?])
            }
        }
    )*};
}
one!([] &str, [] String, [] &String, [] Message, [R: IntoRole, C: IntoParts] (R, C), [] Map<String, Value>);

impl<M: IntoMessage> IntoMessages for Vec<M> {
    fn into_messages(self) -> Result<Vec<Message>> {
        self.into_iter().map(IntoMessage::into_message).collect()
    }
}

impl<M: IntoMessage, const N: usize> IntoMessages for [M; N] {
    fn into_messages(self) -> Result<Vec<Message>> {
        self.into_iter().map(IntoMessage::into_message).collect()
    }
}

impl<M: Clone + IntoMessage> IntoMessages for &[M] {
    fn into_messages(self) -> Result<Vec<Message>> {
        self.iter().cloned().map(IntoMessage::into_message).collect()
    }
}

impl IntoMessages for Value {
    fn into_messages(self) -> Result<Vec<Message>> {
        match self {
            Self::Array(items) => items.into_messages(),
            one => Ok(vec![one.into_message()?]),
        }
    }
}
