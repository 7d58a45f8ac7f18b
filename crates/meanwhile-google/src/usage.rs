//! Token counts and finish reasons: from Google's spelling to the one of the core.

use meanwhile_core::{FinishReason, InputTokens, OutputTokens, Usage};
use meanwhile_http::lenient::{List, Number, Str, record};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The counters of an answer, which a stream repeats and now and then forgets.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// The last counters as they came.
    last: String,
    /// Those before them, where later ones lack some.
    before: Map<String, Value>,
    known: Known,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Known {
    prompt: Option<u64>,
    /// What the server's own tools brought in, which the prompt does not include.
    tools: Option<u64>,
    cached: Option<u64>,
    candidates: Option<u64>,
    thoughts: Option<u64>,
    heard: Option<u64>,
    spoken: Option<u64>,
}

record! {
    struct UsageMetadata<'a> {
        prompt_token_count as "promptTokenCount": Number,
        tool_use_prompt_token_count as "toolUsePromptTokenCount": Number,
        cached_content_token_count as "cachedContentTokenCount": Number,
        candidates_token_count as "candidatesTokenCount": Number,
        thoughts_token_count as "thoughtsTokenCount": Number,
        prompt_tokens_details as "promptTokensDetails": List<ModalityCount<'a>>,
        candidates_tokens_details as "candidatesTokensDetails": List<ModalityCount<'a>>,
        service_tier as "serviceTier": Str<'a>,
    }

    struct ModalityCount<'a> {
        modality: Str<'a>,
        token_count as "tokenCount": Number,
    }
}

/// What a chunk's counters say anew.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) usage: Option<Usage>,
    pub(crate) service_tier: Option<String>,
}

impl Counters {
    /// Reads the counters of one chunk.
    pub(crate) fn read(&mut self, raw: &RawValue) -> News {
        let raw = raw.get();
        if raw == self.last {
            return News::default();
        }
        let Ok(counters) = serde_json::from_str::<UsageMetadata<'_>>(raw) else {
            return News::default();
        };
        let audio = |details: &List<ModalityCount<'_>>| {
            let spoken = details.0.iter().find(|entry| entry.modality.given() == Some("AUDIO"));
            spoken.and_then(|entry| entry.token_count.0)
        };
        let now = Known {
            prompt: counters.prompt_token_count.0,
            tools: counters.tool_use_prompt_token_count.0,
            cached: counters.cached_content_token_count.0,
            candidates: counters.candidates_token_count.0,
            thoughts: counters.thoughts_token_count.0,
            heard: audio(&counters.prompt_tokens_details),
            spoken: audio(&counters.candidates_tokens_details),
        };
        let merged = self.known.updated(now);
        if merged != now
            && let Ok(before) = serde_json::from_str::<Map<String, Value>>(&self.last)
        {
            self.before.extend(before);
        }
        raw.clone_into(&mut self.last);
        let changed = merged != self.known;
        self.known = merged;
        News {
            usage: changed.then(|| merged.usage()),
            service_tier: counters.service_tier.given().map(str::to_owned),
        }
    }

    /// All counts with the raw counters; `None` where none came.
    pub(crate) fn total(&self) -> Option<Usage> {
        let mut raw = self.before.clone();
        let last = serde_json::from_str::<Map<String, Value>>(&self.last).ok()?;
        raw.extend(last.into_iter().filter(|(_, count)| !count.is_null()));
        let mut usage = self.known.usage();
        usage.raw = Some(Value::Object(raw).into());
        Some(usage)
    }
}

impl Known {
    fn updated(self, later: Self) -> Self {
        Self {
            prompt: later.prompt.or(self.prompt),
            tools: later.tools.or(self.tools),
            cached: later.cached.or(self.cached),
            candidates: later.candidates.or(self.candidates),
            thoughts: later.thoughts.or(self.thoughts),
            heard: later.heard.or(self.heard),
            spoken: later.spoken.or(self.spoken),
        }
    }

    /// The prompt includes what was cached, and excludes what tools of the server brought in, which the model
    /// read as well: `totalTokenCount` is the sum of the prompt, that, the candidates and the thoughts. The
    /// candidates exclude the thoughts.
    fn usage(self) -> Usage {
        let mut input = InputTokens::default();
        input.total = sum(self.prompt, self.tools);
        input.cache_read = self.cached;
        input.uncached =
            input.total.zip(self.cached).map(|(all, cached)| all.saturating_sub(cached));
        input.audio = self.heard;
        let mut output = OutputTokens::default();
        output.total = sum(self.candidates, self.thoughts);
        output.text = self.candidates;
        output.reasoning = self.thoughts;
        output.audio = self.spoken;
        let mut usage = Usage::default();
        usage.input = input;
        usage.output = output;
        usage
    }
}

/// What is known of both together.
fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

/// How the wire says that the model has not stopped.
pub(crate) const UNSPECIFIED: &str = "FINISH_REASON_UNSPECIFIED";

/// Reads a finish reason.
pub(crate) fn finish_reason(raw: &str) -> FinishReason {
    match raw {
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "LANGUAGE"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => FinishReason::ContentFilter,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "MALFORMED_RESPONSE"
        | "MISSING_THOUGHT_SIGNATURE"
        | "TOO_MANY_TOOL_CALLS" => FinishReason::Error,
        "CONTINUATION" => FinishReason::Paused,
        _ => FinishReason::Other,
    }
}
