//! The `generateContent` wire of Google AI Studio and Vertex AI.

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, Request};
use meanwhile_google::GenerateContentCodec;
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::Value;

use super::{Running, Wire};

/// The wire of a host.
pub(crate) fn wire(provider: &str) -> Box<dyn Wire> {
    Box::new(GenerateContent(match provider {
        "vertex" => GenerateContentCodec::vertex("project", "global"),
        _ => GenerateContentCodec::ai_studio(),
    }))
}

struct GenerateContent(GenerateContentCodec);

impl Wire for GenerateContent {
    fn answer(&self, request: &Request, framing: Framing) -> Box<dyn Running> {
        Box::new(Answer::new(self.0.decoder(request), framing))
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        self.0.error(status, headers, body)
    }

    fn is_terminal(&self, data: &str) -> bool {
        let chunk: Value = serde_json::from_str(data).unwrap_or_default();
        let reason = chunk.pointer("/candidates/0/finishReason").and_then(Value::as_str);
        reason.is_some_and(|reason| !reason.is_empty() && reason != "FINISH_REASON_UNSPECIFIED")
    }
}
