//! [`OpenAiCompatible`]: from a base URL, a key and quirks to a provider.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use meanwhile_core::{AnyProvider, Capabilities, Result};
use meanwhile_http::{Api, Auth, BaseUrl, Codec, Connection, Endpoint, HttpProvider, Secret};

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
            key: Key::None,
            connection: Connection::default(),
            quirks: Quirks::new(),
            for_model: |_, quirks| quirks,
            path: None,
            capabilities: None,
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
    key: Key,
    connection: Connection,
    pub(crate) quirks: Quirks,
    for_model: fn(&str, Quirks) -> Quirks,
    path: Option<String>,
    capabilities: Option<ByModel>,
}

/// Where the key is looked for when none is given.
#[derive(Debug)]
enum Key {
    None,
    Needed(&'static [&'static str]),
    Optional(&'static [&'static str]),
}

impl Builder {
    /// Sends this key as `authorization: Bearer KEY`.
    pub fn api_key(mut self, key: impl Into<Secret>) -> Self {
        self.connection.set_api_key(key);
        self
    }

    /// Sends the key that one of these environment variables holds, where none is given; there must be one.
    pub fn api_key_from_env(mut self, variables: &'static [&'static str]) -> Self {
        self.key = Key::Needed(variables);
        self
    }

    /// Sends the key that one of these environment variables holds, where none is given, or no key.
    pub fn optional_api_key_from_env(mut self, variables: &'static [&'static str]) -> Self {
        self.key = Key::Optional(variables);
        self
    }

    /// Proves in another way who sends the requests.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.connection.set_auth(auth);
        self
    }

    /// What was said about the way to the host, for builders of hosts that hold this one.
    pub fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
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

    meanwhile_http::connection_methods!(self => &mut self.connection);

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
        let endpoint = Endpoint::new(&self.base_url)?;
        let auth = self.connection.auth_or(Auth::bearer, || match self.key {
            Key::None => Ok(Auth::none()),
            Key::Needed(variables) => Auth::bearer(Secret::from_env(variables)?),
            Key::Optional(variables) => match Secret::from_env(variables) {
                Ok(key) => Auth::bearer(key),
                Err(_) => Ok(Auth::none()),
            },
        })?;
        let capabilities = self.capabilities.unwrap_or_else(|| Arc::new(capabilities));
        let provider = self.connection.provider(self.id, codec, endpoint, auth)?;
        Ok(provider.with_capabilities(move |model| capabilities(model)))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("id", &self.id)
            .field("base_url", &self.base_url)
            .field("key", &self.key)
            .field("connection", &self.connection)
            .field("quirks", &self.quirks)
            .finish_non_exhaustive()
    }
}
