//! The vendors that are known by name: each one a row of a base URL, key variables and quirks.
//!
//! A row is enough for `provider/model` strings through [`PROVIDERS`], and for more than the
//! environment says through [`Preset::builder`]:
//!
//! ```
//! use meanwhile_openai_compatible::presets;
//!
//! let groq = presets::GROQ.builder().api_key("not-a-real-key").build()?;
//! # Ok::<(), meanwhile_core::Error>(())
//! ```

mod hosts;
mod local;
mod routers;

use meanwhile_core::{AnyProvider, ProviderInfo, Result};

use crate::{Builder, OpenAiCompatible, Quirks};

pub use hosts::*;
pub use local::*;
pub use routers::*;

/// One vendor.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Preset {
    /// The part before `/` in model strings.
    pub id: &'static str,
    /// Where it answers, unless a variable says otherwise.
    pub base_url: &'static str,
    /// The environment variables that may hold another base URL; the first one found counts.
    pub base_url_variables: &'static [&'static str],
    /// The environment variables that may hold a key; the first one found counts.
    pub key_variables: &'static [&'static str],
    /// Whether there must be a key.
    pub needs_key: bool,
    /// How it departs from the dialect.
    pub quirks: Quirks,
}

impl Preset {
    /// A hosted vendor, which needs a key.
    const fn hosted(
        id: &'static str,
        base_url: &'static str,
        base_url_variables: &'static [&'static str],
        key_variables: &'static [&'static str],
        quirks: Quirks,
    ) -> Self {
        Self { id, base_url, base_url_variables, key_variables, needs_key: true, quirks }
    }

    /// A server on one's own machines, where a key is the exception.
    const fn local(
        id: &'static str,
        base_url: &'static str,
        base_url_variables: &'static [&'static str],
        key_variables: &'static [&'static str],
        quirks: Quirks,
    ) -> Self {
        Self { id, base_url, base_url_variables, key_variables, needs_key: false, quirks }
    }

    /// Begins a provider with what the environment and this row say.
    pub fn builder(&self) -> Builder {
        let set = |name: &&str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        let base_url = self.base_url_variables.iter().find_map(|name| {
            let url = set(name)?;
            Some(if *name == "OLLAMA_HOST" { local::from_host(&url) } else { url })
        });
        let base_url = base_url.unwrap_or_else(|| self.base_url.to_owned());
        let builder = OpenAiCompatible::builder(self.id, base_url).quirks(self.quirks);
        match self.needs_key {
            true => builder.api_key_from_env(self.key_variables),
            false => builder.optional_api_key_from_env(self.key_variables),
        }
    }

    /// Makes the provider from the environment. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn connect(&self) -> Result<AnyProvider> {
        self.builder().build()
    }

    /// Finds a vendor by its id.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        ALL.iter().find(|preset| preset.id == id)
    }
}

macro_rules! table {
    ($($preset:ident)*) => {
        /// All vendors that are known by name.
        pub const ALL: &[Preset] = &[$($preset),*];

        /// All vendors that are known by name, to be registered.
        pub const PROVIDERS: &[ProviderInfo] = &[$(
            ProviderInfo::new($preset.id, $preset.key_variables, || $preset.connect())
        ),*];
    };
}

table! {
    OLLAMA LLAMACPP VLLM LMSTUDIO LLAMAFILE MISTRALRS GPUSTACK
    GROQ DEEPSEEK TOGETHER MISTRAL FIREWORKS XAI PERPLEXITY CEREBRAS NEBIUS SAMBANOVA NOVITA
    HYPERBOLIC MINIMAX ZAI ALIBABA DASHSCOPE MOONSHOT DEEPINFRA DOUBLEWORD AVIAN
    LITELLM OPENROUTER HUGGINGFACE VENICE VERCEL_GATEWAY ZENMUX
}
