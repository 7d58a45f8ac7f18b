//! [`OpenAiCompatible`]: from a base URL, a key and quirks to a provider.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use meanwhile_core::{AnyProvider, Capabilities, Result, Timeouts};
use meanwhile_http::{Api, Auth, BaseUrl, Client, Codec, Endpoint, Headers, HttpProvider, Secret};

use crate::{ChatCodec, Quirks};

/// Any host that speaks the Chat Completions dialect.
///
/// ```
/// use meanwhile_openai_compatible::OpenAiCompatible;
///
/// let acme = OpenAiCompatible::builder("acme", "https://api.acme.example/v1")
///     .api_key("not-a-real-key")
///     .build()?;
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenAiCompatible;

impl OpenAiCompatible {
    /// Begins a provider called `id` at `base_url`, the part of the URL before `/chat/completions`.
    pub fn builder(id: impl Into<Cow<'static, str>>, base_url: impl Into<String>) -> Builder {
        Builder {
            id: id.into(),
            base_url: BaseUrl::from(base_url),
            auth: Credential::None,
            headers: Headers::default(),
            quirks: Quirks::new(),
            for_model: |_, quirks| quirks,
            path: None,
            capabilities: None,
            client: None,
            timeouts: Timeouts::default(),
            frame_limit: None,
        }
    }
}

/// What is known about each model.
type ByModel = Arc<dyn Fn(&str) -> Capabilities + Send + Sync>;

/// A provider that is being configured. Nothing is checked before [`build`](Self::build).
///
/// ```
/// # use meanwhile_core::{Capabilities, Model, Provider as _};
/// # use meanwhile_openai_compatible::OpenAiCompatible;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"id": "1", "model": "large", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello."}}]}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let acme = OpenAiCompatible::builder("acme", base_url)
///     .api_key("not-a-real-key")
///     .capabilities(|_| Capabilities::text())
///     .build()?;
/// assert!(acme.capabilities("large").tools);
/// let answer: String = Model::of(acme, "large").call("Say hello").await?;
/// assert_eq!(answer, "Hello.");
/// # Ok(()) }
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    id: Cow<'static, str>,
    base_url: BaseUrl,
    auth: Credential,
    headers: Headers,
    pub(crate) quirks: Quirks,
    for_model: fn(&str, Quirks) -> Quirks,
    path: Option<String>,
    capabilities: Option<ByModel>,
    client: Option<Client>,
    timeouts: Timeouts,
    frame_limit: Option<usize>,
}

#[derive(Debug)]
enum Credential {
    None,
    Key(Secret),
    Auth(Auth),
    /// The first environment variable that holds a key, and whether there must be one.
    Variables(&'static [&'static str], bool),
}

impl Builder {
    /// Sends this key as `authorization: Bearer KEY`.
    pub fn api_key(mut self, key: impl Into<Secret>) -> Self {
        self.auth = Credential::Key(key.into());
        self
    }

    /// Sends the key that one of these environment variables holds; there must be one.
    pub fn api_key_from_env(mut self, variables: &'static [&'static str]) -> Self {
        self.auth = Credential::Variables(variables, true);
        self
    }

    /// Sends the key that one of these environment variables holds, or none.
    pub fn optional_api_key_from_env(mut self, variables: &'static [&'static str]) -> Self {
        self.auth = Credential::Variables(variables, false);
        self
    }

    /// Proves in another way who sends the requests.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = Credential::Auth(auth);
        self
    }

    /// Sends requests to another base URL.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = BaseUrl::from(base_url);
        self
    }

    /// Posts to another path below the base URL; the default is `/chat/completions`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Adds a header to every request.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.add(name, value);
        self
    }

    /// Adds a header that is never printed to every request.
    pub fn secret_header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.headers.add_secret(name, value);
        self
    }

    /// Sets how the host departs from the dialect.
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// Adjusts the quirks for each model.
    pub fn model_quirks(mut self, adjust: fn(&str, Quirks) -> Quirks) -> Self {
        self.for_model = adjust;
        self
    }

    /// Sets what is known about each model; without it, what follows from the quirks.
    pub fn capabilities(
        mut self,
        capabilities: impl Fn(&str) -> Capabilities + Send + Sync + 'static,
    ) -> Self {
        self.capabilities = Some(Arc::new(capabilities));
        self
    }

    /// Sends requests through another HTTP client than the shared one.
    pub fn http_client(mut self, client: Client) -> Self {
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
    /// [`MissingCredential`](meanwhile_core::ErrorKind::MissingCredential) when a key is needed
    /// and not found; [`Config`](meanwhile_core::ErrorKind::Config) when the base URL, the key or
    /// a header cannot be used.
    pub fn build(self) -> Result<AnyProvider> {
        self.provider().map(Into::into)
    }

    /// Makes the provider, as [`build`](Self::build) does, with its means still in reach.
    pub(crate) fn provider(self) -> Result<HttpProvider<ChatCodec>> {
        let mut codec = ChatCodec::new(&*self.id, self.quirks).with_model_quirks(self.for_model);
        if let Some(path) = &self.path {
            codec = codec.with_path(path.as_str());
        }
        let known = codec.clone();
        self.http(codec, move |model| known.quirks(model).capabilities())
    }

    /// Makes the means of the host alone, for requests that are no chat. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn api(self) -> Result<Api> {
        Ok(self.provider()?.api())
    }

    /// Makes a provider of another wire, with the key, the headers and the client of this one. What
    /// is set about quirks and the path counts for nothing then; `capabilities` is what is known
    /// about each model, where nothing else was set. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_with<C: Codec>(
        self,
        codec: C,
        capabilities: impl Fn(&str) -> Capabilities + Send + Sync + 'static,
    ) -> Result<AnyProvider> {
        self.http(codec, capabilities).map(Into::into)
    }

    fn http<C: Codec>(
        self,
        codec: C,
        capabilities: impl Fn(&str) -> Capabilities + Send + Sync + 'static,
    ) -> Result<HttpProvider<C>> {
        let endpoint = self.headers.add_to(Endpoint::new(&self.base_url)?)?;
        let auth = match self.auth {
            Credential::None => Auth::none(),
            Credential::Key(key) => Auth::bearer(key)?,
            Credential::Auth(auth) => auth,
            Credential::Variables(variables, true) => Auth::bearer(Secret::from_env(variables)?)?,
            Credential::Variables(variables, false) => match Secret::from_env(variables) {
                Ok(key) => Auth::bearer(key)?,
                Err(_) => Auth::none(),
            },
        };
        let capabilities = self.capabilities.unwrap_or_else(|| Arc::new(capabilities));
        let mut provider = HttpProvider::new(self.id, codec, endpoint)
            .with_auth(auth)
            .with_timeouts(self.timeouts)
            .with_capabilities(move |model| capabilities(model));
        if let Some(client) = self.client {
            provider = provider.with_client(client);
        }
        if let Some(bytes) = self.frame_limit {
            provider = provider.with_frame_limit(bytes);
        }
        Ok(provider)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("id", &self.id)
            .field("base_url", &self.base_url)
            .field("auth", &self.auth)
            .field("headers", &self.headers)
            .field("quirks", &self.quirks)
            .finish_non_exhaustive()
    }
}
