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

mod clouds;
mod hosts;
mod local;
mod routers;

use meanwhile_core::{AnyProvider, Error, ErrorKind, ProviderInfo, Result};

use crate::{Builder, OpenAiCompatible, Quirks};

pub use clouds::*;
pub use hosts::*;
pub use local::*;
pub use routers::*;

/// One vendor.
///
/// ```
/// use meanwhile_core::Provider as _;
/// use meanwhile_openai_compatible::presets::Preset;
///
/// let groq = Preset::find("groq").unwrap();
/// assert!(groq.needs_key && groq.key_variables.contains(&"GROQ_API_KEY"));
/// // More than the environment says.
/// let provider = groq.builder().api_key("not-a-real-key").header("x-team", "search").build()?;
/// assert_eq!(provider.id(), "groq");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Preset {
    /// The part before `/` in model strings.
    pub id: &'static str,
    /// Where it answers, unless a variable says otherwise; empty where only a variable can say it.
    pub base_url: &'static str,
    /// The environment variables that may hold another base URL; the first one found counts.
    pub base_url_variables: &'static [&'static str],
    /// The environment variables that may hold a key; the first one found counts.
    pub key_variables: &'static [&'static str],
    /// Whether there must be a key.
    pub needs_key: bool,
    /// How it departs from the dialect.
    pub quirks: Quirks,
    /// Where requests are posted below the base URL, where that is not `/chat/completions`.
    pub path: Option<&'static str>,
    /// What it is known to offer of speech, images and batches; the rest is asked of every vendor.
    pub offers: Offers,
}

/// What few vendors offer. Where a vendor is not known to, [`Preset::builder`] asks it all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Offers {
    /// Reading texts aloud, at `/audio/speech`.
    pub speech: bool,
    /// Writing recordings down, at `/audio/transcriptions`.
    pub transcription: bool,
    /// Making images, at `/images/generations`.
    pub images: bool,
    /// Working on batches, at `/files` and `/batches`, in OpenAI's form.
    pub batches: bool,
}

impl Offers {
    const NONE: Self = Self { speech: false, transcription: false, images: false, batches: false };
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
        Self {
            id,
            base_url,
            base_url_variables,
            key_variables,
            needs_key: true,
            quirks,
            path: None,
            offers: Offers::NONE,
        }
    }

    /// A server on one's own machines, where a key is the exception.
    const fn local(
        id: &'static str,
        base_url: &'static str,
        base_url_variables: &'static [&'static str],
        key_variables: &'static [&'static str],
        quirks: Quirks,
    ) -> Self {
        Self {
            id,
            base_url,
            base_url_variables,
            key_variables,
            needs_key: false,
            quirks,
            path: None,
            offers: Offers::NONE,
        }
    }

    /// Sets what it offers of speech, images and batches.
    const fn offering(mut self, offers: Offers) -> Self {
        self.offers = offers;
        self
    }

    /// Sets where requests are posted.
    const fn at(mut self, path: &'static str) -> Self {
        self.path = Some(path);
        self
    }

    /// Where the vendor answers, as the environment and this row say.
    #[must_use]
    pub fn base_url_from_env(&self) -> String {
        let set = |name: &&str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        match self.base_url_variables.iter().find_map(set) {
            // Some vendors' programs keep the name of the host there.
            Some(host) if !host.contains("://") => {
                let scheme = if self.needs_key { "https" } else { "http" };
                format!("{scheme}://{}", host.trim())
            }
            Some(url) => url,
            None => self.base_url.to_owned(),
        }
    }

    /// Begins a provider with what the environment and this row say.
    pub fn builder(&self) -> Builder {
        let builder =
            OpenAiCompatible::builder(self.id, self.base_url_from_env()).quirks(self.quirks);
        let builder = match self.path {
            Some(path) => builder.path(path),
            None => builder,
        };
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
        if self.base_url_from_env().is_empty() {
            let message = format!(
                "there is no base URL for `{}`; set the environment variable `{}`",
                self.id,
                self.base_url_variables.join("` or `")
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
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
        pub const PROVIDERS: &[ProviderInfo] = &[$({
            let mut info =
                ProviderInfo::new($preset.id, $preset.key_variables, || $preset.connect())
                    .with_embedder(|| $preset.builder().embedder())
                    .with_reranker(|| $preset.builder().reranker())
                    .with_models(|| $preset.builder().models());
            if $preset.offers.batches {
                info = info.with_batches(|| $preset.builder().batches());
            }
            if $preset.offers.speech {
                info = info.with_speech(|| $preset.builder().speech());
            }
            if $preset.offers.transcription {
                info = info.with_transcriber(|| $preset.builder().transcriber());
            }
            if $preset.offers.images {
                info = info.with_images(|| $preset.builder().images());
            }
            info
        }),*];
    };
}

table! {
    LLAMACPP VLLM LMSTUDIO LLAMAFILE MLX MISTRALRS GPUSTACK
    GROQ DEEPSEEK TOGETHER FIREWORKS XAI PERPLEXITY CEREBRAS NEBIUS SAMBANOVA NOVITA
    HYPERBOLIC MINIMAX ZAI ALIBABA DASHSCOPE MOONSHOT DEEPINFRA DOUBLEWORD AVIAN
    ATLASCLOUD CASCADIA DATABRICKS EDENAI GITHUB GMI INCEPTION KENARI LLAMA META MZAI NEOSANTARA
    NVIDIA OTARI OVHCLOUD PORTKEY QINIU REQUESTY SAGEMAKER TELNYX WATSONX WRITER
    LITELLM OPENROUTER HUGGINGFACE VENICE VERCEL_GATEWAY ZENMUX
}
