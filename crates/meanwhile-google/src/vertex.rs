//! [`Vertex`]: from the environment or code to a provider of Vertex AI.

use std::sync::Arc;

use meanwhile_core::{AnyProvider, Embedder, Error, ErrorKind, ListModels, ProviderInfo, Result};
use meanwhile_http::{Auth, BaseUrl, Connection, Endpoint, Secret};

use crate::codec::VERTEX;
use crate::config::{Connected, api, known, variable, versioned};
#[cfg(feature = "credentials")]
use crate::credentials::Credentials;
use crate::{GenerateContentCodec, GoogleApi};

const VERSION: &str = "/v1beta1";
const KEY_VARIABLES: &[&str] = &["GOOGLE_VERTEX_API_KEY"];
const PROJECT_VARIABLES: &[&str] = &["GOOGLE_CLOUD_PROJECT", "GOOGLE_VERTEX_PROJECT"];
const LOCATION_VARIABLES: &[&str] =
    &["GOOGLE_CLOUD_LOCATION", "GOOGLE_VERTEX_LOCATION", "GOOGLE_CLOUD_REGION"];

/// Vertex AI, to be registered: its id, its credential variables, and how to connect.
pub const VERTEX_PROVIDER: ProviderInfo =
    ProviderInfo::new(VERTEX, &["GOOGLE_VERTEX_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"], || {
        Vertex::builder().build()
    })
    .with_embedder(|| Vertex::builder().embedder())
    .with_models(|| Vertex::builder().models());

/// Vertex AI on Google Cloud. With feature `anthropic`, it also answers for Claude
/// (`vertex/claude-sonnet-4-5`), on Anthropic's wire; with feature `mistral`, for Mistral's models
/// (`vertex/mistral-medium-3`, `vertex/codestral-2`), on Mistral's.
///
/// ```
/// use meanwhile_core::Model;
/// use meanwhile_google::Vertex;
///
/// let vertex = Vertex::builder()
///     .project("my-project")
///     .location("europe-west4")
///     .access_token("not-a-real-token")
///     .build()?;
/// let model = Model::of(vertex, "gemini-2.5-pro");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Vertex;

impl Vertex {
    /// Begins a provider with what the environment says: `GOOGLE_CLOUD_PROJECT`,
    /// `GOOGLE_CLOUD_LOCATION` (without it, `global`), and the credential: the express-mode key in
    /// `GOOGLE_VERTEX_API_KEY`, or with feature `credentials` the file that
    /// `GOOGLE_APPLICATION_CREDENTIALS` names, that of `gcloud auth application-default login`, or
    /// the metadata server of Google Cloud.
    pub fn builder() -> VertexBuilder {
        VertexBuilder {
            project: None,
            location: None,
            base_url: None,
            credential: Credential::Environment,
            connection: Connection::default(),
        }
    }
}

/// A provider of Vertex AI that is being configured. Nothing is checked before
/// [`build`](Self::build).
///
/// ```
/// # use meanwhile_core::Model;
/// # use meanwhile_google::Vertex;
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
/// let vertex = Vertex::builder()
///     .project("my-project")
///     .location("europe-west4")
///     .base_url(base_url)
///     .access_token("not-a-real-token")
///     .build()?;
/// let answer: String = Model::of(vertex, "gemini-2.5-flash").call("Say hello").await?;
/// assert_eq!(answer, "Hello.");
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct VertexBuilder {
    project: Option<String>,
    location: Option<String>,
    base_url: Option<BaseUrl>,
    credential: Credential,
    connection: Connection,
}

#[derive(Debug)]
enum Credential {
    Environment,
    Key(Secret),
    Auth(Auth),
    Token(Secret),
    #[cfg(feature = "credentials")]
    Google(Credentials),
}

impl VertexBuilder {
    /// Bills this project and uses its quotas.
    pub fn project(mut self, project: impl Into<String>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Answers from this region, or from `global`, `us` or `eu`.
    pub fn location(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }

    /// Sends this key of express mode, which tells the project.
    pub fn api_key(mut self, key: impl Into<Secret>) -> Self {
        self.credential = Credential::Key(key.into());
        self
    }

    /// Sends this access token. It is not renewed.
    pub fn access_token(mut self, token: impl Into<Secret>) -> Self {
        self.credential = Credential::Token(token.into());
        self
    }

    /// Sends access tokens that these credentials give, renewed before they expire.
    #[cfg(feature = "credentials")]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credential = Credential::Google(credentials);
        self
    }

