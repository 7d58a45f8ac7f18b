//! [`registry()`]: the providers that are compiled in, as a table, and those that could be.

use std::sync::LazyLock;

use meanwhile_core::{Model, ProviderInfo, Registry, Result};

/// The providers that are compiled in.
const TABLES: &[&[ProviderInfo]] = &[
    #[cfg(feature = "openai")]
    &[meanwhile_openai::PROVIDER],
    #[cfg(feature = "openai-compatible")]
    meanwhile_openai_compatible::PROVIDERS,
    #[cfg(feature = "local")]
    &[meanwhile_local::PROVIDER],
];

/// Every id that a feature of this crate brings; the feature has the same name.
const FEATURES: &[&str] = &[
    "alibaba",
    "avian",
    "cerebras",
    "dashscope",
    "deepinfra",
    "deepseek",
    "doubleword",
    "fireworks",
    "gpustack",
    "groq",
    "huggingface",
    "hyperbolic",
    "litellm",
    "llamacpp",
    "llamafile",
    "lmstudio",
    "local",
    "minimax",
    "mistral",
    "mistralrs",
    "moonshot",
    "nebius",
    "novita",
    "ollama",
    "openai",
    "openrouter",
    "perplexity",
    "sambanova",
    "together",
    "venice",
    "vercel-gateway",
    "vllm",
    "xai",
    "zai",
    "zenmux",
];

/// The registry that `provider/model` strings are looked up in.
///
/// Starts with the providers that are compiled in; none is connected before it is first used.
///
/// ```
/// use meanwhile::{Scripted, registry};
///
/// registry().insert_as("house", Scripted::new().reply("Come in").into());
/// assert!(registry().model("house/door").is_ok());
/// ```
#[must_use]
pub fn registry() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
        let registry = Registry::new();
        for id in FEATURES {
            registry.feature(id, id);
        }
        for info in TABLES.iter().copied().flatten() {
            registry.register(info);
        }
        registry
    });
    &REGISTRY
}

/// Returns the model that a `provider/model` string names in the [`registry()`].
///
/// # Errors
///
/// As [`Registry::model`].
pub fn model(name: &str) -> Result<Model> {
    registry().model(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_a_feature() {
        let manifest = include_str!("../Cargo.toml");
        for id in FEATURES {
            assert!(manifest.contains(&format!("\n{id} = [")), "add a feature `{id}`");
        }
        for info in TABLES.iter().copied().flatten() {
            assert!(FEATURES.contains(&info.id), "add `{}` to the features", info.id);
        }
        let aliases = manifest.matches(" = [\"openai-compatible\"]").count();
        let others = FEATURES.iter().filter(|id| ["local", "openai"].contains(id)).count();
        assert_eq!(FEATURES.len(), aliases + others, "a feature is not in the list");
    }
}
