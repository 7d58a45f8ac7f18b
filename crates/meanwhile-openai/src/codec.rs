//! [`OpenAiCodec`]: both of OpenAI's wires behind one provider, chosen for each request.

use std::collections::VecDeque;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, Event, Request, Result};
use meanwhile_http::{Codec, Decoder, Frame, Wire};
use meanwhile_openai_compatible::{ChatCodec, ChatDecoder, Quirks};
use meanwhile_openai_responses::{ResponsesCodec, ResponsesDecoder, ResponsesQuirks};

use crate::models;

/// The id under which vendor options, stored files and provider data are found.
pub(crate) const ID: &str = "openai";

/// The codec of OpenAI's Chat Completions, for hosts that serve the same wire elsewhere.
#[must_use]
pub fn codec() -> ChatCodec {
    codec_for(ID)
}

/// As [`codec`], for the provider with another id.
#[must_use]
pub fn codec_for(provider: &str) -> ChatCodec {
    ChatCodec::new(provider, Quirks::openai()).with_model_quirks(models::quirks)
}

/// The codec of OpenAI's Responses, for hosts that serve the same wire elsewhere.
#[must_use]
pub fn responses_codec() -> ResponsesCodec {
    responses_codec_for(ID)
}

/// As [`responses_codec`], for the provider with another id.
#[must_use]
pub fn responses_codec_for(provider: &str) -> ResponsesCodec {
    ResponsesCodec::new(provider, ResponsesQuirks::openai())
        .with_model_quirks(models::responses_quirks)
}

/// Which of its wires OpenAI is asked on.
///
/// ```
/// use meanwhile_openai::{Api, OpenAiCodec};
///
/// let by_model = OpenAiCodec::new(Api::ByModel);
/// assert_eq!(by_model.route("gpt-4o"), (Api::ChatCompletions, "gpt-4o"));
/// // A model that has nothing else.
/// assert_eq!(by_model.route("o3-pro"), (Api::Responses, "o3-pro"));
/// let responses = OpenAiCodec::new(Api::Responses);
/// assert_eq!(responses.route("gpt-4o"), (Api::Responses, "gpt-4o"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Api {
    /// Chat Completions, and Responses for the models that have nothing else.
    #[default]
    ByModel,
    /// [Chat Completions](https://platform.openai.com/docs/api-reference/chat).
    ChatCompletions,
    /// [Responses](https://platform.openai.com/docs/api-reference/responses).
    Responses,
}

/// Both of OpenAI's wires.
///
/// The end of a model's name goes before what the codec was made with: `gpt-4o:responses`,
/// `gpt-4o:completions`. It is not sent.
///
/// ```
/// use meanwhile_core::{Message, Request};
/// use meanwhile_http::Codec as _;
/// use meanwhile_openai::{Api, OpenAiCodec};
///
/// let codec = OpenAiCodec::new(Api::ByModel);
/// let path = |model: &str| {
///     let request = Request::new(model, vec![Message::user("Hello")]);
///     codec.encode(&request).map(|wire| wire.path)
/// };
/// assert_eq!(path("gpt-4o")?, "/chat/completions");
/// assert_eq!(path("gpt-4o:responses")?, "/responses");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct OpenAiCodec {
    api: Api,
    chat: ChatCodec,
    responses: ResponsesCodec,
}

impl OpenAiCodec {
    /// Makes the codec for requests on this wire.
    #[must_use]
    pub fn new(api: Api) -> Self {
        Self { api, chat: codec(), responses: responses_codec() }
    }

    /// The wire on which a model is asked, and the model's own name.
    #[must_use]
    pub fn route<'a>(&self, model: &'a str) -> (Api, &'a str) {
        if let Some(model) = model.strip_suffix(":responses") {
            return (Api::Responses, model);
        }
        if let Some(model) = model.strip_suffix(":completions") {
            return (Api::ChatCompletions, model);
        }
        let api = match self.api {
            Api::ByModel if models::needs_responses(model) => Api::Responses,
            Api::ByModel => Api::ChatCompletions,
            api => api,
        };
        (api, model)
    }
}

impl Codec for OpenAiCodec {
    type Decoder = OpenAiDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        let (api, model) = self.route(&request.model);
        let renamed;
        let request = if model == request.model {
            request
        } else {
            let mut copy = request.clone();
            copy.model = model.to_owned();
            renamed = copy;
            &renamed
        };
        match api {
            Api::Responses => self.responses.encode(request),
            _ => self.chat.encode(request),
        }
    }

    fn decoder(&self, request: &Request) -> OpenAiDecoder {
        OpenAiDecoder(match self.route(&request.model).0 {
            Api::Responses => Inner::Responses(Box::new(self.responses.decoder(request))),
            _ => Inner::Chat(Box::new(self.chat.decoder(request))),
        })
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        // Both wires report failures alike; this one knows more codes.
        self.responses.error(status, headers, body)
    }
}

/// The decoding state of one answer on either wire.
#[derive(Debug)]
pub struct OpenAiDecoder(Inner);

#[derive(Debug)]
enum Inner {
    Chat(Box<ChatDecoder>),
    Responses(Box<ResponsesDecoder>),
}

impl Decoder for OpenAiDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        match &mut self.0 {
            Inner::Chat(decoder) => decoder.frame(frame, events),
            Inner::Responses(decoder) => decoder.frame(frame, events),
        }
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        match &mut self.0 {
            Inner::Chat(decoder) => decoder.end(events),
            Inner::Responses(decoder) => decoder.end(events),
        }
    }
}
