//! [`ClientCredentials`]: an application of Microsoft Entra ID, as access tokens that are renewed before
//! they expire.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_http::lenient::{Number, Str, record};
use meanwhile_http::redact::{self, Redactor};
use meanwhile_http::{Authorize, Client, Secret};
use tokio::sync::Mutex;
use tokio::time::Instant;

const AUTHORITY: &str = "https://login.microsoftonline.com";
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";

/// A token is renewed this long before it expires, so that none expires on its way.
const MARGIN: Duration = Duration::from_secs(300);

/// Longest wait for a token.
const PATIENCE: Duration = Duration::from_secs(30);

/// Most bytes of an answer that are read.
const LIMIT: usize = 64 << 10;

/// Seconds that a token lives where its answer does not say.
const HOUR: u64 = 60 * 60;

/// Most seconds that a token is believed to live.
const DAY: u64 = 24 * HOUR;

record! {
    /// What the authority answers. AD FS and older authorities write the seconds as text.
    struct Answer<'a> {
        access_token: Str<'a>,
        expires_in: Number,
        error: Str<'a>,
        error_description: Str<'a>,
    }
}

/// An application with a secret, by the
/// [client credentials flow](https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
///
/// Clones share the token, which is fetched on first use and renewed before it expires; while one
/// request fetches it, the others wait for the same. Must be used inside a tokio runtime.
///
/// ```
/// use meanwhile_azure::{Azure, ClientCredentials};
/// use meanwhile_core::Provider as _;
/// use meanwhile_http::Auth;
///
/// let application = ClientCredentials::new("my-tenant", "my-application", "s3cret");
/// assert_eq!(format!("{application:?}"), "ClientCredentials(my-application of my-tenant)");
/// let azure = Azure::builder()
///     .endpoint("https://my-resource.openai.azure.com")
///     .auth(Auth::hook(application))
///     .build()?;
/// assert_eq!(azure.id(), "azure");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Clone)]
pub struct ClientCredentials {
    tenant: String,
    client_id: String,
    secret: Secret,
    authority: String,
    scope: String,
    client: Option<Client>,
    token: Arc<Mutex<Option<Token>>>,
}

struct Token {
    header: HeaderValue,
    expires: Instant,
}

impl ClientCredentials {
    /// Names an application of a tenant.
    #[must_use]
    pub fn new(
        tenant: impl Into<String>,
        client_id: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> Self {
        Self {
            tenant: tenant.into(),
            client_id: client_id.into(),
            secret: secret.into(),
            authority: AUTHORITY.to_owned(),
            scope: SCOPE.to_owned(),
            client: None,
            token: Arc::default(),
        }
    }

    /// Takes the application from `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`.
    ///
    /// # Errors
    ///
    /// [`MissingCredential`](ErrorKind::MissingCredential) when one of them is not set.
    pub fn from_env() -> Result<Self> {
        let read = |name: &str| Secret::from_env(&[name]);
        let tenant = read("AZURE_TENANT_ID")?;
        let client_id = read("AZURE_CLIENT_ID")?;
        Ok(Self::new(tenant.expose(), client_id.expose(), read("AZURE_CLIENT_SECRET")?))
    }

    /// Asks another authority, such as that of a national cloud.
    #[must_use]
    pub fn with_authority(mut self, url: impl Into<String>) -> Self {
        self.authority = url.into();
        self
    }

    /// Asks for tokens of another scope.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// Fetches tokens with another client than the shared one.
    #[must_use]
    pub fn with_http_client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// The header with a token that is still good.
    async fn header(&self) -> Result<HeaderValue> {
        let mut token = self.token.lock().await;
        if let Some(token) = token.as_ref().filter(|token| Instant::now() + MARGIN < token.expires)
        {
            return Ok(token.header.clone());
        }
        let fetched = tokio::time::timeout(PATIENCE, self.fetch()).await;
        let fetched = fetched.unwrap_or_else(|_| {
            let message = "Microsoft Entra ID does not answer; try again";
            Err(Error::new(ErrorKind::Connection, message))
        })?;
        let header = fetched.header.clone();
        *token = Some(fetched);
        Ok(header)
    }

    async fn fetch(&self) -> Result<Token> {
        let asked = Instant::now();
        let client = self.client.clone().map_or_else(Client::shared, Ok)?;
        let (head, mut body) = client.send(self.request()?).await?.into_parts();
        let mut bytes = Vec::new();
        while bytes.len() < LIMIT
            && let Some(chunk) = body.chunk().await
        {
            bytes.extend_from_slice(&chunk?);
        }
        let answer: Answer<'_> = serde_json::from_slice(&bytes).unwrap_or_default();
        match answer.access_token.given() {
            Some(token) if head.status.is_success() => {
                let header = Secret::new(token).header_value("Bearer ")?;
                let lives = Duration::from_secs(answer.expires_in.0.unwrap_or(HOUR).min(DAY));
                Ok(Token { header, expires: asked + lives })
            }
            _ => Err(self.refused(head.status, &answer, &bytes)),
        }
    }

    /// Why there is no token. What may hold one is never shown.
    fn refused(&self, status: StatusCode, answer: &Answer<'_>, body: &[u8]) -> Error {
        let kind = match status.as_u16() {
            400 | 401 | 200 => ErrorKind::Authentication,
            _ => meanwhile_http::status::kind(status),
        };
        let said = match (answer.error_description.given(), answer.error.given()) {
            // The rest are ids and the time.
            (Some(description), _) => description.lines().next().unwrap_or_default().to_owned(),
            (None, Some(error)) => error.to_owned(),
            (None, None) if status.is_success() || answer.access_token.given().is_some() => {
                "its answer holds none that can be read".to_owned()
            }
            (None, None) => redact::shown(body),
        };
        let message = format!(
            "Microsoft Entra ID gave no token for application `{}`: {said}",
            self.client_id
        );
        let mut secrets = Redactor::new();
        secrets.add(self.secret.expose().as_bytes());
        Error::new(kind, secrets.text(&message)).with_status(status.as_u16())
    }

    fn request(&self) -> Result<Request<Bytes>> {
        let authority = self.authority.trim_end_matches('/');
        let url = format!("{authority}/{}/oauth2/v2.0/token", self.tenant);
        let url: Uri = url.parse().map_err(|_| {
            let message = "the authority and the tenant make no URL; check both";
            Error::new(ErrorKind::Config, message)
        })?;
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("client_secret", self.secret.expose()),
            ("scope", &self.scope),
        ];
        let form: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", crate::codec::segment(value)))
            .collect();
        let mut request = Request::new(Bytes::from(form.join("&")));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url;
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        Ok(request)
    }
}

#[async_trait]
impl Authorize for ClientCredentials {
    async fn authorize(&self, request: &mut Request<Bytes>) -> Result<()> {
        let header = self.header().await?;
        request.headers_mut().insert(AUTHORIZATION, header);
        Ok(())
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCredentials({} of {})", self.client_id, self.tenant)
    }
}
