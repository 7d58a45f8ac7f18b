//! What comes over the wire: [`Message`] for whole answers, [`StreamEvent`] for the pieces of a stream.
//!
//! Reading never fails over a single field: a field that is missing, `null` or of an unexpected
//! type reads as absent. Only text that is not JSON, or not an object, is an error. Text is
//! borrowed from the input; blocks are kept as they came until their type is known, because those
//! of an unknown type go back verbatim.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::fields::{Number, Object, Raws, Str};

/// A whole answer, or the first piece of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Str<'a>,
    #[serde(borrow)]
    pub(crate) id: Str<'a>,
    #[serde(borrow)]
    pub(crate) model: Str<'a>,
    #[serde(borrow)]
    pub(crate) content: Raws<'a>,
    #[serde(borrow)]
    pub(crate) stop_reason: Str<'a>,
    #[serde(borrow)]
    pub(crate) stop_sequence: Str<'a>,
    #[serde(borrow)]
    pub(crate) stop_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) container: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) context_management: Option<&'a RawValue>,
    /// Why the cache could not be used, where that was asked for.
    #[serde(borrow)]
    pub(crate) diagnostics: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
}

/// One piece of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StreamEvent<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Str<'a>,
    pub(crate) index: Number,
    #[serde(borrow)]
    pub(crate) message: Object<Message<'a>>,
    #[serde(borrow)]
    pub(crate) content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) delta: Object<Delta<'a>>,
    #[serde(borrow)]
    pub(crate) context_management: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
}

/// What is added to a block, or to the message as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Delta<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Str<'a>,
    #[serde(borrow)]
    pub(crate) text: Str<'a>,
    #[serde(borrow)]
    pub(crate) partial_json: Str<'a>,
    #[serde(borrow)]
    pub(crate) thinking: Str<'a>,
    #[serde(borrow)]
    pub(crate) signature: Str<'a>,
    #[serde(borrow)]
    pub(crate) citation: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) stop_reason: Str<'a>,
    #[serde(borrow)]
    pub(crate) stop_sequence: Str<'a>,
    #[serde(borrow)]
    pub(crate) stop_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) container: Option<&'a RawValue>,
}

/// A block of content, as far as its type is one that the core knows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Block<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Str<'a>,
    #[serde(borrow)]
    pub(crate) text: Str<'a>,
    #[serde(borrow)]
    pub(crate) citations: Raws<'a>,
    #[serde(borrow)]
    pub(crate) thinking: Str<'a>,
    #[serde(borrow)]
    pub(crate) signature: Str<'a>,
    #[serde(borrow)]
    pub(crate) id: Str<'a>,
    #[serde(borrow)]
    pub(crate) name: Str<'a>,
    #[serde(borrow)]
    pub(crate) input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) caller: Option<&'a RawValue>,
}
