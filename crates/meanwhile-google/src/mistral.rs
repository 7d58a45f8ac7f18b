//! [`MistralCodec`]: Mistral's wire as Vertex AI serves it.

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, Request, Result};
use meanwhile_http::{Codec, Wire};
use meanwhile_openai_compatible::{ChatCodec, ChatDecoder};
use serde_json::Value;

use crate::codec::{VERTEX, escape};
use crate::error;

/// Mistral's chat, posted to `rawPredict` and `streamRawPredict` of the model. Vendor options and
/// provider data are those of `mistral`, as at Mistral itself.
///
/// See <https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/mistral>.
#[derive(Debug, Clone)]
pub(crate) struct MistralCodec {
    chat: ChatCodec,
}

impl MistralCodec {
    pub(crate) fn new() -> Self {
        Self { chat: meanwhile_mistral::codec() }
    }
}

impl Codec for MistralCodec {
    type Decoder = ChatDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        let action = if request.is_streamed() { "streamRawPredict" } else { "rawPredict" };
        let model = escape(&request.model);
        let path = format!("/publishers/mistralai/models/{model}:{action}");
        let chat = self.chat.clone().with_path(path);
        // The body names the model without its version.
        match request.model.split_once('@') {
            None => chat.encode(request),
            Some((name, _)) => {
                let mut named = request.clone();
                named.model = name.to_owned();
                chat.encode(&named)
            }
        }
    }

    fn decoder(&self, request: &Request) -> ChatDecoder {
        self.chat.decoder(request)
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        // The model's own server answers in Mistral's way, what stands before it in Google's.
        let is_google = serde_json::from_slice::<Value>(body)
            .is_ok_and(|body| body.is_array() || body.pointer("/error/status").is_some());
        let error = match is_google {
            true => error::of_status(status, headers, body),
            false => self.chat.error(status, headers, body),
        };
        error.with_provider(VERTEX)
    }
}
