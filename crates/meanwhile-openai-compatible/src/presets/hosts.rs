//! Vendors that run models themselves.

use meanwhile_core::{Effort, ErrorKind};

use super::{Offers, Preset};
use crate::tags::THINK;
use crate::{
    AudioInput, Documents, ImageSize, Quirks, ReasoningField, ReplayThinking, StructuredOutput,
    VectorEncoding,
};

/// What hosts of open models have in common.
const OPEN: Quirks = Quirks {
    audio: AudioInput::None,
    documents: Documents::None,
    unsupported: &[],
    ..Quirks::new()
};

/// [Groq](https://groq.com).
pub const GROQ: Preset = Preset::hosted(
    "groq",
    "https://api.groq.com/openai/v1",
    &["GROQ_BASE_URL"],
    &["GROQ_API_KEY"],
    Quirks {
        max_tokens_field: "max_completion_tokens",
        efforts: &[Effort::None, Effort::Low, Effort::Medium, Effort::High],
        unsupported: &["top_k", "logprobs", "name", "prompt_cache_key"],
        thinking_tags: THINK,
        ..OPEN
    },
)
.offering(Offers { transcription: true, batches: true, ..Offers::NONE });

/// [DeepSeek](https://platform.deepseek.com).
pub const DEEPSEEK: Preset = Preset::hosted(
    "deepseek",
    "https://api.deepseek.com",
    &["DEEPSEEK_BASE_URL"],
    &["DEEPSEEK_API_KEY"],
    Quirks {
        structured_output: StructuredOutput::Json,
        reasoning: ReasoningField::Switch,
        replay_thinking: ReplayThinking::Field("reasoning_content"),
        images: false,
        unsupported: &[
            "top_k",
            "seed",
            "user",
            "service_tier",
            "prompt_cache_key",
            "parallel_tool_calls",
        ],
        ..OPEN
    },
);

/// [Together AI](https://together.ai).
pub const TOGETHER: Preset = Preset::hosted(
    "together",
    "https://api.together.xyz/v1",
    &["TOGETHER_BASE_URL"],
    &["TOGETHER_API_KEY"],
    Quirks { image_size: ImageSize::Numbers, thinking_tags: THINK, ..OPEN },
)
// Its batches have another form: another path for files, and each batch wrapped in a `job`.
.offering(Offers { speech: true, transcription: true, images: true, ..Offers::NONE });

/// [Fireworks AI](https://fireworks.ai).
pub const FIREWORKS: Preset = Preset::hosted(
    "fireworks",
    "https://api.fireworks.ai/inference/v1",
    &["FIREWORKS_BASE_URL"],
    &["FIREWORKS_API_KEY"],
    Quirks {
        replay_thinking: ReplayThinking::Field("reasoning_content"),
        thinking_tags: THINK,
        ..OPEN
    },
);

/// [xAI](https://x.ai).
pub const XAI: Preset = Preset::hosted(
    "xai",
    "https://api.x.ai/v1",
    &["XAI_BASE_URL"],
    &["XAI_API_KEY"],
    Quirks {
        // Guarantees a schema as it is, optional fields included.
        structured_output: StructuredOutput::Schema,
        efforts: &[Effort::None, Effort::Low, Effort::Medium, Effort::High],
        reasoning_apart: true,
        image_size: ImageSize::None,
        unsupported: &["top_k", "service_tier"],
        ..OPEN
    },
)
.offering(Offers { images: true, ..Offers::NONE });

/// [Perplexity](https://perplexity.ai), whose answers cite what it found.
pub const PERPLEXITY: Preset = Preset::hosted(
    "perplexity",
    "https://api.perplexity.ai",
    &["PERPLEXITY_BASE_URL"],
    &["PERPLEXITY_API_KEY", "PPLX_API_KEY"],
    Quirks {
        tools: false,
        stream_options: false,
        efforts: &[Effort::Minimal, Effort::Low, Effort::Medium, Effort::High],
        unsupported: &["seed", "logprobs", "user", "service_tier", "prompt_cache_key", "name"],
        version_path: "/v1",
        vectors: Some(VectorEncoding::Base64Int8),
        thinking_tags: THINK,
        reasoning_outside_total: true,
        ..OPEN
    },
);

