//! What goes over the wire for the conversation: [`Turn`]s of [`Block`]s.
//!
//! The fields are written in the order in which they stand here. Bytes become base64 while the body
//! is written, without a copy in between.

use std::borrow::Cow;
use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{SerializeMap, Serializer};
use serde::{Serialize, ser};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// One message of the wire.
#[derive(Serialize)]
pub(crate) struct Turn<'a> {
    pub(crate) role: &'static str,
    pub(crate) content: Content<'a>,
}

/// Blocks; text alone is written as text, which is the same to the API.
pub(crate) struct Content<'a>(pub(crate) Vec<Block<'a>>);

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [Block { kind: Kind::Text { text, citations }, cache: None, extra: None }]
                if citations.is_empty() =>
            {
                serializer.serialize_str(text)
            }
            blocks => serializer.collect_seq(blocks),
        }
    }
}

/// One block of content.
pub(crate) struct Block<'a> {
    pub(crate) kind: Kind<'a>,
    /// Whether everything up to here may be cached.
    pub(crate) cache: Option<CacheControl<'a>>,
    /// More fields, which go before those of the kind.
    pub(crate) extra: Option<&'a Map<String, Value>>,
}

pub(crate) enum Kind<'a> {
    Text {
        text: Cow<'a, str>,
        citations: Vec<Citation<'a>>,
    },
    Image {
        source: Source<'a>,
    },
    Document {
        source: Source<'a>,
        title: Option<&'a str>,
        citations: bool,
    },
    Thinking {
        text: &'a str,
        signature: &'a str,
    },
    Call {
        id: Cow<'a, str>,
        name: &'a str,
        input: Input<'a>,
        caller: Option<&'a Value>,
    },
    Result {
        id: Cow<'a, str>,
        content: Content<'a>,
        is_error: bool,
    },
    /// A block as the API sent it, or as the program knows the API to want it.
    Given(&'a Map<String, Value>),
}

impl<'a> Block<'a> {
    pub(crate) fn new(kind: Kind<'a>) -> Self {
        Self { kind, cache: None, extra: None }
    }

    /// Whether the block can carry a cache mark.
    pub(crate) fn takes_cache_mark(&self) -> bool {
        match &self.kind {
            Kind::Thinking { .. } => false,
            Kind::Given(block) => !block
                .get("type")
                .and_then(Value::as_str)
                .is_some_and(|kind| matches!(kind, "thinking" | "redacted_thinking" | "fallback")),
            _ => true,
        }
    }
}

#[derive(Serialize, Clone, Copy)]
pub(crate) struct CacheControl<'a> {
    pub(crate) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ttl: Option<&'a str>,
}

/// Where the bytes of an image or a document are.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Source<'a> {
    Base64 { media_type: &'a str, data: Data<'a> },
    Url { url: &'a str },
    File { file_id: &'a str },
    Text { media_type: &'static str, data: &'a str },
}

/// Bytes in base64.
pub(crate) enum Data<'a> {
    Bytes(&'a [u8]),
    Encoded(&'a str),
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bytes(bytes) => {
                serializer.collect_str(&Base64Display::new(bytes, &STANDARD) as &dyn fmt::Display)
            }
            Self::Encoded(text) => serializer.serialize_str(text),
        }
    }
}

/// The arguments of a tool call, an object.
pub(crate) enum Input<'a> {
    /// As the model wrote them.
    Raw(&'a RawValue),
    Json(Value),
}

impl Serialize for Input<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Raw(raw) => raw.serialize(serializer),
            Self::Json(value) => value.serialize(serializer),
        }
    }
}

/// A citation as it came, without what requests may not carry.
pub(crate) struct Citation<'a>(pub(crate) &'a Value);

impl Serialize for Citation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                serializer.collect_map(fields.iter().filter(|(name, _)| *name != "file_id"))
            }
            other => other.serialize(serializer),
        }
    }
}

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Fields { map: serializer.serialize_map(None)?, extra: self.extra };
        match &self.kind {
            Kind::Text { text, citations } => {
                fields.put("type", "text")?;
                fields.put("text", text)?;
                if !citations.is_empty() {
                    fields.put("citations", citations)?;
                }
            }
            Kind::Image { source } => {
                fields.put("type", "image")?;
                fields.put("source", source)?;
            }
            Kind::Document { source, title, citations } => {
                fields.put("type", "document")?;
                fields.put("source", source)?;
                if let Some(title) = title {
                    fields.put("title", title)?;
                }
                if *citations {
                    fields.put("citations", &Enabled { enabled: true })?;
                }
            }
            Kind::Thinking { text, signature } => {
                fields.put("type", "thinking")?;
                fields.put("thinking", text)?;
                fields.put("signature", signature)?;
            }
            Kind::Call { id, name, input, caller } => {
                fields.put("type", "tool_use")?;
                fields.put("id", id)?;
                fields.put("name", name)?;
                fields.put("input", input)?;
                if let Some(caller) = caller {
                    fields.put("caller", caller)?;
                }
            }
            Kind::Result { id, content, is_error } => {
                fields.put("type", "tool_result")?;
                fields.put("tool_use_id", id)?;
                if !content.0.is_empty() {
                    fields.put("content", content)?;
                }
                if *is_error {
                    fields.put("is_error", &true)?;
                }
            }
            Kind::Given(block) => {
                for (name, value) in block.iter() {
                    if name != "cache_control" || self.cache.is_none() {
                        fields.put(name, value)?;
                    }
                }
            }
        }
        for (name, value) in self.extra.into_iter().flatten() {
            if name != "type" {
                fields.map.serialize_entry(name, value)?;
            }
        }
        if let Some(cache) = &self.cache {
            fields.put("cache_control", cache)?;
        }
        fields.map.end()
    }
}

#[derive(Serialize)]
struct Enabled {
    enabled: bool,
}

struct Fields<'a, M> {
    map: M,
    extra: Option<&'a Map<String, Value>>,
}

impl<M: SerializeMap> Fields<'_, M> {
    fn put<T: ser::Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), M::Error> {
        let replaced = self.extra.is_some_and(|extra| name != "type" && extra.contains_key(name));
        if replaced { Ok(()) } else { self.map.serialize_entry(name, value) }
    }
}
