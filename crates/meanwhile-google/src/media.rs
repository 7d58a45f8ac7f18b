//! Pictures, sound and files: how a request names them, and how an answer brings them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use meanwhile_core::{Audio, Document, Image, MediaSource, Part, ProviderData};
use serde_json::{Map, Value, json};

use crate::wire::Media;

/// Also reads what lacks its padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a part of the answer with media is.
#[derive(Debug)]
pub(crate) enum Answered {
    /// A part.
    Part(Part),
    /// A sketch on the way to the answer, as its field came.
    Sketch(&'static str, Value),
    /// Sound whose pieces join.
    Speech(Speech),
    Unreadable,
}

/// Sound without a container, as far as it has come.
#[derive(Debug)]
pub(crate) struct Speech {
    media_type: String,
    bytes: Vec<u8>,
    /// What came beside its pieces, by the names of the fields.
    pub(crate) fields: Map<String, Value>,
}

impl Speech {
    pub(crate) fn continues(&self, next: &Self) -> bool {
        self.media_type == next.media_type
    }

    pub(crate) fn join(&mut self, next: Self) {
        self.bytes.extend(next.bytes);
        self.fields.extend(next.fields);
    }

    /// The sound, with what goes back to the provider with it.
    pub(crate) fn into_audio(self, provider: &str) -> Audio {
        let mut audio = Audio::bytes(self.bytes, self.media_type);
        if !self.fields.is_empty() {
            audio.data = Some(Box::new(ProviderData::new(provider, Value::Object(self.fields))));
        }
        audio
    }
}

/// Reads the media of an answer, or of the thoughts in front of it.
pub(crate) fn read(field: &'static str, media: Media<'_>, thought: bool) -> Answered {
    let media_type = media.mime_type.given().map(str::to_owned);
    let kind = media_type.as_deref().unwrap_or_default();
    let source = match (media.data.0, media.file_uri.0) {
        (Some(data), _) if thought => {
            return Answered::Sketch(field, json!({ "mimeType": kind, "data": data }));
        }
        (Some(data), _) => {
            let Ok(bytes) = LENIENT.decode(data.as_bytes()) else { return Answered::Unreadable };
            let lower = kind.to_ascii_lowercase();
            if lower.starts_with("audio/l16") || lower.starts_with("audio/pcm") {
                let speech = Speech { media_type: kind.to_owned(), bytes, fields: Map::new() };
                return Answered::Speech(speech);
            }
            MediaSource::from(bytes)
        }
        (None, Some(uri)) => MediaSource::Url(uri.into_owned()),
        (None, None) => return Answered::Unreadable,
    };
    let part = if kind.starts_with("image/") {
        Part::Image(Image::from_source(source, media_type))
    } else if kind.starts_with("audio/") {
        Part::Audio(Audio::from_source(source, media_type))
    } else {
        Part::Document(Document::from_source(source, media_type))
    };
    Answered::Part(part)
}

/// Attaches data to a part with media.
pub(crate) fn attach(part: &mut Part, data: Option<ProviderData>) {
    let data = data.map(Box::new);
    match part {
        Part::Image(image) => image.data = data,
        Part::Audio(audio) => audio.data = data,
        Part::Document(document) => document.data = data,
        _ => {}
    }
}

/// The media type of an address, from the end of its path.
pub(crate) fn guess(url: &str) -> Option<&'static str> {
    const ENDS: [(&str, &str); 31] = [
        ("png", "image/png"),
        ("jpg", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("webp", "image/webp"),
        ("gif", "image/gif"),
        ("heic", "image/heic"),
        ("heif", "image/heif"),
        ("bmp", "image/bmp"),
        ("mp3", "audio/mp3"),
        ("wav", "audio/wav"),
        ("aac", "audio/aac"),
        ("aiff", "audio/aiff"),
        ("ogg", "audio/ogg"),
        ("flac", "audio/flac"),
        ("m4a", "audio/m4a"),
        ("mp4", "video/mp4"),
        ("mpeg", "video/mpeg"),
        ("mpg", "video/mpg"),
        ("mov", "video/mov"),
        ("avi", "video/avi"),
        ("flv", "video/x-flv"),
        ("webm", "video/webm"),
        ("wmv", "video/wmv"),
        ("3gp", "video/3gpp"),
        ("pdf", "application/pdf"),
        ("txt", "text/plain"),
        ("md", "text/md"),
        ("csv", "text/csv"),
        ("html", "text/html"),
        ("xml", "text/xml"),
        ("json", "application/json"),
    ];
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let host = path.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    if ["www.youtube.com", "youtube.com", "m.youtube.com", "youtu.be"].contains(&host) {
        return Some("video/mp4");
    }
    let (_, end) = path.rsplit('/').next()?.rsplit_once('.')?;
    let found = ENDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(end));
    found.map(|(_, media_type)| *media_type)
}

/// The address of a stored file: the Files API also answers to its bare name.
pub(crate) fn file_uri(id: &str) -> Cow<'_, str> {
    if id.starts_with("files/") {
        Cow::Owned(format!("https://generativelanguage.googleapis.com/v1beta/{id}"))
    } else {
        Cow::Borrowed(id)
    }
}

/// Bytes in base64, written without a copy in between.
pub(crate) struct Base64<'a>(pub(crate) &'a [u8]);

impl serde::Serialize for Base64<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&base64::display::Base64Display::new(self.0, &STANDARD))
    }
}
