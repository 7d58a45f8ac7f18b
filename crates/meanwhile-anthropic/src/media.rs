//! Images and documents: from where their bytes are to a [`Source`] of the wire.

use meanwhile_core::{Document, Image, MediaSource};

use crate::written::{Data, Source};

/// The source of an image; `None` where the API cannot take it from there.
pub(crate) fn image<'a>(image: &'a Image, provider: &str) -> Option<Source<'a>> {
    match &image.source {
        MediaSource::Bytes(bytes) => {
            let media_type = image.media_type.as_deref().unwrap_or("image/png");
            Some(Source::Base64 { media_type, data: Data::Bytes(bytes) })
        }
        source => elsewhere(source, provider),
    }
}

/// The source of a document; `None` where the API cannot take it.
pub(crate) fn document<'a>(document: &'a Document, provider: &str) -> Option<Source<'a>> {
    let media_type = document.media_type.as_deref().unwrap_or("application/pdf");
    match &document.source {
        MediaSource::Text(text) => Some(Source::Text { media_type: "text/plain", data: text }),
        MediaSource::Bytes(bytes) if media_type == "application/pdf" => {
            Some(Source::Base64 { media_type: "application/pdf", data: Data::Bytes(bytes) })
        }
        // Text of every kind is plain text to the API.
        MediaSource::Bytes(bytes) if is_text(media_type) => {
            let text = std::str::from_utf8(bytes).ok();
            text.map(|data| Source::Text { media_type: "text/plain", data })
        }
        source => elsewhere(source, provider),
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
