//! [`AzureCodec`]: the wires of Azure behind one provider, chosen for each request.

use std::collections::{BTreeMap, VecDeque};

use http::{HeaderMap, HeaderValue, StatusCode};
use meanwhile_anthropic::{Host, MessagesCodec, MessagesDecoder};
use meanwhile_core::{Capabilities, Error, ErrorKind, Event, Request, Result};
use meanwhile_http::{Codec, Decoder, Frame, Wire};
use meanwhile_openai::Api;
use meanwhile_openai_compatible::{ChatCodec, ChatDecoder, Quirks};
use meanwhile_openai_responses::{ResponsesCodec, ResponsesDecoder};

use crate::filter::Filter;
use crate::{config, error};

/// The paths of a resource that requests go to.
///
/// ```
/// use meanwhile_azure::{AzureCodec, Surface};
/// use meanwhile_core::{Message, Request};
/// use meanwhile_http::Codec as _;
///
/// let request = Request::new("gpt-4o", vec![Message::user("Hello")]);
/// let path = |surface| AzureCodec::new(surface).encode(&request).map(|wire| wire.path);
/// assert_eq!(path(Surface::V1)?, "/openai/v1/chat/completions");
/// let dated = path(Surface::Deployments("2024-10-21".to_owned()))?;
/// assert_eq!(dated, "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Surface {
    /// `/openai/v1/…`, without an API version; the deployment is named in the body.
    #[default]
    V1,
    /// `/openai/deployments/DEPLOYMENT/…` with this `api-version`.
    Deployments(String),
    /// `/models/…` with this `api-version`: model inference, for models of all vendors.
    Models(String),
}

/// The first words of models that are not OpenAI's: they take `max_tokens`, and schemas as they are.
const OTHERS: [&str; 18] = [
    "ai21",
    "codestral",
    "cohere",
    "command",
    "deepseek",
    "grok",
    "jais",
    "jamba",
    "kimi",
    "llama",
    "mai",
    "meta",
    "ministral",
    "mistral",
    "phi",
    "qwen",
    "xai",
    "zai",
];

/// The wires of Azure.
///
/// Models whose names begin with `claude` are asked on Anthropic's wire, under `/anthropic`. The
/// others are asked on Chat Completions, or on Responses where they have nothing else, or where the
/// model's name ends with `:responses`.
///
/// ```
/// use meanwhile_azure::{AzureCodec, Surface};
/// use meanwhile_core::{Message, Request};
/// use meanwhile_http::Codec as _;
///
/// let codec = AzureCodec::new(Surface::V1);
/// let path = |model: &str| {
///     let request = Request::new(model, vec![Message::user("Hello")]);
///     codec.encode(&request).map(|wire| wire.path)
/// };
/// assert_eq!(path("gpt-4o:responses")?, "/openai/v1/responses");
/// assert_eq!(path("claude-sonnet-4-5")?, "/anthropic/v1/messages");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AzureCodec {
    api: Api,
    surface: Surface,
    /// Which model a deployment is of, where its name does not tell.
    deployments: BTreeMap<String, String>,
    chat: ChatCodec,
    responses: ResponsesCodec,
    messages: MessagesCodec,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Chat,
    Responses,
    Messages,
}

impl AzureCodec {
    /// Makes the codec for requests to these paths.
    #[must_use]
    pub fn new(surface: Surface) -> Self {
        Self {
            api: Api::ByModel,
            surface,
            deployments: BTreeMap::new(),
            chat: meanwhile_openai::codec_for(config::ID),
            responses: meanwhile_openai::responses_codec_for(config::ID),
            messages: MessagesCodec::new(config::ID, Host::Anthropic),
        }
    }

    /// Asks every model that is not Anthropic's on this wire of OpenAI's.
    #[must_use]
    pub fn with_api(mut self, api: Api) -> Self {
        self.api = api;
        self
    }

    /// Says which model a deployment is of.
    #[must_use]
    pub fn with_deployment(mut self, name: impl Into<String>, model: impl Into<String>) -> Self {
        self.deployments.insert(name.into(), model.into());
        self
    }

    /// What a deployment accepts and offers, as far as the name of its model tells. No I/O.
    #[must_use]
    pub fn capabilities(&self, deployment: &str) -> Capabilities {
        let (route, deployment) = self.route(deployment);
        let model = self.model(deployment);
        match route {
            Route::Messages => MessagesCodec::capabilities(model),
            Route::Responses => self.responses.quirks(model).capabilities(),
            Route::Chat => self.quirks(model).capabilities(),
        }
    }

    fn model<'a>(&'a self, deployment: &'a str) -> &'a str {
        self.deployments.get(deployment).map_or(deployment, String::as_str)
    }

