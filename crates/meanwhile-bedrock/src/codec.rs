//! [`ConverseCodec`]: the Converse operations of Amazon Bedrock.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, Request, Result};
use meanwhile_http::{Codec, Wire};

use crate::config::ID;
use crate::encode::Form;
use crate::{ConverseDecoder, encode, error};

/// Writes requests for Converse and `ConverseStream`, and reads their answers. Pure, so a recorded
/// body is the whole test.
///
/// The wire is that of
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>.
///
/// ```
/// use meanwhile_bedrock::ConverseCodec;
/// use meanwhile_core::{Message, Request};
/// use meanwhile_http::Codec as _;
///
/// let request = Request::new("amazon.nova-lite-v1:0", vec![Message::user("Hello")]);
/// let wire = ConverseCodec::default().encode(&request)?;
/// let body: serde_json::Value = serde_json::from_slice(&wire.body).unwrap();
/// assert!(wire.path.ends_with("/converse"));
/// assert_eq!(body["messages"][0]["content"][0]["text"], "Hello");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ConverseCodec {
    provider: Arc<str>,
}

impl ConverseCodec {
    /// Makes the codec of the provider with this id. Provider data carries the id and goes back to
    /// that provider alone.
    #[must_use]
    pub fn new(provider: impl Into<Arc<str>>) -> Self {
        Self { provider: provider.into() }
    }
}

impl Default for ConverseCodec {
    fn default() -> Self {
        Self::new(ID)
    }
}

impl Codec for ConverseCodec {
    type Decoder = ConverseDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        encode::request(request, &self.provider, Form::Converse)
    }

    fn decoder(&self, request: &Request) -> ConverseDecoder {
        ConverseDecoder::new(self.provider.clone(), request)
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        error::of_status(status, headers, body).with_provider(self.provider.to_string())
    }
}
