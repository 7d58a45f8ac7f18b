//! [`Cohere`]: from the environment or code to a provider.

use std::sync::Arc;

use meanwhile_core::{
    AnyProvider, Capabilities, Embedder, ListModels, ProviderInfo, Reranker, Result, Timeouts,
};
use meanwhile_http::{Auth, Client, Endpoint, HttpProvider, Secret};

use crate::{ChatCodec, CohereApi};

pub(crate) const ID: &str = "cohere";
const BASE_URL: &str = "https://api.cohere.com";
const KEY_VARIABLES: &[&str] = &["COHERE_API_KEY", "CO_API_KEY"];

/// Cohere, to be registered: its id, its key variables, and how to connect.
pub const PROVIDER: ProviderInfo =
    ProviderInfo::new(ID, KEY_VARIABLES, || Cohere::builder().build())
        .with_embedder(|| Cohere::builder().embedder())
        .with_reranker(|| Cohere::builder().reranker())
        .with_models(|| Cohere::builder().models());

/// Cohere's own API.
#[derive(Debug)]
#[non_exhaustive]
pub struct Cohere;

impl Cohere {
    /// Begins a provider with what the environment says: `COHERE_API_KEY` or `CO_API_KEY`, and
    /// `CO_API_URL`.
    pub fn builder() -> Builder {
        Builder {
            base_url: None,
            key: None,
            headers: Vec::new(),
            client: None,
            timeouts: Timeouts::default(),
            frame_limit: None,
        }
    }
}

/// A provider that is being configured. Nothing is checked before [`build`](Self::build).
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    base_url: Option<String>,
    key: Option<Secret>,
    headers: Vec<(String, String)>,
    client: Option<Client>,
    timeouts: Timeouts,
    frame_limit: Option<usize>,
}

impl Builder {
    /// Sends this key instead of that of the environment.
    pub fn api_key(mut self, key: impl Into<Secret>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sends requests to another base URL, a proxy or a recording: the part before `/v2`.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// Adds a header to every request.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Uses another client than the shared one.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets time limits for requests that bring none.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Sets the most bytes that one event, or an answer that is not streamed, may hold.
    pub fn frame_limit(mut self, bytes: usize) -> Self {
        self.frame_limit = Some(bytes);
        self
    }

    /// Makes the provider. Does no network I/O.
    ///
    /// # Errors
    ///
    /// [`MissingCredential`](meanwhile_core::ErrorKind::MissingCredential) when there is no key;
    /// [`Config`](meanwhile_core::ErrorKind::Config) when the base URL, the key or a header
    /// cannot be used.
    pub fn build(self) -> Result<AnyProvider> {
        Ok(self.connect()?.into())
    }

    /// Makes what Cohere offers beside answers, all in one: embeddings, ranking, the list of models. Does no
    /// network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn api(self) -> Result<CohereApi> {
        Ok(CohereApi { api: self.connect()?.api() })
    }

    /// Makes the embedder. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn embedder(self) -> Result<Arc<dyn Embedder>> {
        Ok(Arc::new(self.api()?))
    }

    /// Makes the reranker. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn reranker(self) -> Result<Arc<dyn Reranker>> {
        Ok(Arc::new(self.api()?))
    }

    /// Makes the list of models. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn models(self) -> Result<Arc<dyn ListModels>> {
        Ok(Arc::new(self.api()?))
    }

    fn connect(self) -> Result<HttpProvider<ChatCodec>> {
        let endpoint = match &self.base_url {
            Some(base_url) => Endpoint::new(base_url)?,
            None => Endpoint::from_env(&["CO_API_URL"], BASE_URL)?,
        };
        let endpoint = self
            .headers
            .iter()
            .try_fold(endpoint, |endpoint, (name, value)| endpoint.with_header(name, value))?;
        let key = match self.key {
            Some(key) => key,
            None => Secret::from_env(KEY_VARIABLES)?,
        };
        let mut provider = HttpProvider::new(ID, ChatCodec::default(), endpoint)
            .with_auth(Auth::bearer(key)?)
            .with_timeouts(self.timeouts)
            .with_capabilities(capabilities);
        if let Some(client) = self.client {
            provider = provider.with_client(client);
        }
        if let Some(bytes) = self.frame_limit {
            provider = provider.with_frame_limit(bytes);
        }
        Ok(provider)
    }
}

/// What a model accepts and offers. A model that is not known is taken for a new one.
fn capabilities(model: &str) -> Capabilities {
    let mut known = Capabilities::text();
    known.images =
        ["vision", "aya-vision", "command-a-plus"].iter().any(|name| model.contains(name));
    known.documents = true;
    known.thinking = ["reasoning", "command-a-plus"].iter().any(|name| model.contains(name));
    known.tools = !model.contains("aya") && !model.contains("vision");
    known
}
