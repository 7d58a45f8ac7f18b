//! [`SigV4`]: signs each request with an access key, as AWS wants it.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_http::Authorize;

use crate::{AwsCredentials, CredentialsSource};

/// The name of the service in signatures.
const SERVICE: &str = "bedrock";

/// Credentials that expire sooner than this are asked for again.
const MARGIN: Duration = Duration::from_secs(300);

/// Signs requests with Signature Version 4.
///
/// The signature covers the method, the URL, the content type and the body. See
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>.
///
/// ```
/// # use meanwhile_bedrock::{AwsCredentials, SigV4};
/// # use meanwhile_http::Authorize as _;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let signer = SigV4::new("eu-central-1", AwsCredentials::new("AKIDEXAMPLE", "s3cret"));
/// let url = "https://bedrock-runtime.eu-central-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse";
/// let mut request = http::Request::post(url).body(bytes::Bytes::from("{}"))?;
/// signer.authorize(&mut request).await?;
/// let signature = request.headers()["authorization"].to_str()?;
/// assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
/// # Ok(()) }
/// ```
pub struct SigV4 {
    region: String,
    source: Box<dyn CredentialsSource>,
    kept: Mutex<Option<AwsCredentials>>,
}

impl SigV4 {
    /// Signs for a region, with what the source returns.
    #[must_use]
    pub fn new(region: impl Into<String>, source: impl CredentialsSource) -> Self {
        Self::boxed(region.into(), Box::new(source))
    }

    pub(crate) fn boxed(region: String, source: Box<dyn CredentialsSource>) -> Self {
        Self { region, source, kept: Mutex::new(None) }
    }

    async fn credentials(&self, now: SystemTime) -> Result<AwsCredentials> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) =
            kept.filter(|kept| kept.expires.is_some_and(|expires| expires > now + MARGIN))
        {
            return Ok(kept);
        }
        let new = self.source.credentials().await?;
        new.check()?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(new.clone());
        Ok(new)
    }
}

#[async_trait]
impl Authorize for SigV4 {
    async fn authorize(&self, request: &mut Request<Bytes>) -> Result<()> {
        let now = SystemTime::now();
        let credentials = self.credentials(now).await?;
        sign_request(request, &credentials, &self.region, now)
    }
}

impl fmt::Debug for SigV4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigV4")
            .field("region", &self.region)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

fn sign_request(
    request: &mut Request<Bytes>,
    credentials: &AwsCredentials,
    region: &str,
    now: SystemTime,
) -> Result<()> {
    let token = credentials.session_token.as_ref().map(|token| token.expose().to_owned());
    let identity = Credentials::new(
        &credentials.access_key_id,
        credentials.secret_access_key.expose(),
        token,
        None,
        "meanwhile",
    )
    .into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(failed)?
        .into();
    // Proxies change other headers.
    let headers = request.headers().iter().filter_map(|(name, value)| {
        let covered = name == http::header::CONTENT_TYPE || name.as_str().starts_with("x-amz");
        covered.then(|| Some((name.as_str(), value.to_str().ok()?))).flatten()
    });
    let uri = request.uri().to_string();
    let body = SignableBody::Bytes(request.body());
    let signable =
        SignableRequest::new(request.method().as_str(), &uri, headers, body).map_err(failed)?;
    let (instructions, _) = sign(signable, &params).map_err(failed)?.into_parts();
    let (added, _) = instructions.into_parts();
    for header in added {
        let name = HeaderName::from_bytes(header.name().as_bytes()).map_err(failed)?;
        let mut value = HeaderValue::from_str(header.value()).map_err(failed)?;
        let is_public = name == "x-amz-date" || name == "x-amz-content-sha256";
        value.set_sensitive(!is_public);
        request.headers_mut().insert(name, value);
    }
    Ok(())
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let message = "the request cannot be signed; check the region and the AWS credentials";
    Error::new(ErrorKind::Config, message).with_source(source)
}
