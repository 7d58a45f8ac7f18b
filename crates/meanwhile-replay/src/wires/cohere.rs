//! Version 2 of Cohere's chat.

use http::{HeaderMap, StatusCode};
use meanwhile_cohere::ChatCodec;
use meanwhile_core::{Error, Request};
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::Value;

use super::{Running, Wire};

/// The wire.
pub(super) fn wire() -> Box<dyn Wire> {
    Box::new(Cohere(ChatCodec::default()))
}

struct Cohere(ChatCodec);

impl Wire for Cohere {
    fn answer(&self, request: &Request, framing: Framing) -> Box<dyn Running> {
        Box::new(Answer::new(self.0.decoder(request), framing))
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        self.0.error(status, headers, body)
    }

    fn is_terminal(&self, data: &str) -> bool {
        let event: Value = serde_json::from_str(data).unwrap_or_default();
        event.get("type").and_then(Value::as_str) == Some("message-end")
    }
}
