//! [`AwsCredentials`] and [`CredentialsSource`]: the access keys that requests are signed with.

use std::fmt;
use std::time::SystemTime;

use async_trait::async_trait;
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_http::Secret;

/// An access key of AWS. `Debug` shows neither the secret nor the token.
///
/// ```
/// use meanwhile_bedrock::{AwsCredentials, Bedrock};
/// use meanwhile_core::Provider as _;
///
/// let credentials = AwsCredentials::new("AKIDEXAMPLE", "s3cret").with_session_token("t0ken");
/// let shown = format!("{credentials:?}");
/// assert!(shown.contains("AKIDEXAMPLE") && !shown.contains("s3cret") && !shown.contains("t0ken"));
/// let bedrock = Bedrock::builder().region("eu-central-1").credentials(credentials).build()?;
/// assert_eq!(bedrock.id(), "bedrock");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AwsCredentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Secret,
    pub(crate) session_token: Option<Secret>,
    pub(crate) expires: Option<SystemTime>,
}

impl AwsCredentials {
    /// Makes credentials that stay valid.
    #[must_use]
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<Secret>) -> Self {
        Self {
            access_key_id: access_key_id.into().trim().to_owned(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
            expires: None,
        }
    }

    /// Adds the token of a session.
    #[must_use]
    pub fn with_session_token(mut self, token: impl Into<Secret>) -> Self {
        self.session_token = Some(token.into());
        self
    }

    /// Says until when they are valid. A [`CredentialsSource`] is asked again shortly before.
    #[must_use]
    pub fn with_expiry(mut self, expires: SystemTime) -> Self {
        self.expires = Some(expires);
        self
    }

    /// Reads `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingCredential`] when one of the first two is not set.
    pub fn from_env() -> Result<Self> {
        let id = Secret::from_env(&["AWS_ACCESS_KEY_ID"])?;
        let secret = Secret::from_env(&["AWS_SECRET_ACCESS_KEY"])?;
        let credentials = Self::new(id.expose(), secret);
        Ok(match Secret::from_env(&["AWS_SESSION_TOKEN"]) {
            Ok(token) => credentials.with_session_token(token),
            Err(_) => credentials,
        })
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.access_key_id.is_empty() || self.secret_access_key.is_empty() {
            let message = "the AWS access key is empty; set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` or pass credentials to the provider";
            return Err(Error::new(ErrorKind::MissingCredential, message));
        }
        Ok(())
    }
}

/// Where credentials come from that expire: a role, a container, single sign-on.
///
/// The SDK of AWS finds them in every way there is; with `aws-config`, a source is a few lines:
///
/// ```text
/// async fn credentials(&self) -> Result<AwsCredentials> {
///     let found = self.0.provide_credentials().await.map_err(|source| {
///         Error::new(ErrorKind::MissingCredential, "AWS has no credentials").with_source(source)
///     })?;
///     let mut out = AwsCredentials::new(found.access_key_id(), found.secret_access_key());
///     if let Some(token) = found.session_token() {
///         out = out.with_session_token(token);
///     }
///     if let Some(expires) = found.expiry() {
///         out = out.with_expiry(expires);
///     }
///     Ok(out)
/// }
/// ```
#[async_trait]
pub trait CredentialsSource: fmt::Debug + Send + Sync + 'static {
    /// Returns credentials that are valid now.
    ///
    /// Called before a request when none are known or those that are expire within five minutes;
    /// requests that are sent at the same time may each call it. Dropping the future cancels the
    /// request.
    ///
    /// # Errors
    ///
    /// When there are none; the request is not sent then.
    async fn credentials(&self) -> Result<AwsCredentials>;
}

#[async_trait]
impl CredentialsSource for AwsCredentials {
    async fn credentials(&self) -> Result<AwsCredentials> {
        Ok(self.clone())
    }
}
