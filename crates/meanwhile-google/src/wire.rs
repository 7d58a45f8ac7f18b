//! What comes over the wire: [`Chunk`], for whole answers and pieces of a stream alike.
//!
//! Reading never fails over a single field: a field that is missing, `null` or of an unexpected
//! type reads as absent, of one that is named twice the last counts, and what a part or candidate holds
//! beside the known fields is kept as it came. Only text that is not JSON, or not an object, is an error.

use std::borrow::Cow;
use std::fmt;

use meanwhile_http::lenient::{Flag, List, Number, Object, Str, record};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

record! {
    /// A whole answer or one piece of a streamed one.
    pub(crate) struct Chunk<'a> {
        pub(crate) candidates: List<Candidate<'a>>,
        pub(crate) prompt_feedback as "promptFeedback": Object<PromptFeedback<'a>>,
        pub(crate) usage_metadata as "usageMetadata": Option<&'a RawValue>,
        pub(crate) model_version as "modelVersion": Str<'a>,
        pub(crate) response_id as "responseId": Str<'a>,
        pub(crate) create_time as "createTime": Str<'a>,
        pub(crate) error: Option<&'a RawValue>,
    }

    pub(crate) struct PromptFeedback<'a> {
        pub(crate) block_reason as "blockReason": Str<'a>,
        pub(crate) block_reason_message as "blockReasonMessage": Str<'a>,
    }

    pub(crate) struct Content<'a> {
        pub(crate) parts: List<Part<'a>>,
    }

    pub(crate) struct FunctionCall<'a> {
        pub(crate) id: Str<'a>,
        pub(crate) name: Str<'a>,
        pub(crate) args: Option<&'a RawValue>,
        pub(crate) partial_args as "partialArgs": List<PartialArg<'a>>,
        pub(crate) will_continue as "willContinue": Flag,
    }

    /// A piece of the arguments, at a path.
    pub(crate) struct PartialArg<'a> {
        pub(crate) json_path as "jsonPath": Str<'a>,
        pub(crate) string_value as "stringValue": Str<'a>,
        /// The number, the truth value and the null as they stand on the wire.
        pub(crate) number_value as "numberValue": Option<&'a RawValue>,
        pub(crate) bool_value as "boolValue": Option<&'a RawValue>,
        pub(crate) null_value as "nullValue": Present,
        pub(crate) will_continue as "willContinue": Flag,
    }

    /// Bytes in base64, or an address.
    pub(crate) struct Media<'a> {
        pub(crate) mime_type as "mimeType": Str<'a>,
        pub(crate) data: Str<'a>,
        pub(crate) file_uri as "fileUri": Str<'a>,
    }

    pub(crate) struct LogprobsResult<'a> {
        pub(crate) chosen_candidates as "chosenCandidates": List<TokenProbability<'a>>,
        pub(crate) top_candidates as "topCandidates": List<TopCandidates<'a>>,
    }

    pub(crate) struct TopCandidates<'a> {
        pub(crate) candidates: List<TokenProbability<'a>>,
    }

    pub(crate) struct TokenProbability<'a> {
        pub(crate) token: Str<'a>,
        pub(crate) log_probability as "logProbability": Option<&'a RawValue>,
    }
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

/// Whether a field is there at all, whatever its value.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Present(pub(crate) bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
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
