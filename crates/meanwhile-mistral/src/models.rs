//! What is known about Mistral's models, by the beginning of their ids. Ids stay open strings: a model
//! that is not known here is taken for a new one that can do what new ones can.

use meanwhile_core::Capabilities;
use meanwhile_openai_compatible::{AudioInput, Quirks, ReasoningField};

use crate::config::QUIRKS;

/// What sets a family of models apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Family {
    /// Whether the model thinks, and whether it can be told how much.
    thinks: Thinks,
    images: bool,
    audio: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thinks {
    Never,
    Always,
    AsTold,
}

const fn family(thinks: Thinks, images: bool, audio: bool) -> Family {
    Family { thinks, images, audio }
}

/// The first prefix that fits counts.
const FAMILIES: &[(&str, Family)] = &[
    ("magistral", family(Thinks::Always, true, false)),
    ("voxtral", family(Thinks::Never, false, true)),
    ("codestral", family(Thinks::Never, false, false)),
    ("devstral", family(Thinks::Never, false, false)),
    ("ministral", family(Thinks::Never, true, false)),
    ("pixtral", family(Thinks::Never, true, false)),
    ("open-", family(Thinks::Never, false, false)),
    ("mistral-tiny", family(Thinks::Never, false, false)),
    ("mistral-saba", family(Thinks::Never, false, false)),
    ("mistral-large", family(Thinks::Never, true, false)),
];

fn of(model: &str) -> Family {
    // Fine-tuned models are `ft:BASE:…`.
    let base = model.strip_prefix("ft:").unwrap_or(model);
    let found = FAMILIES.iter().find(|(prefix, _)| base.starts_with(prefix));
    found.map_or(family(Thinks::AsTold, true, false), |(_, family)| *family)
}

/// Adjusts the quirks for one model. What it is sent is left to the server to judge, but for
/// settings of thinking, which it refuses where they mean nothing.
pub(crate) fn quirks(model: &str, mut quirks: Quirks) -> Quirks {
    if of(model).thinks != Thinks::AsTold {
        quirks.reasoning = ReasoningField::None;
    }
    quirks
}

/// What a model accepts and offers, as far as its id tells, also on hosts that serve it elsewhere. No
/// I/O.
#[must_use]
pub fn capabilities(model: &str) -> Capabilities {
    let Family { thinks, images, audio } = of(model);
    let mut capabilities = quirks(model, QUIRKS).capabilities();
    capabilities.reasoning = thinks != Thinks::Never;
    capabilities.images = images;
    capabilities.audio = audio && QUIRKS.audio != AudioInput::None;
    capabilities
}
