//! [`Reading`]: what the value of an answer is read with, and what that took.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Response, Schema};

/// The name of the tool through whose call a model gives its answer, where it is asked for one so.
pub const OUTPUT_TOOL: &str = "final_answer";

/// Reads JSON that is not quite JSON, or not quite of its schema. `meanwhile-json` has one, and the
/// `meanwhile` facade sets it; without one, answers are read strictly.
pub trait OutputReader: fmt::Debug + Send + Sync + 'static {
    /// Reads the one value that `text` holds.
    ///
    /// # Errors
    ///
    /// Why there is none, in words that a model can act on.
    fn read(&self, text: &str, schema: &Schema) -> Result<ReadValue, String>;
}

/// A value that an [`OutputReader`] read.
///
/// ```
/// # use meanwhile_core::{Extracted, Model, OutputReader, ReadValue, Repair, Schema, Scripted};
/// #[derive(Debug)]
/// struct AfterColon;
///
/// impl OutputReader for AfterColon {
///     fn read(&self, text: &str, _: &Schema) -> Result<ReadValue, String> {
///         let (before, json) = text.split_once(": ").ok_or("there is no value after a colon")?;
///         let value = serde_json::from_str(json).map_err(|error| error.to_string())?;
///         Ok(ReadValue::new(value, vec![Repair::new(format!("left out `{before}`"), 0, "")]))
///     }
/// }
///
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("Answer: 42"), "any");
/// let call = model.call::<Extracted<u8>>("What is six times seven?").reader(AfterColon);
/// let answer = call.await?;
/// assert_eq!(answer.value, 42);
/// assert_eq!(answer.repairs[0].message, "left out `Answer`");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReadValue {
    /// The value.
    pub value: Value,
    /// What was not as it should be, in order.
    pub repairs: Vec<Repair>,
}

impl ReadValue {
    /// Makes a value that was read with these repairs.
    #[must_use]
    pub fn new(value: Value, repairs: Vec<Repair>) -> Self {
        Self { value, repairs }
    }
}

/// Something that was mended while an answer was read.
///
/// ```
/// use meanwhile_core::Repair;
///
/// let repair = Repair::new("a comma was missing", 17, "/authors/1");
/// assert_eq!(repair.to_string(), "a comma was missing at byte 17 (/authors/1)");
/// let at_the_root = Repair::new("the value was not closed", 40, "");
/// assert_eq!(at_the_root.to_string(), "the value was not closed at byte 40");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Repair {
    /// What was mended.
    pub message: String,
    /// Where in the text of the answer, in bytes.
    pub offset: usize,
    /// Where in the value, as a JSON pointer (RFC 6901); empty at the root.
    pub path: String,
}

impl Repair {
    /// Describes a repair.
    #[must_use]
    pub fn new(message: impl Into<String>, offset: usize, path: impl Into<String>) -> Self {
        Self { message: message.into(), offset, path: path.into() }
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.message, self.offset)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, " ({})", self.path) }
    }
}

/// What the value of an answer is read with, and what reading it took.
///
/// ```
/// # use meanwhile_core::{
/// #     Extract, Model, OutputFormat, Reading, Response, Result, Scripted, Toolbox,
/// # };
/// /// How many words an answer has.
/// struct Words(usize);
///
/// impl Extract for Words {
/// #     const RUNS_TOOLS: bool = false;
/// #     fn output() -> OutputFormat {
/// #         OutputFormat::Text
/// #     }
/// #     fn toolbox() -> Toolbox {
/// #         Toolbox::new()
/// #     }
///     fn extract(response: Response, reading: &mut Reading) -> Result<Self> {
///         Ok(Self(reading.text(&response).split_whitespace().count()))
///     }
/// }
///
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("A short answer"), "any");
/// let Words(words) = model.call("Say something").await?;
/// assert_eq!(words, 3);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Reading {
    /// What reads an answer that is not JSON of its schema as it stands.
    pub reader: Option<Arc<dyn OutputReader>>,
    /// How many answers before this one did not hold the value.
    pub failed: u32,
    /// What was mended in this one.
    pub repairs: Vec<Repair>,
    // Whether the answer was asked for as the arguments of a tool call.
    pub(crate) by_tool: bool,
}

impl Reading {
    /// Makes a strict reading.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The text that holds the value: that of the answer, or the arguments of the call by which the
    /// answer was asked for.
    #[must_use]
    pub fn text(&self, response: &Response) -> String {
        match self.output_call(response) {
            Some(call) => call.arguments.clone(),
            None => response.text(),
        }
    }

    /// The call by which the answer is given, where it was asked for as one.
    pub(crate) fn output_call<'a>(&self, response: &'a Response) -> Option<&'a crate::ToolCall> {
        if !self.by_tool {
            return None;
        }
        response.tool_calls().find(|call| call.name == OUTPUT_TOOL)
    }
}
