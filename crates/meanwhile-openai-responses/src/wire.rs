//! What comes over the wire: [`Reply`], the whole answer; [`Frame`], one event of a streamed one; [`Item`].
//!
//! Reading never fails over a single field: a field that is missing, `null` or of an unexpected
//! type reads as absent. Only text that is not JSON, or not an object, is an error. Text is borrowed
//! from the input. What is not needed for every event stays raw until it is.

use meanwhile_http::lenient::{Arguments, List, Number, Object, Raws, Str, record};
use serde::Deserialize;
use serde::de::{self, Deserializer};
use serde_json::value::RawValue;

record! {
    /// One event of a stream.
    pub(crate) struct Frame<'a> {
        pub(crate) r#type: Str<'a>,
        pub(crate) output_index: Number,
        pub(crate) content_index: Number,
        pub(crate) summary_index: Number,
        pub(crate) item_id: Str<'a>,
        pub(crate) delta: Str<'a>,
        pub(crate) text: Str<'a>,
        pub(crate) refusal: Str<'a>,
        pub(crate) arguments: Arguments<'a>,
        pub(crate) input: Str<'a>,
        pub(crate) logprobs: List<Logprob<'a>>,
        pub(crate) annotation: Option<&'a RawValue>,
        pub(crate) item: Option<&'a RawValue>,
        pub(crate) response: Option<&'a RawValue>,
        pub(crate) error: Option<&'a RawValue>,
        /// Only chunks of the other dialect have choices.
        pub(crate) choices: Option<&'a RawValue>,
        /// Only a whole answer has output.
        pub(crate) output: Option<&'a RawValue>,
    }

    /// A whole answer, or what an event says about it.
    pub(crate) struct Reply<'a> {
        pub(crate) id: Str<'a>,
        pub(crate) model: Str<'a>,
        pub(crate) created_at: Number,
        pub(crate) service_tier: Str<'a>,
        pub(crate) status: Str<'a>,
        pub(crate) incomplete_details: Object<Incomplete<'a>>,
        pub(crate) error: Option<&'a RawValue>,
        pub(crate) usage: Option<&'a RawValue>,
        pub(crate) output: Raws<'a>,
        pub(crate) choices: Option<&'a RawValue>,
    }

    pub(crate) struct Incomplete<'a> {
        pub(crate) reason: Str<'a>,
    }

    /// One item of the output.
    pub(crate) struct Item<'a> {
        pub(crate) r#type: Str<'a>,
        pub(crate) id: Str<'a>,
        pub(crate) call_id: Str<'a>,
        pub(crate) name: Str<'a>,
        pub(crate) arguments: Arguments<'a>,
        pub(crate) input: Str<'a>,
        pub(crate) status: Str<'a>,
        pub(crate) phase: Str<'a>,
        pub(crate) execution: Str<'a>,
        pub(crate) environment: Object<Environment<'a>>,
        pub(crate) result: Str<'a>,
        pub(crate) output_format: Str<'a>,
        pub(crate) content: Contents<'a>,
        pub(crate) summary: List<Content<'a>>,
    }

    /// Where a shell runs.
    pub(crate) struct Environment<'a> {
        pub(crate) r#type: Str<'a>,
    }

    /// A part of a message or of thinking.
    pub(crate) struct Content<'a> {
        pub(crate) r#type: Str<'a>,
        pub(crate) text: Str<'a>,
        pub(crate) refusal: Str<'a>,
        pub(crate) annotations: Raws<'a>,
        pub(crate) logprobs: List<Logprob<'a>>,
        pub(crate) data: Str<'a>,
        pub(crate) transcript: Str<'a>,
    }

    /// How probable a token was.
    pub(crate) struct Logprob<'a> {
        pub(crate) token: Str<'a>,
        pub(crate) logprob: Option<&'a RawValue>,
        pub(crate) top_logprobs: List<TopLogprob<'a>>,
    }

    pub(crate) struct TopLogprob<'a> {
        pub(crate) token: Str<'a>,
        pub(crate) logprob: Option<&'a RawValue>,
    }

    /// What a citation refers to.
    pub(crate) struct Annotation<'a> {
        pub(crate) url: Str<'a>,
        pub(crate) title: Str<'a>,
        pub(crate) file_id: Str<'a>,
        pub(crate) filename: Str<'a>,
        pub(crate) start_index: Number,
        pub(crate) end_index: Number,
    }
}

/// The contents of an item; a text alone stands for the one that it is.
#[derive(Debug, Default)]
pub(crate) struct Contents<'a>(pub(crate) Vec<Content<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Contents<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        let contents = if raw.starts_with('"') {
            let text = serde_json::from_str(raw).map_err(de::Error::custom)?;
            vec![Content { r#type: Str::from("output_text"), text, ..Content::default() }]
        } else {
            let List(contents) = serde_json::from_str(raw).map_err(de::Error::custom)?;
            contents
        };
        Ok(Self(contents))
    }
}
