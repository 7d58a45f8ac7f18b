//! [`Quirks`]: how one vendor's reading of the dialect differs from OpenAI's, as plain data.

use meanwhile_core::{Capabilities, Effort, ErrorKind, OutputSupport};

use crate::{ImageSize, VectorEncoding};

/// Where one vendor departs from the common dialect.
///
/// [`Quirks::new`] is what nearly every server accepts. All fields are public; change what differs:
///
/// ```
/// use meanwhile_openai_compatible::{Quirks, StructuredOutput};
///
/// let mut quirks = Quirks::new();
/// quirks.structured_output = StructuredOutput::Schema;
/// quirks.max_tokens_field = "max_completion_tokens";
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Quirks {
    /// The field for the model's id: `model`, or `agent_id` where stored agents are asked (Mistral).
    /// Empty where the path names the model (Bedrock).
    pub model_field: &'static str,
    /// The field for the most tokens to write: `max_tokens` or `max_completion_tokens`.
    pub max_tokens_field: &'static str,
    /// The field for the seed: `seed` or `random_seed`.
    pub seed_field: &'static str,
    /// The role of system messages: `system` or `developer`.
    pub system_role: &'static str,
    /// Whether tools can be declared.
    pub tools: bool,
    /// The word that makes the model call a tool, `required` or `any`, where it can be made to.
    pub required_tool_choice: Option<&'static str>,
    /// Whether one tool can be named as the one to call.
    pub named_tool_choice: bool,
    /// Whether tools are declared with `strict: true` and a schema of the strict subset.
    pub strict_tools: bool,
    /// How an answer is held to a shape.
    pub structured_output: StructuredOutput,
    /// Whether `stream: true` asks for a stream; otherwise the path does (Bedrock).
    pub stream_switch: bool,
    /// Whether `stream_options` may be sent; without it, streams report usage on their own or not.
    pub stream_options: bool,
    /// How thinking is asked for.
    pub reasoning: ReasoningField,
    /// The levels of thinking that are known; others are replaced by the nearest one. Empty for any.
    pub efforts: &'static [Effort],
    /// In which form the vendor wants the model's earlier thinking back.
    pub replay_thinking: ReplayThinking,
    /// Whether an assistant's refusal has a field of its own; otherwise it is sent as text.
    pub refusals: bool,
    /// Whether cache marks become `cache_control` on the part before.
    pub cache_marks: bool,
    /// Whether the citations of an answer are sent back with it.
    pub replay_annotations: bool,
    /// Whether messages may carry images.
    pub images: bool,
    /// How messages may carry audio.
    pub audio: AudioInput,
    /// How messages may carry documents.
    pub documents: Documents,
    /// Whether tool results may carry more than text; otherwise the rest follows in a message of the
    /// user.
    pub tool_result_parts: bool,
    /// Which messages may carry several texts as a list. Where they may not, the texts are joined.
    pub text_lists: TextLists,
    /// The field that marks a message of the model at the end as the beginning of its answer:
    /// `prefix`, `partial`.
    pub answer_prefix: Option<&'static str>,
    /// Whether tool call ids must be nine letters and digits (Mistral).
    pub short_tool_call_ids: bool,
    /// Whether `completion_tokens` leaves out the reasoning tokens, where the sum does not tell.
    pub reasoning_apart: bool,
    /// Whether `total_tokens` leaves out the reasoning tokens, too, so that the sum tells nothing
    /// (Perplexity).
    pub reasoning_outside_total: bool,
    /// The tags between which a text may begin with thinking, which then becomes a part of its own. Where
    /// the template of a model writes the opening tag itself (DeepSeek-R1, Qwen3-Thinking), servers send
    /// the closing one alone, and nothing tells thinking from the answer; have the server tell it, as vLLM
    /// does with `--reasoning-parser` and llama.cpp with `--reasoning-format auto`.
    pub thinking_tags: &'static [(&'static str, &'static str)],
    /// Params, by their name in the core, that the vendor refuses or has no field for.
    pub unsupported: &'static [&'static str],
    /// Switches that every request sets.
    pub switches: &'static [(&'static str, bool)],
    /// What stands in front of the paths of lists of models and embeddings, where chat has none of
    /// it.
    pub version_path: &'static str,
    /// How vectors are asked for, where the vendor does not write numbers without being told to.
    pub vectors: Option<VectorEncoding>,
    /// How the size of images is told.
    pub image_size: ImageSize,
    /// Error codes of this vendor alone.
    pub error_codes: &'static [(&'static str, ErrorKind)],
}

