//! Bedrock's `InvokeModel`, which carries each vendor's own wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use meanwhile_bedrock::BedrockCodec;
use meanwhile_core::{Error, Request};
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::Value;

use super::{Running, Wire};

/// The wire that a model string with `:invoke` reaches.
pub(super) fn wire() -> Box<dyn Wire> {
    Box::new(Invoke { bedrock: BedrockCodec::default() })
}

struct Invoke {
    bedrock: BedrockCodec,
}

impl Wire for Invoke {
    fn answer(&self, request: &Request, framing: Framing) -> Box<dyn Running> {
        // The path names the model, and the model its vendor.
        let path = request.model.split("/model/").last().unwrap_or_default();
        let model = path.split('/').next().unwrap_or_default();
        let mut named = request.clone();
        named.model = format!("{model}:invoke");
        Box::new(Answer::new(self.bedrock.decoder(&named), framing))
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        self.bedrock.error(status, headers, body)
    }

    fn is_terminal(&self, data: &str) -> bool {
        let chunk: Value = serde_json::from_str(data).unwrap_or_default();
        let bytes = chunk.get("bytes").and_then(Value::as_str).unwrap_or_default();
        let inner = STANDARD.decode(bytes).unwrap_or_default();
        let inner: Value = serde_json::from_slice(&inner).unwrap_or_default();
        // Each vendor says in its own place why the model stopped.
        let places = [
            "/choices/0/finish_reason",
            "/choices/0/stop_reason",
            "/outputs/0/stop_reason",
            "/stop_reason",
            "/completionReason",
        ];
        let reasons = places.iter().filter_map(|place| inner.pointer(place)?.as_str());
        inner.get("type").and_then(Value::as_str) == Some("message_stop")
            || inner.get("messageStop").is_some()
            || reasons.into_iter().any(|reason| !reason.is_empty())
    }
}
