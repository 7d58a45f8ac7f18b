//! What comes over the wire: [`Line`], for whole answers and lines of a stream alike.
//!
//! Reading never fails over a single field: one that is missing, `null` or of an unexpected type reads as
//! absent, and of one that is named twice the last counts. Text is borrowed from the input.

use meanwhile_http::lenient::{Flag, List, Object, Str, Words, record};
use serde_json::value::RawValue;

record! {
    /// A whole answer or one line of a streamed one. What is not looked at in every line stays as it
    /// came until it is.
    pub(crate) struct Line<'a> {
        pub(crate) model: Option<&'a RawValue>,
        pub(crate) created_at: Option<&'a RawValue>,
        pub(crate) message: Object<Message<'a>>,
        pub(crate) done: Flag,
        pub(crate) done_reason: Option<&'a RawValue>,
        pub(crate) error: Option<&'a RawValue>,
        pub(crate) logprobs: List<Logprob<'a>>,
        pub(crate) prompt_eval_count: Option<&'a RawValue>,
        pub(crate) eval_count: Option<&'a RawValue>,
        pub(crate) total_duration: Option<&'a RawValue>,
        pub(crate) load_duration: Option<&'a RawValue>,
        pub(crate) prompt_eval_duration: Option<&'a RawValue>,
        pub(crate) eval_duration: Option<&'a RawValue>,
    }

    /// A message or what is added to it. Look-alikes write its text in parts, as other dialects do.
    pub(crate) struct Message<'a> {
        pub(crate) content: Words<'a>,
        pub(crate) thinking: Words<'a>,
        pub(crate) images: Option<&'a RawValue>,
        pub(crate) tool_calls: List<ToolCall<'a>>,
    }

    pub(crate) struct ToolCall<'a> {
        pub(crate) id: Str<'a>,
        pub(crate) function: Object<Function<'a>>,
    }

    pub(crate) struct Function<'a> {
        pub(crate) name: Str<'a>,
        /// An object; text that holds one from servers that pass on another dialect.
        pub(crate) arguments: Option<&'a RawValue>,
    }

    pub(crate) struct Logprob<'a> {
        pub(crate) token: Str<'a>,
        pub(crate) logprob: Option<&'a RawValue>,
        pub(crate) top_logprobs: List<Top<'a>>,
    }

    pub(crate) struct Top<'a> {
        pub(crate) token: Str<'a>,
        pub(crate) logprob: Option<&'a RawValue>,
    }
}

/// The text of a field; `None` where it is empty or no text.
pub(crate) fn text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok().filter(|text: &String| !text.is_empty())
}

/// The number of a field; `None` where it is none, or one that JSON could not hold when it is written
/// again.
pub(crate) fn number(raw: Option<&RawValue>) -> Option<f64> {
    raw?.get().parse().ok().filter(|number: &f64| number.is_finite())
}

/// The pictures of a message, in base64; one alone may stand without a list. What is neither reads as one
/// that is no text.
pub(crate) fn images(raw: Option<&RawValue>) -> Vec<Str<'_>> {
    let Some(raw) = raw.map(RawValue::get).filter(|raw| !matches!(*raw, "null" | "\"\"")) else {
        return Vec::new();
    };
    serde_json::from_str(raw)
        .unwrap_or_else(|_| vec![serde_json::from_str(raw).unwrap_or_default()])
}
