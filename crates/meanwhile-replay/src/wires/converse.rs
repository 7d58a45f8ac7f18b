//! Bedrock's Converse.

use http::{HeaderMap, StatusCode};
use meanwhile_bedrock::ConverseCodec;
use meanwhile_core::{Error, Request};
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::Value;

use super::{Running, Wire};

/// The wire of a provider.
pub(super) fn wire(provider: &str) -> Box<dyn Wire> {
    Box::new(Converse(ConverseCodec::new(provider)))
}

struct Converse(ConverseCodec);

impl Wire for Converse {
    fn answer(&self, request: &Request, framing: Framing) -> Box<dyn Running> {
        Box::new(Answer::new(self.0.decoder(request), framing))
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        self.0.error(status, headers, body)
    }

    fn is_terminal(&self, data: &str) -> bool {
        let event: Value = serde_json::from_str(data).unwrap_or_default();
        event.get("stopReason").is_some()
    }
}
