//! Speech and pictures in answers.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use meanwhile_core::{Audio, Image, Part, ProviderData};
use serde_json::{Value, json};

use crate::wire;

/// Speech, as far as it has come.
#[derive(Debug, Default)]
pub(crate) struct Spoken {
    id: Option<String>,
    bytes: Vec<u8>,
    transcript: String,
    expires_at: Option<u64>,
}

impl Spoken {
    /// Adds what came of it.
    ///
    /// # Errors
    ///
    /// When the bytes are not base64; the rest is kept.
    pub(crate) fn add(&mut self, audio: &wire::Audio<'_>) -> Result<(), base64::DecodeError> {
        self.id = audio.id.given().map(str::to_owned).or(self.id.take());
        self.expires_at = audio.expires_at.0.or(self.expires_at);
        self.transcript.push_str(audio.transcript.text());
        // Each piece is base64 of its own.
        let data = audio.data.text().trim_end_matches('=');
        STANDARD_NO_PAD.decode_vec(data, &mut self.bytes)
    }

    /// The part of the message.
    pub(crate) fn into_part(self, provider: &str) -> Part {
        let mut audio = Audio::from(self.bytes);
        audio.transcript = (!self.transcript.is_empty()).then_some(self.transcript);
        audio.data = self.id.map(|id| {
            let value = json!({ "audio": { "id": id, "expires_at": self.expires_at } });
            Box::new(ProviderData::new(provider, value))
        });
        Part::Audio(audio)
    }
}

/// Reads an `image_url` part, in place where it is a data URL.
pub(crate) fn image(part: &Value) -> Option<Image> {
    let image = part.get("image_url")?;
    let url = image.get("url").unwrap_or(image).as_str()?;
    let Some(data) = url.strip_prefix("data:") else { return Some(Image::url(url)) };
    let (media_type, data) = data.split_once(";base64,")?;
    let bytes = STANDARD.decode(data).ok()?;
    Some(Image::bytes(bytes, media_type))
}
