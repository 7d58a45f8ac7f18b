//! What goes over the wire for one turn: [`Content`] and its parts.
//!
//! Bytes become base64 while the body is written, and what belongs to a part (its signature, how a
//! video is sampled) stands behind the field that says what the part is.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::media::Base64;

/// One turn of the conversation.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<&'static str>,
    pub(crate) parts: Vec<Part<'a>>,
}

/// One part of a turn.
#[derive(Debug)]
pub(crate) enum Part<'a> {
    /// As Google sent it.
    Verbatim(&'a Value),
    Built {
        kind: Kind<'a>,
        thought: bool,
        signature: Option<&'static str>,
        /// Fields that came with the part.
        fields: Option<&'a Map<String, Value>>,
        resolution: Option<&'static str>,
    },
}

#[derive(Debug)]
pub(crate) enum Kind<'a> {
    Text(Cow<'a, str>),
    Inline(Blob<'a>),
    /// Bytes that are base64 already.
    Encoded(Encoded<'a>),
    File(File<'a>),
    Call(Call<'a>),
    Response(Response<'a>),
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Blob<'a> {
    pub(crate) mime_type: Cow<'a, str>,
    pub(crate) data: Base64<'a>,
}

impl std::fmt::Debug for Blob<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blob").field("mime_type", &self.mime_type).finish_non_exhaustive()
    }
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Encoded<'a> {
    pub(crate) mime_type: &'a str,
    pub(crate) data: &'a str,
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mime_type: Option<Cow<'a, str>>,
    pub(crate) file_uri: Cow<'a, str>,
}

#[derive(Debug, serde::Serialize)]
pub(crate) struct Call<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) args: Json<'a>,
}

/// JSON as the model or a tool wrote it, or as it had to be rewritten.
#[derive(Debug, serde::Serialize)]
#[serde(untagged)]
pub(crate) enum Json<'a> {
    Raw(&'a RawValue),
    Value(Value),
    Text(Cow<'a, str>),
}

#[derive(Debug, serde::Serialize)]
pub(crate) struct Response<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) response: Output<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<Part<'a>>,
}

/// What a tool answered, under the names that the models are trained on.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Output<'a> {
    Output(Json<'a>),
    Error(Json<'a>),
}

impl<'a> Part<'a> {
    pub(crate) fn new(kind: Kind<'a>) -> Self {
        Self::Built { kind, thought: false, signature: None, fields: None, resolution: None }
    }

    /// Writes fields that came with the part back with it.
    pub(crate) fn with_fields(mut self, own: Option<&'a Value>) -> Self {
        if let Self::Built { fields, .. } = &mut self {
            *fields = own.and_then(Value::as_object);
        }
        self
    }

    pub(crate) fn is_signed(&self) -> bool {
        match self {
            Self::Verbatim(_) => false,
            Self::Built { fields, .. } => {
                fields.is_some_and(|fields| fields.contains_key("thoughtSignature"))
            }
        }
    }

    pub(crate) fn is_call(&self) -> bool {
        matches!(self, Self::Built { kind: Kind::Call(_), .. })
    }

    pub(crate) fn sign(&mut self, text: &'static str) {
        if let Self::Built { signature, .. } = self {
            *signature = Some(text);
        }
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, thought, signature, fields, resolution) = match self {
            Self::Verbatim(value) => return value.serialize(serializer),
            Self::Built { kind, thought, signature, fields, resolution } => {
                (kind, *thought, *signature, *fields, *resolution)
            }
        };
        let mut map = serializer.serialize_map(None)?;
        match kind {
            Kind::Text(text) => map.serialize_entry("text", text)?,
            Kind::Inline(blob) => map.serialize_entry("inlineData", blob)?,
            Kind::Encoded(blob) => map.serialize_entry("inlineData", blob)?,
            Kind::File(file) => map.serialize_entry("fileData", file)?,
            Kind::Call(call) => map.serialize_entry("functionCall", call)?,
            Kind::Response(response) => map.serialize_entry("functionResponse", response)?,
        }
        if thought {
            map.serialize_entry("thought", &true)?;
        }
        if let Some(signature) = signature {
            map.serialize_entry("thoughtSignature", signature)?;
        }
        if let Some(level) = resolution {
            map.serialize_entry("mediaResolution", &serde_json::json!({ "level": level }))?;
        }
        for (name, value) in fields.into_iter().flatten() {
            // Data that carries what the part is, is of another kind of part.
            if name != "text" && name != "thought" {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}
