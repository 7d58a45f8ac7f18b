//! [`registry()`]: the providers that are compiled in, as a table, and those that could be.

use std::sync::LazyLock;

use meanwhile_core::{EmbeddingModel, Model, ProviderInfo, Registry, Result};

/// The providers that are compiled in.
const TABLES: &[&[ProviderInfo]] = &[
    #[cfg(feature = "anthropic")]
    &[meanwhile_anthropic::PROVIDER],
    #[cfg(feature = "bedrock")]
    &[meanwhile_bedrock::PROVIDER],
    #[cfg(feature = "cohere")]
    &[meanwhile_cohere::PROVIDER],
    #[cfg(feature = "voyage")]
    &[meanwhile_voyage::PROVIDER],
    #[cfg(feature = "mistral")]
    &[meanwhile_mistral::PROVIDER],
    #[cfg(feature = "ollama")]
    &[meanwhile_ollama::PROVIDER],
    #[cfg(feature = "google")]
    &[meanwhile_google::PROVIDER, meanwhile_google::GEMINI_PROVIDER],
    #[cfg(feature = "vertex")]
    &[meanwhile_google::VERTEX_PROVIDER],
    #[cfg(feature = "azure")]
    &[meanwhile_azure::PROVIDER],
    #[cfg(feature = "openai")]
    meanwhile_openai::PROVIDERS,
    #[cfg(feature = "openai-responses")]
    meanwhile_openai_responses::PROVIDERS,
    #[cfg(feature = "openai-compatible")]
    meanwhile_openai_compatible::PROVIDERS,
    #[cfg(feature = "local")]
    &[meanwhile_local::PROVIDER],
];

/// Every id that a feature of this crate brings; the feature has the same name.
const FEATURES: &[&str] = &[
    "alibaba",
    "anthropic",
    "atlascloud",
    "avian",
    "azure",
    "bedrock",
    "cascadia",
    "cerebras",
    "cohere",
    "dashscope",
    "databricks",
    "deepinfra",
    "deepseek",
    "deepseek-responses",
    "doubleword",
    "edenai",
    "fireworks",
    "gemini",
    "github",
    "gmi",
    "google",
    "gpustack",
    "groq",
    "huggingface",
    "hyperbolic",
    "inception",
    "kenari",
    "litellm",
    "llama",
    "llamacpp",
    "llamacpp-responses",
    "llamafile",
    "lmstudio",
    "lmstudio-responses",
    "local",
    "meta",
    "minimax",
    "mistral",
    "mistralrs",
    "mistralrs-responses",
    "mlx",
    "moonshot",
    "mzai",
    "nebius",
    "neosantara",
    "novita",
    "nvidia",
    "ollama",
    "openai",
    "openai-responses",
    "openrouter",
    "openrouter-responses",
    "otari",
    "ovhcloud",
    "perplexity",
    "portkey",
    "qiniu",
    "requesty",
    "sagemaker",
    "sambanova",
    "telnyx",
    "together",
    "venice",
    "vercel-gateway",
    "vertex",
    "vllm",
    "voyage",
    "watsonx",
    "writer",
    "xai",
    "xai-responses",
    "zai",
    "zenmux",
];

/// The registry that `provider/model` strings are looked up in.
///
/// Starts with the providers that are compiled in; none is connected before it is first used. With
/// the feature `layers`, each is in the layers of `meanwhile_layers::standard`: failures that may
/// pass are tried again twice. `registry().clear_layers()` takes them away.
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
        #[cfg(feature = "layers")]
        registry
            .layer(meanwhile_layers::standard())
            .set_timer(meanwhile_layers::TokioTimer)
            .set_prices(Bundled);
        #[cfg(feature = "output")]
        registry.set_reader(meanwhile_output::JsonReader::new());
        // A program that set its own before knows why; that one stays.
        let _ = registry.set_global();
        registry
    });
    &REGISTRY
}

/// The prices that come with the layers. The table is read when it is first asked.
#[cfg(feature = "layers")]
#[derive(Debug)]
struct Bundled;

#[cfg(feature = "layers")]
impl meanwhile_core::Pricing for Bundled {
    fn cost(
        &self,
        provider: &str,
        model: &str,
        service_tier: Option<&str>,
        usage: &meanwhile_core::Usage,
    ) -> Option<meanwhile_core::Usd> {
        let prices = meanwhile_layers::Prices::bundled();
        meanwhile_core::Pricing::cost(&prices, provider, model, service_tier, usage)
    }
}

/// Returns the model that a `provider/model` string names in the [`registry()`].
///
/// # Errors
///
/// As [`Registry::model`].
pub fn model(name: &str) -> Result<Model> {
    registry().model(name)
}

/// Returns the embedding model that a `provider/model` string names in the [`registry()`].
///
/// # Errors
///
/// As [`Registry::embedding_model`].
pub fn embedding_model(name: &str) -> Result<EmbeddingModel> {
    registry().embedding_model(name)
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
        let dialects = ["openai-compatible", "openai-responses", "google"];
        let aliases = dialects.map(|of| manifest.matches(&format!(" = [\"{of}\"]")).count());
        let aliases: usize = aliases.iter().sum();
        let own = |id: &&&str| {
            manifest.contains(&format!(
                "
{id} = [\"dep:"
            ))
        };
        let others = FEATURES.iter().filter(own).count();
        assert_eq!(FEATURES.len(), aliases + others, "a feature is not in the list");
    }
}
