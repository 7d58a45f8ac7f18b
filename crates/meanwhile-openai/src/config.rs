//! [`OpenAi`]: from the environment or code to a provider.

use meanwhile_core::{AnyProvider, ProviderInfo, Result};

use meanwhile_openai_compatible::{Builder as Dialect, OpenAiCompatible};

use crate::codec::{Api, ID, OpenAiCodec};
use crate::models;

const RESPONSES_ID: &str = "openai-responses";
const BASE_URL: &str = "https://api.openai.com/v1";
const KEY_VARIABLES: &[&str] = &["OPENAI_API_KEY"];

/// OpenAI, to be registered: its id, its key variable, and how to connect.
pub const PROVIDER: ProviderInfo =
    ProviderInfo::new(ID, KEY_VARIABLES, || OpenAi::builder().build())
        .with_embedder(|| OpenAi::builder().embedder())
        .with_models(|| OpenAi::builder().models())
        .with_batches(|| OpenAi::builder().batches())
        .with_moderator(|| OpenAi::builder().moderator())
        .with_speech(|| OpenAi::builder().speech())
        .with_transcriber(|| OpenAi::builder().transcriber())
        .with_images(|| OpenAi::builder().images());

/// OpenAI with every model asked on the Responses wire, to be registered.
pub const RESPONSES_PROVIDER: ProviderInfo =
    ProviderInfo::new(RESPONSES_ID, KEY_VARIABLES, || OpenAi::responses_builder().build());

/// Both, to be registered.
pub const PROVIDERS: &[ProviderInfo] = &[PROVIDER, RESPONSES_PROVIDER];

/// OpenAI's own API.
///
/// ```
/// use meanwhile_core::Provider as _;
/// use meanwhile_openai::OpenAi;
///
/// let openai = OpenAi::builder().api_key("not-a-real-key").build()?;
/// assert_eq!(openai.id(), "openai");
/// assert!(openai.capabilities("gpt-4o").images);
/// // Every model on the other wire, as a provider of its own.
/// let responses = OpenAi::responses_builder().api_key("not-a-real-key").build()?;
/// assert_eq!(responses.id(), "openai-responses");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenAi;

impl OpenAi {
    /// Begins a provider with what the environment says: `OPENAI_API_KEY`, `OPENAI_BASE_URL`,
    /// `OPENAI_ORG_ID`, `OPENAI_PROJECT_ID`.
    pub fn builder() -> Builder {
        Self::begin(ID, Api::ByModel)
    }

    /// Begins a provider called `openai-responses`, which asks every model on the Responses wire.
    pub fn responses_builder() -> Builder {
        Self::begin(RESPONSES_ID, Api::Responses)
    }

    fn begin(id: &'static str, api: Api) -> Builder {
        let base_url = variable("OPENAI_BASE_URL").unwrap_or_else(|| BASE_URL.to_owned());
        let dialect = OpenAiCompatible::builder(id, base_url).api_key_from_env(KEY_VARIABLES);
        Builder {
            dialect,
            api,
            organization: variable("OPENAI_ORG_ID"),
            project: variable("OPENAI_PROJECT_ID"),
        }
    }
}

/// A provider that is being configured. Nothing is checked before [`build`](Self::build).
///
/// ```
/// # use meanwhile_core::Model;
/// # use meanwhile_openai::OpenAi;
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
/// // A gateway in front of OpenAI.
/// let openai = OpenAi::builder()
///     .base_url(base_url)
///     .api_key("not-a-real-key")
///     .project("proj_1")
///     .header("x-team", "search")
///     .build()?;
/// let answer: String = Model::of(openai, "gpt-4o-mini").call("Say hello").await?;
/// assert_eq!(answer, "Hello.");
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    dialect: Dialect,
    api: Api,
    organization: Option<String>,
    project: Option<String>,
}

impl Builder {
    /// Sends requests to another base URL, a proxy or a recording.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.dialect = self.dialect.base_url(base_url);
        self
    }

    /// Asks every model on this wire.
    pub fn api(mut self, api: Api) -> Self {
        self.api = api;
        self
    }

    /// Asks every model on the Responses wire.
    pub fn responses(self) -> Self {
        self.api(Api::Responses)
    }

    /// Bills this organisation.
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.organization = Some(id.into());
        self
    }

    /// Bills this project.
    pub fn project(mut self, id: impl Into<String>) -> Self {
        self.project = Some(id.into());
        self
    }

    meanwhile_http::credential_methods!(self => self.dialect.connection_mut());
    meanwhile_http::connection_methods!(self => self.dialect.connection_mut());

    /// Makes the provider. Does no network I/O.
    ///
    /// # Errors
    ///
    /// [`MissingCredential`](meanwhile_core::ErrorKind::MissingCredential) when there is no key;
    /// [`Config`](meanwhile_core::ErrorKind::Config) when the base URL, the key or a header
    /// cannot be used.
    pub fn build(self) -> Result<AnyProvider> {
        let codec = OpenAiCodec::new(self.api);
        let router = codec.clone();
        self.into_dialect().build_with(codec, move |model| {
            let (api, model) = router.route(model);
            models::capabilities(model, api == Api::Responses)
        })
    }
}

impl Builder {
    /// What the dialect needs to know of it.
    pub(crate) fn into_dialect(self) -> Dialect {
        let Self { mut dialect, organization, project, .. } = self;
        for (name, value) in [("openai-organization", organization), ("openai-project", project)] {
            if let Some(value) = value {
                dialect = dialect.header(name, value);
            }
        }
        dialect
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
