//! What comes over the wire: [`Answer`] as a whole, and the events of a stream.
//!
//! Every field may be missing, and one of another type than the service sends reads as absent. Text
//! is borrowed from the input; what goes into a part as it came stays raw.

use std::fmt;

use meanwhile_http::lenient::{BorrowedStr, null_default};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

pub(crate) type Text<'a> = Option<BorrowedStr<'a>>;

/// Fills in the visitor methods for values that say nothing in this place.
macro_rules! otherwise {
    ($absent:expr) => {
        fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok($absent)
        }
        fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok($absent)
        }
        fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok($absent)
        }
        fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok($absent)
        }
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok($absent)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok($absent)
        }
    };
}

/// Reads text; anything else is absent.
pub(crate) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text<'de>, D::Error> {
    Words::deserialize(deserializer).map(|words| words.0)
}

/// Reads a value; one of another type is absent.
pub(crate) fn or_absent<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let raw = <&'de RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// Text, if it is any.
struct Words<'a>(Text<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Words<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordsVisitor;
        impl<'de> Visitor<'de> for WordsVisitor {
            type Value = Words<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Words<'de>, E> {
                Ok(Words(Some(text.into())))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Words<'de>, E> {
                Ok(Words(Some(text.to_owned().into())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Words<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Words(None))
            }

            otherwise!(Words(None));
        }
        deserializer.deserialize_any(WordsVisitor)
    }
}

/// A whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Answer<'a> {
    #[serde(borrow)]
    pub(crate) output: Option<Output<'a>>,
    #[serde(borrow, deserialize_with = "words")]
    pub(crate) stop_reason: Text<'a>,
    #[serde(borrow)]
    pub(crate) additional_model_response_fields: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) trace: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) performance_config: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "or_absent")]
    pub(crate) service_tier: Option<ServiceTier<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Output<'a> {
    #[serde(borrow)]
    pub(crate) message: Option<Message<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message<'a> {
    #[serde(borrow, deserialize_with = "null_default")]
    pub(crate) content: Vec<Block<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceTier<'a> {
    #[serde(borrow, deserialize_with = "words")]
    pub(crate) r#type: Text<'a>,
}

/// One block of content, or what begins or is added to one: an object whose only field says what
/// it is.
#[derive(Debug)]
pub(crate) enum Block<'a> {
    Text(BorrowedStr<'a>),
    ToolUse(&'a RawValue),
    ToolResult(&'a RawValue),
    Reasoning(Reasoning<'a>),
    Citation(&'a RawValue),
    Citations(CitationsContent<'a>),
    Image(&'a RawValue),
    Audio(&'a RawValue),
    /// A kind that this version does not know, with its name.
    Other(String, &'a RawValue),
    /// No field at all.
    Empty,
}

impl<'de: 'a, 'a> Deserialize<'de> for Block<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlockVisitor;
        impl<'de> Visitor<'de> for BlockVisitor {
            type Value = Block<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a block of content")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut known = None;
                let mut other = Block::Empty;
                while let Some(name) = map.next_key::<BorrowedStr<'de>>()? {
                    if known.is_some() {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let raw = |make: fn(&'de RawValue) -> Block<'de>, map: &mut A| {
                        Ok(map.next_value::<Option<&'de RawValue>>()?.map(make))
                    };
                    known = match name.as_str() {
                        "text" => map.next_value::<Words<'de>>()?.0.map(Block::Text),
                        "toolUse" => raw(Block::ToolUse, &mut map)?,
                        "toolResult" => raw(Block::ToolResult, &mut map)?,
                        "reasoningContent" => {
                            map.next_value::<Option<Reasoning<'de>>>()?.map(Block::Reasoning)
                        }
                        "citation" => raw(Block::Citation, &mut map)?,
                        "citationsContent" => {
                            map.next_value::<Option<CitationsContent<'de>>>()?.map(Block::Citations)
                        }
                        "image" => raw(Block::Image, &mut map)?,
                        "audio" => raw(Block::Audio, &mut map)?,
                        _ => {
                            if let Some(raw) = map.next_value::<Option<&'de RawValue>>()?
                                && matches!(other, Block::Empty)
                            {
                                other = Block::Other(name.into_owned(), raw);
                            }
                            None
                        }
                    };
                }
                // What a later version adds beside a known field changes nothing.
                Ok(known.unwrap_or(other))
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Block::Empty)
            }

            otherwise!(Block::Empty);
        }
        deserializer.deserialize_any(BlockVisitor)
    }
}

/// Thinking: `reasoningText` in whole answers, its fields alone in streams.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Reasoning<'a> {
    #[serde(borrow, deserialize_with = "or_absent")]
    pub(crate) reasoning_text: Option<ReasoningText<'a>>,
    #[serde(borrow, deserialize_with = "words")]
    pub(crate) text: Text<'a>,
    #[serde(borrow, deserialize_with = "words")]
    pub(crate) signature: Text<'a>,
    #[serde(borrow, deserialize_with = "words")]
    pub(crate) redacted_content: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReasoningText<'a> {
    #[serde(borrow, deserialize_with = "words")]
    pub(crate) text: Text<'a>,
    #[serde(borrow, deserialize_with = "words")]
    pub(crate) signature: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ToolUse<'a> {
    #[serde(borrow, deserialize_with = "words")]
    pub(crate) tool_use_id: Text<'a>,
    #[serde(borrow, deserialize_with = "words")]
    pub(crate) name: Text<'a>,
    /// JSON in whole answers, a piece of its text in streams.
    #[serde(borrow)]
    pub(crate) input: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "words")]
    pub(crate) r#type: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CitationsContent<'a> {
    #[serde(borrow, deserialize_with = "null_default")]
    pub(crate) content: Vec<Generated<'a>>,
    #[serde(borrow, deserialize_with = "null_default")]
    pub(crate) citations: Vec<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Generated<'a> {
    #[serde(borrow, deserialize_with = "words")]
    pub(crate) text: Text<'a>,
}

/// A block of a stream begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct BlockStart<'a> {
    #[serde(deserialize_with = "or_absent")]
    pub(crate) content_block_index: Option<u64>,
    #[serde(borrow)]
    pub(crate) start: Option<Block<'a>>,
}

/// A block of a stream grows.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct BlockDelta<'a> {
    #[serde(deserialize_with = "or_absent")]
    pub(crate) content_block_index: Option<u64>,
    #[serde(borrow)]
    pub(crate) delta: Option<Block<'a>>,
}

/// A block of a stream ends.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct BlockStop {
    #[serde(deserialize_with = "or_absent")]
    pub(crate) content_block_index: Option<u64>,
}

/// Nothing is added to a streamed answer any more.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct MessageStop<'a> {
    #[serde(borrow, deserialize_with = "words")]
    pub(crate) stop_reason: Text<'a>,
    #[serde(borrow)]
    pub(crate) additional_model_response_fields: Option<&'a RawValue>,
}

/// What is said about a streamed answer behind it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Metadata<'a> {
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) trace: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) performance_config: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "or_absent")]
    pub(crate) service_tier: Option<ServiceTier<'a>>,
}
