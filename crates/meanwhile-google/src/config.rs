//! [`Google`]: from the environment or code to a provider of Google AI Studio.

use std::sync::Arc;

use meanwhile_core::{AnyProvider, Batches, Embedder, ListModels, ProviderInfo, Result};
use meanwhile_http::{Auth, BaseUrl, Connection, Endpoint, HttpProvider, Secret};

use crate::codec::{GEMINI, GOOGLE};
use crate::models::Model;
use crate::{GenerateContentCodec, GoogleApi};

const BASE_URL: &str = "https://generativelanguage.googleapis.com/v1beta";
const KEY_VARIABLES: &[&str] = &["GEMINI_API_KEY", "GOOGLE_API_KEY"];

/// Google AI Studio, to be registered: its id, its key variables, and how to connect.
pub const PROVIDER: ProviderInfo = introduce(GOOGLE);

/// The same under the name of its models: `gemini/gemini-2.5-flash`.
pub const GEMINI_PROVIDER: ProviderInfo = introduce(GEMINI);

const fn introduce(id: &'static str) -> ProviderInfo {
    ProviderInfo::new(id, KEY_VARIABLES, || Google::builder().build())
        .with_embedder(|| Google::builder().embedder())
        .with_models(|| Google::builder().models())
        .with_batches(|| Google::builder().batches())
}

/// Google AI Studio, which serves the Gemini API.
///
/// ```
/// use meanwhile_core::Model;
/// use meanwhile_google::Google;
///
/// let google = Google::builder().api_key("not-a-real-key").build()?;
/// let model = Model::of(google, "gemini-2.5-flash");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Google;

impl Google {
    /// Begins a provider with what the environment says: `GEMINI_API_KEY` or `GOOGLE_API_KEY`, and
    /// `GOOGLE_GEMINI_BASE_URL`.
    pub fn builder() -> Builder {
        let base_url = variable(&["GOOGLE_GEMINI_BASE_URL"]);
        let base_url =
            base_url.map_or_else(|| BASE_URL.to_owned(), |url| versioned(url, "/v1beta"));
        Builder { base_url: base_url.into(), connection: Connection::default() }
    }
}

/// A provider of Google AI Studio that is being configured. Nothing is checked before
/// [`build`](Self::build).
///
/// ```
/// # use meanwhile_core::Model;
/// # use meanwhile_google::Google;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello."}]}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 2}}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// // A gateway in front of Google.
/// let google = Google::builder().base_url(base_url).api_key("not-a-real-key").build()?;
/// let answer: String = Model::of(google, "gemini-2.5-flash").call("Say hello").await?;
/// assert_eq!(answer, "Hello.");
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    base_url: BaseUrl,
    connection: Connection,
}

impl Builder {
    /// Sends requests to another base URL, the part in front of `/models`.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = BaseUrl::from(base_url);
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

    /// Makes what Google offers beside answers, all in one: embeddings, models, batches, and counts of
    /// tokens. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn api(self) -> Result<GoogleApi> {
        self.connect().map(|provider| api(&provider))
    }

    /// Makes the embedder. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn embedder(self) -> Result<Arc<dyn Embedder>> {
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

    /// Makes the batches. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn batches(self) -> Result<Arc<dyn Batches>> {
        Ok(Arc::new(self.api()?))
    }

    fn connect(self) -> Result<Connected> {
        let endpoint = Endpoint::new(&self.base_url)?;
        let auth = self
            .connection
            .auth(|key| Auth::header("x-goog-api-key", key), || Secret::from_env(KEY_VARIABLES))?;
        let codec = GenerateContentCodec::ai_studio();
        Ok(known(self.connection.provider(GOOGLE, codec, endpoint, auth)?))
    }
}

pub(crate) type Connected = HttpProvider<GenerateContentCodec>;

/// What Google offers beside answers, by the means of a provider.
pub(crate) fn api(provider: &Connected) -> GoogleApi {
    GoogleApi { api: provider.api(), codec: provider.codec().clone() }
}

/// Tells a provider what is known of the models.
pub(crate) fn known(provider: Connected) -> Connected {
    provider.with_capabilities(|model| Model::of(model).capabilities())
}

/// The first of the variables that is set and not blank.
pub(crate) fn variable(names: &[&str]) -> Option<String> {
    let mut values = names.iter().filter_map(|name| std::env::var(name).ok());
    let value = values.find(|value| !value.trim().is_empty())?;
    Some(value.trim().to_owned())
}

/// Google's own tools take base URLs without the version, so one without a path gets it.
pub(crate) fn versioned(url: String, version: &str) -> String {
    let host = url.split_once("://").map_or(&*url, |(_, host)| host).trim_end_matches('/');
    if host.contains('/') { url } else { url.trim_end_matches('/').to_owned() + version }
}
