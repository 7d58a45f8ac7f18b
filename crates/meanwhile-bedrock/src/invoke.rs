//! [`InvokeCodec`]: a vendor's own wire behind `InvokeModel`.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, ErrorKind, Event, Request, Result};
use meanwhile_http::lenient::BorrowedStr;
use meanwhile_http::{Codec, Decoder, Frame, Framing, Wire};
use serde::Deserialize;

use crate::config::ID;
use crate::error;

/// Wraps the codec of a vendor's own wire for `InvokeModel` and
/// `InvokeModelWithResponseStream`: takes the chunks of a streamed answer out of their envelope and
/// reads the service's errors.
///
/// The inner codec writes path and body as Bedrock wants them; that of Anthropic can
/// (`MessagesCodec` with `Host::Bedrock`). Give the result to
/// [`Builder::build_with`](crate::Builder::build_with). Each chunk becomes one
/// [`Frame::Event`] without a name.
///
/// The wire is that of
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html>.
///
/// ```
/// use meanwhile_anthropic::{Host, MessagesCodec};
/// use meanwhile_bedrock::{Bedrock, InvokeCodec};
/// use meanwhile_core::{Message, Provider as _, Request};
/// use meanwhile_http::{Codec as _, Framing};
///
/// let codec = InvokeCodec::new(MessagesCodec::new("bedrock", Host::Bedrock));
/// let model = "anthropic.claude-sonnet-4-5-20250929-v1:0";
/// let wire = codec.encode(&Request::new(model, vec![Message::user("Hello")]).streamed())?;
/// assert_eq!(wire.framing, Framing::AwsEventStream);
/// let bedrock = Bedrock::builder().region("eu-central-1").api_key("not-a-real-key");
/// assert_eq!(bedrock.build_with(codec)?.id(), "bedrock");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct InvokeCodec<C> {
    inner: C,
}

impl<C: Codec> InvokeCodec<C> {
    /// Wraps a codec.
    #[must_use]
    pub fn new(inner: C) -> Self {
        Self { inner }
    }
}

impl<C: Codec> Codec for InvokeCodec<C> {
    type Decoder = InvokeDecoder<C::Decoder>;

    fn encode(&self, request: &Request) -> Result<Wire> {
        let mut wire = self.inner.encode(request)?;
        if request.is_streamed() {
            wire.framing = Framing::AwsEventStream;
        }
        Ok(wire)
    }

    fn decoder(&self, request: &Request) -> Self::Decoder {
        InvokeDecoder { inner: self.inner.decoder(request), chunk: Vec::new() }
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        error::of_status(status, headers, body).with_provider(ID)
    }
}

/// The decoding state of one answer behind `InvokeModel`.
#[derive(Debug)]
pub struct InvokeDecoder<D> {
    inner: D,
    /// The chunk that is being read, kept for its memory.
    chunk: Vec<u8>,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Option<BorrowedStr<'a>>,
}

impl<D: Decoder> Decoder for InvokeDecoder<D> {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        let Frame::Message { headers, data } = frame else {
            return self.inner.frame(frame, events);
        };
        if let Some(error) = error::in_headers(&headers, data) {
            return Err(error);
        }
        let unreadable = || Error::new(ErrorKind::Decode, "a chunk of the answer is not base64");
        let chunk: Chunk<'_> =
            serde_json::from_slice(data).map_err(|source| unreadable().with_source(source))?;
        // The wire may grow: what is no chunk is skipped.
        let Some(bytes) = chunk.bytes else { return Ok(()) };
        self.chunk.clear();
        STANDARD
            .decode_vec(bytes.as_str(), &mut self.chunk)
            .map_err(|source| unreadable().with_source(source))?;
        self.inner.frame(Frame::Event { name: None, data: &self.chunk }, events)
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        self.inner.end(events)
    }
}
