//! What comes over the wire: [`Chunk`], for whole answers and pieces of a stream alike.
//!
//! Reading never fails over a single field: a field that is missing, `null` or of an unexpected
//! type reads as absent. Only text that is not JSON, or not an object, is an error. Text is
//! borrowed from the input, and nothing but the text itself is copied for a chunk of text.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::fields::{Arguments, Content, List, Number, Object, Str, otherwise_absent};

/// Reads JSON. Text that is checked once need not be checked string by string.
pub(crate) fn read<'a, T: Deserialize<'a>>(data: &'a [u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(data) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(data),
    }
}

/// A whole answer or one piece of a streamed one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chunk<'a> {
    #[serde(borrow)]
    pub(crate) id: Str<'a>,
    #[serde(borrow)]
    pub(crate) model: Str<'a>,
    pub(crate) created: Number,
    #[serde(borrow)]
    pub(crate) service_tier: Str<'a>,
    #[serde(borrow)]
    pub(crate) choices: Choices<'a>,
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) x_groq: Object<Box<Groq<'a>>>,
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
    /// Perplexity's sources, repeated in full by every chunk.
    #[serde(borrow)]
    pub(crate) citations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) search_results: Option<&'a RawValue>,
    /// Venice's corner, with the sources of its search.
    #[serde(borrow)]
    pub(crate) venice_parameters: Object<Venice<'a>>,
    /// MiniMax reports failures here, with status 200.
    pub(crate) base_resp: Object<BaseResp>,
}

/// Groq's own corner; older answers keep their usage there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Groq<'a> {
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Venice<'a> {
    #[serde(borrow)]
    pub(crate) web_search_citations: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BaseResp {
    pub(crate) status_code: Number,
}

/// One of the alternatives that were asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice<'a> {
    pub(crate) index: Number,
    #[serde(borrow)]
    pub(crate) delta: Object<Delta<'a>>,
    #[serde(borrow)]
    pub(crate) message: Object<Box<Delta<'a>>>,
    #[serde(borrow)]
    pub(crate) finish_reason: Str<'a>,
    /// The same where Mistral's models answer on Bedrock.
    #[serde(borrow)]
    pub(crate) stop_reason: Str<'a>,
    #[serde(borrow)]
    pub(crate) logprobs: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
}

/// A message or what is added to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Delta<'a> {
    #[serde(borrow)]
    pub(crate) content: Content<'a>,
    #[serde(borrow)]
    pub(crate) refusal: Str<'a>,
    #[serde(borrow)]
    pub(crate) reasoning_content: Str<'a>,
    #[serde(borrow)]
    pub(crate) reasoning: Str<'a>,
    #[serde(borrow)]
    pub(crate) reasoning_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) tool_calls: List<Call<'a>>,
    #[serde(borrow)]
    pub(crate) function_call: Object<Box<Function<'a>>>,
    #[serde(borrow)]
    pub(crate) audio: Object<Box<Audio<'a>>>,
    #[serde(borrow)]
    pub(crate) images: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) annotations: Option<&'a RawValue>,
    /// What Groq's systems ran by themselves.
    #[serde(borrow)]
    pub(crate) executed_tools: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Call<'a> {
    pub(crate) index: Number,
    #[serde(borrow)]
    pub(crate) id: Str<'a>,
    #[serde(borrow)]
    pub(crate) r#type: Str<'a>,
    #[serde(borrow)]
    pub(crate) function: Object<Function<'a>>,
    /// Google's thought signature, through its compatible endpoint and through routers.
    #[serde(borrow)]
    pub(crate) extra_content: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Function<'a> {
    #[serde(borrow)]
    pub(crate) name: Str<'a>,
    #[serde(borrow)]
    pub(crate) arguments: Arguments<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Audio<'a> {
    #[serde(borrow)]
    pub(crate) id: Str<'a>,
    #[serde(borrow)]
    pub(crate) data: Str<'a>,
    #[serde(borrow)]
    pub(crate) transcript: Str<'a>,
    pub(crate) expires_at: Number,
}

/// The alternatives, of which only the first is kept.
#[derive(Debug, Default)]
pub(crate) struct Choices<'a> {
    /// The choice with index 0, or without one.
    pub(crate) first: Option<Choice<'a>>,
    /// Whether there were others.
    pub(crate) others: bool,
    /// Whether the field was there at all, as a list.
    pub(crate) present: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Choices<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ChoicesVisitor;
        impl<'de> Visitor<'de> for ChoicesVisitor {
            type Value = Choices<'de>;

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut choices = Choices { present: true, ..Choices::default() };
                while let Some(Object(choice)) = seq.next_element::<Object<Choice<'de>>>()? {
                    match choice {
                        Some(choice)
                            if choices.first.is_none() && choice.index.0.unwrap_or(0) == 0 =>
                        {
                            choices.first = Some(choice);
                        }
                        Some(_) => choices.others = true,
                        None => {}
                    }
                }
                Ok(choices)
            }

            otherwise_absent!(expecting bool number str null map);
        }
        deserializer.deserialize_any(ChoicesVisitor)
    }
}
