//! Servers on one's own machines: no key, unless one was set up, and an address from the environment.

use super::Preset;
use crate::{Documents, Quirks, ReasoningField, ReplayThinking, StructuredOutput};

/// What servers of open models have in common.
const OPEN: Quirks = Quirks { documents: Documents::None, unsupported: &[], ..Quirks::new() };

/// [Ollama](https://ollama.com), through its compatible endpoint.
pub const OLLAMA: Preset = Preset::local(
    "ollama",
    "http://localhost:11434/v1",
    &["OLLAMA_BASE_URL", "OLLAMA_HOST"],
    &["OLLAMA_API_KEY"],
    Quirks {
        unsupported: &[
            "top_k",
            "logprobs",
            "user",
            "service_tier",
            "prompt_cache_key",
            "parallel_tool_calls",
        ],
        named_tool_choice: false,
        required_tool_choice: None,
        ..OPEN
    },
);

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

/// Reads the address as Ollama's own programs do: scheme, port and path may be missing.
pub(super) fn from_host(host: &str) -> String {
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let has_port = authority.rsplit(']').next().is_some_and(|tail| tail.contains(':'));
    let port = match scheme {
        _ if has_port => "",
        "https" => ":443",
        _ if host.contains("://") => ":80",
        _ => ":11434",
    };
    // The address to listen at is no address to send to.
    let authority = authority.replacen("0.0.0.0", "127.0.0.1", 1);
    let path = if path.is_empty() { "v1" } else { path };
    format!("{scheme}://{authority}{port}/{path}")
}

#[cfg(test)]
mod tests {
    use super::from_host;

    #[test]
    fn hosts_are_completed() {
        assert_eq!(from_host("localhost"), "http://localhost:11434/v1");
        assert_eq!(from_host("0.0.0.0:11434"), "http://127.0.0.1:11434/v1");
        assert_eq!(from_host("https://box.example"), "https://box.example:443/v1");
        assert_eq!(from_host("http://box.example:80/"), "http://box.example:80/v1");
        assert_eq!(from_host("http://box.example/ollama/v1"), "http://box.example:80/ollama/v1");
        assert_eq!(from_host("[::1]:11434"), "http://[::1]:11434/v1");
        assert_eq!(from_host("[::1]"), "http://[::1]:11434/v1");
    }
}
