//! Pictures, sounds, films and documents as Converse writes them, and as it answers with them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile_core::{Audio, Document, Image, MediaSource};
use serde_json::Value;

use crate::written::{Block, Data, Document as Written, Media, Source};

/// Formats that are not named as in their media type.
const DOCUMENTS: &[(&str, &str)] = &[
    ("application/pdf", "pdf"),
    ("text/csv", "csv"),
    ("application/msword", "doc"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("text/html", "html"),
    ("text/plain", "txt"),
    ("text/markdown", "md"),
];

const VIDEOS: &[(&str, &str)] = &[
    ("video/x-matroska", "mkv"),
    ("video/quicktime", "mov"),
    ("video/x-flv", "flv"),
    ("video/x-ms-wmv", "wmv"),
    ("video/3gpp", "three_gp"),
];

const VIDEO_ENDINGS: &[&str] =
    &["mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp", "3gp"];

type Outcome<'a> = Result<Block<'a>, String>;

/// Writes a picture, or a film that was passed as one.
///
/// # Errors
///
/// Why it cannot be written.
pub(crate) fn image<'a>(image: &'a Image, provider: &str) -> Outcome<'a> {
    let (source, media_type) = source(&image.source, image.media_type.as_deref(), provider)?;
    if let Some(video) = video_format(media_type, &source) {
        return Ok(Block::Video(Media { format: video, source }));
    }
    let format = match media_type.and_then(|media_type| media_type.strip_prefix("image/")) {
        Some("jpg") => Cow::Borrowed("jpeg"),
        Some(format) => Cow::Borrowed(format),
        None => match ending(&source) {
            Some(format) if format == "jpg" => Cow::Borrowed("jpeg"),
            Some(format) => Cow::Owned(format),
            None => return Err("its format is not known; name its media type".to_owned()),
        },
    };
    Ok(Block::Image(Media { format, source }))
}

/// Writes a sound.
///
/// # Errors
///
/// Why it cannot be written.
pub(crate) fn audio<'a>(audio: &'a Audio, provider: &str) -> Outcome<'a> {
    let (source, media_type) = source(&audio.source, audio.media_type.as_deref(), provider)?;
    let format = match media_type.and_then(|media_type| media_type.strip_prefix("audio/")) {
        Some("x-wav" | "wave" | "vnd.wave") => Cow::Borrowed("wav"),
        Some("x-flac") => Cow::Borrowed("flac"),
        Some("x-m4a") => Cow::Borrowed("m4a"),
        Some("mpeg") => Cow::Borrowed("mp3"),
        Some(format) => Cow::Borrowed(format),
        None => match ending(&source) {
            Some(format) => Cow::Owned(format),
            None => return Err("its format is not known; name its media type".to_owned()),
        },
    };
    Ok(Block::Audio(Media { format, source }))
}

/// Writes a document, or a film that was passed as one. `more` are fields of the block beside these.
///
/// # Errors
///
/// Why it cannot be written.
pub(crate) fn document<'a>(
    document: &'a Document,
    provider: &str,
    more: Option<&'a Value>,
    names: &mut Vec<String>,
) -> Outcome<'a> {
    let given = document.media_type.as_deref();
    let (source, media_type) = match &document.source {
        MediaSource::Text(text) => (Source::Bytes(Data(text.as_bytes())), given),
        other => source(other, given, provider)?,
    };
    if let Some(video) = video_format(media_type, &source) {
        return Ok(Block::Video(Media { format: video, source }));
    }
    let name_ending = document.name.as_deref().and_then(|name| name.rsplit_once('.'));
    let known = |format: &str| DOCUMENTS.iter().find(|(_, known)| *known == format);
    let format = media_type
        .and_then(|media_type| DOCUMENTS.iter().find(|(known, _)| *known == media_type))
        .or_else(|| known(&ending(&source)?))
        .or_else(|| known(&name_ending?.1.to_ascii_lowercase()));
    let format = match (format, media_type) {
        (Some((_, format)), _) => *format,
        (None, Some(text)) if text.starts_with("text/") => "txt",
        (None, Some(other)) => return Err(format!("this provider does not take `{other}`")),
        (None, None) => return Err("its format is not known; name its media type".to_owned()),
    };
    let name = unique(clean(document.name.as_deref().unwrap_or("document")), names);
    let more = more.and_then(Value::as_object);
    Ok(Block::Document(Written { format: Cow::Borrowed(format), name, source, more }))
}

/// Where bytes come from, and of which type they are.
fn source<'a>(
    source: &'a MediaSource,
    media_type: Option<&'a str>,
    provider: &str,
) -> Result<(Source<'a>, Option<&'a str>), String> {
    match source {
        MediaSource::Bytes(bytes) => Ok((Source::Bytes(Data(bytes)), media_type)),
        MediaSource::Text(text) => Ok((Source::Bytes(Data(text.as_bytes())), media_type)),
        MediaSource::Url(url) if url.starts_with("s3://") => {
            Ok((Source::S3 { uri: url }, media_type))
        }
        MediaSource::Reference { provider: whose, id } if whose == provider => {
            Ok((Source::S3 { uri: id }, media_type))
        }
        MediaSource::Url(url) => {
            let data = url.strip_prefix("data:").and_then(|data| data.split_once(";base64,"));
            match data {
                Some((of_url, data)) => Ok((Source::Encoded(data), media_type.or(Some(of_url)))),
                None => {
                    Err("this provider does not fetch addresses other than s3://; pass the bytes"
                        .to_owned())
                }
            }
        }
        _ => Err("this provider takes bytes and addresses at s3:// only".to_owned()),
    }
}

fn video_format<'a>(media_type: Option<&'a str>, source: &Source<'_>) -> Option<Cow<'a, str>> {
    match media_type {
        Some(media_type) => {
            let special = VIDEOS.iter().find(|(known, _)| *known == media_type);
            let format = special.map(|(_, format)| *format);
            format.or_else(|| media_type.strip_prefix("video/")).map(Cow::Borrowed)
        }
        None => {
            let ending = ending(source)?;
            let known = VIDEO_ENDINGS.iter().find(|known| **known == ending)?;
            Some(Cow::Borrowed(if *known == "3gp" { "three_gp" } else { known }))
        }
    }
}

/// The ending of the file at an address.
fn ending(source: &Source<'_>) -> Option<String> {
    let Source::S3 { uri } = source else { return None };
    let file = uri.rsplit('/').next()?;
    file.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase())
}

/// A name in the letters that the wire allows; the ending is told by the format.
fn clean(name: &str) -> String {
    let stem = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.len() <= 5 => stem,
        _ => name,
    };
    let legal = stem.chars().map(|c| {
        let is_legal = c.is_ascii_alphanumeric() || "-()[] ".contains(c);
        if is_legal { c } else { '-' }
    });
    let mut clean = String::with_capacity(stem.len());
    for c in legal.take(180) {
        // Two spaces in a row are refused.
        if c != ' ' || !clean.ends_with(' ') {
            clean.push(c);
        }
    }
    let clean = clean.trim();
    if clean.is_empty() { "document".to_owned() } else { clean.to_owned() }
}

/// The name, with a number if another document has it already.
fn unique(name: String, names: &mut Vec<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !names.contains(name));
    let free = free.unwrap_or(name);
    names.push(free.clone());
    free
}

/// Reads a block of bytes that the model made: its format and the bytes.
pub(crate) fn made(block: &Value) -> Option<(&str, Vec<u8>)> {
    let format = block.get("format")?.as_str()?;
    let data = block.get("source")?.get("bytes")?.as_str()?;
    Some((format, STANDARD.decode(data).ok()?))
}
