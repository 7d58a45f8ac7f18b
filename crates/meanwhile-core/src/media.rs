//! [`Image`], [`Audio`] and [`Document`]: content that is not text, by value or by reference.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ProviderData, base64};

/// Where the bytes of a media part are.
///
/// ```
/// use meanwhile_core::{Image, MediaSource};
///
/// let here = Image::bytes(&b"GIF89a"[..], "image/gif");
/// assert_eq!(here.source.base64().as_deref(), Some("R0lGODlh"));
/// let there = Image::url("https://example.com/cat.png");
/// assert_eq!(there.source, MediaSource::Url("https://example.com/cat.png".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaSource {
    /// The bytes themselves; serialised as base64.
    Bytes(#[serde(serialize_with = "to_base64", deserialize_with = "from_base64")] Bytes),
    /// An address that the provider fetches; this program does not.
    Url(String),
    /// A file stored at a provider.
    Reference {
        /// The provider that holds the file.
        provider: String,
        /// The provider's id of the file.
        id: String,
    },
    /// Plain text, for documents.
    Text(String),
}

impl MediaSource {
    /// Returns the bytes in standard base64, if the bytes are here.
    #[must_use]
    pub fn base64(&self) -> Option<String> {
        match self {
            Self::Bytes(bytes) => Some(base64::encode(bytes)),
            _ => None,
        }
    }
}

impl From<Bytes> for MediaSource {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for MediaSource {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<&[u8]> for MediaSource {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Bytes::copy_from_slice(bytes))
    }
}

fn to_base64<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64::encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    base64::decode(&text)
        .map(Bytes::from)
        .ok_or_else(|| serde::de::Error::custom("the bytes of a media part are not base64"))
}

macro_rules! media {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct $name {
            /// Where the bytes are.
            pub source: MediaSource,
            /// The media type (`image/png`); `None` where it is unknown.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub media_type: Option<String>,
            $($(#[$field_doc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $field: $type,)*
            /// Data that the provider wants back with this part.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub data: Option<Box<ProviderData>>,
        }

        impl $name {
            /// Refers to an address that the provider fetches.
            #[must_use]
            pub fn url(url: impl Into<String>) -> Self {
                Self::from_source(MediaSource::Url(url.into()), None)
            }

            /// Carries bytes of a known media type.
            #[must_use]
            pub fn bytes(bytes: impl Into<Bytes>, media_type: impl Into<String>) -> Self {
                Self::from_source(MediaSource::Bytes(bytes.into()), Some(media_type.into()))
            }

            /// Refers to a file stored at `provider`.
            #[must_use]
            pub fn reference(provider: impl Into<String>, id: impl Into<String>) -> Self {
                let source = MediaSource::Reference { provider: provider.into(), id: id.into() };
                Self::from_source(source, None)
            }

            /// Builds the part from its source; a media type of `None` is read off the bytes.
            #[must_use]
            pub fn from_source(source: MediaSource, media_type: Option<String>) -> Self {
                let media_type = media_type.or_else(|| sniff(&source).map(str::to_owned));
                Self { source, media_type, $($field: None,)* data: None }
            }
        }

        impl From<Vec<u8>> for $name {
            fn from(bytes: Vec<u8>) -> Self {
                Self::from_source(bytes.into(), None)
            }
        }

        impl From<Bytes> for $name {
            fn from(bytes: Bytes) -> Self {
                Self::from_source(bytes.into(), None)
            }
        }
    };
}

media! {
    /// A picture.
    ///
    /// ```
    /// use meanwhile_core::{Image, Message, Part};
    ///
    /// let png = b"\x89PNG\r\n\x1a\n and the rest of the file".to_vec();
    /// let image = Image::from(png).with_detail("low");
    /// // The media type is read off the bytes.
    /// assert_eq!(image.media_type.as_deref(), Some("image/png"));
    /// let question = Message::user([Part::from(image), Part::text("What is this?")]);
    /// assert_eq!(question.parts[0].kind(), "image");
    /// ```
    Image {
        /// How closely the model should look (`low`, `high`, `auto`), where the provider offers it.
        detail: Option<String>,
    }
}

media! {
    /// A sound recording.
    ///
    /// ```
    /// use meanwhile_core::{Audio, Message, Part};
    ///
    /// let recording = Audio::from(b"OggS and the rest of the file".to_vec());
    /// assert_eq!(recording.media_type.as_deref(), Some("audio/ogg"));
    /// let question = Message::user([Part::text("Who speaks?"), Part::from(recording)]);
    /// assert_eq!(question.parts[1].kind(), "audio");
    /// ```
    Audio {
        /// What is said in it, where that is known.
        transcript: Option<String>,
    }
}

media! {
    /// A document, such as a PDF.
    ///
    /// ```
    /// use meanwhile_core::{Document, Message, Part};
    ///
    /// let terms = Document::text("Refunds are paid within 14 days.").with_name("terms.txt");
    /// let stored = Document::reference("openai", "file-abc123");
    /// assert_eq!(terms.media_type.as_deref(), Some("text/plain"));
    /// let question = Message::user([terms.into(), stored.into(), Part::text("What differs?")]);
    /// assert_eq!(question.parts.len(), 3);
    /// ```
    Document {
        /// The file name or title shown to the model.
        name: Option<String>,
    }
}

impl Image {
    /// Sets how closely the model should look.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl Document {
    /// Carries plain text as a document.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::from_source(MediaSource::Text(text.into()), Some("text/plain".to_owned()))
    }

    /// Sets the file name or title.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// Reads a media type off the first bytes ("magic numbers").
fn sniff(source: &MediaSource) -> Option<&'static str> {
    let MediaSource::Bytes(bytes) = source else { return None };
    let at = |offset: usize, magic: &[u8]| {
        bytes.get(offset..offset.saturating_add(magic.len())) == Some(magic)
    };
    let found = [
        (at(0, b"\x89PNG\r\n\x1a\n"), "image/png"),
        (at(0, b"\xff\xd8\xff"), "image/jpeg"),
        (at(0, b"GIF87a") || at(0, b"GIF89a"), "image/gif"),
        (at(0, b"RIFF") && at(8, b"WEBP"), "image/webp"),
        (at(4, b"ftypheic") || at(4, b"ftypheix"), "image/heic"),
        (at(4, b"ftypmif1"), "image/heif"),
        (at(0, b"RIFF") && at(8, b"WAVE"), "audio/wav"),
        (at(0, b"ID3") || at(0, b"\xff\xfb") || at(0, b"\xff\xf3"), "audio/mp3"),
        (at(0, b"FORM") && at(8, b"AIFF"), "audio/aiff"),
        (at(0, b"\xff\xf1") || at(0, b"\xff\xf9"), "audio/aac"),
        (at(0, b"OggS"), "audio/ogg"),
        (at(0, b"fLaC"), "audio/flac"),
        (at(0, b"%PDF-"), "application/pdf"),
    ];
    found.into_iter().find_map(|(matches, media_type)| matches.then_some(media_type))
}
