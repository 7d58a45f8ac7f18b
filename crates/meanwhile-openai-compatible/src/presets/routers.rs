//! Routers: one address in front of many vendors' models.

use super::{Offers, Preset};
use crate::tags::THINK;
use crate::{Documents, Quirks, ReasoningField, ReplayThinking, StructuredOutput, TextLists};

/// What routers have in common: they hand on what they are given.
const ROUTER: Quirks = Quirks {
    structured_output: StructuredOutput::Strict,
    reasoning: ReasoningField::Object,
    replay_thinking: ReplayThinking::Details,
    cache_marks: true,
    unsupported: &[],
    ..Quirks::new()
};

/// A [LiteLLM](https://litellm.ai) proxy.
pub const LITELLM: Preset = Preset::local(
    "litellm",
    "http://localhost:4000/v1",
    &["LITELLM_BASE_URL", "LITELLM_PROXY_API_BASE"],
    &["LITELLM_API_KEY", "LITELLM_PROXY_API_KEY"],
    Quirks { reasoning: ReasoningField::Effort, replay_thinking: ReplayThinking::Blocks, ..ROUTER },
);

/// [OpenRouter](https://openrouter.ai).
pub const OPENROUTER: Preset = Preset::hosted(
    "openrouter",
    "https://openrouter.ai/api/v1",
    &["OPENROUTER_BASE_URL"],
    &["OPENROUTER_API_KEY"],
    Quirks {
        documents: Documents::FileOrUrl,
        replay_annotations: true,
        text_lists: TextLists::All,
        ..ROUTER
    },
)
.offering(Offers { speech: true, ..Offers::NONE });

/// [Hugging Face](https://huggingface.co)'s inference providers.
pub const HUGGINGFACE: Preset = Preset::hosted(
    "huggingface",
    "https://router.huggingface.co/v1",
    &["HUGGINGFACE_BASE_URL", "HF_BASE_URL"],
    &["HF_TOKEN", "HUGGINGFACE_API_KEY"],
    Quirks {
        structured_output: StructuredOutput::Schema,
        reasoning: ReasoningField::Effort,
        replay_thinking: ReplayThinking::Never,
        cache_marks: false,
        documents: Documents::None,
        thinking_tags: THINK,
        unsupported: &["top_k"],
        ..ROUTER
    },
);

/// [Venice](https://venice.ai).
pub const VENICE: Preset = Preset::hosted(
    "venice",
    "https://api.venice.ai/api/v1",
    &["VENICE_BASE_URL"],
    &["VENICE_API_KEY"],
    Quirks {
        reasoning: ReasoningField::Effort,
        replay_thinking: ReplayThinking::Field("reasoning_content"),
        cache_marks: false,
        ..ROUTER
    },
)
.offering(Offers { speech: true, ..Offers::NONE });

/// [Vercel AI Gateway](https://vercel.com/ai-gateway).
pub const VERCEL_GATEWAY: Preset = Preset::hosted(
    "vercel-gateway",
    "https://ai-gateway.vercel.sh/v1",
    &["AI_GATEWAY_BASE_URL"],
    &["AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN"],
    ROUTER,
);

/// [ZenMux](https://zenmux.ai).
pub const ZENMUX: Preset = Preset::hosted(
    "zenmux",
    "https://zenmux.ai/api/v1",
    &["ZENMUX_BASE_URL"],
    &["ZENMUX_API_KEY"],
    ROUTER,
);