    /// Proves in another way who sends the requests.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.credential = Credential::Auth(auth);
        self
    }

    /// Sends requests to another base URL, the part in front of `/projects`.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(BaseUrl::from(base_url));
        self
    }

    meanwhile_http::connection_methods!(self => &mut self.connection);

    /// Makes the provider. Reads the file of the credentials, but does no network I/O.
    ///
    /// # Errors
    ///
    /// [`MissingCredential`](ErrorKind::MissingCredential) when there is no credential;
    /// [`Config`](ErrorKind::Config) when there is no project, or when the credential, the base
    /// URL or a header cannot be used.
    pub fn build(self) -> Result<AnyProvider> {
        let means = self.means()?;
        #[cfg(any(feature = "anthropic", feature = "mistral"))]
        if let Some(base_url) = means.place() {
            let endpoint = Endpoint::new(base_url)?;
            let Means { auth, connection, .. } = &means;
            let publishers = crate::publishers::Publishers::new(&endpoint, auth, connection)?;
            return Ok(publishers.beside(means.connect()?));
        }
        Ok(means.connect()?.into())
    }

    /// Makes what Vertex AI offers beside answers, all in one: embeddings, the list of Google's models, and
    /// counts of tokens. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn api(self) -> Result<GoogleApi> {
        Ok(api(&self.means()?.connect()?))
    }

    /// Makes the embedder. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn embedder(self) -> Result<Arc<dyn Embedder>> {
        Ok(Arc::new(self.api()?))
    }

    /// Makes the list of Google's models. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn models(self) -> Result<Arc<dyn ListModels>> {
        Ok(Arc::new(self.api()?))
    }

    fn means(self) -> Result<Means> {
        let Self { project, location, base_url, credential, connection } = self;
        let location = location.or_else(|| variable(LOCATION_VARIABLES));
        let location = location.unwrap_or_else(|| "global".to_owned());
        let credential = match credential {
            Credential::Environment => from_environment()?,
            other => other,
        };
        let express = matches!(credential, Credential::Key(_)) && project.is_none();
        let given = base_url.map(|url| url.as_ref().to_owned());
        let given = given
            .or_else(|| variable(&["GOOGLE_VERTEX_BASE_URL"]).map(|url| versioned(url, VERSION)));
        let base_url =
            given.unwrap_or_else(|| base_url_of(if express { "global" } else { &location }));
        let endpoint = Endpoint::new(&base_url)?;
        let project = project.or_else(|| variable(PROJECT_VARIABLES));
        let (auth, project) = match credential {
            Credential::Key(key) => {
                // Express-mode keys belong to a project and are refused beside another.
                (Auth::header("x-goog-api-key", key)?, project.filter(|_| !express))
            }
            Credential::Token(token) => (Auth::bearer(token)?, project),
            #[cfg(feature = "credentials")]
            Credential::Google(credentials) => {
                let project = project.or_else(|| credentials.project().map(str::to_owned));
                let credentials = match connection.client() {
                    Some(client) => credentials.with_http_client(client.clone()),
                    None => credentials,
                };
                (Auth::hook(credentials), project)
            }
            Credential::Auth(auth) => (auth, project),
            Credential::Environment => (Auth::none(), project),
        };
        if project.is_none() && !express {
            let message = "no project was found; set the environment variable `GOOGLE_CLOUD_PROJECT` or pass one to the provider";
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(Means { base_url, endpoint, auth, project, location, connection })
    }
}

/// What requests are sent by.
struct Means {
    #[cfg_attr(
        not(any(feature = "anthropic", feature = "mistral")),
        expect(dead_code, reason = "other publishers have paths of their own")
    )]
    base_url: String,
    endpoint: Endpoint,
    auth: Auth,
    /// `None` in express mode.
    project: Option<String>,
    location: String,
    connection: Connection,
}

impl Means {
    fn connect(self) -> Result<Connected> {
        let codec = match &self.project {
            Some(project) => GenerateContentCodec::vertex(project, &self.location),
            None => GenerateContentCodec::vertex_express(),
        };
        Ok(known(self.connection.provider(VERTEX, codec, self.endpoint, self.auth)?))
    }

    /// The address of the project and location.
    #[cfg(any(feature = "anthropic", feature = "mistral"))]
    fn place(&self) -> Option<String> {
        let base_url = self.base_url.trim_end_matches('/');
        let project = self.project.as_ref()?;
        Some(format!("{base_url}/projects/{project}/locations/{}", self.location))
    }
}

fn from_environment() -> Result<Credential> {
    if let Ok(key) = Secret::from_env(KEY_VARIABLES) {
        return Ok(Credential::Key(key));
    }
    #[cfg(feature = "credentials")]
    return Credentials::from_env().map(Credential::Google);
    #[cfg(not(feature = "credentials"))]
    Err(Error::new(
        ErrorKind::MissingCredential,
        "no API key was found; set the environment variable `GOOGLE_VERTEX_API_KEY`, pass an access token to the provider, or enable feature `credentials`",
    ))
}

/// See <https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations>.
fn base_url_of(location: &str) -> String {
    match location {
        "global" => format!("https://aiplatform.googleapis.com{VERSION}"),
        "us" | "eu" => format!("https://aiplatform.{location}.rep.googleapis.com{VERSION}"),
        region => format!("https://{region}-aiplatform.googleapis.com{VERSION}"),
    }
}
