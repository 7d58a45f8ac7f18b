//! [`ResponsesCodec`]: the Responses dialect of one vendor.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, Request, Result};
use meanwhile_http::{Codec, Wire};
use meanwhile_openai_compatible::{ChatCodec, Quirks, dialect};

use crate::{ResponsesDecoder, ResponsesQuirks, encode, error};

/// Writes requests and reads answers as one vendor does. Pure, so a recorded body is the whole test.
///
/// A codec has two names. Under the vendor's id it finds vendor options and stored files; the data
/// it attaches to parts is labelled `ID-responses`, because what the vendor's other wires attach
/// means nothing to this one.
///
/// ```
/// use meanwhile_core::{Message, Request};
/// use meanwhile_http::Codec as _;
/// use meanwhile_openai_responses::{ResponsesCodec, ResponsesQuirks};
///
/// let codec = ResponsesCodec::new("acme", ResponsesQuirks::new());
/// let wire = codec.encode(&Request::new("large", vec![Message::user("Hello")]))?;
/// let body: serde_json::Value = serde_json::from_slice(&wire.body).unwrap();
/// assert_eq!((wire.path.as_str(), &body["model"]), ("/responses", &"large".into()));
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ResponsesCodec {
    provider: Arc<str>,
    label: Arc<str>,
    quirks: ResponsesQuirks,
    /// Adjusts the quirks for one model.
    for_model: fn(&str, ResponsesQuirks) -> ResponsesQuirks,
    path: Arc<str>,
    /// Some hosts answer in the other dialect.
    chat: ChatCodec,
}

impl ResponsesCodec {
    /// Makes the codec of the vendor with this id.
    #[must_use]
    pub fn new(provider: impl Into<Arc<str>>, quirks: ResponsesQuirks) -> Self {
        let provider = provider.into();
        Self {
            label: crate::label(&provider).into(),
            chat: ChatCodec::new(provider.clone(), Quirks::new()),
            provider,
            quirks,
            for_model: |_, quirks| quirks,
            path: "/responses".into(),
        }
    }

    /// Adjusts the quirks for each model, for vendors whose models differ.
    #[must_use]
    pub fn with_model_quirks(
        mut self,
        adjust: fn(&str, ResponsesQuirks) -> ResponsesQuirks,
    ) -> Self {
        self.for_model = adjust;
        self
    }

    /// Posts to another path below the base URL; the default is `/responses`.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<Arc<str>>) -> Self {
        self.path = path.into();
        self
    }

    /// The quirks that apply to a model.
    #[must_use]
    pub fn quirks(&self, model: &str) -> ResponsesQuirks {
        (self.for_model)(model, self.quirks)
    }

    /// The name under which provider data of this wire is kept: that of the vendor and `-responses`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }
}

impl Codec for ResponsesCodec {
    type Decoder = ResponsesDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        let quirks = self.quirks(&request.model);
        encode::request(request, &self.provider, &self.label, &quirks, &self.path)
    }

    fn decoder(&self, request: &Request) -> ResponsesDecoder {
        let codes = error::codes(self.quirks(&request.model).error_codes);
        ResponsesDecoder::new(self.label.clone(), codes, self.chat.decoder(request), request)
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        let codes = error::codes(self.quirks.error_codes);
        dialect::error_of_status(status, headers, body, codes)
            .with_provider(self.provider.to_string())
    }
}
