//! [`Voyage`]: from the environment or code to an embedder and a reranker.

use std::sync::Arc;

use meanwhile_core::{EmbedPurpose, Embedder, Error, ErrorKind, ProviderInfo, Reranker, Result};
use meanwhile_http::Api;
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
///
/// ```
/// use meanwhile_core::EmbeddingModel;
/// use meanwhile_voyage::Voyage;
///
/// let embedder = Voyage::builder().api_key("not-a-real-key").embedder()?;
/// let model = EmbeddingModel::of(embedder, "voyage-3.5").dimensions(512);
/// assert_eq!((model.provider(), model.settings().dimensions), ("voyage", Some(512)));
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
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
///
/// ```
/// # use meanwhile_core::EmbeddingModel;
/// # use meanwhile_voyage::Voyage;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"object": "list", "model": "voyage-3.5", "data": [{"index": 0, "embedding": [0.5, 0.25]}], "usage": {"total_tokens": 2}}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let embedder = Voyage::builder().base_url(base_url).api_key("not-a-real-key").embedder()?;
/// let model = EmbeddingModel::of(embedder, "voyage-3.5");
/// assert_eq!(model.embed_one("a cat").await?, [0.5, 0.25]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    dialect: Dialect,
}

impl Builder {
    /// Sends requests to another base URL, a proxy or a recording.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.dialect = self.dialect.base_url(base_url);
        self
    }

    meanwhile_http::credential_methods!(self => self.dialect.connection_mut());
    meanwhile_http::connection_methods!(self => self.dialect.connection_mut());

    /// Makes the embedder. Does no network I/O.
    ///
    /// # Errors
    ///
    /// [`MissingCredential`](ErrorKind::MissingCredential) when there is no key;
    /// [`Config`](ErrorKind::Config) when the base URL, the key or a header cannot be used.
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
