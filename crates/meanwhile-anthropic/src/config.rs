//! [`Anthropic`]: from the environment or code to a provider.

use std::sync::Arc;

use meanwhile_core::{AnyProvider, Batches, ListModels, ProviderInfo, Result};
use meanwhile_http::{Auth, BaseUrl, Connection, Endpoint, HttpProvider, Secret};

use crate::{AnthropicApi, DIALECT as ID, Host, MessagesCodec};

const BASE_URL: &str = "https://api.anthropic.com";
const KEY_VARIABLES: &[&str] = &["ANTHROPIC_API_KEY"];

/// Anthropic, to be registered: its id, its key variable, and how to connect.
pub const PROVIDER: ProviderInfo =
    ProviderInfo::new(ID, KEY_VARIABLES, || Anthropic::builder().build())
        .with_models(|| Anthropic::builder().models())
        .with_batches(|| Anthropic::builder().batches());

/// Anthropic's own API.
///
/// ```
/// use meanwhile_anthropic::Anthropic;
/// use meanwhile_core::Provider as _;
///
/// let anthropic = Anthropic::builder().api_key("not-a-real-key").build()?;
/// assert_eq!(anthropic.id(), "anthropic");
/// let capabilities = anthropic.capabilities("claude-sonnet-4-5");
/// assert!(capabilities.tools && capabilities.images);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Anthropic;

impl Anthropic {
    /// Begins a provider with what the environment says: `ANTHROPIC_API_KEY`, `ANTHROPIC_BASE_URL`.
    pub fn builder() -> Builder {
        let base_url = std::env::var("ANTHROPIC_BASE_URL").ok();
        let base_url = base_url.filter(|url| !url.trim().is_empty());
        Builder {
            base_url: base_url.unwrap_or_else(|| BASE_URL.to_owned()).into(),
            betas: Vec::new(),
            connection: Connection::default(),
        }
    }

    /// The codec of Anthropic's own API.
    #[must_use]
    pub fn codec() -> MessagesCodec {
        MessagesCodec::new(ID, Host::Anthropic)
    }
}

/// A provider that is being configured. Nothing is checked before [`build`](Self::build).
///
/// ```
/// # use meanwhile_anthropic::Anthropic;
/// # use meanwhile_core::Model;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [{"type": "text", "text": "Hello."}], "stop_reason": "end_turn", "usage": {"input_tokens": 9, "output_tokens": 2}}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// // A gateway in front of Anthropic, and a feature that is in beta.
/// let anthropic = Anthropic::builder()
///     .base_url(base_url)
///     .api_key("not-a-real-key")
///     .beta("context-1m-2025-08-07")
///     .build()?;
/// let answer: String = Model::of(anthropic, "claude-sonnet-4-5").call("Say hello").await?;
/// assert_eq!(answer, "Hello.");
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    base_url: BaseUrl,
    betas: Vec<String>,
    connection: Connection,
}

impl Builder {
    /// Sends requests to another base URL, a proxy or a recording: the part before `/v1/messages`.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = BaseUrl::from(base_url);
        self
    }

    /// Asks for a beta feature with every request; may be called several times.
    /// See <https://docs.anthropic.com/en/api/beta-headers>.
    pub fn beta(mut self, name: impl Into<String>) -> Self {
        self.betas.push(name.into());
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

    /// Makes what the provider offers beside answers, all in one: its models, batches, and counts of
    /// tokens. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn api(self) -> Result<AnthropicApi> {
        Ok(AnthropicApi::new(&self.connect()?))
    }

    /// Makes the list of models. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn models(self) -> Result<Arc<dyn ListModels>> {
        Ok(Arc::new(self.api()?))
    }

    /// Makes the batches. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn batches(self) -> Result<Arc<dyn Batches>> {
        Ok(Arc::new(self.api()?))
    }

    fn connect(self) -> Result<HttpProvider<MessagesCodec>> {
        // Some clients count `/v1` to the base URL, and share the variable that holds it.
        let base_url = self.base_url.as_ref().trim().trim_end_matches('/');
        let base_url = base_url.strip_suffix("/v1").unwrap_or(base_url);
        let endpoint = Endpoint::new(base_url)?;
        let auth = self
            .connection
            .auth(|key| Auth::header("x-api-key", key), || Secret::from_env(KEY_VARIABLES))?;
        let codec = Anthropic::codec().with_betas(self.betas);
        let provider = self.connection.provider(ID, codec, endpoint, auth)?;
        Ok(provider.with_capabilities(MessagesCodec::capabilities))
    }
}
