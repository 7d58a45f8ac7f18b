//! [`Vendors`]: the wires of the models' vendors behind `InvokeModel`: those that others share, as their
//! codecs write and read them, and those that only this service has.

use std::collections::VecDeque;

use meanwhile_anthropic::{Host, MessagesCodec, MessagesDecoder};
use meanwhile_core::{Capabilities, Error, ErrorKind, Event, OutputSupport, Request, Result};
use meanwhile_http::{Codec, Decoder, Frame, Wire};
use meanwhile_openai_compatible::{
    AudioInput, ChatCodec, ChatDecoder, Documents, Quirks, ReasoningField, StructuredOutput,
};
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::command::{CommandCodec, CommandDecoder};
use crate::completion::PromptedDecoder;
use crate::config::ID;
use crate::encode::Form;
use crate::envelope::{self, Envelope};
use crate::models::{Family, Model};
use crate::prompted::PromptedCodec;
use crate::thoughts::Thoughts;
use crate::usage::metered;
use crate::{ConverseDecoder, InvokeCodec, InvokeDecoder, encode, error};

/// The owner of Mistral's options and provider data, whoever serves the model.
const MISTRAL: &str = "mistral";

/// What Mistral's chat takes on Bedrock is the messages, tools, the most tokens, `temperature` and `top_p`.
/// See <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-chat-completion.html>.
const UNSUPPORTED_OF_MISTRAL: &[&str] = &[
    "top_k",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "parallel_tool_calls",
    "logprobs",
    "user",
    "service_tier",
    "prompt_cache_key",
    "name",
];

/// What AI21's chat takes on Bedrock is the messages, the most tokens, `temperature`, `top_p`, `stop` and
/// the penalties. See
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-jamba.html>.
const UNSUPPORTED_OF_AI21: &[&str] = &[
    "top_k",
    "seed",
    "parallel_tool_calls",
    "logprobs",
    "user",
    "service_tier",
    "prompt_cache_key",
    "name",
];

/// The wires that are spoken behind `InvokeModel`.
#[derive(Debug, Clone)]
pub(crate) struct Vendors {
    claude: InvokeCodec<MessagesCodec>,
    nova: InvokeCodec<NovaCodec>,
}

impl Default for Vendors {
    fn default() -> Self {
        Self {
            claude: InvokeCodec::new(MessagesCodec::new(ID, Host::Bedrock)),
            nova: InvokeCodec::new(NovaCodec),
        }
    }
}

impl Vendors {
    /// Writes a request to `model`, which is the id without what chose the wire.
    pub(crate) fn encode(&self, model: &str, request: &Request) -> Result<Wire> {
        let mut named = request.clone();
        named.model = model.to_owned();
        let envelope = Envelope::take(&mut named, Model::of(model).family)
            .map_err(|error| error.with_provider(ID))?;
        self.body(model, named).map(|wire| envelope.put(wire))
    }

    fn body(&self, model: &str, mut named: Request) -> Result<Wire> {
        let known = Model::of(model);
        match known.family {
            Family::Claude => return self.claude.encode(&named),
            Family::Nova => return self.nova.encode(&named),
            _ => {}
        }
        if let Some(prompted) = PromptedCodec::of(&known) {
            return InvokeCodec::new(prompted).encode(&named);
        }
        if let Some(command) = CommandCodec::of(&known) {
            return InvokeCodec::new(command).encode(&named);
        }
        let Some(chat) = chat(model, named.is_streamed()) else { return Err(unsupported(model)) };
        if known.family == Family::Mistral {
            envelope::hand_over(&mut named, MISTRAL);
        }
        InvokeCodec::new(chat).encode(&named)
    }

