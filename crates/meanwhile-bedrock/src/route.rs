//! [`BedrockCodec`]: Converse, or with `:invoke` behind the model's id the wire of the model's vendor.

use std::collections::VecDeque;

use http::{HeaderMap, StatusCode};
#[cfg(not(feature = "invoke"))]
use meanwhile_core::ErrorKind;
use meanwhile_core::{Capabilities, Error, Event, Request, Result};
use meanwhile_http::{Codec, Decoder, Frame, Wire};

use crate::models::Model;
#[cfg(feature = "invoke")]
use crate::vendors::{self, VendorDecoder, Vendors};
use crate::{ConverseCodec, ConverseDecoder};

/// What stands behind the id of a model that is asked on its vendor's wire.
pub(crate) const INVOKE: &str = ":invoke";

/// The wires of Bedrock, chosen for each request. Pure, so a recorded body is the whole test.
///
/// Every model is asked through Converse, but one whose id ends with `:invoke`: with feature
/// `invoke`, it is asked through `InvokeModel` on the wire of its vendor, as far as that is known; of
/// any other, encoding fails as [`Unsupported`](meanwhile_core::ErrorKind::Unsupported).
///
/// ```
/// use meanwhile_bedrock::BedrockCodec;
/// use meanwhile_core::{Message, Request};
/// use meanwhile_http::Codec as _;
///
/// let codec = BedrockCodec::default();
/// let request = Request::new("amazon.nova-lite-v1:0", vec![Message::user("Hello")]);
/// assert!(codec.encode(&request)?.path.ends_with("/converse"));
/// assert!(codec.encode(&request.streamed())?.path.ends_with("/converse-stream"));
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct BedrockCodec {
    converse: ConverseCodec,
    #[cfg(feature = "invoke")]
    vendors: Vendors,
}

impl BedrockCodec {
    /// What a model accepts and offers, on the wire that its id chooses, as far as the id tells. No I/O.
    #[must_use]
    pub fn capabilities(model: &str) -> Capabilities {
        #[cfg(feature = "invoke")]
        if let Some(model) = model.strip_suffix(INVOKE) {
            return vendors::capabilities(model);
        }
        Model::of(model).capabilities()
    }
}

impl Codec for BedrockCodec {
    type Decoder = BedrockDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        let Some(model) = request.model.strip_suffix(INVOKE) else {
            return self.converse.encode(request);
        };
        #[cfg(feature = "invoke")]
        return self.vendors.encode(model, request);
        #[cfg(not(feature = "invoke"))]
        Err(Error::new(
            ErrorKind::Config,
            format!(
                "`{model}{INVOKE}` needs the feature `bedrock-invoke` (of this crate: `invoke`); without `{INVOKE}`, Converse serves it"
            ),
        ))
    }

    fn decoder(&self, request: &Request) -> BedrockDecoder {
        #[cfg(feature = "invoke")]
        if let Some(model) = request.model.strip_suffix(INVOKE)
            && let Some(decoder) = self.vendors.decoder(model, request)
        {
            return BedrockDecoder(Inner::Vendor(decoder));
        }
        BedrockDecoder(Inner::Converse(Box::new(self.converse.decoder(request))))
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        // The service itself refuses, on every wire in the same way.
        self.converse.error(status, headers, body)
    }
}

/// The decoding state of one answer on any of the wires.
#[derive(Debug)]
pub struct BedrockDecoder(Inner);

#[derive(Debug)]
enum Inner {
    Converse(Box<ConverseDecoder>),
    #[cfg(feature = "invoke")]
    Vendor(VendorDecoder),
}

impl Decoder for BedrockDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        match &mut self.0 {
            Inner::Converse(decoder) => decoder.frame(frame, events),
            #[cfg(feature = "invoke")]
            Inner::Vendor(decoder) => decoder.frame(frame, events),
        }
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        match &mut self.0 {
            Inner::Converse(decoder) => decoder.end(events),
            #[cfg(feature = "invoke")]
            Inner::Vendor(decoder) => decoder.end(events),
        }
    }
}
