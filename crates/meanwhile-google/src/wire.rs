//! What comes over the wire: [`Chunk`], for whole answers and pieces of a stream alike.
//!
//! Reading never fails over a single field: a field that is missing, `null` or of an unexpected
//! type reads as absent, and what a part or candidate holds beside the known fields is kept as it
//! came. Only text that is not JSON, or not an object, is an error.

use std::borrow::Cow;
use std::fmt;

use meanwhile_http::lenient::{Flag, List, Number, Object, Str};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A whole answer or one piece of a streamed one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Chunk<'a> {
    #[serde(borrow)]
    pub(crate) candidates: List<Candidate<'a>>,
    #[serde(borrow)]
    pub(crate) prompt_feedback: Object<PromptFeedback<'a>>,
    #[serde(borrow)]
    pub(crate) usage_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) model_version: Str<'a>,
    #[serde(borrow)]
    pub(crate) response_id: Str<'a>,
    #[serde(borrow)]
    pub(crate) create_time: Str<'a>,
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PromptFeedback<'a> {
    #[serde(borrow)]
    pub(crate) block_reason: Str<'a>,
    #[serde(borrow)]
    pub(crate) block_reason_message: Str<'a>,
}

/// One of the alternatives that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Candidate<'a> {
    pub(crate) index: Number,
    pub(crate) content: Object<Content<'a>>,
    pub(crate) finish_reason: Str<'a>,
    pub(crate) finish_message: Str<'a>,
    pub(crate) logprobs: Object<LogprobsResult<'a>>,
    /// Everything else: grounding, citations, ratings.
    pub(crate) others: Vec<(Cow<'a, str>, &'a RawValue)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Content<'a> {
    #[serde(borrow)]
    pub(crate) parts: List<Part<'a>>,
}

/// One part of the answer: usually one field that says what it is, and a signature.
#[derive(Debug, Default)]
pub(crate) struct Part<'a> {
    pub(crate) text: Str<'a>,
    pub(crate) thought: Flag,
    pub(crate) function_call: Object<FunctionCall<'a>>,
    pub(crate) inline_data: Object<Media<'a>>,
    pub(crate) file_data: Object<Media<'a>>,
    /// Everything else: the signature, code and its results, provider-run tools.
    pub(crate) others: Vec<(Cow<'a, str>, &'a RawValue)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct FunctionCall<'a> {
    #[serde(borrow)]
    pub(crate) id: Str<'a>,
    #[serde(borrow)]
    pub(crate) name: Str<'a>,
    #[serde(borrow)]
    pub(crate) args: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) partial_args: List<PartialArg<'a>>,
    pub(crate) will_continue: Flag,
}

/// A piece of the arguments, at a path.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PartialArg<'a> {
    #[serde(borrow)]
    pub(crate) json_path: Str<'a>,
    #[serde(borrow)]
    pub(crate) string_value: Str<'a>,
    /// The number, the truth value and the null as they stand on the wire.
    #[serde(borrow)]
    pub(crate) number_value: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) bool_value: Option<&'a RawValue>,
    pub(crate) null_value: Present,
    pub(crate) will_continue: Flag,
}

/// Whether a field is there at all, whatever its value.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Present(pub(crate) bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

/// Bytes in base64, or an address.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Media<'a> {
    #[serde(borrow)]
    pub(crate) mime_type: Str<'a>,
    #[serde(borrow)]
    pub(crate) data: Str<'a>,
    #[serde(borrow)]
    pub(crate) file_uri: Str<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct LogprobsResult<'a> {
    #[serde(borrow)]
    pub(crate) chosen_candidates: List<TokenProbability<'a>>,
    #[serde(borrow)]
    pub(crate) top_candidates: List<TopCandidates<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TopCandidates<'a> {
    #[serde(borrow)]
    pub(crate) candidates: List<TokenProbability<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct TokenProbability<'a> {
    #[serde(borrow)]
    pub(crate) token: Str<'a>,
    #[serde(borrow)]
    pub(crate) log_probability: Option<&'a RawValue>,
}

impl TokenProbability<'_> {
    /// The logarithm of the probability; a probability of 1 may be left out.
    pub(crate) fn logprob(&self) -> f64 {
        self.log_probability.and_then(|raw| raw.get().parse().ok()).unwrap_or(0.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Candidate<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CandidateVisitor;
        impl<'de> Visitor<'de> for CandidateVisitor {
            type Value = Candidate<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a candidate")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut candidate = Candidate::default();
                while let Some(Str(Some(name))) = map.next_key::<Str<'de>>()? {
                    match &*name {
                        "index" => candidate.index = map.next_value()?,
                        "content" => candidate.content = map.next_value()?,
                        "finishReason" => candidate.finish_reason = map.next_value()?,
                        "finishMessage" => candidate.finish_message = map.next_value()?,
                        "logprobsResult" => candidate.logprobs = map.next_value()?,
                        _ => {
                            let other = map.next_value::<Option<_>>()?;
                            candidate.others.extend(other.map(|raw| (name, raw)));
                        }
                    }
                }
                Ok(candidate)
            }
        }
        deserializer.deserialize_map(CandidateVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Part<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartVisitor;
        impl<'de> Visitor<'de> for PartVisitor {
            type Value = Part<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a part")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut part = Part::default();
                while let Some(Str(Some(name))) = map.next_key::<Str<'de>>()? {
                    match &*name {
                        "text" => part.text = map.next_value()?,
                        "thought" => part.thought = map.next_value()?,
                        "functionCall" => part.function_call = map.next_value()?,
                        "inlineData" => part.inline_data = map.next_value()?,
                        "fileData" => part.file_data = map.next_value()?,
                        _ => {
                            let other = map.next_value::<Option<_>>()?;
                            part.others.extend(other.map(|raw| (name, raw)));
                        }
                    }
                }
                Ok(part)
            }
        }
        deserializer.deserialize_map(PartVisitor)
    }
}
