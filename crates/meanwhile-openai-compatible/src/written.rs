//! What goes over the wire for one message: [`Message`], its content and its tool calls.
//!
//! The fields are written in the order in which they stand here. Bytes become base64 while the body is
//! written, without a copy in between.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use meanwhile_core::MediaSource;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// One message.
#[derive(Serialize)]
pub(crate) struct Message<'a> {
    pub(crate) role: &'static str,
    pub(crate) content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tool_call_id: Option<Cow<'a, str>>,
    /// Fields that only some messages of some vendors have.
    #[serde(flatten)]
    pub(crate) extra: BTreeMap<&'a str, Value>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Content<'a> {
    Null,
    Text(Cow<'a, str>),
    Items(Vec<Item<'a>>),
}

/// A part of the content, and whether the provider may cache everything up to it.
#[derive(Serialize)]
pub(crate) struct Item<'a> {
    #[serde(flatten)]
    pub(crate) kind: ItemKind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<CacheControl<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ItemKind<'a> {
    Text {
        text: Cow<'a, str>,
    },
    Refusal {
        refusal: &'a str,
    },
    ImageUrl {
        image_url: ImageUrl<'a>,
    },
    InputAudio {
        input_audio: InputAudio<'a>,
    },
    File {
        file: File<'a>,
    },
    DocumentUrl {
        document_url: Url<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        document_name: Option<&'a str>,
    },
    /// A file that the vendor stores (Mistral), beside [`File`](Self::File).
    #[serde(rename = "file")]
    StoredFile {
        file_id: &'a str,
    },
    Thinking {
        thinking: Vec<Thought<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<&'a Value>,
    },
    /// A part as the vendor sent it.
    #[serde(untagged)]
    Verbatim(&'a Value),
}

#[derive(Serialize)]
pub(crate) struct CacheControl<'a> {
    pub(crate) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ttl: Option<&'a str>,
}

#[derive(Serialize)]
pub(crate) struct ImageUrl<'a> {
    pub(crate) url: Url<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum InputAudio<'a> {
    Object { data: Data<'a>, format: &'a str },
    Data(Data<'a>),
    Address(&'a str),
}

#[derive(Serialize)]
pub(crate) struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file_data: Option<Url<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Thought<'a> {
    Text { r#type: &'static str, text: &'a str },
    Other(&'a Value),
}

#[derive(Serialize)]
pub(crate) struct Call<'a> {
    pub(crate) id: Cow<'a, str>,
    #[serde(flatten)]
    pub(crate) kind: CallKind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extra_content: Option<&'a Value>,
}

/// A call of a function, or of a tool that takes free text.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum CallKind<'a> {
    Function { function: CallFunction<'a> },
    Custom { custom: CallText<'a> },
}

#[derive(Serialize)]
pub(crate) struct CallFunction<'a> {
    pub(crate) name: &'a str,
    pub(crate) arguments: &'a str,
}

#[derive(Serialize)]
pub(crate) struct CallText<'a> {
    pub(crate) name: &'a str,
    pub(crate) input: Cow<'a, str>,
}

/// An address, or bytes written as one.
#[derive(Debug, Clone, Copy)]
pub enum Url<'a> {
    /// The address.
    Address(&'a str),
    /// A `data:` URL.
    Data {
        /// What the bytes are.
        media_type: &'a str,
        /// The bytes.
        bytes: &'a [u8],
    },
}

impl Serialize for Url<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Address(url) => serializer.serialize_str(url),
            Self::Data { media_type, bytes } => {
                serializer.collect_str(&format_args!("data:{media_type};base64,{}", Data(bytes)))
            }
        }
    }
}

/// Bytes in base64.
#[derive(Debug, Clone, Copy)]
pub struct Data<'a>(pub &'a [u8]);

impl fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Base64Display::new(self.0, &STANDARD).fmt(f)
    }
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'a> Message<'a> {
    pub(crate) fn new(role: &'static str, content: Content<'a>) -> Self {
        let tool_calls = Vec::new();
        Self { role, content, name: None, tool_calls, tool_call_id: None, extra: BTreeMap::new() }
    }
}

impl<'a> Item<'a> {
    pub(crate) fn new(kind: ItemKind<'a>) -> Self {
        Self { kind, cache_control: None }
    }

    /// Whether this is a text and nothing else.
    fn is_plain(&self) -> bool {
        self.cache_control.is_none() && matches!(self.kind, ItemKind::Text { .. })
    }

    /// Puts the last text at the end of the one before it, where both are nothing else.
    pub(crate) fn continue_text(items: &mut Vec<Self>) {
        if let [.., before, last] = items.as_mut_slice()
            && before.is_plain()
            && last.is_plain()
            && let (ItemKind::Text { text }, ItemKind::Text { text: more }) =
                (&mut before.kind, &last.kind)
        {
            text.to_mut().push_str(more);
            items.pop();
        }
    }
}

/// Content of one text is written as text, which every server reads. Several texts stay apart: as a
/// list where that is taken, else by a blank line.
pub(crate) fn content(mut items: Vec<Item<'_>>, takes_lists: bool) -> Content<'_> {
    if !items.iter().all(Item::is_plain) || (takes_lists && items.len() > 1) {
        return Content::Items(items);
    }
    let texts = items.drain(..).filter_map(|item| match item.kind {
        ItemKind::Text { text } => Some(text),
        _ => None,
    });
    Content::Text(texts.reduce(|all, next| all + BETWEEN + next).unwrap_or_default())
}

/// What keeps texts apart that have to be one.
pub const BETWEEN: &str = "\n\n";

/// The address of a source, or its bytes as one; `None` where it is neither.
#[must_use]
pub fn url<'a>(
    source: &'a MediaSource,
    media_type: Option<&'a str>,
    default: &'a str,
) -> Option<Url<'a>> {
    match source {
        MediaSource::Url(url) => Some(Url::Address(url)),
        MediaSource::Bytes(bytes) => {
            Some(Url::Data { media_type: media_type.unwrap_or(default), bytes })
        }
        _ => None,
    }
}

/// Bytes need a file name, which the program need not give.
pub(crate) fn file_data_name(data: &Option<Url<'_>>) -> Option<&'static str> {
    match data {
        Some(Url::Data { media_type: "application/pdf", .. }) => Some("document.pdf"),
        Some(_) => Some("document"),
        None => None,
    }
}

/// Nine letters and digits, the same for the same id.
pub(crate) fn short_id(id: &str) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // FNV-1a: fixed for all time, unlike the standard library's hasher.
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let letters = std::iter::repeat_with(|| {
        let letter = usize::try_from(hash % 62).unwrap_or_default();
        hash /= 62;
        LETTERS.get(letter).copied().map_or('0', char::from)
    });
    letters.take(9).collect()
}
