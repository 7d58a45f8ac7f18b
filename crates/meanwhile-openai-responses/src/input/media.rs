//! Pictures, sound and documents as parts of a message.

use std::borrow::Cow;

use meanwhile_core::{Audio, Document, Image, MediaSource, Result};
use meanwhile_openai_compatible::dialect::{Data, Url, url};

use super::Writer;
use crate::written::{InputAudio, PartKind};

impl<'a> Writer<'a, '_> {
    pub(crate) fn image(&mut self, image: &'a Image) -> Result<Option<PartKind<'a>>> {
        let file_id = self.stored(&image.source);
        let image_url = url(&image.source, image.media_type.as_deref(), "image/png");
        if !self.quirks.images {
            self.notes.dropped("image", "this provider does not take images")?;
            return Ok(None);
        }
        if image_url.is_none() && file_id.is_none() {
            let message = "this provider takes images as bytes, addresses or its own files";
            self.notes.dropped("image", message)?;
            return Ok(None);
        }
        let detail = image.detail.as_deref().unwrap_or("auto");
        Ok(Some(PartKind::Image { detail, image_url, file_id }))
    }

    pub(crate) fn audio(&mut self, audio: &'a Audio) -> Result<Option<PartKind<'a>>> {
        let message = match &audio.source {
            _ if !self.quirks.audio => "this provider or dialect does not take audio",
            MediaSource::Bytes(bytes) => {
                let media_type = audio.media_type.as_deref().unwrap_or("audio/wav");
                let format = match media_type.strip_prefix("audio/").unwrap_or(media_type) {
                    "mpeg" | "mp3" => "mp3",
                    "x-wav" | "wave" | "wav" => "wav",
                    other => other,
                };
                let input_audio = InputAudio { data: Data(bytes), format };
                return Ok(Some(PartKind::Audio { input_audio }));
            }
            _ => "this provider does not take audio from there; pass the bytes",
        };
        self.notes.dropped("audio", message)?;
        Ok(None)
    }

    pub(crate) fn document(&mut self, document: &'a Document) -> Result<Option<PartKind<'a>>> {
        let name = document.name.as_deref();
        if let MediaSource::Text(text) = &document.source {
            let text = match name {
                Some(name) => Cow::Owned(format!("{name}:\n\n{text}")),
                None => Cow::Borrowed(text.as_str()),
            };
            return Ok(Some(PartKind::Text { text }));
        }
        let file_id = self.stored(&document.source);
        let source = url(&document.source, document.media_type.as_deref(), "application/pdf");
        let (filename, file_data, file_url) = match source {
            _ if !self.quirks.documents => {
                self.notes.dropped("document", "this provider does not take documents")?;
                return Ok(None);
            }
            Some(data @ Url::Data { media_type, .. }) => {
                // Bytes need a file name, which the program need not give.
                let usual = match media_type {
                    "application/pdf" => "document.pdf",
                    _ => "document",
                };
                (Some(name.unwrap_or(usual)), Some(data), None)
            }
            Some(Url::Address(address)) => (None, None, Some(address)),
            None if file_id.is_some() => (None, None, None),
            None => {
                let message = "this provider takes documents as bytes, addresses or its own files";
                self.notes.dropped("document", message)?;
                return Ok(None);
            }
        };
        Ok(Some(PartKind::File { filename, file_data, file_url, file_id }))
    }

    fn stored(&self, source: &'a MediaSource) -> Option<&'a str> {
        match source {
            MediaSource::Reference { provider, id } if self.is_own(provider) => Some(id),
            _ => None,
        }
    }
}
