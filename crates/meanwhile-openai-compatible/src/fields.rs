//! The types of fields on the wire: each reads its own kind of value, and anything else as absent.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

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

pub(crate) use otherwise_absent;

/// Text, borrowed where it holds no escape; empty where it is absent.
#[derive(Debug, Default)]
pub struct Str<'a>(pub Cow<'a, str>);

impl Str<'_> {
    /// The text, unless it is empty.
    #[must_use]
    pub fn given(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(&*self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Str<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StrVisitor;
        impl<'de> Visitor<'de> for StrVisitor {
            type Value = Str<'de>;

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Str<'de>, E> {
                Ok(Str(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Str<'de>, E> {
                Ok(Str(Cow::Owned(text.to_owned())))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Str<'de>, E> {
                Ok(Str(Cow::Owned(number.to_string())))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Str<'de>, E> {
                Ok(Str(Cow::Owned(number.to_string())))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Str<'de>, E> {
                Ok(Str(Cow::Owned(number.to_string())))
            }

            otherwise_absent!(expecting bool null seq map);
        }
        deserializer.deserialize_any(StrVisitor)
    }
}

/// A tool call's arguments: JSON text, or the JSON itself from servers that do not write it as text, as it
/// was written.
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

/// Content: text, or a list of parts (Mistral, with thinking).
#[derive(Debug, Default)]
pub(crate) enum Content<'a> {
    /// Neither.
    #[default]
    Absent,
    /// Text.
    Text(Cow<'a, str>),
    /// A list of parts.
    Parts(Vec<Value>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        let content = match raw.as_bytes().first() {
            Some(b'"') => unescape(raw).map(Content::Text),
            Some(b'[') => serde_json::from_str(raw).map(Content::Parts),
            Some(b'{') => serde_json::from_str(raw).map(|part| Content::Parts(vec![part])),
            // As other texts are read.
            Some(b'-' | b'0'..=b'9') => Ok(Content::Text(Cow::Borrowed(raw))),
            _ => Ok(Content::Absent),
        };
        content.map_err(de::Error::custom)
    }
}

/// Reads a JSON string, which may be most of an answer, into one piece of memory of the right size.
fn unescape(raw: &str) -> serde_json::Result<Cow<'_, str>> {
    let quoted = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(mut rest) = quoted else { return serde_json::from_str(raw).map(Cow::Owned) };
    let mut text = String::new();
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let plain = rest.get(..at).unwrap_or_default();
        let escaped = rest.get(at + 1..).unwrap_or_default();
        let escaped_char = match escaped.as_bytes().first() {
            Some(b'n') => '\n',
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            // A code point, or half of one.
            _ => return serde_json::from_str(raw).map(Cow::Owned),
        };
        if text.capacity() == 0 {
            text.reserve_exact(rest.len());
        }
        text.push_str(plain);
        text.push(escaped_char);
        rest = escaped.get(1..).unwrap_or_default();
    }
    if text.capacity() == 0 {
        return Ok(Cow::Borrowed(rest));
    }
    text.push_str(rest);
    Ok(Cow::Owned(text))
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
                reason = "the cast saturates, and a fraction of a second or token is not missed"
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

/// Whether a field is there and neither `null` nor empty; its value is skipped.
#[derive(Debug, Default, Clone, Copy)]
pub struct Present(pub bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PresentVisitor;
        impl<'de> Visitor<'de> for PresentVisitor {
            type Value = Present;

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Present, A::Error> {
                let mut present = false;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    present = true;
                }
                Ok(Present(present))
            }

            otherwise_absent!(expecting bool number str null seq);
        }
        deserializer.deserialize_any(PresentVisitor)
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

/// A list of objects; anything else in it is skipped. One object alone is a list of one, and anything
/// but a list is empty.
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
