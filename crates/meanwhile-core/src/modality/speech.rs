//! [`SpeechSynthesizer`]: reads a text aloud, as one recording or as bytes while they are made.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use serde_json::{Map, Value};

use crate::{Audio, Result, Timeouts, Usage};

/// Turns text into speech.
#[async_trait]
pub trait SpeechSynthesizer: fmt::Debug + Send + Sync + 'static {
    /// Names the provider in errors and `provider/model` strings.
    fn id(&self) -> &str;

    /// Reads the text aloud and returns the whole recording. Dropping the future cancels the request.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports; [`Unsupported`](crate::ErrorKind::Unsupported) for a setting
    /// that it cannot carry.
    async fn speak(&self, request: SpeechRequest) -> Result<Speech>;

    /// Reads the text aloud and returns its bytes as they arrive. Resolves once the provider has
    /// begun to answer; later failures arrive on the stream. Dropping the stream closes the
    /// connection.
    ///
    /// # Errors
    ///
    /// As [`speak`](Self::speak).
    async fn stream(&self, request: SpeechRequest) -> Result<SpeechStream>;
}

/// What is to be read aloud.
///
/// ```
/// # use meanwhile_core::{
/// #     Audio, Error, ErrorKind, Result, Speech, SpeechRequest, SpeechStream, SpeechSynthesizer,
/// #     Usage,
/// # };
/// # #[derive(Debug)]
/// # struct Voice;
/// # #[async_trait::async_trait]
/// # impl SpeechSynthesizer for Voice {
/// #     fn id(&self) -> &str {
/// #         "voice"
/// #     }
/// #     async fn speak(&self, request: SpeechRequest) -> Result<Speech> {
/// #         let media_type = format!("audio/{}", request.format.as_deref().unwrap_or("mp3"));
/// #         let audio = Audio::bytes(request.text.into_bytes(), media_type);
/// #         Ok(Speech::new("voice", request.model, audio, Usage::default()))
/// #     }
/// #     async fn stream(&self, _: SpeechRequest) -> Result<SpeechStream> {
/// #         Err(Error::new(ErrorKind::Unsupported, "not here"))
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// # let voice = Voice;
/// let request = SpeechRequest::new("gpt-4o-mini-tts", "Good morning", "alloy").format("wav");
/// let speech = voice.speak(request).await?;
/// assert_eq!(speech.audio.media_type.as_deref(), Some("audio/wav"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SpeechRequest {
    /// The model's id, without the provider.
    pub model: String,
    /// The text.
    pub text: String,
    /// The provider's name of the voice.
    pub voice: String,
    /// The format of the audio, such as `mp3`, `wav` or `pcm`; the provider chooses without it.
    pub format: Option<String>,
    /// How fast to speak; 1 is the pace of the voice.
    pub speed: Option<f64>,
    /// How to speak, in words, for models that can be told.
    pub instructions: Option<String>,
    /// The clocks of this request.
    pub timeouts: Timeouts,
    /// Vendor options by provider id, merged into the request body as they are.
    pub options: BTreeMap<String, Map<String, Value>>,
}

impl SpeechRequest {
    /// Asks `model` to read `text` in a voice.
    #[must_use]
    pub fn new(
        model: impl Into<String>,
        text: impl Into<String>,
        voice: impl Into<String>,
    ) -> Self {
        Self {
            model: model.into(),
            text: text.into(),
            voice: voice.into(),
            format: None,
            speed: None,
            instructions: None,
            timeouts: Timeouts::default(),
            options: BTreeMap::new(),
        }
    }

    /// Asks for a format, such as `mp3`.
    #[must_use]
    pub fn format(mut self, format: impl Into<String>) -> Self {
        self.format = Some(format.into());
        self
    }

    /// Sets how fast to speak; 1 is the pace of the voice.
    #[must_use]
    pub fn speed(mut self, speed: f64) -> Self {
        self.speed = Some(speed);
        self
    }

    /// Says in words how to speak.
    #[must_use]
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }
}

super::setters!(SpeechRequest);

/// A text that was read aloud.
///
/// ```
/// use meanwhile_core::{Audio, MediaSource, Speech, Usage};
///
/// let audio = Audio::from(b"OggS and the rest of the recording".to_vec());
/// let speech = Speech::new("openai", "gpt-4o-mini-tts", audio, Usage::totals(4, 60));
/// // What a program does with it: it writes the bytes to a file.
/// let MediaSource::Bytes(bytes) = &speech.audio.source else { panic!("not by value") };
/// assert!(bytes.starts_with(b"OggS"));
/// assert_eq!(speech.audio.media_type.as_deref(), Some("audio/ogg"));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Speech {
    /// The provider that answered.
    pub provider: String,
    /// The model that was asked.
    pub model: String,
    /// The recording, by value, with its media type where that is known.
    pub audio: Audio,
    /// Token counts, where the provider reports them.
    pub usage: Usage,
}

impl Speech {
    /// Makes the answer of `provider` and `model`.
    #[must_use]
    pub fn new(
        provider: impl Into<String>,
        model: impl Into<String>,
        audio: Audio,
        usage: Usage,
    ) -> Self {
        Self { provider: provider.into(), model: model.into(), audio, usage }
    }
}

/// The bytes of a recording while they are made. An error is the last item.
///
/// ```
/// # use bytes::Bytes;
/// # use meanwhile_core::SpeechStream;
/// # futures::executor::block_on(async {
/// let chunks = [Ok(Bytes::from("RIFF")), Ok(Bytes::from("WAVE"))];
/// let media_type = Some("audio/wav".to_owned());
/// let mut speech = SpeechStream::new(media_type, futures::stream::iter(chunks));
/// let mut recording = Vec::new();
/// while let Some(chunk) = speech.chunk().await {
///     recording.extend_from_slice(&chunk?);
/// }
/// assert_eq!(recording, b"RIFFWAVE");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub struct SpeechStream {
    /// The media type (`audio/mpeg`); `None` where it is unknown.
    pub media_type: Option<String>,
    chunks: Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>,
}

impl SpeechStream {
    /// Wraps chunks of a recording.
    pub fn new(
        media_type: Option<String>,
        chunks: impl Stream<Item = Result<Bytes>> + Send + 'static,
    ) -> Self {
        Self { media_type, chunks: Box::pin(chunks) }
    }

    /// Waits for the next bytes; `None` at the end. Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`StreamInterrupted`](crate::ErrorKind::StreamInterrupted) when the recording breaks off, and
    /// whatever else the provider reports.
    pub async fn chunk(&mut self) -> Option<Result<Bytes>> {
        std::future::poll_fn(|cx| self.chunks.as_mut().poll_next(cx)).await
    }
}

impl Stream for SpeechStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for SpeechStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpeechStream").field("media_type", &self.media_type).finish_non_exhaustive()
    }
}
