//! [`Bedrock`]: from the environment or code to a provider.

use std::sync::Arc;

use meanwhile_core::{AnyProvider, Capabilities, Embedder, Error, ErrorKind, ProviderInfo, Result};
use meanwhile_http::{Auth, BaseUrl, Codec, Connection, Endpoint, HttpProvider, Secret};

use crate::models::Model;
#[cfg(feature = "sigv4")]
use crate::{AwsCredentials, CredentialsSource, SigV4, profile::Profile};
use crate::{BedrockApi, BedrockCodec};

pub(crate) const ID: &str = "bedrock";
const KEY_VARIABLES: &[&str] = &["AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID"];

/// Bedrock, to be registered: its id, its key variables, and how to connect.
pub const PROVIDER: ProviderInfo =
    ProviderInfo::new(ID, KEY_VARIABLES, || Bedrock::builder().build())
        .with_embedder(|| Bedrock::builder().embedder());

/// Amazon Bedrock.
///
/// ```
/// use meanwhile_bedrock::Bedrock;
/// use meanwhile_core::Provider as _;
///
/// let bedrock = Bedrock::builder().region("eu-central-1").api_key("not-a-real-key").build()?;
/// assert_eq!(bedrock.id(), "bedrock");
/// assert!(bedrock.capabilities("anthropic.claude-sonnet-4-5-20250929-v1:0").tools);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Bedrock;

impl Bedrock {
    /// Begins a provider with what the environment says: the region (`AWS_REGION`,
    /// `AWS_DEFAULT_REGION`, the profile), the address (`AWS_ENDPOINT_URL_BEDROCK_RUNTIME`) and the
    /// credential: `AWS_BEARER_TOKEN_BEDROCK`, or else an access key (`AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`), or else that of the profile `AWS_PROFILE`.
    pub fn builder() -> Builder {
        Builder {
            region: None,
            base_url: None,
            credential: Credential::Environment,
            #[cfg(feature = "sigv4")]
            profile: None,
            connection: Connection::default(),
        }
    }
}

/// A provider that is being configured. Nothing is checked before [`build`](Self::build).
///
/// ```
/// # use meanwhile_bedrock::Bedrock;
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
/// #     let body = r#"{"output": {"message": {"role": "assistant", "content": [{"text": "Hello."}]}}, "stopReason": "end_turn", "usage": {"inputTokens": 9, "outputTokens": 2, "totalTokens": 11}}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// // An endpoint within a network of your own.
/// let bedrock = Bedrock::builder()
///     .region("eu-central-1")
///     .base_url(base_url)
///     .api_key("not-a-real-key")
///     .build()?;
/// let answer: String = Model::of(bedrock, "amazon.nova-lite-v1:0").call("Say hello").await?;
/// assert_eq!(answer, "Hello.");
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    region: Option<String>,
    base_url: Option<BaseUrl>,
    credential: Credential,
    #[cfg(feature = "sigv4")]
    profile: Option<String>,
    connection: Connection,
}

#[derive(Debug)]
enum Credential {
    Environment,
    Key(Secret),
    Auth(Auth),
    #[cfg(feature = "sigv4")]
    Source(Box<dyn CredentialsSource>),
}

impl Builder {
    /// Uses this region instead of that of the environment.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Sends this API key of Bedrock as a bearer token.
    pub fn api_key(mut self, key: impl Into<Secret>) -> Self {
        self.credential = Credential::Key(key.into());
        self
    }

