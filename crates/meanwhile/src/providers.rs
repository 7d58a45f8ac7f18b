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
    "deepseek",
    "fireworks",
    "groq",
    "litellm",
    "llamacpp",
    "lmstudio",
    "local",
    "mistral",
    "ollama",
    "openai",
    "openai-compatible",
    "openrouter",
    "together",
    "vllm",
    "xai",
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
