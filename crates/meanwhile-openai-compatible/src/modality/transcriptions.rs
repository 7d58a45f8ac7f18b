//! [`TranscriptionApi`]: `POST /audio/transcriptions`, as in
//! <https://platform.openai.com/docs/api-reference/audio/createTranscription>.

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use meanwhile_core::{
    Error, ErrorKind, MediaSource, Result, TimedText, TimestampUnit, Transcriber, Transcription,
    TranscriptionRequest,
};
use meanwhile_http::frame::Sse;
use meanwhile_http::{Api, Form, Frame, Reply, Wire};
use serde::Deserialize;
use serde_json::Value;

use super::token_usage;
use crate::{Quirks, error};

/// Writes down recordings through a host of the dialect.
///
/// Times are asked for as `verbose_json`, which not all models have. Formats that are no JSON (`text`,
/// `srt`, `vtt`) can be asked for as the option `response_format`; the text is then as it comes.
///
/// ```
/// # use meanwhile_core::{Audio, Transcriber as _, TranscriptionRequest};
/// # use meanwhile_openai_compatible::{OpenAiCompatible, TranscriptionApi};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"text": "Good morning"}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let api = OpenAiCompatible::builder("acme", base_url).api_key("not-a-real-key").api()?;
/// let recording = Audio::from(b"OggS and the rest of the file".to_vec());
/// let request = TranscriptionRequest::new("whisper-1", recording).language("en");
/// assert_eq!(TranscriptionApi::new(api).transcribe(request).await?.text, "Good morning");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct TranscriptionApi {
    api: Api,
    form: Accepted,
}

/// What a host reads in a form.
#[derive(Debug, Clone, Copy)]
struct Accepted {
    /// Whether times must be asked for by a format.
    formats: bool,
    /// What stands behind the name of a field that comes several times.
    list_suffix: &'static str,
    prompt: bool,
    /// Whether the host fetches audio itself, from an address or by its own file id.
    fetches: bool,
}

impl TranscriptionApi {
    /// Transcribes through `api`, whose base URL is that of the dialect.
    #[must_use]
    pub fn new(api: Api) -> Self {
        let form = Accepted { formats: true, list_suffix: "[]", prompt: true, fetches: false };
        Self { api, form }
    }

    /// Transcribes through Mistral, which has no formats and no prompt, and fetches audio itself.
    #[must_use]
    pub fn mistral(api: Api) -> Self {
        let form = Accepted { formats: false, list_suffix: "", prompt: false, fetches: true };
        Self { api, form }
    }
}

#[derive(Deserialize)]
struct Answer {
    text: String,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    duration: Option<f64>,
    #[serde(default)]
    segments: Option<Vec<Timed>>,
    #[serde(default)]
    words: Option<Vec<Timed>>,
    #[serde(default)]
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct Timed {
    #[serde(alias = "word")]
    text: String,
    start: f64,
    end: f64,
    #[serde(default, alias = "speaker_id")]
    speaker: Option<String>,
}

#[async_trait]
impl Transcriber for TranscriptionApi {
    fn id(&self) -> &str {
        self.api.id()
    }

