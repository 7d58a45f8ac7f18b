//! What comes over the wire: [`Answer`] as a whole, and [`Piece`] of a stream.
//!
//! Reading never fails over a single field: one that is missing, `null` or of an unexpected type reads as
//! absent, and of one that is named twice the last counts. Text is borrowed from the input; what is kept as
//! it came stays raw.

use std::borrow::Cow;
use std::marker::PhantomData;

use meanwhile_http::lenient::{Arguments, List, Number, Object, Str, otherwise_absent, record};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

record! {
    /// A whole answer.
    pub(crate) struct Answer<'a> {
        pub(crate) id: Str<'a>,
        pub(crate) message: Object<Message<'a>>,
        pub(crate) finish_reason: Str<'a>,
        pub(crate) usage: Option<&'a RawValue>,
        pub(crate) logprobs: List<Logprobs<'a>>,
        pub(crate) error: Str<'a>,
        pub(crate) error_type: Str<'a>,
    }

    /// One event of a stream.
    pub(crate) struct Piece<'a> {
        pub(crate) r#type: Str<'a>,
        pub(crate) id: Str<'a>,
        pub(crate) index: Number,
        pub(crate) delta: Object<Delta<'a>>,
        pub(crate) logprobs: Object<Logprobs<'a>>,
    }

    pub(crate) struct Delta<'a> {
        pub(crate) message: Object<Message<'a>>,
        pub(crate) finish_reason: Str<'a>,
        pub(crate) usage: Option<&'a RawValue>,
        pub(crate) error: Str<'a>,
        pub(crate) error_type: Str<'a>,
    }

    /// A message, or what is added to one. Where the whole has a list, a piece has one of it.
    pub(crate) struct Message<'a> {
        pub(crate) content: Several<Content<'a>>,
        pub(crate) tool_plan: Str<'a>,
        pub(crate) tool_calls: Several<Call<'a>>,
        pub(crate) citations: Option<&'a RawValue>,
    }

    pub(crate) struct Content<'a> {
        pub(crate) r#type: Str<'a>,
        pub(crate) text: Str<'a>,
        pub(crate) thinking: Str<'a>,
    }

    pub(crate) struct Call<'a> {
        pub(crate) id: Str<'a>,
        pub(crate) function: Object<Function<'a>>,
    }

    pub(crate) struct Function<'a> {
        pub(crate) name: Str<'a>,
        pub(crate) arguments: Arguments<'a>,
    }

    /// How probable a stretch of text was, token by token.
    pub(crate) struct Logprobs<'a> {
        pub(crate) text: Str<'a>,
        pub(crate) logprobs: Option<&'a RawValue>,
    }
}

impl Logprobs<'_> {
    /// The logarithms, one for each token; what is no number is no token.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        let all =
            self.logprobs.and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok());
        let numbers = all.into_iter().flatten();
        numbers
            .filter_map(|raw| raw.get().parse().ok().filter(|number: &f64| number.is_finite()))
            .collect()
    }
}

/// What stands in a place where objects are expected, and may be text instead.
pub(crate) trait OfText<'a>: Sized {
    /// The object that the text stands for; `None` where it stands for none.
    fn of_text(text: Cow<'a, str>) -> Option<Self>;
}

impl<'a> OfText<'a> for Content<'a> {
    fn of_text(text: Cow<'a, str>) -> Option<Self> {
        Some(Self { text: Str(Some(text)), ..Self::default() })
    }
}

impl<'a> OfText<'a> for Call<'a> {
    fn of_text(_: Cow<'a, str>) -> Option<Self> {
        None
    }
}

/// None, one, or a list.
#[derive(Debug)]
pub(crate) struct Several<T>(pub(crate) Vec<T>);

impl<T> Default for Several<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + OfText<'de>> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SeveralVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + OfText<'de>> Visitor<'de> for SeveralVisitor<T> {
            type Value = Several<T>;

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(Several(more)) = seq.next_element::<Several<T>>()? {
                    all.extend(more);
                }
                Ok(Several(all))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| Several(vec![one]))
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Several(T::of_text(Cow::Borrowed(text)).into_iter().collect()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Several(T::of_text(Cow::Owned(text.to_owned())).into_iter().collect()))
            }

            otherwise_absent!(expecting bool number null);
        }
        deserializer.deserialize_any(SeveralVisitor(PhantomData))
    }
}
