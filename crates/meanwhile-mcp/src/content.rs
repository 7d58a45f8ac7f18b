//! Between the content of the protocol and [`Part`]s. Nothing is dropped: what one side has no kind for
//! becomes text.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use meanwhile_core::{Audio, Document, Error, ErrorKind, Image, MediaSource, Part, Result};
use rmcp::model::{ContentBlock, Resource, ResourceContents};
use serde_json::Value;

/// Writes padding, and reads with and without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads a block.
///
/// # Errors
///
/// [`ErrorKind::Decode`] when bytes are not base64.
pub(crate) fn part(block: ContentBlock) -> Result<Part> {
    Ok(match block {
        ContentBlock::Text(text) => Part::text(text.text),
        ContentBlock::Image(image) => {
            Image::bytes(bytes(&image.data, "an image")?, image.mime_type).into()
        }
        ContentBlock::Audio(audio) => {
            Audio::bytes(bytes(&audio.data, "a recording")?, audio.mime_type).into()
        }
        ContentBlock::Resource(embedded) => resource(embedded.resource)?,
        ContentBlock::ResourceLink(link) => Part::text(describe(&link)),
        other => Part::text(json(&other)?),
    })
}

/// Reads the contents of a resource: by its media type a picture, a recording, or a document named by
/// its address.
///
/// # Errors
///
/// [`ErrorKind::Decode`] when bytes are not base64.
pub(crate) fn resource(contents: ResourceContents) -> Result<Part> {
    Ok(match contents {
        ResourceContents::TextResourceContents { uri, mime_type, text, .. } => {
            let media_type = mime_type.or_else(|| Some("text/plain".to_owned()));
            Document::from_source(MediaSource::Text(text), media_type).with_name(uri).into()
        }
        ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
            let source = MediaSource::from(bytes(&blob, "a resource")?);
            match mime_type.as_deref().and_then(|media| media.split('/').next()) {
                Some("image") => Image::from_source(source, mime_type).into(),
                Some("audio") => Audio::from_source(source, mime_type).into(),
                _ => Document::from_source(source, mime_type).with_name(uri).into(),
            }
        }
        other => Part::text(json(&other)?),
    })
}

/// What a model can do with the address of a resource is to know it: it is text.
fn describe(link: &Resource) -> String {
    let mut text = format!("resource `{}`: {}", link.name, link.uri);
    if let Some(media_type) = &link.mime_type {
        text.push_str(&format!(" ({media_type})"));
    }
    if let Some(description) = &link.description {
        text.push_str(&format!(": {description}"));
    }
    text
}

/// Adds a structured result to what is shown, unless a text of the result says the same already, as the
/// protocol asks servers to do.
pub(crate) fn add_structured(parts: &mut Vec<Part>, structured: &Value) {
    let said = |part: &Part| {
        let text = part.as_text().and_then(|text| serde_json::from_str::<Value>(text).ok());
        text.as_ref() == Some(structured)
    };
    if !parts.iter().any(said) {
        parts.push(Part::text(structured.to_string()));
    }
}

/// Writes a part.
///
/// # Errors
///
/// [`ErrorKind::Tool`] when it cannot be written as JSON.
pub(crate) fn block(part: Part) -> Result<ContentBlock> {
    Ok(match part {
        Part::Text(text) => ContentBlock::text(text.text),
        Part::Refusal(refusal) => ContentBlock::text(refusal.text),
        Part::Image(Image { source: MediaSource::Bytes(bytes), media_type, .. }) => {
            ContentBlock::image(BASE64.encode(bytes), media_type.unwrap_or_else(unknown))
        }
        Part::Audio(Audio { source: MediaSource::Bytes(bytes), media_type, .. }) => {
            ContentBlock::audio(BASE64.encode(bytes), media_type.unwrap_or_else(unknown))
        }
        Part::Document(Document { source: MediaSource::Text(text), media_type, name, .. }) => {
            let media_type = media_type.unwrap_or_else(|| "text/plain".to_owned());
            let contents = ResourceContents::text(text, address(name.as_deref()));
            ContentBlock::resource(contents.with_mime_type(media_type))
        }
        Part::Document(Document {
            source: MediaSource::Bytes(bytes), media_type, name, ..
        }) => {
            let contents = ResourceContents::blob(BASE64.encode(bytes), address(name.as_deref()));
            ContentBlock::resource(contents.with_mime_type(media_type.unwrap_or_else(unknown)))
        }
        Part::Image(Image { source: MediaSource::Url(url), media_type, .. })
        | Part::Audio(Audio { source: MediaSource::Url(url), media_type, .. })
        | Part::Document(Document { source: MediaSource::Url(url), media_type, .. }) => {
            let mut link = Resource::new(url.clone(), url);
            link.mime_type = media_type;
            ContentBlock::resource_link(link)
        }
        other => ContentBlock::text(json(&other)?),
    })
}

/// A resource has an address; a document has a name at most.
fn address(name: Option<&str>) -> String {
    match name {
        Some(name) if name.contains("://") => name.to_owned(),
        Some(name) => format!("document:///{}", name.replace(' ', "%20")),
        None => "document:///document".to_owned(),
    }
}

fn unknown() -> String {
    "application/octet-stream".to_owned()
}

fn bytes(text: &str, what: &str) -> Result<Vec<u8>> {
    BASE64.decode(text).map_err(|source| {
        let message = format!("the MCP server sent {what} that is not base64");
        Error::new(ErrorKind::Decode, message).with_source(source)
    })
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|source| {
        Error::new(ErrorKind::Tool, "the content is not JSON").with_source(source)
    })
}
