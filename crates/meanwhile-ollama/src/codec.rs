//! [`OllamaCodec`]: the wire of `/api/chat`.

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, Request, Result};
use meanwhile_http::{Codec, Wire};

use crate::{ID, OllamaDecoder, encode, error};

/// Writes requests and reads answers of Ollama's native API. Pure, so a recorded body is the whole
/// test.
///
/// ```
/// use meanwhile_core::{Message, Request};
/// use meanwhile_http::{Codec as _, Framing};
/// use meanwhile_ollama::OllamaCodec;
///
/// let request = Request::new("llama3.2", vec![Message::user("Hello")]).streamed();
/// let wire = OllamaCodec::new().encode(&request)?;
/// let body: serde_json::Value = serde_json::from_slice(&wire.body).unwrap();
/// assert_eq!((wire.path.as_str(), wire.framing), ("/api/chat", Framing::JsonLines));
/// assert_eq!(body["messages"][0]["content"], "Hello");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct OllamaCodec;

impl OllamaCodec {
    /// Makes the codec.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Codec for OllamaCodec {
    type Decoder = OllamaDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        encode::request(request)
    }

    fn decoder(&self, request: &Request) -> OllamaDecoder {
        OllamaDecoder::new(request)
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        error::of_status(status, headers, body).with_provider(ID)
    }
}