    /// Starts reading an answer of `model`; `None` where its wire is not spoken.
    pub(crate) fn decoder(&self, model: &str, request: &Request) -> Option<VendorDecoder> {
        let known = Model::of(model);
        match known.family {
            Family::Claude => {
                return Some(VendorDecoder::Claude(Box::new(self.claude.decoder(request))));
            }
            Family::Nova => return Some(VendorDecoder::Nova(Box::new(self.nova.decoder(request)))),
            _ => {}
        }
        if let Some(prompted) = PromptedCodec::of(&known) {
            let decoder = InvokeCodec::new(prompted).decoder(request);
            return Some(VendorDecoder::Prompted(Box::new(decoder)));
        }
        if let Some(command) = CommandCodec::of(&known) {
            let decoder = InvokeCodec::new(command).decoder(request);
            return Some(VendorDecoder::Command(Box::new(decoder)));
        }
        let codec = chat(model, request.is_streamed())?;
        let chat = Metered { codec, thinks_aloud: known.family == Family::OpenAi };
        Some(VendorDecoder::Chat(Box::new(InvokeCodec::new(chat).decoder(request))))
    }
}

/// What a model accepts and offers on its vendor's wire.
pub(crate) fn capabilities(model: &str) -> Capabilities {
    let known = Model::of(model);
    match known.family {
        Family::Claude => MessagesCodec::capabilities(known.name),
        Family::Nova => {
            let mut capabilities = known.capabilities();
            capabilities.documents = false;
            capabilities
        }
        _ if PromptedCodec::of(&known).is_some() => {
            let mut capabilities = Capabilities::text();
            // It is text that goes in, and text that comes out.
            capabilities.tools = false;
            capabilities.output = OutputSupport::Prompted;
            capabilities.reasoning = known.capabilities().reasoning;
            capabilities
        }
        _ if CommandCodec::of(&known).is_some() => {
            let mut capabilities = Capabilities::text();
            capabilities.output = OutputSupport::Prompted;
            capabilities
        }
        _ => match chat(model, false) {
            Some(chat) => chat.quirks(model).capabilities(),
            None => known.capabilities(),
        },
    }
}

/// Chat Completions as a model's vendor and Bedrock have it; `None` where the model has none of it.
fn chat(model: &str, is_streamed: bool) -> Option<ChatCodec> {
    let known = Model::of(model);
    let (owner, mut quirks) = match known.family {
        Family::Mistral => (MISTRAL, of_mistral(&known)),
        Family::OpenAi => (ID, of_openai()),
        Family::Qwen => (ID, of_open_models()),
        Family::DeepSeek if known.is_one_of(&["v3"]) => (ID, of_open_models()),
        Family::Ai21 if known.is_one_of(&["jamba"]) => (ID, of_ai21()),
        _ => return None,
    };
    quirks.model_field = "";
    quirks.stream_switch = false;
    let action = if is_streamed { "invoke-with-response-stream" } else { "invoke" };
    let path = encode::path(model, action).ok()?;
    Some(ChatCodec::new(owner, quirks).with_path(path))
}

/// Nova's own wire, which is that of Converse but for some places.
#[derive(Debug, Clone)]
struct NovaCodec;

impl Codec for NovaCodec {
    type Decoder = ConverseDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        encode::request(request, ID, Form::Nova)
    }

    fn decoder(&self, request: &Request) -> ConverseDecoder {
        ConverseDecoder::new(ID.into(), request)
    }

    fn error(&self, status: http::StatusCode, headers: &http::HeaderMap, body: &[u8]) -> Error {
        error::of_status(status, headers, body).with_provider(ID)
    }
}

fn of_mistral(model: &Model<'_>) -> Quirks {
    let mut quirks = meanwhile_mistral::codec().quirks("");
    quirks.named_tool_choice = false;
    quirks.structured_output = StructuredOutput::None;
    quirks.reasoning = ReasoningField::None;
    quirks.images = model.capabilities().images;
    quirks.audio = AudioInput::None;
    quirks.documents = Documents::None;
    quirks.answer_prefix = None;
    quirks.unsupported = UNSUPPORTED_OF_MISTRAL;
    quirks
}

/// See <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html>.
fn of_openai() -> Quirks {
    let mut quirks = Quirks::new();
    quirks.max_tokens_field = "max_completion_tokens";
    quirks.images = false;
    quirks.audio = AudioInput::None;
    quirks.documents = Documents::None;
    quirks
}

/// Text and tools in the common form of open models (Qwen, and DeepSeek V3), and a shape in
/// `response_format`. See
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html>.
fn of_open_models() -> Quirks {
    let mut quirks = Quirks::new();
    quirks.stream_options = false;
    quirks.reasoning = ReasoningField::None;
    quirks.images = false;
    quirks.audio = AudioInput::None;
    quirks.documents = Documents::None;
    quirks
}

