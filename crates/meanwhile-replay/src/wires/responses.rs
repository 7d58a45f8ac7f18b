//! The Responses dialect.

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, Request};
use meanwhile_http::{Answer, Codec as _, Framing};
use meanwhile_openai_responses::{ResponsesCodec, ResponsesPreset, ResponsesQuirks};
use serde_json::Value;

use super::{Running, Wire};

/// The wire of a vendor.
pub(crate) fn wire(provider: &str) -> Box<dyn Wire> {
    let codec = match provider {
        "openai" => meanwhile_openai::responses_codec(),
        provider => match ResponsesPreset::find(provider) {
            Some(preset) => preset.codec(),
            None => ResponsesCodec::new(provider, ResponsesQuirks::new()),
        },
    };
    Box::new(Responses(codec))
}

struct Responses(ResponsesCodec);

impl Wire for Responses {
    fn answer(&self, request: &Request, framing: Framing) -> Box<dyn Running> {
        Box::new(Answer::new(self.0.decoder(request), framing))
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        self.0.error(status, headers, body)
    }

    fn is_terminal(&self, data: &str) -> bool {
        is_last_event(data)
    }
}

/// Whether an event of Responses says that the answer is complete.
pub(super) fn is_last_event(data: &str) -> bool {
    let event: Value = serde_json::from_str(data).unwrap_or_default();
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
    ["response.completed", "response.incomplete"].contains(&kind)
}
