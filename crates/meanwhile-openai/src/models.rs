//! What is known about OpenAI's models, by the beginning of their ids. Ids stay open strings: a model
//! that is not known here is taken for a new one that can do what new ones can.

use meanwhile_core::{Capabilities, OutputSupport};
use meanwhile_openai_compatible::{AudioInput, Documents, Quirks, ReasoningField};
use meanwhile_openai_responses::ResponsesQuirks;

/// Settings that models refuse which always think.
const REFUSED_BY_THINKERS: &[&str] =
    &["top_k", "temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs"];

/// Settings that they refuse on the Responses wire.
const REFUSED_BY_THINKERS_THERE: &[&str] = &[
    "top_k",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "temperature",
    "top_p",
    "logprobs",
];

/// What sets a family of models apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Answers without thinking and takes every sampling setting.
    Chat,
    /// As [`Family::Chat`], and speaks.
    Audio,
    /// Older than structured outputs and images.
    Legacy,
    /// Always thinks and takes no sampling settings.
    Thinker,
    /// Thinks as much as it is told, and takes sampling settings when that is not at all.
    Either,
}

/// The first prefix that fits counts, so longer ones come first.
const FAMILIES: &[(&str, Family)] = &[
    ("gpt-5-chat", Family::Chat),
    ("gpt-5.", Family::Either),
    ("gpt-5", Family::Thinker),
    ("gpt-4o-audio", Family::Audio),
    ("gpt-audio", Family::Audio),
    ("gpt-4o", Family::Chat),
    ("gpt-4.", Family::Chat),
    ("chatgpt-", Family::Chat),
    ("gpt-4", Family::Legacy),
    ("gpt-3", Family::Legacy),
    ("o1", Family::Thinker),
    ("o3", Family::Thinker),
    ("o4", Family::Thinker),
];

fn family(model: &str) -> Family {
    // Fine-tuned models are `ft:BASE:…`.
    let base = model.strip_prefix("ft:").unwrap_or(model);
    let found = FAMILIES.iter().find(|(prefix, _)| base.starts_with(prefix));
    found.map_or(Family::Either, |(_, family)| *family)
}

/// Whether a model is served by nothing but Responses.
#[must_use]
pub fn needs_responses(model: &str) -> bool {
    let base = model.strip_prefix("ft:").unwrap_or(model);
    // A date may follow, `o3-pro-2025-06-10`.
    let has = |word: &[u8]| base.as_bytes().split(|byte| *byte == b'-').any(|found| found == word);
    let thinks = || matches!(family(base), Family::Thinker | Family::Either);
    let numbered = || {
        base.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    (has(b"pro") && thinks() && (numbered() || base.starts_with("gpt-")))
        || has(b"codex")
        || (has(b"deep") && base.contains("deep-research"))
        || base.starts_with("computer-use")
}

/// Adjusts the quirks of Responses for one model.
pub(crate) fn responses_quirks(model: &str, mut quirks: ResponsesQuirks) -> ResponsesQuirks {
    match family(model) {
        Family::Thinker => quirks.unsupported = REFUSED_BY_THINKERS_THERE,
        Family::Chat | Family::Audio | Family::Legacy => {
            quirks.reasoning = false;
            quirks.encrypted_reasoning = false;
        }
        Family::Either => {}
    }
    quirks.cache_breakpoints = marks_prefixes(model);
    quirks
}

/// Whether a model takes marks where a cached prefix ends: `gpt-5.6` and later ones do.
fn marks_prefixes(model: &str) -> bool {
    let base = model.strip_prefix("ft:").unwrap_or(model);
    let Some(version) = base.strip_prefix("gpt-") else { return false };
    let version = version.split('-').next().unwrap_or_default();
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    match (major.parse::<u32>(), minor.parse::<u32>()) {
        (Ok(major), Ok(minor)) => (major, minor) >= (5, 6),
        _ => false,
    }
}

/// Adjusts the quirks for one model.
pub(crate) fn quirks(model: &str, mut quirks: Quirks) -> Quirks {
    match family(model) {
        Family::Thinker => {
            quirks.unsupported = REFUSED_BY_THINKERS;
            quirks.audio = AudioInput::None;
        }
        Family::Chat | Family::Audio | Family::Legacy => quirks.reasoning = ReasoningField::None,
        Family::Either => {}
    }
    quirks
}

/// What a model accepts and offers on either wire.
pub(crate) fn capabilities(model: &str, responses: bool) -> Capabilities {
    let quirks = quirks(model, Quirks::openai());
    let mut capabilities = quirks.capabilities();
    let family = family(model);
    capabilities.audio = family == Family::Audio;
    capabilities.images = !matches!(family, Family::Audio | Family::Legacy);
    capabilities.documents = capabilities.images && !matches!(quirks.documents, Documents::None);
    if matches!(family, Family::Audio | Family::Legacy) {
        capabilities.output = OutputSupport::Json;
    }
    if responses {
        capabilities.audio = false;
        capabilities.documents = capabilities.images;
    }
    capabilities
}
