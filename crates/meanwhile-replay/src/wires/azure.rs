//! OpenAI's wires on Azure.

use http::{HeaderMap, StatusCode};
use meanwhile_azure::{Api, AzureCodec, Surface};
use meanwhile_core::{Error, Request};
use meanwhile_http::{Answer, Codec as _, Framing};

use super::{Running, Wire, is_last_chunk, responses};

/// Chat Completions, of whatever path.
pub(crate) fn chat() -> Box<dyn Wire> {
    wire(Api::ChatCompletions, is_last_chunk)
}

/// Responses.
pub(crate) fn responses() -> Box<dyn Wire> {
    wire(Api::Responses, responses::is_last_event)
}

fn wire(api: Api, is_last: fn(&str) -> bool) -> Box<dyn Wire> {
    Box::new(Azure { codec: AzureCodec::new(Surface::V1).with_api(api), is_last })
}

struct Azure {
    codec: AzureCodec,
    is_last: fn(&str) -> bool,
}

impl Wire for Azure {
    fn answer(&self, request: &Request, framing: Framing) -> Box<dyn Running> {
        Box::new(Answer::new(self.codec.decoder(request), framing))
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        self.codec.error(status, headers, body)
    }

    fn is_terminal(&self, data: &str) -> bool {
        (self.is_last)(data)
    }
}
