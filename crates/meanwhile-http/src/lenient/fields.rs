//! [`Str`], [`Number`], [`Flag`], [`Object`], [`List`] and [`Words`]: fields of the wire that each read
//! their own kind of value, and anything else as absent, so that no single field makes an answer unreadable.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Fills in the visitor methods for the types that a field does not expect: it is then absent.
macro_rules! otherwise_absent {
    ($($kind:ident)*) => {$( otherwise_absent!(@$kind); )*};
    (@bool) => {
        fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@number) => {
        fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@str) => {
        fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@null) => {
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@seq) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@map) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@expecting) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any JSON value")
        }
    };
}

/// Text, borrowed where it holds no escape; a number reads as it is written, and anything else as `None`.
///
/// ```
/// use meanwhile_http::lenient::Str;
///
/// let id: Str<'_> = serde_json::from_str("7")?;
/// assert_eq!(id.given(), Some("7"));
/// let id: Str<'_> = serde_json::from_str("[7]")?;
/// assert_eq!(id.given(), None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Str<'a>(pub Option<Cow<'a, str>>);

impl Str<'_> {
    /// The text, unless it is empty.
    #[must_use]
    pub fn given(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Str<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StrVisitor;
        impl<'de> Visitor<'de> for StrVisitor {
            type Value = Str<'de>;

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Str<'de>, E> {
                Ok(Str(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Str<'de>, E> {
                Ok(Str(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Str<'de>, E> {
                Ok(Str(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Str<'de>, E> {
                Ok(Str(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Str<'de>, E> {
                Ok(Str(Some(Cow::Owned(number.to_string()))))
            }

            otherwise_absent!(expecting bool null seq map);
        }
        deserializer.deserialize_any(StrVisitor)
    }
}

/// A whole number from 0 up, however it is spelled.
#[derive(Debug, Default, Clone, Copy)]
pub struct Number(pub Option<u64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl<'de> Visitor<'de> for NumberVisitor {
            type Value = Number;

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(Some(number)))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(u64::try_from(number).ok()))
            }

            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the cast saturates, and counts are whole"
            )]
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Number, E> {
                Ok(Number((number >= 0.0).then_some(number as u64)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                Ok(Number(text.trim().parse().ok()))
            }

            otherwise_absent!(expecting bool null seq map);
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}

/// Yes or no; no where it is absent.
#[derive(Debug, Default, Clone, Copy)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FlagVisitor;
        impl<'de> Visitor<'de> for FlagVisitor {
            type Value = Flag;

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Flag, E> {
                Ok(Flag(value))
            }

            otherwise_absent!(expecting number str null seq map);
        }
        deserializer.deserialize_any(FlagVisitor)
    }
}

/// An object; absent where the value is anything else.
#[derive(Debug)]
pub struct Object<T>(pub Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|value| Object(Some(value)))
            }

            otherwise_absent!(expecting bool number str null seq);
        }
        deserializer.deserialize_any(ObjectVisitor(PhantomData))
    }
}

/// A list of objects; anything else in it is skipped, and anything but a list is empty.
#[derive(Debug)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(Object(item)) = seq.next_element::<Object<T>>()? {
                    items.extend(item);
                }
                Ok(List(items))
            }

            otherwise_absent!(expecting bool number str null map);
        }
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

/// Text, or a list of it that is read as one; a list may also hold objects with a `text`.
#[derive(Debug, Default)]
pub struct Words<'a>(pub Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Words<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordsVisitor;
        impl<'de> Visitor<'de> for WordsVisitor {
            type Value = Words<'de>;

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Words<'de>, E> {
                Ok(Words(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Words<'de>, E> {
                Ok(Words(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Words<'de>, E> {
                Ok(Words(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Words<'de>, E> {
                Ok(Words(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Words<'de>, E> {
                Ok(Words(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Words<'de>, A::Error> {
                let mut all = None;
                while let Some(words) = seq.next_element::<Words<'de>>()? {
                    all = match (all, words.0) {
                        (Some(all), Some(more)) => Some(all + more),
                        (all, more) => all.or(more),
                    };
                }
                Ok(Words(all))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Words<'de>, A::Error> {
                let mut words = Words::default();
                while let Some(Str(name)) = map.next_key::<Str<'de>>()? {
                    if name.as_deref() == Some("text") {
                        words = map.next_value()?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(words)
            }

            otherwise_absent!(expecting bool null);
        }
        deserializer.deserialize_any(WordsVisitor)
    }
}