/// How a vendor holds an answer to a shape.
///
/// ```
/// # use meanwhile_core::{Message, OutputFormat, OutputSchema, Request, Schema};
/// # use meanwhile_http::Codec as _;
/// # use meanwhile_openai_compatible::{ChatCodec, Quirks, StructuredOutput};
/// # use serde_json::{Value, json};
/// let mut quirks = Quirks::new();
/// quirks.structured_output = StructuredOutput::Json;
/// let mut request = Request::new("large", vec![Message::user("Recommend a book as JSON")]);
/// let schema = Schema::from(json!({"type": "object", "properties": {"title": {"type": "string"}}}));
/// request.output = OutputFormat::Schema(OutputSchema::new("book", schema));
/// let wire = ChatCodec::new("acme", quirks).encode(&request)?;
/// let body: Value = serde_json::from_slice(&wire.body).unwrap();
/// assert_eq!(body["response_format"]["type"], "json_object");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StructuredOutput {
    /// Not at all.
    None,
    /// To JSON of any shape.
    Json,
    /// To a schema as it is.
    Schema,
    /// To a schema of OpenAI's strict subset.
    Strict,
}

/// How thinking is asked for.
///
/// ```
/// # use meanwhile_core::{Effort, Message, Params, Request};
/// # use meanwhile_http::Codec as _;
/// # use meanwhile_openai_compatible::{ChatCodec, Quirks, ReasoningField};
/// # use serde_json::Value;
/// let mut request = Request::new("large", vec![Message::user("Prove it")]);
/// request.params = Params::new().reasoning(Effort::Low);
/// let mut quirks = Quirks::new();
/// quirks.reasoning = ReasoningField::Object;
/// let wire = ChatCodec::new("acme", quirks).encode(&request)?;
/// let body: Value = serde_json::from_slice(&wire.body).unwrap();
/// assert_eq!(body["reasoning"]["effort"], "low");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReasoningField {
    /// It is not.
    None,
    /// `"reasoning_effort": "low"`.
    Effort,
    /// `"reasoning": {"effort": "low"}`, or `{"max_tokens": 2000}` for a budget.
    Object,
    /// `"thinking": {"type": "enabled"}` or `disabled`, without levels.
    Switch,
    /// `"enable_thinking": true` and `"thinking_budget": 2000`.
    Enable,
}

/// In which form a vendor wants the model's earlier thinking back.
///
/// ```
/// # use meanwhile_core::{Message, Part, Request, Thinking};
/// # use meanwhile_http::Codec as _;
/// # use meanwhile_openai_compatible::{ChatCodec, Quirks, ReplayThinking};
/// # use serde_json::Value;
/// let thought = Thinking::new("Six times seven.");
/// let answer = Message::assistant([Part::from(thought), Part::text("42")]);
/// let again = Message::user("Are you sure?");
/// let request = Request::new("large", vec![Message::user("6 * 7?"), answer, again]);
/// let mut quirks = Quirks::new();
/// quirks.replay_thinking = ReplayThinking::Field("reasoning_content");
/// let wire = ChatCodec::new("acme", quirks).encode(&request)?;
/// let body: Value = serde_json::from_slice(&wire.body).unwrap();
/// assert_eq!(body["messages"][1]["reasoning_content"], "Six times seven.");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplayThinking {
    /// Not at all; it is left out with a warning.
    Never,
    /// As text in a field of the message.
    Field(&'static str),
    /// As the `thinking_blocks` that came with it, beside the text in `reasoning_content` (LiteLLM).
    Blocks,
    /// As the `reasoning_details` that came with it, and as `reasoning` where none did.
    Details,
    /// As parts of the content, in their place, as are references and unknown parts (Mistral).
    Content,
}

/// Which messages may carry several texts as a list of parts. One text alone is always written as text.
///
/// Where a list is not taken, a blank line goes between the texts; only texts of the model that follow
/// each other directly are one text in pieces, and are put together as they are.
///
/// ```
/// # use meanwhile_core::{Message, Part, Request};
/// # use meanwhile_http::Codec as _;
/// # use meanwhile_openai_compatible::{ChatCodec, Quirks, TextLists};
/// # use serde_json::Value;
/// let question = Message::user([Part::text("A manual."), Part::text("How is it switched off?")]);
/// let request = Request::new("large", vec![question]);
/// let mut quirks = Quirks::new();
/// quirks.text_lists = TextLists::None;
/// let wire = ChatCodec::new("acme", quirks).encode(&request)?;
/// let body: Value = serde_json::from_slice(&wire.body).unwrap();
/// assert_eq!(body["messages"][0]["content"], "A manual.\n\nHow is it switched off?");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TextLists {
    /// None.
    None,
    /// Those of the user.
    User,
    /// All: of the user, the system, the model and tools.
    All,
}

