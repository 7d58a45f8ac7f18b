//! [`Json`]: a JSON value that keeps the order of its fields and the spelling of its numbers.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON value, as it was written.
#[derive(Debug, Clone)]
pub(super) enum Json {
    Object(Vec<(String, Json)>),
    Array(Vec<Json>),
    /// Anything else, as it is spelled.
    Leaf(String),
}

impl Json {
    /// Reads a text; `None` where it is no JSON.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<&RawValue>(text).ok().and_then(Self::of)
    }

    fn of(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        Some(match text.as_bytes().first()? {
            b'{' => {
                let Pairs(pairs) = serde_json::from_str(text).ok()?;
                let fields = pairs.into_iter().map(|(name, value)| Some((name, Self::of(value)?)));
                Self::Object(fields.collect::<Option<_>>()?)
            }
            b'[' => {
                let values: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Self::Array(values.into_iter().map(Self::of).collect::<Option<_>>()?)
            }
            _ => Self::Leaf(text.to_owned()),
        })
    }

    /// A text as a value.
    pub(super) fn text(text: &str) -> Self {
        Self::Leaf(Value::from(text).to_string())
    }

    /// The text of a string; `None` for anything else.
    pub(super) fn as_text(&self) -> Option<String> {
        match self {
            Self::Leaf(leaf) if leaf.starts_with('"') => serde_json::from_str(leaf).ok(),
            _ => None,
        }
    }

    /// The elements of an array.
    pub(super) fn as_array(&mut self) -> Option<&mut Vec<Self>> {
        match self {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Leaf(leaf) if leaf == "null")
    }

    /// A field of an object.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => {
                fields.iter().find(|(found, _)| found == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// What a path of fields leads to; a number in it is a place in an array.
    pub(super) fn at(&mut self, path: &str) -> Option<&mut Self> {
        path.split('.').filter(|step| !step.is_empty()).try_fold(self, |at, step| match at {
            Self::Object(fields) => {
                fields.iter_mut().find(|(name, _)| name == step).map(|(_, value)| value)
            }
            Self::Array(values) => values.get_mut(step.parse::<usize>().ok()?),
            Self::Leaf(_) => None,
        })
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(leaf) => f.write_str(leaf),
            Self::Array(values) => {
                f.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if at == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Object(fields) => {
                f.write_str("{")?;
                for (at, (name, value)) in fields.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    write!(f, "{comma}{}:{value}", Value::from(name.as_str()))?;
                }
                f.write_str("}")
            }
        }
    }
}

/// The fields of an object in their order, the values unread.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}
