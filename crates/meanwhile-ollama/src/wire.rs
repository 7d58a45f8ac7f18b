//! What comes over the wire: [`Line`], for whole answers and lines of a stream alike. Text is
//! borrowed from the input.

use meanwhile_http::lenient::{BorrowedStr, null_default};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A whole answer or one line of a streamed one. What is not looked at in every line stays as it
/// came until it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Line<'a> {
    #[serde(borrow)]
    pub(crate) model: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) created_at: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) message: Option<Message<'a>>,
    #[serde(deserialize_with = "null_default")]
    pub(crate) done: bool,
    #[serde(borrow)]
    pub(crate) done_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) logprobs: Option<Vec<Logprob<'a>>>,
    #[serde(borrow)]
    pub(crate) prompt_eval_count: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) eval_count: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) total_duration: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) load_duration: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) prompt_eval_duration: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) eval_duration: Option<&'a RawValue>,
}

/// The text of a field; `None` where it is empty or no text.
pub(crate) fn text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok().filter(|text: &String| !text.is_empty())
}

/// A message or what is added to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    pub(crate) content: Option<BorrowedStr<'a>>,
    #[serde(borrow)]
    pub(crate) thinking: Option<BorrowedStr<'a>>,
    #[serde(borrow)]
    pub(crate) images: Option<Vec<BorrowedStr<'a>>>,
    #[serde(borrow)]
    pub(crate) tool_calls: Option<Vec<ToolCall<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ToolCall<'a> {
    #[serde(borrow)]
    pub(crate) id: Option<BorrowedStr<'a>>,
    #[serde(borrow)]
    pub(crate) function: Option<Function<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Function<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<BorrowedStr<'a>>,
    /// An object; text that holds one from servers that pass on another dialect.
    #[serde(borrow)]
    pub(crate) arguments: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Logprob<'a> {
    #[serde(borrow)]
    pub(crate) token: BorrowedStr<'a>,
    pub(crate) logprob: Option<f64>,
    #[serde(borrow)]
    pub(crate) top_logprobs: Option<Vec<Top<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Top<'a> {
    #[serde(borrow)]
    pub(crate) token: BorrowedStr<'a>,
    pub(crate) logprob: Option<f64>,
}