    /// Proves in another way who sends the requests.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.credential = Credential::Auth(auth);
        self
    }

    /// Signs requests with this access key, or with what a source returns when it is needed.
    #[cfg(feature = "sigv4")]
    pub fn credentials(mut self, source: impl CredentialsSource) -> Self {
        self.credential = Credential::Source(Box::new(source));
        self
    }

    /// Takes region and access key from this profile of the shared files of AWS instead of the
    /// environment.
    #[cfg(feature = "sigv4")]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// Sends requests to another base URL, a proxy or a recording.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(BaseUrl::from(base_url));
        self
    }

    meanwhile_http::connection_methods!(self => &mut self.connection);

    /// Makes the provider. Does no network I/O; may read the shared files of AWS.
    ///
    /// # Errors
    ///
    /// [`MissingCredential`](ErrorKind::MissingCredential) when there is no credential;
    /// [`Config`](ErrorKind::Config) when there is no region, or the base URL, the key or a header
    /// cannot be used.
    pub fn build(self) -> Result<AnyProvider> {
        Ok(self.connect(BedrockCodec::default(), BedrockCodec::capabilities)?.into())
    }

    /// Makes what Bedrock offers beside answers. Does no network I/O; may read the shared files of AWS.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn api(self) -> Result<BedrockApi> {
        let provider = self.connect(BedrockCodec::default(), BedrockCodec::capabilities)?;
        Ok(BedrockApi { api: provider.api() })
    }

    /// Makes the embedder. Does no network I/O; may read the shared files of AWS.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn embedder(self) -> Result<Arc<dyn Embedder>> {
        Ok(Arc::new(self.api()?))
    }

    /// Makes a provider that speaks another wire of the service than Converse, such as
    /// [`InvokeCodec`](crate::InvokeCodec). Does no network I/O; may read the shared files of AWS.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_with(self, codec: impl Codec) -> Result<AnyProvider> {
        Ok(self.connect(codec, |model| Model::of(model).capabilities())?.into())
    }

    fn connect<C: Codec>(
        self,
        codec: C,
        capabilities: fn(&str) -> Capabilities,
    ) -> Result<HttpProvider<C>> {
        let region = self.find_region();
        let base_url = match (&self.base_url, &region) {
            (Some(base_url), _) => base_url.as_ref().to_owned(),
            (None, region) => match (variable("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"), region) {
                (Some(base_url), _) => base_url,
                (None, Some(region)) => regional(region)?,
                (None, None) => return Err(no_region()),
            },
        };
        let endpoint = Endpoint::new(&base_url)?;
        let auth = self.credential.auth(
            region,
            #[cfg(feature = "sigv4")]
            self.profile.as_deref(),
        )?;
        let provider = self.connection.provider(ID, codec, endpoint, auth)?;
        Ok(provider.with_capabilities(capabilities))
    }

    fn find_region(&self) -> Option<String> {
        let given = self.region.as_ref().map(|region| region.trim().to_owned());
        let given = given.filter(|region| !region.is_empty());
        #[cfg(feature = "sigv4")]
        let given = match &self.profile {
            // A profile that was asked for by name counts over the environment.
            Some(name) => given.or_else(|| Profile::load(Some(name)).region()),
            None => given,
        };
        let found =
            given.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
        #[cfg(feature = "sigv4")]
        let found = found.or_else(|| Profile::load(None).region());
        found
    }
}

impl Credential {
    fn auth(
        self,
        region: Option<String>,
        #[cfg(feature = "sigv4")] profile: Option<&str>,
    ) -> Result<Auth> {
        match self {
            Self::Key(key) => Auth::bearer(key),
            Self::Auth(auth) => Ok(auth),
            #[cfg(feature = "sigv4")]
            Self::Source(source) => {
                Ok(Auth::hook(SigV4::boxed(region.ok_or_else(no_region)?, source)))
            }
            #[cfg(feature = "sigv4")]
            Self::Environment => {
                if profile.is_none() {
                    if let Ok(key) = Secret::from_env(&["AWS_BEARER_TOKEN_BEDROCK"]) {
                        return Auth::bearer(key);
                    }
                    if variable("AWS_ACCESS_KEY_ID").is_some() {
                        let credentials = AwsCredentials::from_env()?;
                        return Ok(Auth::hook(SigV4::new(
                            region.ok_or_else(no_region)?,
                            credentials,
                        )));
                    }
                }
                let credentials = Profile::load(profile).credentials()?;
                Ok(Auth::hook(SigV4::new(region.ok_or_else(no_region)?, credentials)))
            }
            #[cfg(not(feature = "sigv4"))]
            Self::Environment => {
                let _ = region;
                Auth::bearer(Secret::from_env(&["AWS_BEARER_TOKEN_BEDROCK"])?)
            }
        }
    }
}

/// The address of the service in a region.
fn regional(region: &str) -> Result<String> {
    let is_legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !region.chars().all(is_legal) {
        let message = format!("`{region}` is not an AWS region; write it like us-east-1");
        return Err(Error::new(ErrorKind::Config, message));
    }
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(format!("https://bedrock-runtime.{region}.{domain}"))
}

fn no_region() -> Error {
    let message = "no AWS region was given; set `AWS_REGION` or pass a region to the provider";
    Error::new(ErrorKind::Config, message)
}

pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
