//! [`Azure`]: from the environment or code to a provider.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request};
use meanwhile_core::{
    AnyProvider, Batches, Embedder, Error, ErrorKind, ListModels, ProviderInfo, Result,
};
use meanwhile_http::{
    Auth, Authorize, BaseUrl, Client, Connection, Endpoint, HttpProvider, Secret,
};
use meanwhile_openai_compatible::ModelsApi;

use crate::batches::AzureBatches;
use crate::modality::AzureEmbedder;
use crate::{Api, AzureCodec, ClientCredentials, Surface};

pub(crate) const ID: &str = "azure";
const ENDPOINT_VARIABLES: [&str; 3] =
    ["AZURE_OPENAI_ENDPOINT", "AZURE_AI_CHAT_ENDPOINT", "AZURE_AI_ENDPOINT"];
const VERSION_VARIABLES: [&str; 2] = ["AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"];
const KEY_VARIABLES: &[&str] =
    &["AZURE_OPENAI_API_KEY", "AZURE_API_KEY", "AZURE_AI_CHAT_KEY", "AZURE_INFERENCE_CREDENTIAL"];

const TOKEN_VARIABLE: &str = "AZURE_OPENAI_AD_TOKEN";

/// The API version of model inference, where none is given.
const MODELS_VERSION: &str = "2024-05-01-preview";

/// Azure, to be registered: its id, its key variables, and how to connect.
pub const PROVIDER: ProviderInfo =
    ProviderInfo::new(ID, KEY_VARIABLES, || Azure::builder().build())
        .with_embedder(|| Azure::builder().embedder())
        .with_models(|| Azure::builder().models())
        .with_batches(|| Azure::builder().batches());

/// The models that one Azure resource serves.
///
/// ```
/// use meanwhile_azure::Azure;
/// use meanwhile_core::Provider as _;
///
/// let azure = Azure::builder()
///     .endpoint("https://my-resource.openai.azure.com")
///     .api_key("not-a-real-key")
///     .build()?;
/// assert_eq!(azure.id(), "azure");
/// assert!(azure.capabilities("gpt-4o").tools);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Azure;

impl Azure {
    /// Begins a provider with what the environment says: the endpoint in `AZURE_OPENAI_ENDPOINT`,
    /// `AZURE_AI_CHAT_ENDPOINT` or `AZURE_AI_ENDPOINT`; the API version, if any, in
    /// `AZURE_OPENAI_API_VERSION` or `OPENAI_API_VERSION`; the key in `AZURE_OPENAI_API_KEY`,
    /// `AZURE_API_KEY`, `AZURE_AI_CHAT_KEY` or `AZURE_INFERENCE_CREDENTIAL`. Without a key, a token of
    /// Microsoft Entra ID in `AZURE_OPENAI_AD_TOKEN`, or an application, as
    /// [`ClientCredentials::from_env`].
    pub fn builder() -> Builder {
        Builder {
            endpoint: variable(&ENDPOINT_VARIABLES).map(BaseUrl::from),
            version: variable(&VERSION_VARIABLES),
            surface: None,
            api: Api::ByModel,
            deployments: Vec::new(),
            connection: Connection::default(),
        }
    }
}

/// A provider that is being configured. Nothing is checked before [`build`](Self::build). Other credentials than
/// a key, such as [`ClientCredentials`] or a hook that gives tokens of a managed identity, go into `auth`.
///
/// ```
/// # use meanwhile_azure::Azure;
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
/// #     let body = r#"{"id": "1", "model": "gpt-4o-mini", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello."}}]}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// // A deployment whose name does not tell which model it is of.
/// let azure = Azure::builder()
///     .endpoint(base_url)
///     .api_key("not-a-real-key")
///     .deployment("support", "gpt-4o-mini")
///     .build()?;
/// let answer: String = Model::of(azure, "support").call("Say hello").await?;
/// assert_eq!(answer, "Hello.");
/// # Ok(()) }
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    endpoint: Option<BaseUrl>,
    version: Option<String>,
    surface: Option<Surface>,
    api: Api,
    deployments: Vec<(String, String)>,
    connection: Connection,
}

