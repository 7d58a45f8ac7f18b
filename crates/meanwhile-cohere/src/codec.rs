//! [`ChatCodec`]: version 2 of Cohere's chat API.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, Request, Result};
use meanwhile_http::{Codec, Wire};

use crate::config::ID;
use crate::{ChatDecoder, encode, error};

/// Writes requests for `/v2/chat` and reads their answers. Pure, so a recorded body is the whole test.
///
/// The wire is that of <https://docs.cohere.com/reference/chat>.
///
/// ```
/// use meanwhile_cohere::ChatCodec;
/// use meanwhile_core::{Message, Request};
/// use meanwhile_http::Codec as _;
///
/// let request = Request::new("command-a-03-2025", vec![Message::user("Hello")]);
/// let wire = ChatCodec::default().encode(&request)?;
/// let body: serde_json::Value = serde_json::from_slice(&wire.body).unwrap();
/// assert_eq!(wire.path, "/v2/chat");
/// assert_eq!(body["model"], "command-a-03-2025");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ChatCodec {
    provider: Arc<str>,
}

impl ChatCodec {
    /// Makes the codec of the provider with this id. Provider data carries the id and goes back to
    /// that provider alone.
    #[must_use]
    pub fn new(provider: impl Into<Arc<str>>) -> Self {
        Self { provider: provider.into() }
    }
}

impl Default for ChatCodec {
    fn default() -> Self {
        Self::new(ID)
    }
}

impl Codec for ChatCodec {
    type Decoder = ChatDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        encode::request(request, &self.provider)
    }

    fn decoder(&self, request: &Request) -> ChatDecoder {
        ChatDecoder::new(self.provider.clone(), request)
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        error::of_status(status, headers, body).with_provider(self.provider.to_string())
    }
}
