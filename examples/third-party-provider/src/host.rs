//! Acme as a host of the Chat Completions dialect: where it answers, its key, and its quirks.

use meanwhile_core::{ErrorKind, ProviderInfo};
use meanwhile_openai_compatible::{Builder, OpenAiCompatible, Quirks, StructuredOutput};

use crate::KEY_VARIABLES;

/// `acme/…`, to be registered.
pub const HOST: ProviderInfo = ProviderInfo::new("acme", KEY_VARIABLES, || acme().build());

/// Begins a provider with the key of `ACME_API_KEY`; the builder changes what it is told to.
pub fn acme() -> Builder {
    OpenAiCompatible::builder("acme", "https://api.acme.example/v1")
        .api_key_from_env(KEY_VARIABLES)
        .quirks(QUIRKS)
}

/// How Acme departs from the dialect.
const QUIRKS: Quirks = {
    let mut quirks = Quirks::new();
    quirks.seed_field = "random_seed";
    quirks.structured_output = StructuredOutput::Strict;
    quirks.unsupported = &["logprobs", "service_tier"];
    quirks.error_codes = &[("anvil_shortage", ErrorKind::Overloaded)];
    quirks
};
