//! [`Mistral`]: from the environment or code to a provider.

use meanwhile_core::{AnyProvider, Effort, ErrorKind, ProviderInfo, Result};

use meanwhile_openai_compatible::{
    AudioInput, Builder as Dialect, ChatCodec, Documents, OpenAiCompatible, Quirks, ReplayThinking,
    StructuredOutput, TextLists,
};

use crate::{ID, models};

const BASE_URL: &str = "https://api.mistral.ai/v1";
const BASE_URL_VARIABLE: &str = "MISTRAL_BASE_URL";
const KEY_VARIABLES: &[&str] = &["MISTRAL_API_KEY"];

/// Mistral, to be registered: its id, its key variable, and how to connect.
pub const PROVIDER: ProviderInfo =
    ProviderInfo::new(ID, KEY_VARIABLES, || Mistral::builder().build())
        .with_embedder(|| Mistral::builder().embedder())
        .with_models(|| Mistral::builder().models())
        .with_batches(|| Mistral::builder().batches())
        .with_moderator(|| Mistral::builder().moderator())
        .with_speech(|| Mistral::builder().speech())
        .with_transcriber(|| Mistral::builder().transcriber());

/// How Mistral departs from the common dialect.
pub(crate) const QUIRKS: Quirks = {
    let mut quirks = Quirks::new();
    quirks.text_lists = TextLists::All;
    quirks.seed_field = "random_seed";
    quirks.required_tool_choice = Some("any");
    quirks.structured_output = StructuredOutput::Strict;
    // Streams report their counters on their own.
    quirks.stream_options = false;
    quirks.efforts =
        &[Effort::None, Effort::Minimal, Effort::Low, Effort::Medium, Effort::High, Effort::XHigh];
    quirks.replay_thinking = ReplayThinking::Content;
    quirks.audio = AudioInput::Text;
    quirks.documents = Documents::Url;
    quirks.tool_result_parts = true;
    quirks.answer_prefix = Some("prefix");
    quirks.short_tool_call_ids = true;
    quirks.unsupported = &["top_k", "logprobs", "user", "name"];
    quirks.error_codes = &[
        ("1300", ErrorKind::RateLimit),
        ("1500", ErrorKind::ModelNotFound),
        ("3505", ErrorKind::RateLimit),
        ("rate_limited", ErrorKind::RateLimit),
        ("service_tier_capacity_exceeded", ErrorKind::RateLimit),
        ("invalid_model", ErrorKind::ModelNotFound),
        ("internal_server_error", ErrorKind::Server),
    ];
    quirks
};

/// The codec of Mistral's chat API, for hosts that serve the same wire elsewhere.
#[must_use]
pub fn codec() -> ChatCodec {
    ChatCodec::new(ID, QUIRKS).with_model_quirks(models::quirks)
}

/// Mistral's own API.
///
/// ```
/// use meanwhile_core::Provider as _;
/// use meanwhile_mistral::Mistral;
///
/// let mistral = Mistral::builder().api_key("not-a-real-key").build()?;
/// assert_eq!(mistral.id(), "mistral");
/// assert!(mistral.capabilities("mistral-small-latest").tools);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Mistral;

impl Mistral {
    /// Begins a provider with what the environment says: `MISTRAL_API_KEY`, `MISTRAL_BASE_URL`.
    pub fn builder() -> Builder {
        let set = std::env::var(BASE_URL_VARIABLE).ok().map(|url| url.trim().to_owned());
        let base_url = set.filter(|url| !url.is_empty()).unwrap_or_else(|| BASE_URL.to_owned());
        let dialect = OpenAiCompatible::builder(ID, base_url)
            .quirks(QUIRKS)
            .model_quirks(models::quirks)
            .capabilities(models::capabilities)
            .api_key_from_env(KEY_VARIABLES);
        Builder { dialect }
    }

    /// Begins a provider of [agents](https://docs.mistral.ai/api/endpoint/agents) that are stored at
    /// Mistral: what stands for the model is then the agent's id.
    pub fn agents() -> Builder {
        let mut quirks = QUIRKS;
        quirks.model_field = "agent_id";
        let Builder { dialect } = Self::builder();
        let dialect = dialect.quirks(quirks).model_quirks(|_, quirks| quirks);
        Builder { dialect: dialect.path("/agents/completions") }
    }
}

/// A provider that is being configured. Nothing is checked before [`build`](Self::build).
///
/// ```
/// # use meanwhile_core::Model;
/// # use meanwhile_mistral::Mistral;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"id": "1", "model": "mistral-small-latest", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello."}}], "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let mistral = Mistral::builder().base_url(base_url).api_key("not-a-real-key").build()?;
/// let answer: String = Model::of(mistral, "mistral-small-latest").call("Say hello").await?;
/// assert_eq!(answer, "Hello.");
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    dialect: Dialect,
}

impl Builder {
    /// Sends requests to another base URL, a proxy or a recording.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.dialect = self.dialect.base_url(base_url);
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
        self.dialect.build()
    }

    /// What the dialect needs to know of it.
    pub(crate) fn into_dialect(self) -> Dialect {
        self.dialect
    }
}
