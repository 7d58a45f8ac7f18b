//! [`ChatCodec`]: the Chat Completions dialect of one vendor.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, Request, Result};
use meanwhile_http::{Codec, Wire};

use crate::{ChatDecoder, Quirks, encode, error};

/// Writes requests and reads answers as one vendor does. Pure, so a recorded body is the whole test.
///
/// ```
/// use meanwhile_core::{Message, Request};
/// use meanwhile_http::Codec as _;
/// use meanwhile_openai_compatible::{ChatCodec, Quirks};
///
/// let codec = ChatCodec::new("acme", Quirks::new());
/// let wire = codec.encode(&Request::new("large", vec![Message::user("Hello")]))?;
/// let body: serde_json::Value = serde_json::from_slice(&wire.body).unwrap();
/// assert_eq!(wire.path, "/chat/completions");
/// assert_eq!(body["messages"][0]["content"], "Hello");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ChatCodec {
    provider: Arc<str>,
    quirks: Quirks,
    /// Adjusts the quirks for one model.
    for_model: fn(&str, Quirks) -> Quirks,
    path: Arc<str>,
}

impl ChatCodec {
    /// Makes the codec of the vendor with this id. Provider data carries the id and goes back to
    /// that vendor alone.
    #[must_use]
    pub fn new(provider: impl Into<Arc<str>>, quirks: Quirks) -> Self {
        Self {
            provider: provider.into(),
            quirks,
            for_model: |_, quirks| quirks,
            path: "/chat/completions".into(),
        }
    }

    /// Adjusts the quirks for each model, for vendors whose models differ.
    #[must_use]
    pub fn with_model_quirks(mut self, adjust: fn(&str, Quirks) -> Quirks) -> Self {
        self.for_model = adjust;
        self
    }

    /// Posts to another path below the base URL; the default is `/chat/completions`.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<Arc<str>>) -> Self {
        self.path = path.into();
        self
    }

    /// The quirks that apply to a model.
    #[must_use]
    pub fn quirks(&self, model: &str) -> Quirks {
        (self.for_model)(model, self.quirks)
    }
}

impl Codec for ChatCodec {
    type Decoder = ChatDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        encode::request(request, &self.provider, &self.quirks(&request.model), &self.path)
    }

    fn decoder(&self, request: &Request) -> ChatDecoder {
        ChatDecoder::new(self.provider.clone(), self.quirks(&request.model), request)
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        error::of_status(status, headers, body, &self.quirks)
            .with_provider(self.provider.to_string())
    }
}