    fn route<'a>(&self, deployment: &'a str) -> (Route, &'a str) {
        if let Some(deployment) = deployment.strip_suffix(":responses") {
            return (Route::Responses, deployment);
        }
        if let Some(deployment) = deployment.strip_suffix(":completions") {
            return (Route::Chat, deployment);
        }
        let model = self.model(deployment);
        let route = match self.api {
            _ if model.starts_with("claude") => Route::Messages,
            Api::Responses => Route::Responses,
            Api::ByModel if meanwhile_openai::needs_responses(model) => Route::Responses,
            _ => Route::Chat,
        };
        (route, deployment)
    }

    /// The quirks of Chat Completions for a model.
    fn quirks(&self, model: &str) -> Quirks {
        let word = model.split(['-', '.', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let is_other = OTHERS.iter().any(|other| word.starts_with(other));
        if is_other || matches!(self.surface, Surface::Models(_)) {
            Quirks::new()
        } else {
            self.chat.quirks(model)
        }
    }

    pub(crate) fn chat(&self, deployment: &str) -> ChatCodec {
        ChatCodec::new(config::ID, self.quirks(self.model(deployment)))
    }

    /// Writes a request for Chat Completions, which is the wire of batches.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] where the name of the deployment asks for another wire.
    pub(crate) fn encode_chat(&self, request: &Request) -> Result<Wire> {
        let deployment = request.model.strip_suffix(":completions").unwrap_or(&request.model);
        if deployment.ends_with(":responses") || self.model(deployment).starts_with("claude") {
            let message = format!(
                "`{deployment}` is not asked on Chat Completions, the wire of batches on Azure; \
                 ask it by itself"
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let codec = self.chat(deployment);
        if deployment == request.model {
            return codec.encode(request);
        }
        let mut renamed = request.clone();
        renamed.model = deployment.to_owned();
        codec.encode(&renamed)
    }

    fn responses(&self, deployment: &str) -> ResponsesCodec {
        ResponsesCodec::new(config::ID, self.responses.quirks(self.model(deployment)))
    }

    /// Where an operation of the dialect is, such as `chat/completions`.
    pub(crate) fn path(&self, deployment: &str, operation: &str) -> String {
        match &self.surface {
            Surface::V1 => format!("/openai/v1/{operation}"),
            Surface::Deployments(version) => format!(
                "/openai/deployments/{}/{operation}?api-version={}",
                segment(deployment),
                segment(version)
            ),
            Surface::Models(version) => {
                format!("/models/{operation}?api-version={}", segment(version))
            }
        }
    }

    /// What files, batches and the list of models are below, with the query that they need.
    pub(crate) fn common(&self) -> String {
        match &self.surface {
            Surface::Deployments(version) => format!("/openai?api-version={}", segment(version)),
            Surface::V1 | Surface::Models(_) => "/openai/v1".to_owned(),
        }
    }

    fn responses_path(&self) -> String {
        match &self.surface {
            Surface::Deployments(version) => {
                format!("/openai/responses?api-version={}", segment(version))
            }
            // Model inference has no path of its own for it.
            Surface::V1 | Surface::Models(_) => "/openai/v1/responses".to_owned(),
        }
    }
}

impl Codec for AzureCodec {
    type Decoder = AzureDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        let (route, deployment) = self.route(&request.model);
        let renamed;
        let request = if deployment == request.model {
            request
        } else {
            let mut copy = request.clone();
            copy.model = deployment.to_owned();
            renamed = copy;
            &renamed
        };
        match route {
            Route::Messages => {
                let mut wire = self.messages.encode(request)?;
                wire.path.insert_str(0, "/anthropic");
                Ok(wire)
            }
            Route::Responses => {
                self.responses(deployment).with_path(self.responses_path()).encode(request)
            }
            Route::Chat => {
                let codec =
                    self.chat(deployment).with_path(self.path(deployment, "chat/completions"));
                let mut wire = codec.encode(request)?;
                if matches!(self.surface, Surface::Models(_)) {
                    // Otherwise settings beside the common ones are an error.
                    let value = HeaderValue::from_static("pass-through");
                    wire.headers.insert("extra-parameters", value);
                }
                Ok(wire)
            }
        }
    }

    fn decoder(&self, request: &Request) -> AzureDecoder {
        let (route, deployment) = self.route(&request.model);
        let inner = match route {
            Route::Messages => Inner::Messages(Box::new(self.messages.decoder(request))),
            Route::Responses => {
                Inner::Responses(Box::new(self.responses(deployment).decoder(request)))
            }
            Route::Chat => Inner::Chat(Box::new(self.chat(deployment).decoder(request))),
        };
        AzureDecoder { inner, filter: Filter::default() }
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        // Anthropic's errors say so.
        let is_message = serde_json::from_slice::<serde_json::Value>(body)
            .is_ok_and(|body| body.get("type").is_some_and(|kind| kind == "error"));
        let error = match is_message {
            true => self.messages.error(status, headers, body),
            false => self.responses.error(status, headers, body),
        };
        error::explain(error, body)
    }
}

/// Encodes what would end a segment of a path or a parameter of a query.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The decoding state of one answer on any of the wires.
#[derive(Debug)]
pub struct AzureDecoder {
    inner: Inner,
    filter: Filter,
}

#[derive(Debug)]
enum Inner {
    Chat(Box<ChatDecoder>),
    Responses(Box<ResponsesDecoder>),
    Messages(Box<MessagesDecoder>),
}

impl Decoder for AzureDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        self.filter.look(frame, events);
        let data = match frame {
            Frame::Body(data) | Frame::Line(data) | Frame::Event { data, .. } => data,
            _ => &[],
        };
        match &mut self.inner {
            Inner::Chat(decoder) => decoder.frame(frame, events),
            Inner::Responses(decoder) => decoder.frame(frame, events),
            Inner::Messages(decoder) => decoder.frame(frame, events),
        }
        .map_err(|failure| error::explain(failure, data))
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        match &mut self.inner {
            Inner::Chat(decoder) => decoder.end(events),
            Inner::Responses(decoder) => decoder.end(events),
            Inner::Messages(decoder) => decoder.end(events),
        }
    }
}
