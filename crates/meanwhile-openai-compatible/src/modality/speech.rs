//! [`SpeechApi`]: `POST /audio/speech`, as in <https://platform.openai.com/docs/api-reference/audio/createSpeech>.

use async_trait::async_trait;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};
use meanwhile_core::{
    Audio, Error, ErrorKind, MediaSource, Result, Speech, SpeechRequest, SpeechStream,
    SpeechSynthesizer, Usage,
};
use meanwhile_http::{Api, Framing, Wire};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{options, written};

/// Reads texts aloud through a host of the dialect.
///
/// ```
/// # use meanwhile_core::{SpeechRequest, SpeechSynthesizer as _};
/// # use meanwhile_openai_compatible::{OpenAiCompatible, SpeechApi};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"OggS and the rest"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: audio/ogg\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let api = OpenAiCompatible::builder("acme", base_url).api_key("not-a-real-key").api()?;
/// let request = SpeechRequest::new("voice", "Good morning", "alloy").format("opus");
/// let speech = SpeechApi::new(api).speak(request).await?;
/// assert_eq!(speech.audio.media_type.as_deref(), Some("audio/ogg"));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SpeechApi {
    api: Api,
}

impl SpeechApi {
    /// Speaks through `api`, whose base URL is that of the dialect.
    #[must_use]
    pub fn new(api: Api) -> Self {
        Self { api }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a str,
    voice: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f64>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[async_trait]
impl SpeechSynthesizer for SpeechApi {
    fn id(&self) -> &str {
        self.api.id()
    }

    async fn speak(&self, request: SpeechRequest) -> Result<Speech> {
        let wire = self.wire(&request)?;
        let reply = self.api.send(wire, &request.model, request.timeouts).await?;
        let media_type = media_type(reply.headers.get(CONTENT_TYPE));
        if reply.body.is_empty() || media_type.as_deref().is_some_and(is_text) {
            let message = "the answer is no audio; check the base URL and the model";
            return Err(reply.unexpected(Error::new(ErrorKind::Decode, message)));
        }
        let audio = Audio::from_source(MediaSource::Bytes(reply.body), media_type);
        Ok(Speech::new(self.api.id(), request.model, audio, Usage::default()))
    }

    async fn stream(&self, request: SpeechRequest) -> Result<SpeechStream> {
        let wire = self.wire(&request)?;
        let opened = self.api.open(wire, &request.model, request.timeouts).await?;
        let media_type = media_type(opened.headers.get(CONTENT_TYPE));
        if media_type.as_deref().is_some_and(is_text) {
            let message = "the answer is no audio; check the base URL and the model";
            return Err(opened.error(Error::new(ErrorKind::Decode, message)));
        }
        Ok(SpeechStream::new(media_type, opened))
    }
}

impl SpeechApi {
    fn wire(&self, request: &SpeechRequest) -> Result<Wire> {
        let mut body = Body {
            model: &request.model,
            input: &request.text,
            voice: &request.voice,
            instructions: request.instructions.as_deref(),
            response_format: request.format.as_deref(),
            speed: request.speed,
            more: options(&self.api, &request.options),
        };
        // The caller's own choice goes before the request's.
        if body.more.contains_key("response_format") {
            body.response_format = None;
        }
        let mut wire = Wire::post("/audio/speech", written(&body)?, Framing::Whole);
        wire.headers.insert(ACCEPT, HeaderValue::from_static("audio/*, */*;q=0.1"));
        Ok(wire)
    }
}

/// The media type without its parameters; `None` where it says nothing.
fn media_type(header: Option<&HeaderValue>) -> Option<String> {
    let essence = header?.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
    (!essence.is_empty() && essence != "application/octet-stream").then_some(essence)
}

/// Whether an answer of this type is a message and no recording.
fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/") || media_type == "application/json"
}