/// [Cerebras](https://cerebras.ai).
pub const CEREBRAS: Preset = Preset::hosted(
    "cerebras",
    "https://api.cerebras.ai/v1",
    &["CEREBRAS_BASE_URL"],
    &["CEREBRAS_API_KEY"],
    Quirks {
        max_tokens_field: "max_completion_tokens",
        structured_output: StructuredOutput::Strict,
        images: false,
        unsupported: &["top_k", "presence_penalty", "frequency_penalty", "prompt_cache_key"],
        thinking_tags: THINK,
        ..OPEN
    },
);

/// [Nebius](https://nebius.com).
pub const NEBIUS: Preset = Preset::hosted(
    "nebius",
    "https://api.studio.nebius.ai/v1",
    &["NEBIUS_BASE_URL"],
    &["NEBIUS_API_KEY"],
    OPEN,
);

/// [SambaNova](https://sambanova.ai).
pub const SAMBANOVA: Preset = Preset::hosted(
    "sambanova",
    "https://api.sambanova.ai/v1",
    &["SAMBANOVA_BASE_URL"],
    &["SAMBANOVA_API_KEY"],
    Quirks { thinking_tags: THINK, ..OPEN },
);

/// [Novita](https://novita.ai).
pub const NOVITA: Preset = Preset::hosted(
    "novita",
    "https://api.novita.ai/v3/openai",
    &["NOVITA_BASE_URL"],
    &["NOVITA_API_KEY"],
    OPEN,
);

/// [Hyperbolic](https://hyperbolic.xyz).
pub const HYPERBOLIC: Preset = Preset::hosted(
    "hyperbolic",
    "https://api.hyperbolic.xyz/v1",
    &["HYPERBOLIC_BASE_URL"],
    &["HYPERBOLIC_API_KEY"],
    Quirks { error_codes: &[("40301", ErrorKind::ModelNotFound)], thinking_tags: THINK, ..OPEN },
);

/// [MiniMax](https://minimax.io), asked to keep thinking apart from the text.
pub const MINIMAX: Preset = Preset::hosted(
    "minimax",
    "https://api.minimax.io/v1",
    &["MINIMAX_BASE_URL"],
    &["MINIMAX_API_KEY"],
    Quirks {
        structured_output: StructuredOutput::None,
        reasoning: ReasoningField::None,
        replay_thinking: ReplayThinking::Details,
        images: false,
        unsupported: &[
            "top_k",
            "seed",
            "logprobs",
            "user",
            "service_tier",
            "prompt_cache_key",
            "parallel_tool_calls",
        ],
        switches: &[("reasoning_split", true)],
        error_codes: &[
            ("1000", ErrorKind::Server),
            ("1001", ErrorKind::Server),
            ("1002", ErrorKind::RateLimit),
            ("1004", ErrorKind::Authentication),
            ("1008", ErrorKind::InsufficientFunds),
            ("1013", ErrorKind::Server),
            ("1026", ErrorKind::ContentFilter),
            ("1027", ErrorKind::ContentFilter),
            ("1033", ErrorKind::Server),
            ("1039", ErrorKind::RateLimit),
            ("1041", ErrorKind::RateLimit),
            ("2013", ErrorKind::InvalidRequest),
            ("2049", ErrorKind::Authentication),
        ],
        thinking_tags: THINK,
        ..OPEN
    },
);

