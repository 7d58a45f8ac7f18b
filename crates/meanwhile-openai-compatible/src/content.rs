//! [`Content`]: what a message says, which is text or a list of parts.

use std::borrow::Cow;

use meanwhile_http::lenient::unescape;
use serde::Deserialize;
use serde::de::{self, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

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
