//! [`ResponsesQuirks`]: how one vendor departs from the dialect, as plain data.

use meanwhile_core::{Capabilities, Effort, OutputSupport};
use meanwhile_openai_compatible::StructuredOutput;
use meanwhile_openai_compatible::dialect::ErrorCodes;

/// What a vendor accepts and how it wants it. Begin with [`new`](Self::new) and change what differs:
///
/// ```
/// use meanwhile_openai_responses::ResponsesQuirks;
///
/// let mut quirks = ResponsesQuirks::new();
/// quirks.store = None;
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ResponsesQuirks {
    /// Where system messages go.
    pub system: System,
    /// What `store` says in requests that continue nothing the vendor stores; `None` leaves it out.
    pub store: Option<bool>,
    /// Whether thinking is asked for in encrypted form, so that it can go back without being stored.
    pub encrypted_reasoning: bool,
    /// Whether the amount of thinking can be set.
    pub reasoning: bool,
    /// Whether thinking can be limited to a number of tokens (OpenRouter).
    pub budgets: bool,
    /// The levels of thinking that are known; others are replaced by the nearest one. Empty for any.
    pub efforts: &'static [Effort],
    /// Whether tools are declared with `strict` and a schema of the strict subset.
    pub strict_tools: bool,
    /// How an answer is held to a shape.
    pub structured_output: StructuredOutput,
    /// Whether cache marks become `prompt_cache_breakpoint` on the part before.
    pub cache_breakpoints: bool,
    /// Whether messages may carry images.
    pub images: bool,
    /// Whether messages may carry audio.
    pub audio: bool,
    /// Whether messages may carry documents.
    pub documents: bool,
    /// Params, by their name in the core, that the vendor refuses or has no field for.
    pub unsupported: &'static [&'static str],
    /// Error codes of this vendor, instead of those of the dialect. Empty for the latter.
    pub error_codes: ErrorCodes,
}

/// Where system messages go.
///
/// ```
/// # use meanwhile_core::{Message, Request};
/// # use meanwhile_http::Codec as _;
/// # use meanwhile_openai_responses::{ResponsesCodec, ResponsesQuirks, System};
/// # use serde_json::Value;
/// let messages = vec![Message::system("Be brief."), Message::user("Hello")];
/// let mut quirks = ResponsesQuirks::new();
/// quirks.system = System::Instructions;
/// let wire = ResponsesCodec::new("acme", quirks).encode(&Request::new("large", messages))?;
/// let body: Value = serde_json::from_slice(&wire.body).unwrap();
/// assert_eq!(body["instructions"], "Be brief.");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum System {
    /// Into the input, in place, with this role: `system` or `developer`.
    Message(&'static str),
    /// The first ones into `instructions`, if they are text; later ones into the input, in place,
    /// as `developer` messages.
    Instructions,
}

/// Settings without a field in this dialect.
const NO_FIELD: &[&str] = &["top_k", "stop", "seed", "presence_penalty", "frequency_penalty"];

impl ResponsesQuirks {
    /// What nearly every server accepts.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            system: System::Message("system"),
            store: None,
            encrypted_reasoning: false,
            reasoning: true,
            budgets: false,
            efforts: &[],
            strict_tools: false,
            structured_output: StructuredOutput::Schema,
            cache_breakpoints: false,
            images: true,
            audio: false,
            documents: true,
            unsupported: NO_FIELD,
            error_codes: &[],
        }
    }

    /// What OpenAI itself accepts: nothing is stored, and thinking comes in encrypted form.
    #[must_use]
    pub const fn openai() -> Self {
        Self {
            store: Some(false),
            encrypted_reasoning: true,
            strict_tools: true,
            structured_output: StructuredOutput::Strict,
            ..Self::new()
        }
    }

    /// What xAI accepts.
    #[must_use]
    pub const fn xai() -> Self {
        Self {
            store: Some(false),
            encrypted_reasoning: true,
            efforts: &[Effort::None, Effort::Low, Effort::Medium, Effort::High],
            ..Self::new()
        }
    }

    /// What OpenRouter accepts.
    #[must_use]
    pub const fn openrouter() -> Self {
        Self {
            budgets: true,
            encrypted_reasoning: true,
            structured_output: StructuredOutput::Strict,
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
            _ => OutputSupport::Schema,
        };
        capabilities.images = self.images;
        capabilities.audio = self.audio;
        capabilities.documents = self.documents;
        capabilities.reasoning = self.reasoning;
        capabilities
    }
}

impl Default for ResponsesQuirks {
    fn default() -> Self {
        Self::new()
    }
}
