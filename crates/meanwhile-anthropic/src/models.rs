//! What is known about Anthropic's models, by a part of their ids. Ids stay open strings: nothing that
//! was asked for is withheld from a model that is not known here.

use meanwhile_core::{Capabilities, Effort, OutputSupport};

use crate::Host;

/// How a model is told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thinking {
    /// It does not think.
    None,
    /// With a budget of tokens.
    Budget,
    /// With a budget, or as much as it finds right.
    Either,
    /// As much as it finds right; a budget is refused.
    Adaptive,
    /// As [`Thinking::Adaptive`], and always.
    Always,
}

/// Which settings of the choice of words a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sampling {
    /// All of them.
    Free,
    /// `temperature` or `top_p`, not both.
    OneOf,
    /// None.
    Fixed,
}

/// What sets a family of models apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Most tokens it can write, which is asked for where the request does not say.
    pub(crate) max_tokens: u32,
    pub(crate) thinking: Thinking,
    /// The levels of `output_config.effort`, in rising order.
    pub(crate) efforts: &'static [Effort],
    pub(crate) sampling: Sampling,
    /// Whether it keeps to a schema by itself (`output_config.format`).
    pub(crate) native_output: bool,
    /// Whether it takes system messages in the middle of a conversation.
    pub(crate) late_system: bool,
    /// Whether it reads PDF files.
    pub(crate) documents: bool,
}

const TO_HIGH: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High];
const TO_MAX: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Max];
const ALL: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max];

const fn old(max_tokens: u32) -> Facts {
    Facts {
        max_tokens,
        thinking: Thinking::None,
        efforts: &[],
        sampling: Sampling::Free,
        native_output: false,
        late_system: false,
        documents: false,
    }
}

const HAIKU_3_5: Facts = Facts { documents: true, ..old(8192) };
const SONNET_3_7: Facts = Facts { thinking: Thinking::Budget, documents: true, ..old(64_000) };
const OPUS_4: Facts = Facts { max_tokens: 32_000, ..SONNET_3_7 };
const OPUS_4_1: Facts = Facts { sampling: Sampling::OneOf, native_output: true, ..OPUS_4 };
const SONNET_4_5: Facts = Facts { max_tokens: 64_000, ..OPUS_4_1 };
const OPUS_4_5: Facts = Facts { efforts: TO_HIGH, ..SONNET_4_5 };
const OPUS_4_6: Facts =
    Facts { max_tokens: 128_000, thinking: Thinking::Either, efforts: TO_MAX, ..SONNET_4_5 };
const OPUS_4_7: Facts =
    Facts { thinking: Thinking::Adaptive, efforts: ALL, sampling: Sampling::Fixed, ..OPUS_4_6 };
const OPUS_4_8: Facts = Facts { late_system: true, ..OPUS_4_7 };
const FABLE: Facts = Facts { thinking: Thinking::Always, ..OPUS_4_8 };

/// A model that is not known: whatever is asked for is sent.
const UNKNOWN: Facts =
    Facts { max_tokens: 32_000, sampling: Sampling::Free, efforts: ALL, ..OPUS_4_6 };

/// The first name that occurs in the id counts, so longer ones come first. Hosts put words around
/// the name: `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, `claude-opus-4-1@20250805`.
const FAMILIES: &[(&str, Facts)] = &[
    ("claude-opus-4-8", OPUS_4_8),
    ("claude-opus-4-7", OPUS_4_7),
    ("claude-opus-4-6", OPUS_4_6),
    ("claude-sonnet-4-6", OPUS_4_6),
    ("claude-opus-4-5", OPUS_4_5),
    ("claude-sonnet-4-5", SONNET_4_5),
    ("claude-haiku-4-5", SONNET_4_5),
    ("claude-opus-4-1", OPUS_4_1),
    ("claude-opus-4-2", OPUS_4),
    ("claude-opus-4-0", OPUS_4),
    ("claude-opus-4@", OPUS_4),
    ("claude-sonnet-4-2", SONNET_3_7),
    ("claude-sonnet-4-0", SONNET_3_7),
    ("claude-sonnet-4@", SONNET_3_7),
    ("claude-opus-5", OPUS_4_8),
    ("claude-sonnet-5", OPUS_4_7),
    ("claude-fable-", FABLE),
    ("claude-mythos-", FABLE),
    ("claude-3-7-sonnet", SONNET_3_7),
    ("claude-3-5-haiku", HAIKU_3_5),
    ("claude-3-5-sonnet", HAIKU_3_5),
    ("claude-3-", old(4096)),
    ("claude-2", old(4096)),
    ("claude-v2", old(4096)),
    ("claude-instant", old(4096)),
];

/// What is known about a model where this host serves it.
pub(crate) fn facts(model: &str, host: Host) -> Facts {
    let mut facts = of(model);
    // Bedrock holds only later models to a schema, whichever of its wires asks for it. See
    // https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html.
    if host == Host::Bedrock && model.contains("claude-opus-4-1") {
        facts.native_output = false;
    }
    facts
}

fn of(model: &str) -> Facts {
    let found = FAMILIES.iter().find(|(name, _)| model.contains(name));
    match found {
        Some((_, facts)) => *facts,
        // `claude-opus-4` alone names the first of its line.
        None if model.ends_with("claude-opus-4") => OPUS_4,
        None if model.ends_with("claude-sonnet-4") => SONNET_3_7,
        None => UNKNOWN,
    }
}

/// What a model accepts and offers.
pub(crate) fn capabilities(model: &str) -> Capabilities {
    let facts = of(model);
    let mut capabilities = Capabilities::text();
    // Older models are held to a schema by a tool that they must call.
    capabilities.output = OutputSupport::Schema;
    capabilities.images =
        !["claude-2", "claude-instant", "claude-v2"].iter().any(|name| model.contains(name));
    capabilities.tools = capabilities.images;
    capabilities.documents = facts.documents;
    capabilities.reasoning = facts.thinking != Thinking::None;
    // Its own tools may take longer than one answer.
    capabilities.pauses = true;
    if !capabilities.tools {
        capabilities.output = OutputSupport::Prompted;
    }
    capabilities
}