impl Builder {
    /// Sends requests to this resource, such as `https://NAME.openai.azure.com` or
    /// `https://NAME.services.ai.azure.com`. A path that ends with `/models` chooses model inference.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(BaseUrl::from(url));
        self
    }

    /// Uses the paths of deployments with this `api-version`, instead of those of version 1.
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Uses these paths, whatever endpoint and API version say.
    pub fn surface(mut self, surface: Surface) -> Self {
        self.surface = Some(surface);
        self
    }

    /// Asks every model that is not Anthropic's on this wire of OpenAI's.
    pub fn api(mut self, api: Api) -> Self {
        self.api = api;
        self
    }

    /// Asks every model that is not Anthropic's on the Responses wire.
    pub fn responses(self) -> Self {
        self.api(Api::Responses)
    }

    /// Says which model a deployment is of, where its name does not begin with that of the model.
    /// Which settings a request may carry depends on it.
    pub fn deployment(mut self, name: impl Into<String>, model: impl Into<String>) -> Self {
        self.deployments.push((name.into(), model.into()));
        self
    }

    meanwhile_http::credential_methods!(self => &mut self.connection);
    meanwhile_http::connection_methods!(self => &mut self.connection);

    /// Makes the provider. Does no network I/O.
    ///
    /// # Errors
    ///
    /// [`MissingCredential`](ErrorKind::MissingCredential) when there is neither a key nor an
    /// application; [`Config`](ErrorKind::Config) when there is no endpoint, or when it, the key or
    /// a header cannot be used.
    pub fn build(self) -> Result<AnyProvider> {
        self.provider().map(Into::into)
    }

    /// Makes the embedder of the resource; the model of a request is the name of a deployment. Does
    /// no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn embedder(self) -> Result<Arc<dyn Embedder>> {
        let provider = self.provider()?;
        Ok(Arc::new(AzureEmbedder { api: provider.api(), codec: provider.codec().clone() }))
    }

    /// Makes the [list of models](https://learn.microsoft.com/rest/api/azureopenai/models/list) that the
    /// resource can use. They are models, not deployments: a request names a deployment, and those
    /// are listed by Azure Resource Manager alone, which takes other credentials. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn models(self) -> Result<Arc<dyn ListModels>> {
        Ok(Arc::new(ModelsApi::new(self.connect(true)?.api())))
    }

    /// Makes the [batches](https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch) of the
    /// resource. The model of a request is the name of a deployment of the type `GlobalBatch` or
    /// `DataZoneBatch`, asked on Chat Completions; all requests of a batch name the same. Making a batch
    /// waits until the service has taken its file in, for up to 10 minutes; what is dropped before
    /// leaves a file and no batch. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn batches(self) -> Result<Arc<dyn Batches>> {
        let provider = self.connect(true)?;
        Ok(Arc::new(AzureBatches::new(provider.api(), provider.codec().clone())))
    }

    fn provider(self) -> Result<HttpProvider<AzureCodec>> {
        self.connect(false)
    }

    /// Makes the provider, below what files and lists have in common or at the resource.
    fn connect(self, common: bool) -> Result<HttpProvider<AzureCodec>> {
        let Some(given) = self.endpoint else {
            let message = "no Azure endpoint was found; set the environment variable `AZURE_OPENAI_ENDPOINT` or pass one to the provider";
            return Err(Error::new(ErrorKind::Config, message));
        };
        let (base, found) = split(given.as_ref(), self.version);
        let surface = match self.surface.unwrap_or(found) {
            // Model inference has neither files nor a list of its own.
            Surface::Models(_) if common => Surface::V1,
            surface => surface,
        };
        let mut codec = AzureCodec::new(surface).with_api(self.api);
        for (name, model) in self.deployments {
            codec = codec.with_deployment(name, model);
        }
        let endpoint = match common {
            true => Endpoint::new(format!("{base}{}", codec.common()))?,
            false => Endpoint::new(base)?,
        };
        let auth = self.connection.auth_or(
            |key| Ok(Auth::hook(ApiKey::new(&key)?)),
            || from_env(self.connection.client()),
        )?;
        let known = codec.clone();
        let provider = self.connection.provider(ID, codec, endpoint, auth)?;
        Ok(provider.with_capabilities(move |deployment| known.capabilities(deployment)))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("endpoint", &self.endpoint)
            .field("surface", &self.surface)
            .field("api", &self.api)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// The credential that the environment holds: a key, a token, or an application.
fn from_env(client: Option<&Client>) -> Result<Auth> {
    let missing = match Secret::from_env(KEY_VARIABLES) {
        Ok(key) => return Ok(Auth::hook(ApiKey::new(&key)?)),
        Err(missing) => missing,
    };
    if let Ok(token) = Secret::from_env(&[TOKEN_VARIABLE]) {
        return Auth::bearer(token);
    }
    match ClientCredentials::from_env() {
        Ok(application) => Ok(Auth::hook(match client {
            Some(client) => application.with_http_client(client.clone()),
            None => application,
        })),
        Err(_) => Err(missing),
    }
}

/// Splits an endpoint into the resource and the paths that it and the API version ask for.
fn split(given: &str, version: Option<String>) -> (&str, Surface) {
    // Portals show endpoints with paths and queries of single operations.
    let url = given.trim().split(['?', '#']).next().unwrap_or_default();
    let start = url.find("://").map_or(0, |at| at + 3);
    let path = url.get(start..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| start + at);
    let (host, path) = url.split_at_checked(path).unwrap_or((url, ""));
    let path = path.trim_end_matches('/');
    let known = ["/models", "/openai", "/anthropic"];
    let found = known.iter().filter_map(|name| {
        let at = path.find(name)?;
        let rest = path.get(at + name.len()..)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((at, *name, rest))
    });
    let Some((at, name, rest)) = found.min() else {
        let base = url.trim_end_matches('/');
        return (base, version.map_or(Surface::V1, Surface::Deployments));
    };
    let base = url.get(..host.len() + at).unwrap_or(url);
    let surface = match (name, version) {
        ("/models", version) => {
            Surface::Models(version.unwrap_or_else(|| MODELS_VERSION.to_owned()))
        }
        // Version 1 takes no other.
        ("/openai", _) if rest.starts_with("/v1") => Surface::V1,
        (_, Some(version)) => Surface::Deployments(version),
        (_, None) => Surface::V1,
    };
    (base, surface)
}

/// A key of the resource, in the header that each wire looks for it in.
struct ApiKey(HeaderValue);

impl ApiKey {
    fn new(key: &Secret) -> Result<Self> {
        key.header_value("").map(Self)
    }
}

#[async_trait]
impl Authorize for ApiKey {
    async fn authorize(&self, request: &mut Request<Bytes>) -> Result<()> {
        let is_message = request.uri().path().contains("/anthropic/");
        let name = if is_message { "x-api-key" } else { "api-key" };
        request.headers_mut().insert(name, self.0.clone());
        Ok(())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("api-key")
    }
}

fn variable(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let text = std::env::var(name).ok()?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    })
}
