//! [`SpeechApi`]: `POST /audio/speech` of Mistral, whose recordings come as base64 in JSON or in events.
//! See <https://docs.mistral.ai/api/endpoint/audio/speech>.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_core::Stream;
use http::HeaderValue;
use http::header::ACCEPT;
use meanwhile_core::{
    Audio, Error, ErrorKind, MediaSource, Result, Speech, SpeechRequest, SpeechStream,
    SpeechSynthesizer, Usage,
};
use meanwhile_http::frame::Sse;
use meanwhile_http::{Api, Frame, Framing, Opened, Wire};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most bytes of one event.
const EVENT_LIMIT: usize = 16 << 20;

/// Reads texts aloud. The voice of a request is the id of one; settings that have no field, how fast
/// and how to speak, are an error.
#[derive(Debug)]
pub(crate) struct SpeechApi {
    api: Api,
}

impl SpeechApi {
    pub(crate) fn new(api: Api) -> Self {
        Self { api }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a str,
    voice_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Deserialize)]
struct Answer {
    audio_data: String,
}

#[async_trait]
impl SpeechSynthesizer for SpeechApi {
    fn id(&self) -> &str {
        self.api.id()
    }

    async fn speak(&self, request: SpeechRequest) -> Result<Speech> {
        let wire = self.wire(&request, false)?;
        let reply = self.api.send(wire, &request.model, request.timeouts).await?;
        let answer: Answer = reply.json()?;
        let bytes = decode(&answer.audio_data).map_err(|error| self.named(error, &request))?;
        let media_type = request.format.as_deref().and_then(media_type).map(str::to_owned);
        let audio = Audio::from_source(MediaSource::Bytes(bytes), media_type);
        Ok(Speech::new(self.api.id(), request.model, audio, Usage::default()))
    }

    async fn stream(&self, request: SpeechRequest) -> Result<SpeechStream> {
        let mut wire = self.wire(&request, true)?;
        wire.headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let opened = self.api.open(wire, &request.model, request.timeouts).await?;
        let media_type = request.format.as_deref().and_then(media_type).map(str::to_owned);
        let (provider, model) = (self.api.id().to_owned(), request.model);
        let frames = Sse::new(EVENT_LIMIT);
        let chunks = Chunks { opened, frames, provider, model, is_done: false };
        Ok(SpeechStream::new(media_type, chunks))
    }
}

impl SpeechApi {
    fn wire(&self, request: &SpeechRequest, stream: bool) -> Result<Wire> {
        let named =
            [("speed", request.speed.is_some()), ("instructions", request.instructions.is_some())];
        if let Some((name, _)) = named.into_iter().find(|(_, is_set)| *is_set) {
            let message = format!("this provider has no field for `{name}`; leave it out");
            return Err(self.named(Error::new(ErrorKind::Unsupported, message), request));
        }
        let more = request.options.get(self.api.id()).cloned().unwrap_or_default();
        let response_format =
            request.format.as_deref().filter(|_| !more.contains_key("response_format"));
        let body = Body {
            model: &request.model,
            input: &request.text,
            voice_id: &request.voice,
            response_format,
            stream,
            more,
        };
        let body = serde_json::to_vec(&body).map_err(|source| {
            let message = "the request cannot be written as JSON";
            Error::new(ErrorKind::InvalidRequest, message).with_source(source)
        })?;
        Ok(Wire::post("/audio/speech", body, Framing::Whole))
    }

    fn named(&self, error: Error, request: &SpeechRequest) -> Error {
        error.with_provider(self.api.id().to_owned()).with_model(request.model.clone())
    }
}

/// The bytes in the events of an answer. An end without its event is an error.
struct Chunks {
    opened: Opened,
    frames: Sse,
    provider: String,
    model: String,
    is_done: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Event {
    #[serde(rename = "speech.audio.delta")]
    Delta { audio_data: String },
    #[serde(rename = "speech.audio.done")]
    Done,
    #[serde(other)]
    Other,
}

impl Chunks {
    /// The next bytes of the events that are here; `None` when more must be read, or at the end.
    fn read(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.frames.next()? {
            let Frame::Event { data, .. } = frame else { continue };
            match serde_json::from_slice(data) {
                Ok(Event::Delta { audio_data }) => return decode(&audio_data).map(Some),
                Ok(Event::Done) => {
                    self.is_done = true;
                    return Ok(None);
                }
                Ok(Event::Other) => {}
                Err(source) => {
                    let message = "an event of the recording is not the JSON that was expected";
                    return Err(Error::new(ErrorKind::Decode, message).with_source(source));
                }
            }
        }
        Ok(None)
    }
}

impl Stream for Chunks {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.is_done {
                return Poll::Ready(None);
            }
            let failure = match this.read() {
                Ok(Some(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Ok(None) if this.is_done => return Poll::Ready(None),
                Ok(None) => match Pin::new(&mut this.opened).poll_next(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some(Ok(chunk))) => {
                        this.frames.push(chunk);
                        continue;
                    }
                    Poll::Ready(Some(Err(error))) => error,
                    Poll::Ready(None) => {
                        let message = "the recording broke off; send the request again";
                        Error::new(ErrorKind::StreamInterrupted, message)
                    }
                },
                Err(error) => error,
            };
            this.is_done = true;
            let failure = failure.with_provider(this.provider.clone());
            return Poll::Ready(Some(Err(failure.with_model(this.model.clone()))));
        }
    }
}

fn decode(text: &str) -> Result<Bytes> {
    STANDARD.decode(text).map(Bytes::from).map_err(|source| {
        Error::new(ErrorKind::Decode, "the recording is not base64").with_source(source)
    })
}

/// The media type of a format that is known.
fn media_type(format: &str) -> Option<&'static str> {
    Some(match format {
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "opus" => "audio/ogg",
        "pcm" => "audio/pcm",
        _ => return None,
    })
}
