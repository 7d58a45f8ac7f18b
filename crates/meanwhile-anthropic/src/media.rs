//! Images and documents: from where their bytes are to a [`Source`] of the wire.

use meanwhile_core::{Document, Image, MediaSource};

use crate::written::{Data, Source};

/// Why it cannot be written.
type Outcome<'a> = Result<Source<'a>, &'static str>;

/// The API wants the type of bytes named, and a wrong name is refused.
const NAMELESS: &str = "its media type is not known; name it";

/// The source of an image.
///
/// # Errors
///
/// Why the API cannot take it.
pub(crate) fn image<'a>(image: &'a Image, provider: &str) -> Outcome<'a> {
    match (&image.source, image.media_type.as_deref()) {
        (MediaSource::Bytes(bytes), Some(media_type)) => {
            Ok(Source::Base64 { media_type, data: Data::Bytes(bytes) })
        }
        (MediaSource::Bytes(_), None) => Err(NAMELESS),
        (source, _) => {
            elsewhere(source, provider).ok_or("this API does not take images from there")
        }
    }
}

/// The source of a document.
///
/// # Errors
///
/// Why the API cannot take it.
pub(crate) fn document<'a>(document: &'a Document, provider: &str) -> Outcome<'a> {
    let taken = "this API takes PDF files and plain text";
    match (&document.source, document.media_type.as_deref()) {
        (MediaSource::Text(text), _) => Ok(Source::Text { media_type: "text/plain", data: text }),
        (MediaSource::Bytes(bytes), Some("application/pdf")) => {
            Ok(Source::Base64 { media_type: "application/pdf", data: Data::Bytes(bytes) })
        }
        // Text of every kind is plain text to the API.
        (MediaSource::Bytes(bytes), Some(media_type)) if is_text(media_type) => {
            let text = std::str::from_utf8(bytes).map_err(|_| "it is no text in UTF-8")?;
            Ok(Source::Text { media_type: "text/plain", data: text })
        }
        (MediaSource::Bytes(_), None) => Err(NAMELESS),
        (source, _) => elsewhere(source, provider).ok_or(taken),
    }
}

/// A source that is an address, or a file of this provider.
fn elsewhere<'a>(source: &'a MediaSource, provider: &str) -> Option<Source<'a>> {
    match source {
        MediaSource::Url(url) => Some(match data_url(url) {
            Some((media_type, data)) => Source::Base64 { media_type, data: Data::Encoded(data) },
            None => Source::Url { url },
        }),
        MediaSource::Reference { provider: owner, id } if owner == provider => {
            Some(Source::File { file_id: id })
        }
        _ => None,
    }
}

fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || ["application/json", "application/xml", "application/yaml"].contains(&media_type)
}

/// The media type and the base64 of a data URL.
fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    Some((media_type.split(';').next().unwrap_or(media_type), data))
}
