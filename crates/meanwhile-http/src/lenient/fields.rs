//! [`Str`], [`Number`], [`Flag`], [`Object`], [`List`], [`Raws`], [`Words`] and [`Arguments`]: fields of the
//! wire that each read their own kind of value, and anything else as absent, so that no single field makes an
//! answer unreadable.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{otherwise_absent, unescape};

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

impl<'a> Str<'a> {
    /// The text, unless it is empty.
    #[must_use]
    pub fn given(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }

    /// The text, which is empty where it is absent.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Takes the text out as it is: empty where it is absent.
    #[must_use]
    pub fn into_text(self) -> Cow<'a, str> {
        self.0.unwrap_or_default()
    }
}

impl<'a> From<&'a str> for Str<'a> {
    fn from(text: &'a str) -> Self {
        Self(Some(Cow::Borrowed(text)))
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

/// A list of objects; anything else in it is skipped. One object alone is a list of one, and anything but a
/// list is empty.
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

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let item = T::deserialize(MapAccessDeserializer::new(map))?;
                Ok(List(vec![item]))
            }

            otherwise_absent!(expecting bool number str null);
        }
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

/// The values of a list, unread; `None` where there is no list.
///
/// ```
/// use meanwhile_http::lenient::Raws;
///
/// let raws: Raws<'_> = serde_json::from_str(r#"[1, {"b": 2, "a": 1}]"#)?;
/// assert_eq!(raws.values()[1].get(), r#"{"b": 2, "a": 1}"#);
/// assert!(serde_json::from_str::<Raws<'_>>("7")?.values().is_empty());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Raws<'a>(pub Option<Vec<&'a RawValue>>);

impl<'a> Raws<'a> {
    /// The values, of which there are none where there is no list.
    #[must_use]
    pub fn values(&self) -> &[&'a RawValue] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raws<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RawsVisitor;
        impl<'de> Visitor<'de> for RawsVisitor {
            type Value = Raws<'de>;

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<&'de RawValue>()? {
                    items.push(item);
                }
                Ok(Raws(Some(items)))
            }

            otherwise_absent!(expecting bool number str null map);
        }
        deserializer.deserialize_any(RawsVisitor)
    }
}

/// A tool call's arguments: JSON text, or the JSON itself from servers that do not write it as text, as it was
/// written. Empty where they are neither.
///
/// ```
/// use meanwhile_http::lenient::Arguments;
///
/// let read = |json| serde_json::from_str::<Arguments<'_>>(json).map(|arguments| arguments.0);
/// assert_eq!(read(r#""{\"a\": 1}""#)?, r#"{"a": 1}"#);
/// assert_eq!(read(r#"{"a": 1}"#)?, r#"{"a": 1}"#);
/// assert_eq!(read("null")?, "");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Arguments<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Arguments<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        match raw.as_bytes().first() {
            Some(b'"') => unescape(raw).map(Arguments).map_err(de::Error::custom),
            Some(b'{' | b'[') => Ok(Arguments(Cow::Borrowed(raw))),
            _ => Ok(Arguments::default()),
        }
    }
}

/// Text, or a list of it that is read as one; an object with a `text` stands for that, in a list as well.
#[derive(Debug, Default)]
pub struct Words<'a>(pub Option<Cow<'a, str>>);

impl Words<'_> {
    /// The text, unless it is empty.
    #[must_use]
    pub fn given(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }
}

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