    async fn transcribe(&self, request: TranscriptionRequest) -> Result<Transcription> {
        let wire = self.wire(&request)?;
        let reply = self.api.send(wire, &request.model, request.timeouts).await?;
        let answer = match format_of(&reply) {
            Format::Json => reply.json()?,
            Format::Events => self.last_event(&reply, &request)?,
            Format::Text => {
                let text = String::from_utf8_lossy(&reply.body).into_owned();
                return Ok(Transcription::new(self.api.id(), request.model, text));
            }
        };
        let model = answer.model.unwrap_or(request.model);
        let mut transcription = Transcription::new(self.api.id(), model, answer.text);
        transcription.language = answer.language;
        transcription.duration = answer.duration;
        transcription.segments = timed(answer.segments);
        transcription.words = timed(answer.words);
        transcription.usage = token_usage(answer.usage);
        Ok(transcription)
    }
}

fn timed(list: Option<Vec<Timed>>) -> Vec<TimedText> {
    let timed = list.unwrap_or_default().into_iter().map(|timed| {
        let mut text = TimedText::new(timed.text, timed.start, timed.end);
        text.speaker = timed.speaker;
        text
    });
    timed.collect()
}

enum Format {
    Json,
    Events,
    Text,
}

/// What an answer is written in: by its type, else by its first byte.
fn format_of(reply: &Reply) -> Format {
    let media_type = reply.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match media_type.unwrap_or_default() {
        kind if kind.starts_with("text/event-stream") => Format::Events,
        kind if kind.starts_with("application/json") => Format::Json,
        _ if reply.body.trim_ascii_start().starts_with(b"{") => Format::Json,
        kind if kind.starts_with("text/html") => Format::Json,
        kind if kind.starts_with("text/") || kind.contains("subrip") => Format::Text,
        "" if !reply.body.is_empty() && !reply.body.starts_with(b"<") => Format::Text,
        _ => Format::Json,
    }
}

impl TranscriptionApi {
    fn wire(&self, request: &TranscriptionRequest) -> Result<Wire> {
        let TranscriptionRequest { model, audio, language, prompt, temperature, .. } = request;
        let mut form = Form::new();
        let media_type = audio.media_type.as_deref();
        form = match &audio.source {
            MediaSource::Bytes(bytes) => {
                let (name, media_type) = file(media_type);
                form.file("file", name, media_type, bytes)
            }
            MediaSource::Url(url) if self.form.fetches => form.text("file_url", url),
            MediaSource::Reference { provider, id }
                if self.form.fetches && provider == self.api.id() =>
            {
                form.text("file_id", id)
            }
            _ => {
                return Err(self.unsupported(
                    "this provider does not fetch audio from that place; pass the bytes",
                    request,
                ));
            }
        };
        form = form.text("model", model);
        if let Some(language) = language {
            form = form.text("language", language);
        }
        match prompt {
            Some(_) if !self.form.prompt => {
                let message = "this provider takes no prompt for a transcription; leave it out, or set `context_bias` as an option";
                return Err(self.unsupported(message, request));
            }
            Some(prompt) => form = form.text("prompt", prompt),
            None => {}
        }
        if let Some(temperature) = temperature {
            form = form.text("temperature", &temperature.to_string());
        }
        let options = request.options.get(self.api.id());
        let is_chosen = |name: &str| options.is_some_and(|options| options.contains_key(name));
        if !request.timestamps.is_empty() {
            if self.form.formats && !is_chosen("response_format") {
                form = form.text("response_format", "verbose_json");
            }
            let name = self.list("timestamp_granularities");
            for unit in &request.timestamps {
                form = form.text(
                    &name,
                    match unit {
                        TimestampUnit::Word => "word",
                        TimestampUnit::Segment => "segment",
                        _ => {
                            let message = "this provider reports times of words and segments only";
                            return Err(self.unsupported(message, request));
                        }
                    },
                );
            }
        }
        for (name, value) in options.into_iter().flatten() {
            form = match value {
                Value::String(text) => form.text(name, text),
                Value::Array(items) => items.iter().fold(form, |form, item| {
                    let text = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
                    form.text(&self.list(name), &text)
                }),
                value => form.text(name, &value.to_string()),
            };
        }
        Ok(form.into_wire("/audio/transcriptions"))
    }

    /// The name of a field that comes once for each item of a list.
    fn list(&self, name: &str) -> String {
        format!("{name}{}", self.form.list_suffix)
    }

    /// The event with the whole text, where the options asked for a stream.
    fn last_event(&self, reply: &Reply, request: &TranscriptionRequest) -> Result<Answer> {
        let mut frames = Sse::new(reply.body.len().max(1));
        frames.push(reply.body.clone());
        loop {
            let frame = match frames.next()? {
                Some(frame) => Some(frame),
                None => frames.end()?,
            };
            let Some(Frame::Event { data, .. }) = frame else {
                let message = "the transcription broke off; send the request again";
                return Err(reply.unexpected(Error::new(ErrorKind::StreamInterrupted, message)));
            };
            let event: Value = serde_json::from_slice(data).unwrap_or_default();
            let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
            let is_failure = event.get("error").is_some_and(|error| !error.is_null());
            if kind == "error" || is_failure {
                return Err(reply.unexpected(error::in_answer(data, &Quirks::new())));
            }
            if kind == "transcript.text.done" || kind == "transcription.done" {
                return serde_json::from_value(event).map_err(|source| {
                    let message = "the end of the transcription has no text";
                    let error = Error::new(ErrorKind::Decode, message).with_source(source);
                    self.named(error, request)
                });
            }
        }
    }

    fn unsupported(&self, message: &'static str, request: &TranscriptionRequest) -> Error {
        self.named(Error::new(ErrorKind::Unsupported, message), request)
    }

    fn named(&self, error: Error, request: &TranscriptionRequest) -> Error {
        error.with_provider(self.api.id().to_owned()).with_model(request.model.clone())
    }
}

/// A file name that says what the bytes are, which hosts go by, and the media type.
fn file(media_type: Option<&str>) -> (&'static str, &str) {
    let media_type = media_type.unwrap_or("application/octet-stream");
    let name = match media_type.rsplit('/').next().unwrap_or_default() {
        "mp3" | "mpeg" | "mpga" => "audio.mp3",
        "wav" | "wave" | "x-wav" => "audio.wav",
        "flac" | "x-flac" => "audio.flac",
        "ogg" | "opus" => "audio.ogg",
        "mp4" | "m4a" | "x-m4a" => "audio.m4a",
        "webm" => "audio.webm",
        "aac" => "audio.aac",
        "aiff" | "x-aiff" => "audio.aiff",
        _ => "audio",
    };
    (name, media_type)
}