fn of_ai21() -> Quirks {
    let mut quirks = of_open_models();
    quirks.tools = false;
    quirks.required_tool_choice = None;
    quirks.named_tool_choice = false;
    quirks.structured_output = StructuredOutput::None;
    quirks.unsupported = UNSUPPORTED_OF_AI21;
    quirks
}

fn unsupported(model: &str) -> Error {
    let message = format!(
        "the wire of the vendor of `{model}` is not spoken; leave out `:invoke`, so that Converse serves it"
    );
    Error::new(ErrorKind::Unsupported, message).with_provider(ID)
}

/// The decoding state of one answer on a vendor's wire.
#[derive(Debug)]
pub(crate) enum VendorDecoder {
    Claude(Box<InvokeDecoder<MessagesDecoder>>),
    Nova(Box<InvokeDecoder<ConverseDecoder>>),
    Prompted(Box<InvokeDecoder<PromptedDecoder>>),
    Command(Box<InvokeDecoder<CommandDecoder>>),
    Chat(Box<InvokeDecoder<MeteredDecoder>>),
}

impl Decoder for VendorDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        match self {
            Self::Claude(decoder) => decoder.frame(frame, events),
            Self::Nova(decoder) => decoder.frame(frame, events),
            Self::Prompted(decoder) => decoder.frame(frame, events),
            Self::Command(decoder) => decoder.frame(frame, events),
            Self::Chat(decoder) => decoder.frame(frame, events),
        }
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        match self {
            Self::Claude(decoder) => decoder.end(events),
            Self::Nova(decoder) => decoder.end(events),
            Self::Prompted(decoder) => decoder.end(events),
            Self::Command(decoder) => decoder.end(events),
            Self::Chat(decoder) => decoder.end(events),
        }
    }
}

/// Chat Completions whose last piece carries what Bedrock counted, where the vendor counts nothing.
#[derive(Debug)]
struct Metered {
    codec: ChatCodec,
    /// Whether the model's thinking is in front of its text.
    thinks_aloud: bool,
}

#[derive(Debug)]
pub(crate) struct MeteredDecoder {
    inner: ChatDecoder,
    thoughts: Option<Thoughts>,
    /// Whether the vendor has counted by itself.
    is_counted: bool,
}

const METRICS: &str = "amazon-bedrock-invocationMetrics";

#[derive(Deserialize)]
struct Last<'a> {
    #[serde(borrow, rename = "amazon-bedrock-invocationMetrics")]
    metrics: &'a RawValue,
}

impl Codec for Metered {
    type Decoder = MeteredDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        self.codec.encode(request)
    }

    fn decoder(&self, request: &Request) -> MeteredDecoder {
        let thoughts = self.thinks_aloud.then(|| Thoughts::between("<reasoning>", "</reasoning>"));
        MeteredDecoder { inner: self.codec.decoder(request), thoughts, is_counted: false }
    }

    fn error(&self, status: http::StatusCode, headers: &http::HeaderMap, body: &[u8]) -> Error {
        self.codec.error(status, headers, body)
    }
}

impl Decoder for MeteredDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        let before = events.len();
        let read = self.inner.frame(frame, events);
        // What came before a failure is as good as it is without one.
        if let Some(thoughts) = &mut self.thoughts {
            for event in events.split_off(before) {
                thoughts.pass(event, events);
            }
            if read.is_err() {
                thoughts.finish(events);
            }
        }
        read?;
        let is_usage = |event: &Event| matches!(event, Event::Usage(_));
        self.is_counted |= events.iter().skip(before).any(is_usage);
        if let Frame::Event { data, .. } = frame
            && !self.is_counted
            && memmem::find(data, METRICS.as_bytes()).is_some()
            && let Ok(last) = serde_json::from_slice::<Last<'_>>(data)
        {
            events.push_back(Event::usage(metered(last.metrics)));
        }
        Ok(())
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        let before = events.len();
        let ended = self.inner.end(events);
        if let Some(thoughts) = &mut self.thoughts {
            for event in events.split_off(before) {
                thoughts.pass(event, events);
            }
            thoughts.finish(events);
        }
        ended
    }
}