/// [Z.ai](https://z.ai), the home of GLM.
pub const ZAI: Preset = Preset::hosted(
    "zai",
    "https://api.z.ai/api/paas/v4",
    &["ZAI_BASE_URL"],
    &["ZAI_API_KEY"],
    Quirks {
        required_tool_choice: None,
        named_tool_choice: false,
        structured_output: StructuredOutput::Json,
        stream_options: false,
        reasoning: ReasoningField::Switch,
        replay_thinking: ReplayThinking::Field("reasoning_content"),
        unsupported: &[
            "top_k",
            "seed",
            "presence_penalty",
            "frequency_penalty",
            "logprobs",
            "user",
            "service_tier",
            "prompt_cache_key",
            "parallel_tool_calls",
        ],
        error_codes: &[
            ("1000", ErrorKind::Authentication),
            ("1001", ErrorKind::Authentication),
            ("1002", ErrorKind::Authentication),
            ("1003", ErrorKind::Authentication),
            ("1112", ErrorKind::PermissionDenied),
            ("1113", ErrorKind::InsufficientFunds),
            ("1211", ErrorKind::ModelNotFound),
            ("1261", ErrorKind::ContextLength),
            ("1301", ErrorKind::ContentFilter),
            ("1302", ErrorKind::RateLimit),
            ("1303", ErrorKind::RateLimit),
            ("1305", ErrorKind::Overloaded),
        ],
        ..OPEN
    },
);

/// What both sites of Alibaba's models accept.
const QWEN: Quirks = Quirks {
    structured_output: StructuredOutput::Json,
    reasoning: ReasoningField::Enable,
    cache_marks: true,
    answer_prefix: Some("partial"),
    audio: AudioInput::Object,
    unsupported: &["user", "service_tier", "prompt_cache_key", "frequency_penalty"],
    ..OPEN
};

/// [Alibaba Cloud](https://www.alibabacloud.com)'s Qwen, international site.
pub const ALIBABA: Preset = Preset::hosted(
    "alibaba",
    "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    &["ALIBABA_BASE_URL"],
    &["ALIBABA_API_KEY", "DASHSCOPE_API_KEY"],
    QWEN,
)
.offering(Offers { batches: true, ..Offers::NONE });

/// [Alibaba Cloud](https://www.alibabacloud.com)'s Qwen, mainland site.
pub const DASHSCOPE: Preset = Preset::hosted(
    "dashscope",
    "https://dashscope.aliyuncs.com/compatible-mode/v1",
    &["DASHSCOPE_BASE_URL"],
    &["DASHSCOPE_API_KEY"],
    QWEN,
)
.offering(Offers { batches: true, ..Offers::NONE });

/// [Moonshot](https://moonshot.ai), the home of Kimi.
pub const MOONSHOT: Preset = Preset::hosted(
    "moonshot",
    "https://api.moonshot.ai/v1",
    &["MOONSHOT_BASE_URL"],
    &["MOONSHOT_API_KEY"],
    Quirks {
        required_tool_choice: None,
        named_tool_choice: false,
        structured_output: StructuredOutput::Json,
        reasoning: ReasoningField::Switch,
        replay_thinking: ReplayThinking::Field("reasoning_content"),
        answer_prefix: Some("partial"),
        unsupported: &["top_k", "seed", "logprobs", "user", "service_tier", "parallel_tool_calls"],
        ..OPEN
    },
);

/// [DeepInfra](https://deepinfra.com).
pub const DEEPINFRA: Preset = Preset::hosted(
    "deepinfra",
    "https://api.deepinfra.com/v1/openai",
    &["DEEPINFRA_BASE_URL"],
    &["DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"],
    OPEN,
);

/// [Doubleword](https://doubleword.ai).
pub const DOUBLEWORD: Preset = Preset::hosted(
    "doubleword",
    "https://api.doubleword.ai/v1",
    &["DOUBLEWORD_BASE_URL"],
    &["DOUBLEWORD_API_KEY"],
    OPEN,
)
.offering(Offers { batches: true, ..Offers::NONE });

/// [Avian](https://avian.io).
pub const AVIAN: Preset = Preset::hosted(
    "avian",
    "https://api.avian.io/v1",
    &["AVIAN_BASE_URL"],
    &["AVIAN_API_KEY"],
    OPEN,
);
