//! Servers on one's own machines: no key, unless one was set up, and an address from the environment.

use super::Preset;
use crate::tags::THINK;
use crate::{AudioInput, Documents, Quirks, ReasoningField, ReplayThinking, StructuredOutput};

/// What servers of open models have in common. Unless they are told to take thinking out of the text, they
/// leave it there as the model wrote it.
const OPEN: Quirks =
    Quirks { documents: Documents::None, thinking_tags: THINK, unsupported: &[], ..Quirks::new() };

/// [llama.cpp](https://github.com/ggml-org/llama.cpp)'s server.
pub const LLAMACPP: Preset = Preset::local(
    "llamacpp",
    "http://127.0.0.1:8080/v1",
    &["LLAMACPP_BASE_URL"],
    &["LLAMACPP_API_KEY"],
    Quirks {
        reasoning: ReasoningField::None,
        replay_thinking: ReplayThinking::Field("reasoning_content"),
        ..OPEN
    },
);

/// [vLLM](https://docs.vllm.ai).
pub const VLLM: Preset = Preset::local(
    "vllm",
    "http://localhost:8000/v1",
    &["VLLM_BASE_URL"],
    &["VLLM_API_KEY"],
    Quirks { replay_thinking: ReplayThinking::Field("reasoning_content"), ..OPEN },
);

/// [LM Studio](https://lmstudio.ai).
pub const LMSTUDIO: Preset = Preset::local(
    "lmstudio",
    "http://localhost:1234/v1",
    &["LMSTUDIO_BASE_URL", "LM_STUDIO_BASE_URL"],
    &["LMSTUDIO_API_KEY", "LM_STUDIO_API_KEY"],
    OPEN,
);

/// [llamafile](https://github.com/Mozilla-Ocho/llamafile).
pub const LLAMAFILE: Preset = Preset::local(
    "llamafile",
    "http://127.0.0.1:8080/v1",
    &["LLAMAFILE_BASE_URL"],
    &[],
    Quirks { reasoning: ReasoningField::None, ..OPEN },
);

/// [MLX LM](https://github.com/ml-explore/mlx-lm)'s server, for Apple silicon.
pub const MLX: Preset = Preset::local(
    "mlx",
    "http://127.0.0.1:8080/v1",
    &["MLX_BASE_URL"],
    &["MLX_API_KEY"],
    Quirks {
        required_tool_choice: None,
        named_tool_choice: false,
        structured_output: StructuredOutput::None,
        reasoning: ReasoningField::None,
        images: false,
        audio: AudioInput::None,
        unsupported: &["parallel_tool_calls", "user", "service_tier", "prompt_cache_key"],
        ..OPEN
    },
);

/// [mistral.rs](https://github.com/EricLBuehler/mistral.rs).
pub const MISTRALRS: Preset = Preset::local(
    "mistralrs",
    "http://localhost:1234/v1",
    &["MISTRALRS_BASE_URL"],
    &["MISTRALRS_API_KEY"],
    Quirks { structured_output: StructuredOutput::Schema, ..OPEN },
);

/// [GPUStack](https://gpustack.ai).
pub const GPUSTACK: Preset = Preset::local(
    "gpustack",
    "http://localhost/v1",
    &["GPUSTACK_BASE_URL"],
    &["GPUSTACK_API_KEY"],
    OPEN,
);
