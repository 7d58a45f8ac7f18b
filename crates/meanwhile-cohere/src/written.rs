//! What goes over the wire for one message. Bytes become base64 while the body is written, without a
//! copy in between.

use std::borrow::Cow;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::Value;

#[derive(Serialize)]
pub(crate) struct Message<'a> {
    pub(crate) role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tool_plan: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) citations: Vec<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Content<'a> {
    Text(Cow<'a, str>),
    Items(Vec<Item<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Item<'a> {
    Text {
        text: &'a str,
    },
    Thinking {
        thinking: &'a str,
    },
    ImageUrl {
        image_url: ImageUrl<'a>,
    },
    Document {
        document: Document<'a>,
    },
    #[serde(untagged)]
    Own(&'a Value),
}

#[derive(Serialize)]
pub(crate) struct ImageUrl<'a> {
    pub(crate) url: Url<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<&'a str>,
}

/// A document that may be cited.
#[derive(Serialize)]
pub(crate) struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<Cow<'a, str>>,
    pub(crate) data: DocumentData<'a>,
}

#[derive(Serialize)]
pub(crate) struct DocumentData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<&'a str>,
    pub(crate) text: &'a str,
}

#[derive(Serialize)]
pub(crate) struct Call<'a> {
    pub(crate) id: &'a str,
    pub(crate) r#type: &'static str,
    pub(crate) function: CallFunction<'a>,
}

#[derive(Serialize)]
pub(crate) struct CallFunction<'a> {
    pub(crate) name: &'a str,
    pub(crate) arguments: &'a str,
}

/// An address, or bytes written as one.
pub(crate) enum Url<'a> {
    Address(&'a str),
    Data { media_type: &'a str, bytes: &'a [u8] },
}

impl Serialize for Url<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Address(url) => serializer.serialize_str(url),
            Self::Data { media_type, bytes } => {
                let data = Base64Display::new(bytes, &STANDARD);
                serializer.collect_str(&format_args!("data:{media_type};base64,{data}"))
            }
        }
    }
}
