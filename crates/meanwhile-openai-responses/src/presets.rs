//! The vendors beside OpenAI that serve this dialect: each one a row of the other dialect's table
//! ([`Preset`]) with an id and quirks of its own.

use meanwhile_core::{AnyProvider, ProviderInfo, Result};
use meanwhile_openai_compatible::{OpenAiCompatible, Preset, presets};

use crate::{Builder, ResponsesCodec, ResponsesQuirks};

/// One vendor.
///
/// ```
/// use meanwhile_core::Provider as _;
/// use meanwhile_openai_responses::presets::ResponsesPreset;
///
/// let xai = ResponsesPreset::find("xai").unwrap();
/// assert_eq!(xai.id, "xai-responses");
/// let provider = xai.builder().api_key("not-a-real-key").build()?;
/// assert_eq!(provider.id(), "xai-responses");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ResponsesPreset {
    /// The part before `/` in model strings: that of the vendor and `-responses`.
    pub id: &'static str,
    /// Where the vendor answers and where its key is.
    pub vendor: &'static Preset,
    /// How it departs from the dialect.
    pub quirks: ResponsesQuirks,
}

impl ResponsesPreset {
    const fn new(id: &'static str, vendor: &'static Preset, quirks: ResponsesQuirks) -> Self {
        Self { id, vendor, quirks }
    }

    /// The codec of the vendor.
    #[must_use]
    pub fn codec(&self) -> ResponsesCodec {
        ResponsesCodec::new(self.vendor.id, self.quirks).with_model_quirks(for_model)
    }

    /// Begins a provider with what the environment and this row say.
    pub fn builder(&self) -> Builder {
        let dialect = OpenAiCompatible::builder(self.id, self.vendor.base_url_from_env());
        let dialect = match self.vendor.needs_key {
            true => dialect.api_key_from_env(self.vendor.key_variables),
            false => dialect.optional_api_key_from_env(self.vendor.key_variables),
        };
        Builder { dialect, codec: self.codec() }
    }

    /// Makes the provider from the environment. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn connect(&self) -> Result<AnyProvider> {
        self.builder().build()
    }

    /// Finds a vendor by the id of its row, or by its own.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        ALL.iter().find(|preset| preset.id == id || preset.vendor.id == id)
    }
}

/// OpenAI's models that do not think refuse to be asked for thinking, also behind a router.
fn for_model(model: &str, mut quirks: ResponsesQuirks) -> ResponsesQuirks {
    let thinks = model.strip_prefix("openai/").is_none_or(|name| {
        !["gpt-3", "gpt-4", "chatgpt"].iter().any(|old| name.starts_with(old))
            && !name.contains("-chat")
    });
    quirks.encrypted_reasoning &= thinks;
    quirks
}

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $vendor:ident, $quirks:ident;)*) => {
        $(
            $(#[$doc])*
            pub const $name: ResponsesPreset =
                ResponsesPreset::new($id, &presets::$vendor, ResponsesQuirks::$quirks());
        )*

        /// All vendors that are known by name.
        pub const ALL: &[ResponsesPreset] = &[$($name),*];

        /// All vendors that are known by name, to be registered.
        pub const PROVIDERS: &[ProviderInfo] = &[$(
            ProviderInfo::new($id, presets::$vendor.key_variables, || $name.connect())
        ),*];
    };
}

table! {
    /// xAI, whose thinking comes as a summary and in encrypted form.
    XAI = "xai-responses", XAI, xai;
    /// OpenRouter.
    OPENROUTER = "openrouter-responses", OPENROUTER, openrouter;
    /// DeepSeek, whose thinking goes back as text.
    DEEPSEEK = "deepseek-responses", DEEPSEEK, new;
    /// LM Studio.
    LMSTUDIO = "lmstudio-responses", LMSTUDIO, new;
    /// The server of llama.cpp.
    LLAMACPP = "llamacpp-responses", LLAMACPP, new;
    /// mistral.rs.
    MISTRALRS = "mistralrs-responses", MISTRALRS, new;
}
