//! Pictures, sound and documents as the dialect writes them.

use std::borrow::Cow;

use meanwhile_core::{Audio, Document, Image, MediaSource, Result};

use super::Writer;
use crate::written::{Data, File, ImageUrl, InputAudio, ItemKind, Url, file_data_name, url};
use crate::{AudioInput, Documents};

impl<'a> Writer<'a, '_> {
    pub(super) fn image(&mut self, image: &'a Image) -> Result<Option<ItemKind<'a>>> {
        if !self.quirks.images {
            self.notes.dropped("image", "this provider does not take images")?;
            return Ok(None);
        }
        let Some(url) = url(&image.source, image.media_type.as_deref(), "image/png") else {
            self.notes.dropped("image", "this provider takes images as bytes or addresses")?;
            return Ok(None);
        };
        let detail = image.detail.as_deref();
        Ok(Some(ItemKind::ImageUrl { image_url: ImageUrl { url, detail } }))
    }

    pub(super) fn audio(&mut self, audio: &'a Audio) -> Result<Option<ItemKind<'a>>> {
        let input_audio = match (self.quirks.audio, &audio.source) {
            (AudioInput::None, _) => {
                self.notes.dropped("audio", "this provider does not take audio")?;
                return Ok(None);
            }
            (AudioInput::Object, MediaSource::Bytes(bytes)) => {
                let media_type = audio.media_type.as_deref().unwrap_or("audio/wav");
                let format = match media_type.strip_prefix("audio/").unwrap_or(media_type) {
                    "mpeg" | "mp3" => "mp3",
                    "x-wav" | "wave" | "wav" => "wav",
                    other => other,
                };
                InputAudio::Object { data: Data(bytes), format }
            }
            (AudioInput::Text, MediaSource::Bytes(bytes)) => InputAudio::Data(Data(bytes)),
            (AudioInput::Text, MediaSource::Url(url)) => InputAudio::Address(url),
            _ => {
                self.notes.dropped(
                    "audio",
                    "this provider does not take audio from there; pass the bytes",
                )?;
                return Ok(None);
            }
        };
        Ok(Some(ItemKind::InputAudio { input_audio }))
    }

    pub(super) fn document(&mut self, document: &'a Document) -> Result<Option<ItemKind<'a>>> {
        let name = document.name.as_deref();
        if let MediaSource::Text(text) = &document.source {
            let text = match name {
                Some(name) => Cow::Owned(format!("{name}:\n\n{text}")),
                None => Cow::Borrowed(text.as_str()),
            };
            return Ok(Some(ItemKind::Text { text }));
        }
        let stored = match &document.source {
            MediaSource::Reference { provider, id } if provider == self.provider => Some(&**id),
            _ => None,
        };
        let media_type = document.media_type.as_deref();
        let url = url(&document.source, media_type, "application/pdf");
        let file = |file_data, file_id| ItemKind::File {
            file: File { filename: name.or(file_data_name(&file_data)), file_data, file_id },
        };
        let item = match (self.quirks.documents, url, stored) {
            (Documents::File | Documents::FileOrUrl, None, Some(id)) => Some(ItemKind::File {
                file: File { filename: None, file_data: None, file_id: Some(id) },
            }),
            (Documents::File | Documents::FileOrUrl, Some(url @ Url::Data { .. }), _)
            | (Documents::FileOrUrl, Some(url), _) => Some(file(Some(url), None)),
            (Documents::Url, Some(document_url), _) => {
                Some(ItemKind::DocumentUrl { document_url, document_name: name })
            }
            (Documents::Url, None, Some(file_id)) => Some(ItemKind::StoredFile { file_id }),
            _ => None,
        };
        if item.is_none() {
            let message = match self.quirks.documents {
                Documents::None => "this provider does not take documents",
                _ => "this provider does not take documents from there; pass the bytes",
            };
            self.notes.dropped("document", message)?;
        }
        Ok(item)
    }
}
