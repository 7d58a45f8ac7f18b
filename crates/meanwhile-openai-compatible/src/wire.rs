//! What comes over the wire: [`Chunk`], for whole answers and pieces of a stream alike.
//!
//! Reading never fails over a single field: a field that is missing, `null` or of an unexpected
//! type reads as absent. Only text that is not JSON, or not an object, is an error. Text is
//! borrowed from the input, and nothing but the text itself is copied for a chunk of text.

use std::borrow::Cow;

use meanwhile_http::lenient::{
    Arguments, List, Number, Object, Str, Words, otherwise_absent, record,
};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::content::Content;

/// Reads JSON. Text that is checked once need not be checked string by string.
pub(crate) fn read<'a, T: Deserialize<'a>>(data: &'a [u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(data) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(data),
    }
}

record! {
    /// A whole answer or one piece of a streamed one.
    pub(crate) struct Chunk<'a> {
        pub(crate) id: Str<'a>,
        pub(crate) model: Str<'a>,
        pub(crate) created: Number,
        pub(crate) service_tier: Str<'a>,
        pub(crate) choices: Choices<'a>,
        pub(crate) usage: Option<&'a RawValue>,
        pub(crate) x_groq: Object<Box<Groq<'a>>>,
        pub(crate) error: Option<&'a RawValue>,
        /// Perplexity's sources, repeated in full by every chunk.
        pub(crate) citations: Option<&'a RawValue>,
        pub(crate) search_results: Option<&'a RawValue>,
        /// Venice's corner, with the sources of its search.
        pub(crate) venice_parameters: Object<Venice<'a>>,
        /// MiniMax reports failures here, with status 200.
        pub(crate) base_resp: Option<&'a RawValue>,
    } => extras [
        // Z.ai's sources; what Perplexity found beside them; OpenAI's judgement of what was said.
        web_search images related_questions moderation
    ]

    /// Groq's own corner; older answers keep their usage there.
    pub(crate) struct Groq<'a> {
        pub(crate) usage: Option<&'a RawValue>,
        pub(crate) error: Option<&'a RawValue>,
    }

    pub(crate) struct Venice<'a> {
        pub(crate) web_search_citations: Option<&'a RawValue>,
    }

    /// One of the alternatives that were asked for.
    pub(crate) struct Choice<'a> {
        pub(crate) index: Number,
        pub(crate) delta: Object<Delta<'a>>,
        pub(crate) message: Object<Box<Delta<'a>>>,
        pub(crate) finish_reason: Str<'a>,
        pub(crate) logprobs: Option<&'a RawValue>,
        pub(crate) usage: Option<&'a RawValue>,
        pub(crate) error: Option<&'a RawValue>,
    } => extras [
        // What made the model stop, at vLLM and SGLang; the first is the reason itself where Mistral's
        // models answer on Bedrock.
        stop_reason matched_stop
    ]

    /// A message or what is added to it.
    pub(crate) struct Delta<'a> {
        pub(crate) content: Content<'a>,
        pub(crate) refusal: Str<'a>,
        /// Envoy's gateway wraps the text in an object.
        pub(crate) reasoning_content: Words<'a>,
        pub(crate) reasoning: Words<'a>,
        pub(crate) reasoning_details: Option<&'a RawValue>,
        pub(crate) tool_calls: List<Call<'a>>,
        pub(crate) function_call: Object<Box<Function<'a>>>,
        pub(crate) audio: Object<Box<Audio<'a>>>,
    } => extras [
        images annotations
        // What Groq's systems ran by themselves.
        executed_tools
        // Thinking under the names of small servers; with signatures at LiteLLM and GitHub Copilot; in
        // steps at Perplexity.
        thinking think chain_of_thought reasoning_text
        thinking_blocks reasoning_opaque reasoning_steps
        // Google's marks, through its compatible endpoint and through routers.
        extra_content
        // The sources of Azure and Writer.
        context graph_data web_search_data
        // What Vercel's gateway was told by the vendor behind it.
        provider_metadata
    ]

    pub(crate) struct Call<'a> {
        pub(crate) index: Number,
        pub(crate) id: Str<'a>,
        pub(crate) r#type: Str<'a>,
        pub(crate) function: Object<Function<'a>>,
        /// A tool that takes free text.
        pub(crate) custom: Object<Box<Custom<'a>>>,
        /// Google's thought signature, through its compatible endpoint and through routers.
        pub(crate) extra_content: Option<&'a RawValue>,
    }

    pub(crate) struct Function<'a> {
        pub(crate) name: Str<'a>,
        pub(crate) arguments: Arguments<'a>,
    }

    pub(crate) struct Custom<'a> {
        pub(crate) name: Str<'a>,
        pub(crate) input: Str<'a>,
    }

    pub(crate) struct Audio<'a> {
        pub(crate) id: Str<'a>,
        pub(crate) data: Str<'a>,
        pub(crate) transcript: Str<'a>,
        pub(crate) expires_at: Number,
    }
}

