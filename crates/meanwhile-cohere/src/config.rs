//! [`Cohere`]: from the environment or code to a provider.

use std::sync::Arc;

use meanwhile_core::{
    AnyProvider, Capabilities, Embedder, ListModels, ProviderInfo, Reranker, Result,
};
use meanwhile_http::{Auth, BaseUrl, Connection, Endpoint, HttpProvider, Secret};

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
///
/// ```
/// use meanwhile_cohere::Cohere;
/// use meanwhile_core::Provider as _;
///
/// let cohere = Cohere::builder().api_key("not-a-real-key").build()?;
/// assert_eq!(cohere.id(), "cohere");
/// assert!(cohere.capabilities("command-a-03-2025").tools);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Cohere;

impl Cohere {
    /// Begins a provider with what the environment says: `COHERE_API_KEY` or `CO_API_KEY`, and
    /// `CO_API_URL`.
    pub fn builder() -> Builder {
        Builder { base_url: None, connection: Connection::default() }
    }
}

/// A provider that is being configured. Nothing is checked before [`build`](Self::build).
///
/// ```
/// # use meanwhile_cohere::Cohere;
/// # use meanwhile_core::RerankRequest;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"id": "1", "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}], "meta": {"billed_units": {"search_units": 1}}}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let cohere = Cohere::builder().base_url(base_url).api_key("not-a-real-key");
/// let documents = ["dogs bark", "cats purr"].map(str::to_owned).to_vec();
/// let request = RerankRequest::new("rerank-v3.5", "what purrs?", documents);
/// let ranked = cohere.reranker()?.rerank(request).await?;
/// assert_eq!(ranked.documents[0].index, 1);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    base_url: Option<BaseUrl>,
    connection: Connection,
}

impl Builder {
    /// Sends requests to another base URL, a proxy or a recording: the part before `/v2`.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(BaseUrl::from(base_url));
        self
    }

    meanwhile_http::credential_methods!(self => &mut self.connection);
    meanwhile_http::connection_methods!(self => &mut self.connection);

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
        let auth = self.connection.auth(Auth::bearer, || Secret::from_env(KEY_VARIABLES))?;
        let provider = self.connection.provider(ID, ChatCodec::default(), endpoint, auth)?;
        Ok(provider.with_capabilities(capabilities))
    }
}

/// What a model accepts and offers. A model that is not known is taken for a new one.
fn capabilities(model: &str) -> Capabilities {
    let mut known = Capabilities::text();
    known.images =
        ["vision", "aya-vision", "command-a-plus"].iter().any(|name| model.contains(name));
    known.documents = true;
    known.reasoning = ["reasoning", "command-a-plus"].iter().any(|name| model.contains(name));
    known.tools = !model.contains("aya") && !model.contains("vision");
    known
}
