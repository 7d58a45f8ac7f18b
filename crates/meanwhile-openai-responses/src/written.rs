//! What goes over the wire as input: [`Item`]s and their content.
//!
//! The fields are written in the order in which they stand here. Bytes become base64 while the body is
//! written, without a copy in between.

use std::borrow::Cow;

use meanwhile_openai_compatible::dialect::{Data, Url};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

/// One item of the input.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub(crate) enum Item<'a> {
    Message {
        role: &'static str,
        content: Content<'a>,
    },
    Output(Output<'a>),
    Call(Call<'a>),
    Result {
        r#type: &'static str,
        call_id: &'a str,
        output: Content<'a>,
    },
    Picture(Picture<'a>),
    Reasoning(WithoutNulls<'a>),
    /// An item that goes back as it came.
    Verbatim(&'a Value),
}

#[derive(serde::Serialize)]
#[serde(untagged)]
pub(crate) enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

/// A part of the content, and whether the vendor may cache everything up to it.
#[derive(serde::Serialize)]
pub(crate) struct Part<'a> {
    #[serde(flatten)]
    pub(crate) kind: PartKind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prompt_cache_breakpoint: Option<Breakpoint>,
}

#[derive(serde::Serialize)]
pub(crate) struct Breakpoint {
    mode: &'static str,
}

impl Breakpoint {
    pub(crate) fn explicit() -> Self {
        Self { mode: "explicit" }
    }
}

#[derive(serde::Serialize)]
#[serde(tag = "type")]
pub(crate) enum PartKind<'a> {
    #[serde(rename = "input_text")]
    Text { text: Cow<'a, str> },
    #[serde(rename = "input_image")]
    Image {
        detail: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<Url<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
    },
    #[serde(rename = "input_file")]
    File {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<Url<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
    },
    #[serde(rename = "input_audio")]
    Audio { input_audio: InputAudio<'a> },
}

#[derive(serde::Serialize)]
pub(crate) struct InputAudio<'a> {
    pub(crate) data: Data<'a>,
    pub(crate) format: &'a str,
}

/// A message of the model.
#[derive(serde::Serialize)]
pub(crate) struct Output<'a> {
    pub(crate) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    pub(crate) role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'a str>,
    pub(crate) content: Vec<OutputPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phase: Option<&'a Value>,
}

#[derive(serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum OutputPart<'a> {
    OutputText { text: &'a str, annotations: Vec<&'a Value> },
    Refusal { refusal: &'a str },
}

/// A call of a function or of a tool that takes free text.
pub(crate) struct Call<'a> {
    /// Whether the tool takes free text.
    pub(crate) custom: bool,
    pub(crate) id: Option<&'a str>,
    pub(crate) call_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) arguments: Cow<'a, str>,
    /// The item that the call came as; what else it holds goes back with the call.
    pub(crate) own: Option<&'a Value>,
}

impl Serialize for Call<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let (kind, arguments) = match self.custom {
            true => ("custom_tool_call", "input"),
            false => ("function_call", "arguments"),
        };
        map.serialize_entry("type", kind)?;
        if let Some(id) = self.id {
            map.serialize_entry("id", id)?;
        }
        map.serialize_entry("call_id", self.call_id)?;
        map.serialize_entry("name", self.name)?;
        map.serialize_entry(arguments, &self.arguments)?;
        for (name, value) in self.own.and_then(Value::as_object).into_iter().flatten() {
            if !OWN.contains(&&**name) && !value.is_null() {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// Fields of kept items that are written apart or are notes of this crate.
const OWN: [&str; 4] = ["type", "id", AFTER, "result"];

/// The note in a kept item which reasoning item came before it.
pub(crate) const AFTER: &str = "after_reasoning";

/// A picture that the model made.
pub(crate) struct Picture<'a> {
    pub(crate) own: &'a Value,
    pub(crate) bytes: &'a [u8],
}

impl Serialize for Picture<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "image_generation_call")?;
        for (name, value) in self.own.as_object().into_iter().flatten() {
            if name == "id" || (!OWN.contains(&&**name) && !value.is_null()) {
                map.serialize_entry(name, value)?;
            }
        }
        map.serialize_entry("result", &Data(self.bytes))?;
        map.end()
    }
}

/// An object without the fields that are `null`, which servers send but do not take back.
pub(crate) struct WithoutNulls<'a>(pub(crate) &'a Value);

impl Serialize for WithoutNulls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.as_object().into_iter().flatten() {
            if !value.is_null() {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}