/// How messages may carry audio.
///
/// ```
/// # use meanwhile_core::{Audio, Message, Part, Request};
/// # use meanwhile_http::Codec as _;
/// # use meanwhile_openai_compatible::{AudioInput, ChatCodec, Quirks};
/// # use serde_json::Value;
/// let recording = Part::from(Audio::bytes(b"RIFF".to_vec(), "audio/wav"));
/// let request = Request::new("large", vec![Message::user([recording])]);
/// let mut quirks = Quirks::new();
/// quirks.audio = AudioInput::Object;
/// let wire = ChatCodec::new("acme", quirks).encode(&request)?;
/// let body: Value = serde_json::from_slice(&wire.body).unwrap();
/// assert_eq!(body["messages"][0]["content"][0]["input_audio"]["format"], "wav");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AudioInput {
    /// Not at all.
    None,
    /// As an object of the bytes and their format.
    Object,
    /// As the bytes or an address alone (Mistral).
    Text,
}

/// How messages may carry documents.
///
/// ```
/// # use meanwhile_core::{Document, Message, Part, Request};
/// # use meanwhile_http::Codec as _;
/// # use meanwhile_openai_compatible::{ChatCodec, Documents, Quirks};
/// # use serde_json::Value;
/// let terms = Part::from(Document::bytes(b"%PDF-1.7".to_vec(), "application/pdf"));
/// let request = Request::new("large", vec![Message::user([terms])]);
/// let mut quirks = Quirks::new();
/// quirks.documents = Documents::File;
/// let wire = ChatCodec::new("acme", quirks).encode(&request)?;
/// let body: Value = serde_json::from_slice(&wire.body).unwrap();
/// assert_eq!(body["messages"][0]["content"][0]["type"], "file");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Documents {
    /// Not at all, but as text.
    None,
    /// `file` parts with the bytes.
    File,
    /// `file` parts with the bytes or an address.
    FileOrUrl,
    /// `document_url` parts with the bytes or an address, and `file` parts with an id (Mistral).
    Url,
}

impl Quirks {
    /// What nearly every server accepts.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            model_field: "model",
            max_tokens_field: "max_tokens",
            seed_field: "seed",
            system_role: "system",
            tools: true,
            required_tool_choice: Some("required"),
            named_tool_choice: true,
            strict_tools: false,
            structured_output: StructuredOutput::Schema,
            stream_switch: true,
            stream_options: true,
            reasoning: ReasoningField::Effort,
            efforts: &[],
            replay_thinking: ReplayThinking::Never,
            refusals: false,
            cache_marks: false,
            replay_annotations: false,
            images: true,
            audio: AudioInput::Object,
            documents: Documents::File,
            tool_result_parts: false,
            text_lists: TextLists::User,
            answer_prefix: None,
            short_tool_call_ids: false,
            reasoning_apart: false,
            reasoning_outside_total: false,
            thinking_tags: &[],
            unsupported: &["top_k"],
            switches: &[],
            version_path: "",
            vectors: None,
            image_size: ImageSize::Text,
            error_codes: &[],
        }
    }

    /// What OpenAI itself accepts.
    #[must_use]
    pub const fn openai() -> Self {
        Self {
            max_tokens_field: "max_completion_tokens",
            structured_output: StructuredOutput::Strict,
            refusals: true,
            text_lists: TextLists::All,
            ..Self::new()
        }
    }

    /// The capabilities that follow, for a model of which nothing else is known.
    #[must_use]
    pub const fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::text();
        capabilities.output = match self.structured_output {
            StructuredOutput::None => OutputSupport::Prompted,
            StructuredOutput::Json => OutputSupport::Json,
            StructuredOutput::Schema | StructuredOutput::Strict => OutputSupport::Schema,
        };
        capabilities.images = self.images;
        capabilities.tools = self.tools;
        capabilities.audio = !matches!(self.audio, AudioInput::None);
        capabilities.documents = !matches!(self.documents, Documents::None);
        capabilities.reasoning = !matches!(self.reasoning, ReasoningField::None);
        capabilities
    }
}

impl Default for Quirks {
    fn default() -> Self {
        Self::new()
    }
}
