//! The Messages wire of Anthropic and of the hosts that serve it.

use http::{HeaderMap, StatusCode};
use meanwhile_anthropic::{Host, MessagesCodec};
use meanwhile_core::{Error, Request};
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::Value;

use super::{Running, Wire};

/// The wire of a host.
pub(crate) fn wire(provider: &str) -> Box<dyn Wire> {
    let host = if provider == "vertex" { Host::Vertex } else { Host::Anthropic };
    Box::new(Messages(MessagesCodec::new(provider, host)))
}

struct Messages(MessagesCodec);

impl Wire for Messages {
    fn answer(&self, request: &Request, framing: Framing) -> Box<dyn Running> {
        Box::new(Answer::new(self.0.decoder(request), framing))
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        self.0.error(status, headers, body)
    }

    fn is_terminal(&self, data: &str) -> bool {
        let event: Value = serde_json::from_str(data).unwrap_or_default();
        event.get("type").and_then(Value::as_str) == Some("message_stop")
    }
}
