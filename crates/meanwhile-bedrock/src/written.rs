//! What goes over the wire: [`Block`] and what is in it. Bytes become base64 while the body is
//! written, without a copy in between.

use std::borrow::Cow;
use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// One message.
#[derive(Serialize)]
pub(crate) struct Message<'a> {
    pub(crate) role: &'static str,
    pub(crate) content: Vec<Block<'a>>,
}

/// One block of content.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Block<'a> {
    Text(Cow<'a, str>),
    Image(Media<'a>),
    Video(Media<'a>),
    Audio(Media<'a>),
    Document(Document<'a>),
    ToolUse(ToolUse<'a>),
    ToolResult(ToolResult<'a>),
    CachePoint(CachePoint<'a>),
    ReasoningContent(Reasoning<'a>),
    CitationsContent(CitationsContent<'a>),
    /// A block of this service's own, as it came.
    #[serde(untagged)]
    Own(&'a Value),
    /// Text up to which may be cached, in the form of Nova's own wire.
    #[serde(untagged)]
    Marked(Marked<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Marked<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) cache_point: CachePoint<'a>,
}

/// A picture, a film or a sound.
#[derive(Serialize)]
pub(crate) struct Media<'a> {
    pub(crate) format: Cow<'a, str>,
    pub(crate) source: Source<'a>,
}

#[derive(Serialize)]
pub(crate) struct Document<'a> {
    pub(crate) format: Cow<'a, str>,
    pub(crate) name: String,
    pub(crate) source: Source<'a>,
    /// Whether to cite it, and what it is about.
    #[serde(flatten)]
    pub(crate) more: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
pub(crate) enum Source<'a> {
    #[serde(rename = "bytes")]
    Bytes(Data<'a>),
    /// Bytes that are base64 already.
    #[serde(rename = "bytes")]
    Encoded(&'a str),
    #[serde(rename = "s3Location")]
    S3 { uri: &'a str },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToolUse<'a> {
    pub(crate) tool_use_id: Cow<'a, str>,
    pub(crate) name: &'a str,
    pub(crate) input: Input<'a>,
}

/// The arguments of a call, an object.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Input<'a> {
    /// As the model wrote them.
    Raw(&'a RawValue),
    Value(Value),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToolResult<'a> {
    pub(crate) tool_use_id: Cow<'a, str>,
    pub(crate) content: Vec<Block<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'static str>,
}

#[derive(Serialize)]
pub(crate) struct CachePoint<'a> {
    pub(crate) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ttl: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Reasoning<'a> {
    ReasoningText {
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<&'a str>,
    },
    RedactedContent(&'a str),
}

#[derive(Serialize)]
pub(crate) struct CitationsContent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<[Cited<'a>; 1]>,
    pub(crate) citations: Vec<&'a Value>,
}

/// A stretch of text that is cited for.
#[derive(Serialize)]
pub(crate) struct Cited<'a> {
    pub(crate) text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Tool<'a> {
    ToolSpec(ToolSpec<'a>),
    /// A tool of this service's own, as it was given.
    #[serde(untagged)]
    Own(&'a Value),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToolSpec<'a> {
    pub(crate) name: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) description: &'a str,
    pub(crate) input_schema: InputSchema<'a>,
}

#[derive(Serialize)]
pub(crate) struct InputSchema<'a> {
    pub(crate) json: Cow<'a, Value>,
}

/// Bytes in base64.
pub(crate) struct Data<'a>(pub(crate) &'a [u8]);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Base64Display::new(self.0, &STANDARD).fmt(f)
    }
}
