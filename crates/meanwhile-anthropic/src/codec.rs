//! [`MessagesCodec`]: the Messages wire as one host serves it.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Capabilities, Error, ErrorKind, Request, Result};
use meanwhile_http::{Codec, Wire};

use crate::encode::Purpose;
use crate::{MessagesDecoder, encode, error, models};

/// Who serves the wire, and what that changes about a request.
///
/// ```
/// use meanwhile_anthropic::{Host, MessagesCodec};
/// use meanwhile_core::{Message, Request};
/// use meanwhile_http::Codec as _;
///
/// let request = Request::new("claude-sonnet-4-5", vec![Message::user("Hello")]);
/// // Anthropic reads the model in the body, the others in the path.
/// let here = MessagesCodec::new("anthropic", Host::Anthropic).encode(&request)?;
/// assert_eq!(here.path, "/v1/messages");
/// let there = MessagesCodec::new("bedrock", Host::Bedrock).encode(&request)?;
/// assert!(there.path.contains("claude-sonnet-4-5"));
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Host {
    /// Anthropic, or a host that takes the same requests, such as Azure: `POST /v1/messages`, the
    /// model in the body, the version and the beta features in headers.
    Anthropic,
    /// Vertex: the model in the path, the version in the body. Paths are relative to
    /// `…/v1/projects/PROJECT/locations/LOCATION`.
    /// See <https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude>.
    Vertex,
    /// Bedrock's `InvokeModel`: the model in the path, the version and the beta features in the
    /// body. Of a streamed answer, the decoder takes the JSON inside each chunk as one
    /// [`Frame::Event`](meanwhile_http::Frame::Event); [`Wire::framing`] is for the caller to set.
    /// See <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html>.
    Bedrock,
}

/// Writes requests and reads answers of the Messages API. Pure, so a recorded body is the whole test.
///
/// Opaque data carries the id `anthropic` whichever host the codec is for, because signatures of one
/// host are good on the others; files belong to the host that stores them.
///
/// ```
/// use meanwhile_anthropic::{Host, MessagesCodec};
/// use meanwhile_core::{Message, Params, Request};
/// use meanwhile_http::Codec as _;
///
/// let codec = MessagesCodec::new("anthropic", Host::Anthropic);
/// let mut request = Request::new("claude-sonnet-4-5", vec![Message::user("Hello")]);
/// request.params = Params::new().max_tokens(100);
/// let wire = codec.encode(&request)?;
/// let body: serde_json::Value = serde_json::from_slice(&wire.body).unwrap();
/// assert_eq!((&body["model"], &body["max_tokens"]), (&"claude-sonnet-4-5".into(), &100.into()));
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MessagesCodec {
    provider: Arc<str>,
    host: Host,
    betas: Arc<[String]>,
}

impl MessagesCodec {
    /// Makes the codec of the provider with this id, which errors and file references carry.
    #[must_use]
    pub fn new(provider: impl Into<Arc<str>>, host: Host) -> Self {
        Self { provider: provider.into(), host, betas: Arc::new([]) }
    }

    /// Asks for beta features with every request.
    #[must_use]
    pub fn with_betas(mut self, betas: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.betas = betas.into_iter().map(Into::into).collect();
        self
    }

    /// The host that the codec writes for.
    #[must_use]
    pub fn host(&self) -> Host {
        self.host
    }

    /// Writes the question how many tokens `request` has; the answer is `{"input_tokens": …}`.
    /// See <https://docs.anthropic.com/en/api/messages-count-tokens>.
    ///
    /// # Errors
    ///
    /// As [`encode`](Codec::encode); [`Unsupported`](ErrorKind::Unsupported) for Bedrock, which
    /// counts on another wire.
    pub fn encode_count(&self, request: &Request) -> Result<Wire> {
        if self.host == Host::Bedrock {
            let message = "Bedrock does not count tokens on this wire";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        encode::request(request, &self.provider, self.host, &self.betas, Purpose::Count)
    }

    /// What a model accepts and offers, as far as its id tells. No I/O.
    #[must_use]
    pub fn capabilities(model: &str) -> Capabilities {
        models::capabilities(model)
    }
}

impl Codec for MessagesCodec {
    type Decoder = MessagesDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        encode::request(request, &self.provider, self.host, &self.betas, Purpose::Answer)
    }

    fn decoder(&self, request: &Request) -> MessagesDecoder {
        MessagesDecoder::new(self.provider.clone(), request)
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        error::of_status(status, headers, body).with_provider(self.provider.to_string())
    }
}
