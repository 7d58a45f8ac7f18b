//! Bedrock's `InvokeModel`, which carries each vendor's own wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use meanwhile_bedrock::{BedrockCodec, ConverseCodec, InvokeCodec};
use meanwhile_core::{Error, Request};
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::Value;

use super::{Running, Wire};

/// The wire of a provider.
pub(super) fn wire(provider: &str) -> Box<dyn Wire> {
    Box::new(Invoke {
        bedrock: BedrockCodec::default(),
        nova: InvokeCodec::new(ConverseCodec::new(provider)),
    })
}

struct Invoke {
    /// What a model string with `:invoke` reaches.
    bedrock: BedrockCodec,
    /// The events of Converse, in the envelope.
    nova: InvokeCodec<ConverseCodec>,
}

impl Wire for Invoke {
    fn answer(&self, request: &Request, framing: Framing) -> Box<dyn Running> {
        // The path names the model, and the model its vendor.
        if request.model.contains("amazon.nova") {
            return Box::new(Answer::new(self.nova.decoder(request), framing));
        }
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
        let reason = inner.pointer("/choices/0/finish_reason").and_then(Value::as_str);
        inner.get("type").and_then(Value::as_str) == Some("message_stop")
            || inner.get("messageStop").is_some()
            || reason.is_some_and(|reason| !reason.is_empty())
    }
}
