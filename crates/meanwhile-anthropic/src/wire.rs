//! What comes over the wire: [`Message`] for whole answers, [`StreamEvent`] for the pieces of a stream.
//!
//! Reading never fails over a single field: a field that is missing, `null` or of an unexpected
//! type reads as absent, and of one that is named twice the last counts. Only text that is not JSON,
//! or not an object, is an error. Text is borrowed from the input; blocks are kept as they came until
//! their type is known, because those of an unknown type go back verbatim.

use meanwhile_http::lenient::{Number, Object, Raws, Str, record};
use serde_json::value::RawValue;

record! {
    /// A whole answer, or the first piece of a stream.
    pub(crate) struct Message<'a> {
        pub(crate) r#type: Str<'a>,
        pub(crate) id: Str<'a>,
        pub(crate) model: Str<'a>,
        pub(crate) content: Raws<'a>,
        pub(crate) stop_reason: Str<'a>,
        pub(crate) stop_sequence: Str<'a>,
        pub(crate) stop_details: Option<&'a RawValue>,
        pub(crate) container: Option<&'a RawValue>,
        pub(crate) context_management: Option<&'a RawValue>,
        /// Why the cache could not be used, where that was asked for.
        pub(crate) diagnostics: Option<&'a RawValue>,
        pub(crate) usage: Option<&'a RawValue>,
    }

    /// One piece of a stream.
    pub(crate) struct StreamEvent<'a> {
        pub(crate) r#type: Str<'a>,
        pub(crate) index: Number,
        pub(crate) message: Object<Message<'a>>,
        pub(crate) content_block: Option<&'a RawValue>,
        pub(crate) delta: Object<Delta<'a>>,
        pub(crate) context_management: Option<&'a RawValue>,
        pub(crate) usage: Option<&'a RawValue>,
    }

    /// What is added to a block, or to the message as a whole.
    pub(crate) struct Delta<'a> {
        pub(crate) r#type: Str<'a>,
        pub(crate) text: Str<'a>,
        pub(crate) partial_json: Str<'a>,
        pub(crate) thinking: Str<'a>,
        pub(crate) signature: Str<'a>,
        pub(crate) citation: Option<&'a RawValue>,
        pub(crate) stop_reason: Str<'a>,
        pub(crate) stop_sequence: Str<'a>,
        pub(crate) stop_details: Option<&'a RawValue>,
        pub(crate) container: Option<&'a RawValue>,
    }

    /// A block of content, as far as its type is one that the core knows.
    pub(crate) struct Block<'a> {
        pub(crate) r#type: Str<'a>,
        pub(crate) text: Str<'a>,
        pub(crate) citations: Raws<'a>,
        pub(crate) thinking: Str<'a>,
        pub(crate) signature: Str<'a>,
        pub(crate) id: Str<'a>,
        pub(crate) name: Str<'a>,
        pub(crate) input: Option<&'a RawValue>,
        pub(crate) caller: Option<&'a RawValue>,
    }
}
