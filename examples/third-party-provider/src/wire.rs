//! The types of Acme's own protocol: strict when they are written, lenient when they are read.

use meanwhile_core::{ToolCall, ToolSpec, Usage};
use meanwhile_http::lenient;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// A request to `/talk`.
#[derive(Debug, Serialize)]
pub(crate) struct Talk<'a> {
    pub(crate) model: &'a str,
    pub(crate) stream: bool,
    pub(crate) turns: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) tools: &'a [ToolSpec],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stop: Option<Vec<String>>,
}

/// What somebody said or did.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Turn<'a> {
    Said { by: &'static str, say: &'a str },
    Call { call: &'a str, id: &'a str, with: Value },
    Result { of: &'a str, say: String, failed: bool },
}

/// A line of a stream. A whole answer is one line that holds everything.
#[derive(Debug, Deserialize)]
pub(crate) struct Line<'a> {
    #[serde(default)]
    pub(crate) say: Option<String>,
    #[serde(default, borrow, deserialize_with = "lenient::null_default")]
    pub(crate) calls: Vec<Call<'a>>,
    #[serde(default)]
    pub(crate) end: Option<String>,
    #[serde(default)]
    pub(crate) tokens: Option<Tokens>,
    #[serde(default)]
    pub(crate) error: Option<Failure>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Call<'a> {
    id: String,
    tool: String,
    #[serde(borrow)]
    input: &'a RawValue,
}

impl From<Call<'_>> for ToolCall {
    fn from(call: Call<'_>) -> Self {
        Self::new(call.id, call.tool, call.input.get())
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Tokens {
    read: u64,
    written: u64,
}

impl From<Tokens> for Usage {
    fn from(tokens: Tokens) -> Self {
        Self::totals(tokens.read, tokens.written)
    }
}

/// The body of a refusal, and the last line of a stream that failed.
#[derive(Debug, Deserialize)]
pub(crate) struct Refused {
    pub(crate) error: Failure,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Failure {
    #[serde(default, deserialize_with = "lenient::null_default")]
    pub(crate) code: String,
    #[serde(default, deserialize_with = "lenient::null_default")]
    pub(crate) text: String,
}
