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

    /// Asks for the times of words or segments.
    #[must_use]
    pub fn timestamps(mut self, unit: TimestampUnit) -> Self {
        self.timestamps.push(unit);
        self
    }
}

/// What a time is reported for.
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
