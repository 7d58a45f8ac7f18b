//! What comes over the wire: [`Answer`] as a whole, and the events of a stream.
//!
//! Reading never fails over a single field: one that is missing, `null` or of an unexpected type reads as
//! absent, and of one that is named twice the last counts. Text is borrowed from the input; what goes into
//! a part as it came stays raw.

use std::borrow::Cow;
use std::fmt;

use meanwhile_http::lenient::{BorrowedStr, List, Number, Object, Raws, Str, record};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

record! {
    /// A whole answer.
    pub(crate) struct Answer<'a> {
        pub(crate) output: Object<Output<'a>>,
        pub(crate) stop_reason as "stopReason": Str<'a>,
        pub(crate) more as "additionalModelResponseFields": Option<&'a RawValue>,
        pub(crate) usage: Option<&'a RawValue>,
        pub(crate) trace: Option<&'a RawValue>,
        pub(crate) performance_config as "performanceConfig": Option<&'a RawValue>,
        pub(crate) service_tier as "serviceTier": Object<ServiceTier<'a>>,
    }

    pub(crate) struct Output<'a> {
        pub(crate) message: Object<Message<'a>>,
    }

    pub(crate) struct Message<'a> {
        pub(crate) content: Blocks<'a>,
    }

    pub(crate) struct ServiceTier<'a> {
        pub(crate) r#type: Str<'a>,
    }

    /// Thinking: `reasoningText` in whole answers, its fields alone in streams.
    pub(crate) struct Reasoning<'a> {
        pub(crate) reasoning_text as "reasoningText": Object<ReasoningText<'a>>,
        pub(crate) text: Str<'a>,
        pub(crate) signature: Str<'a>,
        pub(crate) redacted_content as "redactedContent": Str<'a>,
    }

    pub(crate) struct ReasoningText<'a> {
        pub(crate) text: Str<'a>,
        pub(crate) signature: Str<'a>,
    }

    pub(crate) struct ToolUse<'a> {
        pub(crate) tool_use_id as "toolUseId": Str<'a>,
        pub(crate) name: Str<'a>,
        /// JSON in whole answers, a piece of its text in streams.
        pub(crate) input: Option<&'a RawValue>,
        pub(crate) r#type: Str<'a>,
    }

    pub(crate) struct CitationsContent<'a> {
        pub(crate) content: List<Generated<'a>>,
        pub(crate) citations: Raws<'a>,
    }

    pub(crate) struct Generated<'a> {
        pub(crate) text: Str<'a>,
    }

    /// A block of a stream begins, grows, or ends.
    pub(crate) struct BlockEvent<'a> {
        pub(crate) index as "contentBlockIndex": Number,
        pub(crate) start: Block<'a>,
        pub(crate) delta: Block<'a>,
    }

    /// Nothing is added to a streamed answer any more.
    pub(crate) struct MessageStop<'a> {
        pub(crate) stop_reason as "stopReason": Str<'a>,
        pub(crate) more as "additionalModelResponseFields": Option<&'a RawValue>,
    }

    /// What is said about a streamed answer behind it.
    pub(crate) struct Metadata<'a> {
        pub(crate) usage: Option<&'a RawValue>,
        pub(crate) trace: Option<&'a RawValue>,
        pub(crate) performance_config as "performanceConfig": Option<&'a RawValue>,
        pub(crate) service_tier as "serviceTier": Object<ServiceTier<'a>>,
    }
}

/// One block of content, or what begins or is added to one: an object whose only field says what
/// it is.
#[derive(Debug, Default)]
pub(crate) enum Block<'a> {
    Text(Cow<'a, str>),
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
    #[default]
    Empty,
}

/// The blocks of a message. A text in their place stands for a block of it.
#[derive(Debug, Default)]
pub(crate) struct Blocks<'a>(pub(crate) Vec<Block<'a>>);

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
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for Blocks<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlocksVisitor;
        impl<'de> Visitor<'de> for BlocksVisitor {
            type Value = Blocks<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("blocks of content")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut blocks = Vec::new();
                while let Some(block) = seq.next_element()? {
                    blocks.push(block);
                }
                Ok(Blocks(blocks))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                BlockVisitor.visit_map(map).map(|block| Blocks(vec![block]))
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Blocks(vec![Block::Text(Cow::Borrowed(text))]))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Blocks(vec![Block::Text(Cow::Owned(text.to_owned()))]))
            }

            otherwise!(Blocks::default());
        }
        deserializer.deserialize_any(BlocksVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Block<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BlockVisitor)
    }
}

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
                "text" => map.next_value::<Str<'de>>()?.0.map(Block::Text),
                "toolUse" => raw(Block::ToolUse, &mut map)?,
                "toolResult" => raw(Block::ToolResult, &mut map)?,
                "reasoningContent" => {
                    map.next_value::<Object<Reasoning<'de>>>()?.0.map(Block::Reasoning)
                }
                "citation" => raw(Block::Citation, &mut map)?,
                "citationsContent" => {
                    map.next_value::<Object<CitationsContent<'de>>>()?.0.map(Block::Citations)
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Block::Empty)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Block::Empty)
    }

    otherwise!(Block::Empty);
}
