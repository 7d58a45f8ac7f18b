//! [`TextChunk`]: the shape of nearly every piece of a stream, read without looking for any other.
//!
//! A chunk that adds text and nothing else costs a third less this way than through the full
//! [`Chunk`](crate::wire::Chunk), most of which is moved from hand to hand empty. Any other field,
//! or a field with another value, makes it no text chunk: then the full one reads it.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::wire;

/// A piece that adds text, and repeats what the pieces before it said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields say what may be there, not what is needed of it")]
pub(crate) struct TextChunk<'a> {
    #[serde(borrow)]
    choices: (TextChoice<'a>,),
    #[serde(borrow, default)]
    service_tier: Option<&'a str>,
    #[serde(default)]
    usage: (),
    #[serde(default)]
    id: IgnoredAny,
    #[serde(default)]
    object: IgnoredAny,
    #[serde(default)]
    created: IgnoredAny,
    #[serde(default)]
    model: IgnoredAny,
    #[serde(default)]
    provider: IgnoredAny,
    #[serde(default)]
    system_fingerprint: IgnoredAny,
    #[serde(default)]
    obfuscation: IgnoredAny,
    #[serde(default)]
    p: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields say what may be there, not what is needed of it")]
struct TextChoice<'a> {
    #[serde(default)]
    index: u64,
    #[serde(borrow)]
    delta: TextDelta<'a>,
    #[serde(default)]
    finish_reason: (),
    #[serde(default)]
    native_finish_reason: (),
    #[serde(default)]
    logprobs: (),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields say what may be there, not what is needed of it")]
struct TextDelta<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(default)]
    role: IgnoredAny,
    #[serde(default)]
    refusal: (),
    #[serde(default)]
    reasoning: (),
    #[serde(default)]
    reasoning_content: (),
    #[serde(default)]
    tool_calls: (),
    #[serde(default)]
    function_call: (),
}

impl<'a> TextChunk<'a> {
    /// Reads a piece; `None` where it is of any other shape.
    pub(crate) fn read(data: &'a [u8]) -> Option<Self> {
        wire::read::<Self>(data).ok()
    }

    /// The number of the alternative that the text belongs to.
    pub(crate) fn index(&self) -> u64 {
        self.choices.0.index
    }

    /// The tier of service, where it is given.
    pub(crate) fn service_tier(&self) -> Option<&'a str> {
        self.service_tier.filter(|tier| !tier.is_empty())
    }

    /// The text that is added.
    pub(crate) fn into_text(self) -> Cow<'a, str> {
        self.choices.0.delta.content
    }
}
