//! [`fetch`]: an access token, for a signed assertion, a refresh token or from the metadata server.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Uri};
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_http::{Client, Secret};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::codec::percent_encode;
use crate::error;

const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const METADATA_HOST: &str = "metadata.google.internal";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// How long an assertion is valid, the most that Google allows.
const ASSERTION: Duration = Duration::from_secs(3600);

/// Longest wait for a token. Off Google Cloud, the metadata server never answers.
const PATIENCE: Duration = Duration::from_secs(20);

/// Most bytes of an answer that are read.
const LIMIT: usize = 64 << 10;

/// An access token, ready to be sent.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) header: HeaderValue,
    pub(crate) expires: Instant,
}

/// What a token is given for.
pub(crate) enum Source {
    ServiceAccount { email: String, key: Box<RsaKeyPair>, key_id: Option<String>, token_uri: Uri },
    User { client_id: String, client_secret: Secret, refresh_token: Secret, token_uri: Uri },
    Metadata { host: Option<String> },
}

impl Source {
    /// Reads the private key of a service account, in PEM.
    pub(crate) fn service_account(
        email: String,
        key: &Secret,
        key_id: Option<String>,
        token_uri: Uri,
    ) -> Result<Self> {
        let der = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).ok();
        let key = der.and_then(|der| match der {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
            _ => None,
        });
        let key = key.ok_or_else(|| {
            let message = "the private key in the credentials file is no RSA key in PEM; download the file again";
            Error::new(ErrorKind::Config, message)
        })?;
        Ok(Self::ServiceAccount { email, key: Box::new(key), key_id, token_uri })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceAccount { email, .. } => write!(f, "service account {email}"),
            Self::User { .. } => f.write_str("authorised user"),
            Self::Metadata { .. } => f.write_str("metadata server"),
        }
    }
}

/// Reads the address of the token endpoint; without one, Google's.
pub(crate) fn uri(text: Option<&str>) -> Result<Uri> {
    let uri = text.unwrap_or(TOKEN_URI).parse::<Uri>().ok();
    uri.filter(|uri| uri.scheme().is_some() && uri.host().is_some()).ok_or_else(|| {
        let message = "the field `token_uri` of the credentials file is not a URL";
        Error::new(ErrorKind::Config, message)
    })
}

/// Fetches a token. Dropping the future cancels the request.
pub(crate) async fn fetch(source: &Source, client: &Client) -> Result<Token> {
    let fetched = tokio::time::timeout(PATIENCE, exchange(source, client)).await;
    let fetched = fetched.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Connection, "the token endpoint does not answer; try again"))
    });
    fetched.map_err(|error| match source {
        // Whoever has no other credentials ends up here, wherever the program runs.
        Source::Metadata { .. }
            if matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout(_)) =>
        {
            let message = "no Google credentials were found; set the environment variable `GOOGLE_APPLICATION_CREDENTIALS`, run `gcloud auth application-default login`, or run on Google Cloud";
            Error::new(ErrorKind::MissingCredential, message).with_source(error)
        }
        _ => error,
    })
}

async fn exchange(source: &Source, client: &Client) -> Result<Token> {
    let asked = Instant::now();
    let response = client.send(request(source)?).await?;
    let (head, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    while bytes.len() < LIMIT
        && let Some(chunk) = body.chunk().await
    {
        bytes.extend_from_slice(&chunk?);
    }
    if !head.status.is_success() {
        let refused = error::of_status(head.status, &head.headers, &bytes);
        // A refresh token that is expired or revoked is a matter for the user.
        let kind = match refused.kind() {
            ErrorKind::InvalidRequest => ErrorKind::Authentication,
            kind => kind,
        };
        let message = format!("the {source} was given no access token: {}", refused.message());
        let mut error = Error::new(kind, message).with_status(head.status.as_u16());
        if let Some(code) = refused.code() {
            error = error.with_code(code);
        }
        if let Some(wait) = refused.retry_after() {
            error = error.with_retry_after(wait);
        }
        return Err(error);
    }

    #[derive(Deserialize)]
    struct Answer {
        access_token: String,
        expires_in: Option<u64>,
    }
    // The error's own text may quote the answer.
    let answer: Answer = serde_json::from_slice(&bytes).map_err(|_| {
        Error::new(ErrorKind::Decode, "the token endpoint answered without an access token")
    })?;
    let header = Secret::new(answer.access_token).header_value("Bearer ")?;
    let lives = Duration::from_secs(answer.expires_in.unwrap_or(3600).min(86_400));
    Ok(Token { header, expires: asked + lives })
}

/// Writes the request for a token.
fn request(source: &Source) -> Result<Request<Bytes>> {
    let (uri, form) = match source {
        Source::Metadata { host } => {
            let host = host.as_deref().unwrap_or(METADATA_HOST);
            let uri =
                format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
            let uri = uri.parse::<Uri>().map_err(|_| {
                let message = "the environment variable `GCE_METADATA_HOST` is not a host";
                Error::new(ErrorKind::Config, message)
            })?;
            let mut request = Request::new(Bytes::new());
            *request.uri_mut() = uri;
            let google = HeaderValue::from_static("Google");
            request.headers_mut().insert("metadata-flavor", google);
            return Ok(request);
        }
        Source::User { client_id, client_secret, refresh_token, token_uri } => {
            let form = [
                ("grant_type", "refresh_token"),
                ("client_id", client_id),
                ("client_secret", client_secret.expose()),
                ("refresh_token", refresh_token.expose()),
            ];
            (token_uri, encode(&form))
        }
        Source::ServiceAccount { email, key, key_id, token_uri } => {
            let assertion = assertion(email, key, key_id.as_deref(), token_uri)?;
            let form = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", &*assertion),
            ];
            (token_uri, encode(&form))
        }
    };
    let mut request = Request::new(Bytes::from(form));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, form);
    Ok(request)
}

/// Signs who asks for what. See <https://developers.google.com/identity/protocols/oauth2/service-account>.
fn assertion(email: &str, key: &RsaKeyPair, key_id: Option<&str>, uri: &Uri) -> Result<String> {
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let (Some(fields), Some(id)) = (header.as_object_mut(), key_id) {
        fields.insert("kid".to_owned(), id.into());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let claims = json!({
        "iss": email,
        "scope": SCOPE,
        "aud": uri.to_string(),
        "iat": now.as_secs(),
        "exp": (now + ASSERTION).as_secs(),
    });
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| Error::new(ErrorKind::Config, "the private key cannot sign"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Writes a form as browsers do.
fn encode(pairs: &[(&str, &str)]) -> String {
    let mut form = String::new();
    for (name, value) in pairs {
        if !form.is_empty() {
            form.push('&');
        }
        form.push_str(name);
        form.push('=');
        percent_encode(value, &mut form);
    }
    form
}
