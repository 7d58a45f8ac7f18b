//! [`Servers`]: where they are, which providers are asked there, and what the servers can do.

use anyhow::Result;
use meanwhile::provider::{anthropic, azure, google, mistral, openai};
use meanwhile::provider::{openai_compatible, openai_responses};
use meanwhile::{AnyProvider, Model, Params};

/// A key that no server knows.
const WRONG_KEY: &str = "not-the-key";

/// Where the servers are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Servers {
    /// The address of llama-server, such as `http://127.0.0.1:8080`
    #[arg(long)]
    pub(crate) llama_server: String,
    /// The address of the LiteLLM proxy
    #[arg(long)]
    pub(crate) litellm: String,
    /// The key of both
    #[arg(long)]
    pub(crate) key: String,
    /// The model that chats, at both
    #[arg(long, default_value = "chat")]
    pub(crate) chat: String,
    /// The model that calls tools, at both
    #[arg(long, default_value = "tools")]
    pub(crate) tools: String,
    /// The model that embeds, at both
    #[arg(long, default_value = "embed")]
    pub(crate) embed: String,
    /// What LiteLLM calls a model that answers with the error for too many requests
    #[arg(long, default_value = "busy")]
    pub(crate) busy: String,
}

/// What not every server can do on every wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serves {
    /// Counting the tokens of a streamed answer.
    StreamedUsage,
    /// Saying that an answer was cut at its limit.
    Cut,
    /// Calling tools.
    Tools,
    /// Holding an answer to a schema, so that it is known beforehand what it says.
    Forced,
    /// The same through the field that the wire has for it.
    Schema,
    /// Probabilities of tokens.
    Logprobs,
    /// Saying that it does not know a model.
    UnknownModel,
    /// Saying that a prompt is too long, and stopping when nobody listens.
    Limits,
}

use Serves::{Cut, Forced, Limits, Logprobs, Schema, StreamedUsage, Tools, UnknownModel};

/// One provider at one server.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) provider: AnyProvider,
    /// The same with a wrong key, where the server tells that.
    pub(crate) stranger: Option<AnyProvider>,
    chat: String,
    tools: String,
    serves: &'static [Serves],
}

impl Target {
    pub(crate) fn serves(&self, what: Serves) -> bool {
        self.serves.contains(&what)
    }

    /// The model that chats, always with the same words.
    pub(crate) fn chat(&self) -> Model {
        self.model(&self.chat)
    }

    /// The model that calls tools.
    pub(crate) fn tools(&self) -> Model {
        self.model(&self.tools)
    }

    fn model(&self, id: &str) -> Model {
        let params = Params { temperature: Some(0.0), max_tokens: Some(64), ..Params::default() };
        Model::of(self.provider.clone(), id).with_params(params)
    }
}

impl Servers {
    /// Every provider at every server that speaks its wire.
    pub(crate) fn targets(&self) -> Result<Vec<Target>> {
        let llama = self.llama_server.as_str();
        let llama_v1 = format!("{llama}/v1");
        let lite = self.litellm.as_str();
        let lite_v1 = format!("{lite}/v1");
        let direct = |name, serves, build: &dyn Fn(&str) -> meanwhile::Result<AnyProvider>| {
            let stranger = Some(build(WRONG_KEY)?);
            anyhow::Ok(self.target(name, build(&self.key)?, stranger, serves))
        };
        // Without a database, LiteLLM has no answer to a wrong key but that there is none.
        let proxied = |name, serves, provider: meanwhile::Result<AnyProvider>| {
            anyhow::Ok(self.target(name, provider?, None, serves))
        };
        let key = self.key.as_str();
        let chat = &[StreamedUsage, Cut, Tools, Forced, Schema, Logprobs, UnknownModel, Limits];
        let proxy = &[StreamedUsage, Cut, Tools, Forced, Schema, UnknownModel];
        let responses = &[StreamedUsage, Tools, UnknownModel, Limits];
        let messages = &[StreamedUsage, Cut, Tools, UnknownModel, Limits];
        Ok(vec![
            direct("llamacpp @ llama-server", chat, &|key| {
                let llamacpp = openai_compatible::presets::LLAMACPP.builder();
                llamacpp.base_url(&llama_v1).api_key(key).build()
            })?,
            direct("openai @ llama-server", chat, &|key| {
                openai::OpenAi::builder().base_url(&llama_v1).api_key(key).build()
            })?,
            // It counts a stream, and is made to call tools, by other words than Mistral's.
            direct(
                "mistral @ llama-server",
                &[Cut, Forced, Schema, UnknownModel, Limits],
                &|key| mistral::Mistral::builder().base_url(&llama_v1).api_key(key).build(),
            )?,
            // On this wire it takes no schema, and calls an answer complete that was cut.
            direct("openai-responses @ llama-server", responses, &|key| {
                openai::OpenAi::responses_builder().base_url(&llama_v1).api_key(key).build()
            })?,
            direct("llamacpp-responses @ llama-server", responses, &|key| {
                let llamacpp = openai_responses::presets::LLAMACPP.builder();
                llamacpp.base_url(&llama_v1).api_key(key).build()
            })?,
            direct("anthropic @ llama-server", messages, &|key| {
                anthropic::Anthropic::builder().base_url(llama).api_key(key).build()
            })?,
            // On this wire it counts no streams.
            proxied("google @ litellm", &[Cut, Tools, Forced, Schema], {
                let google = google::Google::builder();
                google.base_url(format!("{lite}/v1beta")).api_key(key).build()
            })?,
            proxied("litellm @ litellm", proxy, {
                let litellm = openai_compatible::presets::LITELLM.builder();
                litellm.base_url(&lite_v1).api_key(key).build()
            })?,
            // It hands this wire through to llama-server.
            proxied("openai-responses @ litellm", &[StreamedUsage, Tools, UnknownModel], {
                openai::OpenAi::responses_builder().base_url(&lite_v1).api_key(key).build()
            })?,
            // An unknown model is an invalid request to it on this wire.
            proxied("anthropic @ litellm", &[StreamedUsage, Cut, Tools], {
                anthropic::Anthropic::builder().base_url(lite).api_key(key).build()
            })?,
            proxied("azure @ litellm", proxy, {
                let azure = azure::Azure::builder().endpoint(lite).api_key(key);
                azure.api_version("2024-10-21").build()
            })?,
        ])
    }

    fn target(
        &self,
        name: &'static str,
        provider: AnyProvider,
        stranger: Option<AnyProvider>,
        serves: &'static [Serves],
    ) -> Target {
        let (chat, tools) = (self.chat.clone(), self.tools.clone());
        Target { name, provider, stranger, chat, tools, serves }
    }
}
