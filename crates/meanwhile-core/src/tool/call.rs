//! [`ToolCall`] and [`ToolResult`]: the model's question to the program, and the answer.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::FunctionTool;
use crate::{Error, ErrorKind, IntoParts, Part, ProviderData, Result};

/// The model asks for a tool to be run.
///
/// ```
/// use meanwhile_core::{ErrorKind, ToolCall};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Weather {
///     city: String,
/// }
///
/// let call = ToolCall::new("1", "weather", r#"{"city": "Lisbon"}"#);
/// assert_eq!(call.parse::<Weather>()?.city, "Lisbon");
/// let cut = ToolCall::new("2", "weather", r#"{"city": "Lis"#);
/// assert_eq!(cut.json().unwrap_err().kind(), ErrorKind::Output);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolCall {
    /// The call's id, unique within the conversation.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as JSON text, exactly as the model wrote them.
    pub arguments: String,
    /// Data that the provider wants back with this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<ProviderData>>,
}

impl ToolCall {
    /// Makes a call.
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        Self { id: id.into(), name: name.into(), arguments: arguments.into(), data: None }
    }

    /// Reads the arguments as JSON.
    ///
    /// No text at all and `null` mean a call without arguments, `{}`. Some models write an empty
    /// object before the real one; the real one counts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`] when the text is not JSON (a cut-off call, for one).
    pub fn json(&self) -> Result<Value> {
        let mut found = None;
        for value in serde_json::Deserializer::from_str(&self.arguments).into_iter::<Value>() {
            let value = value.map_err(|source| {
                let message =
                    format!("the arguments of the call of `{}` are not JSON: {source}", self.name);
                Error::new(ErrorKind::Output, message).with_source(source)
            })?;
            match &found {
                Some(Value::Object(first)) if first.is_empty() => found = Some(value),
                None => found = Some(value),
                Some(_) => {
                    let message = format!(
                        "the arguments of the call of `{}` are several JSON values",
                        self.name
                    );
                    return Err(Error::new(ErrorKind::Output, message));
                }
            }
        }
        Ok(match found {
            None | Some(Value::Null) => Value::Object(Map::new()),
            Some(value) => value,
        })
    }

    /// Reads the arguments as `T`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`] when the text is not JSON or does not fit `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(self.json()?).map_err(|source| {
            let message =
                format!("the arguments of the call of `{}` do not fit: {source}", self.name);
            Error::new(ErrorKind::Output, message).with_source(source)
        })
    }

    /// Reads the call as a call of the tool `T`; `None` when it calls another tool.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`] when it calls `T` with arguments that do not fit.
    pub fn downcast<T: FunctionTool>(&self) -> Result<Option<T>> {
        if self.name == T::NAME { self.parse().map(Some) } else { Ok(None) }
    }
}

/// The program's answer to a tool call.
///
/// ```
/// # use meanwhile_core::{Message, Model, Scripted, ToolCall, ToolResult};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("Take an umbrella."), "any");
/// let call = ToolCall::new("1", "weather", r#"{"city": "Lisbon"}"#);
/// let conversation = vec![
///     Message::user("What do I take to Lisbon?"),
///     Message::assistant(call.clone()),
///     Message::tool_results([ToolResult::new(&call, "rain")]),
/// ];
/// assert_eq!(model.call::<String>(conversation).await?, "Take an umbrella.");
/// // A tool that failed says how; the model may react to it.
/// assert!(ToolResult::error(&call, "no such city").is_error);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolResult {
    /// The id of the call that this answers.
    pub call_id: String,
    /// The tool's name.
    pub name: String,
    /// The answer, in order.
    pub parts: Vec<Part>,
    /// Whether the tool failed; the parts then say how, for the model to react.
    #[serde(default)]
    pub is_error: bool,
    /// Data that the provider wants back with this part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<ProviderData>>,
}

impl ToolResult {
    /// Answers `call`.
    #[must_use]
    pub fn new(call: &ToolCall, parts: impl IntoParts) -> Self {
        Self {
            call_id: call.id.clone(),
            name: call.name.clone(),
            parts: parts.into_parts(),
            is_error: false,
            data: None,
        }
    }

    /// Tells the model that `call` failed.
    #[must_use]
    pub fn error(call: &ToolCall, message: impl Into<String>) -> Self {
        Self { is_error: true, ..Self::new(call, Part::text(message)) }
    }

    /// Joins the text parts, without a separator.
    #[must_use]
    pub fn text(&self) -> String {
        self.parts.iter().filter_map(Part::as_text).collect()
    }
}
