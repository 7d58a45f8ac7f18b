//! [`Credentials`]: who asks Vertex AI, as access tokens that are renewed before they expire.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_http::{Authorize, Client, Secret};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::variable;
use crate::token::{self, Source, Token};

const FILE_VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

/// A token is renewed this long before it expires, so that none expires on its way.
const MARGIN: Duration = Duration::from_secs(225);

/// Google credentials: a service account, a user of gcloud, or the metadata server of Google Cloud.
///
/// Clones share the token, which is fetched on first use and renewed before it expires; while one
/// request fetches it, the others wait for the same. See
/// <https://cloud.google.com/docs/authentication/application-default-credentials>.
///
/// ```
/// use meanwhile_core::{ErrorKind, Provider as _};
/// use meanwhile_google::{Credentials, Vertex};
///
/// // What `gcloud auth application-default login` writes to a file.
/// let credentials = Credentials::from_json(
///     r#"{"type": "authorized_user", "client_id": "me", "client_secret": "s3cret", "refresh_token": "t0ken"}"#,
/// )?;
/// assert!(!format!("{credentials:?}").contains("s3cret"));
/// let vertex = Vertex::builder().project("my-project").credentials(credentials).build()?;
/// assert_eq!(vertex.id(), "vertex");
/// let error = Credentials::from_json(r#"{"type": "service_account"}"#).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Config);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Credentials {
    source: Arc<Source>,
    token: Arc<Mutex<Option<Token>>>,
    project: Option<String>,
    quota_project: Option<HeaderValue>,
    client: Option<Client>,
}

/// A file of credentials, of any of its kinds.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    r#type: String,
    project_id: Option<String>,
    quota_project_id: Option<String>,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
    token_uri: Option<String>,
}

impl Credentials {
    /// Finds the credentials that Google's own libraries would: the file that
    /// `GOOGLE_APPLICATION_CREDENTIALS` names, that of `gcloud auth application-default login`, or
    /// else the metadata server, which is first asked when a token is needed.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when there is a file that cannot be used.
    pub fn from_env() -> Result<Self> {
        if let Some(path) = variable(&[FILE_VARIABLE]) {
            return Self::from_file(path);
        }
        match gcloud_file() {
            Some(path) if path.exists() => Self::from_file(path),
            _ => Ok(Self::metadata_server()),
        }
    }

    /// Reads a file of credentials.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when the file cannot be read or used.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| {
            let message = format!("the credentials file `{}` cannot be read", path.display());
            Error::new(ErrorKind::Config, message).with_source(source)
        })?;
        Self::from_json(&text)
    }

    /// Reads the text of a file of credentials: a service account or an authorised user.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when it is of another type, lacks a field or holds a key that
    /// cannot be used. The message shows none of it.
    pub fn from_json(json: &str) -> Result<Self> {
        let config = |message: String| Error::new(ErrorKind::Config, message);
        // The error's own text may quote the file.
        let file: File = serde_json::from_str(json)
            .map_err(|_| config("the credentials file is no JSON of credentials".to_owned()))?;
        let need = |name: &str, field: Option<String>| {
            let field = field.filter(|field| !field.is_empty());
            field.ok_or_else(|| config(format!("the credentials file lacks the field `{name}`")))
        };
        let token_uri = token::uri(file.token_uri.as_deref())?;
        let source = match file.r#type.as_str() {
            "service_account" => {
                let email = need("client_email", file.client_email)?;
                let key = Secret::new(need("private_key", file.private_key)?);
                Source::service_account(email, &key, file.private_key_id, token_uri)?
            }
            "authorized_user" => Source::User {
                client_id: need("client_id", file.client_id)?,
                client_secret: Secret::new(need("client_secret", file.client_secret)?),
                refresh_token: Secret::new(need("refresh_token", file.refresh_token)?),
                token_uri,
            },
            kind @ ("external_account" | "external_account_authorized_user") => {
                let message = format!(
                    "credentials of type `{kind}` (workload or workforce identity federation) are not exchanged here; pass the output of `gcloud auth print-access-token` to the provider as an access token, or use a service account"
                );
                return Err(config(message));
            }
            kind @ "impersonated_service_account" => {
                let message = format!(
                    "credentials of type `{kind}` are not exchanged here; pass the output of `gcloud auth print-access-token --impersonate-service-account=ACCOUNT` to the provider as an access token"
                );
                return Err(config(message));
            }
            other => {
                let message = format!(
                    "credentials of type `{other}` are not supported; use a service account or an authorised user, or pass an access token to the provider"
                );
                return Err(config(message));
            }
        };
        let mut credentials = Self::new(source);
        let quota = file.quota_project_id.as_deref();
        credentials.quota_project = quota.and_then(|id| HeaderValue::from_str(id).ok());
        credentials.project = file.project_id.or(file.quota_project_id);
        Ok(credentials)
    }

    /// Asks the metadata server, which answers on machines of Google Cloud for the account that they
    /// run as.
    #[must_use]
    pub fn metadata_server() -> Self {
        Self::new(Source::Metadata { host: variable(&["GCE_METADATA_HOST"]) })
    }

    /// The project that the credentials belong to, where they say.
    #[must_use]
    pub fn project(&self) -> Option<&str> {
        self.project.as_deref()
    }

    /// Fetches tokens with another client than the shared one.
    #[must_use]
    pub fn with_http_client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    fn new(source: Source) -> Self {
        Self {
            source: Arc::new(source),
            token: Arc::default(),
            project: None,
            quota_project: None,
            client: None,
        }
    }

    /// The header of a token that is good for a while.
    async fn header(&self) -> Result<HeaderValue> {
        // Held while a token is fetched: the others wait for it. A fetch that is dropped lets go.
        let mut known = self.token.lock().await;
        let now = Instant::now();
        if let Some(token) = known.as_ref().filter(|token| now + MARGIN < token.expires) {
            return Ok(token.header.clone());
        }
        let client = self.client.clone().map_or_else(Client::shared, Ok)?;
        match token::fetch(&self.source, &client).await {
            Ok(token) => {
                let header = token.header.clone();
                *known = Some(token);
                Ok(header)
            }
            Err(error) => match known.as_ref().filter(|token| now < token.expires) {
                // Good for this request still; the next one tries again.
                Some(token) => Ok(token.header.clone()),
                None => Err(error),
            },
        }
    }
}

#[async_trait]
impl Authorize for Credentials {
    async fn authorize(&self, request: &mut Request<Bytes>) -> Result<()> {
        let header = self.header().await?;
        request.headers_mut().insert(AUTHORIZATION, header);
        if let Some(project) = &self.quota_project {
            request.headers_mut().insert("x-goog-user-project", project.clone());
        }
        Ok(())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.source)
    }
}

/// Where `gcloud auth application-default login` puts its file.
fn gcloud_file() -> Option<PathBuf> {
    const NAME: &str = "application_default_credentials.json";
    if let Some(folder) = variable(&["CLOUDSDK_CONFIG"]) {
        return Some(Path::new(&folder).join(NAME));
    }
    let folder = if cfg!(windows) {
        PathBuf::from(variable(&["APPDATA"])?)
    } else {
        PathBuf::from(variable(&["HOME"])?).join(".config")
    };
    Some(folder.join("gcloud").join(NAME))
}
