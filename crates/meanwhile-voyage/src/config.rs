//! [`Voyage`]: from the environment or code to an embedder and a reranker.

use std::sync::Arc;

use meanwhile_core::{
    EmbedPurpose, Embedder, Error, ErrorKind, ProviderInfo, Reranker, Result, Timeouts,
};
use meanwhile_http::{Api, Client, Secret};
use meanwhile_openai_compatible::{Builder as Dialect, EmbeddingApi, OpenAiCompatible, RerankApi};

const ID: &str = "voyage";
const BASE_URL: &str = "https://api.voyageai.com/v1";
const KEY_VARIABLES: &[&str] = &["VOYAGE_API_KEY"];

/// The most texts of one request.
const BATCH_LIMIT: usize = 1000;

/// Voyage, to be registered: its id, its key variable, and how to connect.
pub const PROVIDER: ProviderInfo = ProviderInfo::new(ID, KEY_VARIABLES, || {
    let message = "Voyage has no models to talk to, only embeddings and reranking";
    Err(Error::new(ErrorKind::Unsupported, message).with_provider(ID))
})
.with_embedder(|| Voyage::builder().embedder())
.with_reranker(|| Voyage::builder().reranker());

/// Voyage's API.
#[derive(Debug)]
#[non_exhaustive]
pub struct Voyage;

impl Voyage {
    /// Begins with what the environment says: `VOYAGE_API_KEY`.
    pub fn builder() -> Builder {
        let dialect = OpenAiCompatible::builder(ID, BASE_URL).api_key_from_env(KEY_VARIABLES);
        Builder { dialect }
    }
}

/// What is being configured. Nothing is checked before [`embedder`](Self::embedder) or
/// [`reranker`](Self::reranker).
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    dialect: Dialect,
}

impl Builder {
    /// Sends this key instead of that of the environment.
    pub fn api_key(mut self, key: impl Into<Secret>) -> Self {
        self.dialect = self.dialect.api_key(key);
        self
    }

    /// Sends requests to another base URL, a proxy or a recording.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.dialect = self.dialect.base_url(base_url);
        self
    }

    /// Uses another client than the shared one.
    pub fn client(mut self, client: Client) -> Self {
        self.dialect = self.dialect.client(client);
        self
    }

    /// Sets time limits for requests that bring none.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.dialect = self.dialect.timeouts(timeouts);
        self
    }

    /// Makes the embedder. Does no network I/O.
    ///
    /// # Errors
    ///
    /// [`MissingCredential`](ErrorKind::MissingCredential) when there is no key;
    /// [`Config`](ErrorKind::Config) when the base URL or the key cannot be used.
    pub fn embedder(self) -> Result<Arc<dyn Embedder>> {
        let embedder = EmbeddingApi::new(self.api()?)
            .with_batch_limit(BATCH_LIMIT)
            .with_dimensions_field("output_dimension")
            .with_purpose_field("input_type", |purpose| match purpose {
                EmbedPurpose::Query => Some("query"),
                EmbedPurpose::Document => Some("document"),
                _ => None,
            });
        Ok(Arc::new(embedder))
    }

    /// Makes the reranker. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`embedder`](Self::embedder).
    pub fn reranker(self) -> Result<Arc<dyn Reranker>> {
        Ok(Arc::new(RerankApi::new(self.api()?).with_top_field("top_k")))
    }

    fn api(self) -> Result<Api> {
        self.dialect.api()
    }
}
