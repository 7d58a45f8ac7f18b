//! [`Transcriber`]: writes down what is said in a recording, and when.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Audio, Result, Timeouts, Usage};

/// Turns speech into text.
#[async_trait]
pub trait Transcriber: fmt::Debug + Send + Sync + 'static {
    /// Names the provider in errors and `provider/model` strings.
    fn id(&self) -> &str;

    /// Writes down one recording. Dropping the future cancels the request.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports; [`Unsupported`](crate::ErrorKind::Unsupported) for audio by
    /// an address that the provider does not fetch, and for a setting that it cannot carry.
    async fn transcribe(&self, request: TranscriptionRequest) -> Result<Transcription>;
}

/// What is to be written down.
///
/// ```
/// # use meanwhile_core::{Audio, Result, Transcriber, Transcription, TranscriptionRequest};
/// # #[derive(Debug)]
/// # struct Listener;
/// # #[async_trait::async_trait]
/// # impl Transcriber for Listener {
/// #     fn id(&self) -> &str {
/// #         "listener"
/// #     }
/// #     async fn transcribe(&self, request: TranscriptionRequest) -> Result<Transcription> {
/// #         let mut written = Transcription::new("listener", request.model, "Good morning");
/// #         written.language = request.language;
/// #         Ok(written)
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// # let transcriber = Listener;
/// let recording = Audio::from(b"OggS and the rest of the file".to_vec());
/// let request = TranscriptionRequest::new("whisper-1", recording).language("en");
/// let answer = transcriber.transcribe(request).await?;
/// assert_eq!(answer.text, "Good morning");
/// assert_eq!(answer.language.as_deref(), Some("en"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TranscriptionRequest {
    /// The model's id, without the provider.
    pub model: String,
    /// The recording.
    pub audio: Audio,
    /// The language that is spoken, as an ISO 639-1 code; the model finds out without it.
    pub language: Option<String>,
    /// Text that helps the model with names and style.
    pub prompt: Option<String>,
    /// How much to vary.
    pub temperature: Option<f64>,
    /// Which times to report. Models differ in what they can.
    pub timestamps: Vec<TimestampUnit>,
    /// The clocks of this request.
    pub timeouts: Timeouts,
    /// Vendor options by provider id, added to the request as they are.
    pub options: BTreeMap<String, Map<String, Value>>,
}

impl TranscriptionRequest {
    /// Asks `model` to write down a recording.
    #[must_use]
    pub fn new(model: impl Into<String>, audio: impl Into<Audio>) -> Self {
        Self {
            model: model.into(),
            audio: audio.into(),
            language: None,
            prompt: None,
            temperature: None,
            timestamps: Vec::new(),
            timeouts: Timeouts::default(),
            options: BTreeMap::new(),
        }
    }

    /// Says which language is spoken, as an ISO 639-1 code.
    #[must_use]
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Gives text that helps the model with names and style.
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    /// Sets how much to vary.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Asks for the times of words or segments.
    #[must_use]
    pub fn timestamps(mut self, unit: TimestampUnit) -> Self {
        self.timestamps.push(unit);
        self
    }
}

super::setters!(TranscriptionRequest);

/// What a time is reported for.
///
/// ```
/// use meanwhile_core::{Audio, TimestampUnit, TranscriptionRequest};
///
/// let recording = Audio::from(b"OggS and the rest of the file".to_vec());
/// let request = TranscriptionRequest::new("whisper-1", recording)
///     .timestamps(TimestampUnit::Word)
///     .timestamps(TimestampUnit::Segment);
/// assert_eq!(request.timestamps, [TimestampUnit::Word, TimestampUnit::Segment]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimestampUnit {
    /// Every word.
    Word,
    /// Every segment, about a sentence.
    Segment,
}

/// What was said.
///
/// ```
/// use meanwhile_core::{TimedText, Transcription};
///
/// let mut answer = Transcription::new("openai", "whisper-1", "Good morning everybody");
/// answer.segments = vec![TimedText::new("Good morning everybody", 0.2, 1.6)];
/// let said_at_one = answer.segments.iter().find(|one| one.start <= 1.0 && 1.0 < one.end);
/// assert_eq!(said_at_one.map(|one| &*one.text), Some("Good morning everybody"));
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Transcription {
    /// The provider that answered.
    pub provider: String,
    /// The model that answered, as the provider names it; else the one that was asked.
    pub model: String,
    /// The whole text.
    pub text: String,
    /// The language, in the provider's words, where it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// How long the recording is, in seconds, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// The segments, where they were reported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<TimedText>,
    /// The words, where they were reported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<TimedText>,
    /// Token counts, where the provider reports them.
    pub usage: Usage,
}

impl Transcription {
    /// Makes the answer of `provider` and `model`, of which only the text is known.
    #[must_use]
    pub fn new(
        provider: impl Into<String>,
        model: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
            text: text.into(),
            ..Self::default()
        }
    }
}

/// A word or a segment, and when it was said.
///
/// ```
/// use meanwhile_core::TimedText;
///
/// let words = [TimedText::new("Good", 0.25, 0.5), TimedText::new("morning", 0.5, 1.25)];
/// let line = |word: &TimedText| format!("{:.2} {}", word.start, word.text);
/// assert_eq!(words.iter().map(line).collect::<Vec<_>>(), ["0.25 Good", "0.50 morning"]);
/// assert_eq!(words[1].speaker, None);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TimedText {
    /// The text.
    pub text: String,
    /// When it begins, in seconds from the beginning.
    pub start: f64,
    /// When it ends, in seconds from the beginning.
    pub end: f64,
    /// Who says it, where the provider tells speakers apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
}

impl TimedText {
    /// Makes a text said between two times, in seconds.
    #[must_use]
    pub fn new(text: impl Into<String>, start: f64, end: f64) -> Self {
        Self { text: text.into(), start, end, speaker: None }
    }
}
