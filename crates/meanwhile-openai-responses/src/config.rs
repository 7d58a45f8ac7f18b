//! [`OpenAiResponses`]: from a base URL, a key and quirks to a provider.

use std::borrow::Cow;

use meanwhile_core::{AnyProvider, Capabilities, Result};
use meanwhile_http::{Auth, Secret};
use meanwhile_openai_compatible::{Builder as Dialect, OpenAiCompatible};

use crate::{ResponsesCodec, ResponsesQuirks};

/// Any host that speaks the Responses dialect.
///
/// ```
/// use meanwhile_openai_responses::OpenAiResponses;
///
/// let acme = OpenAiResponses::builder("acme", "https://api.acme.example/v1")
///     .api_key("not-a-real-key")
///     .build()?;
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenAiResponses;

impl OpenAiResponses {
    /// Begins a provider called `id` at `base_url`, the part of the URL before `/responses`.
    pub fn builder(id: impl Into<Cow<'static, str>>, base_url: impl Into<String>) -> Builder {
        let id = id.into();
        let codec = ResponsesCodec::new(&*id, ResponsesQuirks::new());
        Builder { dialect: OpenAiCompatible::builder(id, base_url), codec }
    }
}

/// A provider that is being configured. Nothing is checked before [`build`](Self::build).
///
/// ```
/// use meanwhile_core::{Capabilities, Provider as _};
/// use meanwhile_openai_responses::OpenAiResponses;
///
/// let acme = OpenAiResponses::builder("acme", "https://api.acme.example/v1")
///     .api_key("not-a-real-key")
///     .capabilities(|_| Capabilities::text())
///     .build()?;
/// assert_eq!(acme.id(), "acme");
/// assert!(acme.capabilities("large").tools);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    pub(crate) dialect: Dialect,
    pub(crate) codec: ResponsesCodec,
}

impl Builder {
    /// Sends this key as `authorization: Bearer KEY`.
    pub fn api_key(mut self, key: impl Into<Secret>) -> Self {
        self.dialect = self.dialect.api_key(key);
        self
    }

    /// Sends the key that one of these environment variables holds; there must be one.
    pub fn api_key_from_env(mut self, variables: &'static [&'static str]) -> Self {
        self.dialect = self.dialect.api_key_from_env(variables);
        self
    }

    /// Sends the key that one of these environment variables holds, or none.
    pub fn optional_api_key_from_env(mut self, variables: &'static [&'static str]) -> Self {
        self.dialect = self.dialect.optional_api_key_from_env(variables);
        self
    }

    /// Proves in another way who sends the requests.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.dialect = self.dialect.auth(auth);
        self
    }

    /// Sends requests to another base URL.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.dialect = self.dialect.base_url(base_url);
        self
    }

    meanwhile_http::connection_methods!(self => self.dialect.connection_mut());

    /// Writes and reads with another codec: other quirks, or another path.
    pub fn codec(mut self, codec: ResponsesCodec) -> Self {
        self.codec = codec;
        self
    }

    /// Sets what is known about each model; without it, what follows from the quirks.
    pub fn capabilities(
        mut self,
        capabilities: impl Fn(&str) -> Capabilities + Send + Sync + 'static,
    ) -> Self {
        self.dialect = self.dialect.capabilities(capabilities);
        self
    }

    /// Makes the provider. Does no network I/O.
    ///
    /// # Errors
    ///
    /// [`MissingCredential`](meanwhile_core::ErrorKind::MissingCredential) when a key is needed
    /// and not found; [`Config`](meanwhile_core::ErrorKind::Config) when the base URL, the key or
    /// a header cannot be used.
    pub fn build(self) -> Result<AnyProvider> {
        let known = self.codec.clone();
        self.dialect.build_with(self.codec, move |model| known.quirks(model).capabilities())
    }
}
