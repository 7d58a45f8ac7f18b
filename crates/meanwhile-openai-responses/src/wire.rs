//! What comes over the wire: [`Reply`], the whole answer; [`Frame`], one event of a streamed one; [`Item`].
//!
//! Reading never fails over a single field: a field that is missing, `null` or of an unexpected
//! type reads as absent. Only text that is not JSON, or not an object, is an error. Text is borrowed
//! from the input. What is not needed for every event stays raw until it is.

use std::fmt;

use meanwhile_openai_compatible::dialect::{Arguments, List, Number, Object, Str};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// One event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Frame<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Str<'a>,
    pub(crate) output_index: Number,
    pub(crate) content_index: Number,
    pub(crate) summary_index: Number,
    #[serde(borrow)]
    pub(crate) item_id: Str<'a>,
    #[serde(borrow)]
    pub(crate) delta: Str<'a>,
    #[serde(borrow)]
    pub(crate) text: Str<'a>,
    #[serde(borrow)]
    pub(crate) refusal: Str<'a>,
    #[serde(borrow)]
    pub(crate) arguments: Arguments<'a>,
    #[serde(borrow)]
    pub(crate) input: Str<'a>,
    #[serde(borrow)]
    pub(crate) logprobs: List<Logprob<'a>>,
    #[serde(borrow)]
    pub(crate) annotation: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) item: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) response: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
    /// Only chunks of the other dialect have choices.
    #[serde(borrow)]
    pub(crate) choices: Option<&'a RawValue>,
    /// Only a whole answer has output.
    #[serde(borrow)]
    pub(crate) output: Option<&'a RawValue>,
}

/// A whole answer, or what an event says about it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reply<'a> {
    #[serde(borrow)]
    pub(crate) id: Str<'a>,
    #[serde(borrow)]
    pub(crate) model: Str<'a>,
    pub(crate) created_at: Number,
    #[serde(borrow)]
    pub(crate) service_tier: Str<'a>,
    #[serde(borrow)]
    pub(crate) status: Str<'a>,
    #[serde(borrow)]
    pub(crate) incomplete_details: Object<Incomplete<'a>>,
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) output: Items<'a>,
    #[serde(borrow)]
    pub(crate) choices: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Incomplete<'a> {
    #[serde(borrow)]
    pub(crate) reason: Str<'a>,
}

/// One item of the output.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Item<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Str<'a>,
    #[serde(borrow)]
    pub(crate) id: Str<'a>,
    #[serde(borrow)]
    pub(crate) call_id: Str<'a>,
    #[serde(borrow)]
    pub(crate) name: Str<'a>,
    #[serde(borrow)]
    pub(crate) arguments: Arguments<'a>,
    #[serde(borrow)]
    pub(crate) input: Str<'a>,
    #[serde(borrow)]
    pub(crate) status: Str<'a>,
    #[serde(borrow)]
    pub(crate) phase: Str<'a>,
    #[serde(borrow)]
    pub(crate) execution: Str<'a>,
    #[serde(borrow)]
    pub(crate) environment: Object<Environment<'a>>,
    #[serde(borrow)]
    pub(crate) result: Str<'a>,
    #[serde(borrow)]
    pub(crate) output_format: Str<'a>,
    #[serde(borrow)]
    pub(crate) content: List<Content<'a>>,
    #[serde(borrow)]
    pub(crate) summary: List<Content<'a>>,
}

/// Where a shell runs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Environment<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Str<'a>,
}

/// A part of a message or of thinking.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Content<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Str<'a>,
    #[serde(borrow)]
    pub(crate) text: Str<'a>,
    #[serde(borrow)]
    pub(crate) refusal: Str<'a>,
    #[serde(borrow)]
    pub(crate) annotations: Items<'a>,
    #[serde(borrow)]
    pub(crate) logprobs: List<Logprob<'a>>,
    #[serde(borrow)]
    pub(crate) data: Str<'a>,
    #[serde(borrow)]
    pub(crate) transcript: Str<'a>,
}

/// How probable a token was.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Logprob<'a> {
    #[serde(borrow)]
    pub(crate) token: Str<'a>,
    #[serde(borrow)]
    pub(crate) logprob: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) top_logprobs: List<TopLogprob<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TopLogprob<'a> {
    #[serde(borrow)]
    pub(crate) token: Str<'a>,
    #[serde(borrow)]
    pub(crate) logprob: Option<&'a RawValue>,
}

/// What a citation refers to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Annotation<'a> {
    #[serde(borrow)]
    pub(crate) url: Str<'a>,
    #[serde(borrow)]
    pub(crate) title: Str<'a>,
    #[serde(borrow)]
    pub(crate) file_id: Str<'a>,
    #[serde(borrow)]
    pub(crate) filename: Str<'a>,
    pub(crate) start_index: Number,
    pub(crate) end_index: Number,
}

/// A list whose elements stay raw; empty where it is absent.
#[derive(Debug, Default)]
pub(crate) struct Items<'a> {
    pub(crate) items: Vec<&'a RawValue>,
    /// Whether the field was there at all, as a list.
    pub(crate) present: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemsVisitor)
    }
}

struct ItemsVisitor;

impl<'de> Visitor<'de> for ItemsVisitor {
    type Value = Items<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<&'de RawValue>()? {
            items.push(item);
        }
        Ok(Items { items, present: true })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Items::default())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Items::default())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Items::default())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Items::default())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Items::default())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Items::default())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Items::default())
    }
}