impl Chunk<'_> {
    /// Whether it keeps text raw, which may hold half a character that reading it did not tell of.
    pub(crate) fn is_raw(&self) -> bool {
        let choice = self.choices.first.as_ref();
        choice.is_some_and(|choice| {
            let delta = choice.delta.0.as_ref().is_some_and(Delta::is_raw);
            let message = choice.message.0.as_ref().is_some_and(|message| message.is_raw());
            delta || message || choice.logprobs.is_some()
        })
    }
}

impl<'a> Choice<'a> {
    /// Whether its index is 0, or not said.
    fn is_first(&self) -> bool {
        self.index.0.unwrap_or(0) == 0
    }

    /// The text in a field that few have.
    pub(crate) fn extra(&self, name: &str) -> Option<Cow<'a, str>> {
        text(&self.extras, name)
    }
}

impl<'a> Delta<'a> {
    /// Whether it keeps text raw.
    fn is_raw(&self) -> bool {
        !self.extras.is_empty() || self.reasoning_details.is_some()
    }

    /// What is in a field that few have.
    pub(crate) fn extra(&self, name: &str) -> Option<&'a RawValue> {
        self.extras.iter().rev().find(|(known, _)| *known == name).map(|(_, raw)| *raw)
    }

    /// The text in a field that few have.
    pub(crate) fn extra_text(&self, name: &str) -> Option<Cow<'a, str>> {
        text(&self.extras, name)
    }
}

/// The text in the last of the fields with this name, unless it is empty.
fn text<'a>(extras: &[(&str, &'a RawValue)], name: &str) -> Option<Cow<'a, str>> {
    let raw = extras.iter().rev().find(|(known, _)| *known == name)?.1;
    let text: Str<'a> =
        serde_json::from_str(raw.get()).ok().filter(|_| raw.get().starts_with('"'))?;
    text.0.filter(|text| !text.is_empty())
}

/// The alternatives, of which only one is kept.
#[derive(Debug, Default)]
pub(crate) struct Choices<'a> {
    /// The choice with index 0 or without one, else the first.
    pub(crate) first: Option<Choice<'a>>,
    /// Whether there were others.
    pub(crate) others: bool,
    /// Whether the field was there at all, as a list.
    pub(crate) present: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Choices<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ChoicesVisitor;
        impl<'de> Visitor<'de> for ChoicesVisitor {
            type Value = Choices<'de>;

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut choices = Choices { present: true, ..Choices::default() };
                while let Some(Object(choice)) = seq.next_element::<Object<Choice<'de>>>()? {
                    let Some(choice) = choice else { continue };
                    match &choices.first {
                        None => choices.first = Some(choice),
                        Some(first) => {
                            choices.others = true;
                            if !first.is_first() && choice.is_first() {
                                choices.first = Some(choice);
                            }
                        }
                    }
                }
                Ok(choices)
            }

            otherwise_absent!(expecting bool number str null map);
        }
        deserializer.deserialize_any(ChoicesVisitor)
    }
}
