//! [`Host`]: the public builders of the providers, with a recording for a client.

use std::sync::Arc;

use http::Uri;
use meanwhile_anthropic::{Anthropic, AnthropicApi};
use meanwhile_azure::Azure;
use meanwhile_cohere::{Cohere, CohereApi};
use meanwhile_core::{
    Batches, Embedder, ImageGenerator, ListModels, Moderator, Reranker, Result, SpeechSynthesizer,
    Transcriber,
};
use meanwhile_google::{Google, GoogleApi, Vertex};
use meanwhile_http::Client;
use meanwhile_mistral::Mistral;
use meanwhile_ollama::{Ollama, OllamaApi};
use meanwhile_openai::OpenAi;
use meanwhile_openai_compatible::{Builder as Dialect, OpenAiCompatible, Preset};
use meanwhile_voyage::Voyage;

const KEY: &str = "not-a-real-key";

/// Who answered, and over which path.
pub(crate) struct Host<'a> {
    pub(crate) provider: &'a str,
    pub(crate) path: &'a str,
    pub(crate) client: Client,
}

impl Host<'_> {
    pub(crate) fn embedder(&self) -> Result<Arc<dyn Embedder>> {
        Ok(match self.provider {
            "openai" => self.openai().embedder()?,
            "mistral" => self.mistral().embedder()?,
            "cohere" => Arc::new(self.cohere()?),
            "google" | "vertex" => Arc::new(self.google()?),
            "voyage" => self.voyage().embedder()?,
            "azure" => self.azure().embedder()?,
            "ollama" if self.path.starts_with("/api/") => Arc::new(self.ollama()?),
            _ => self.dialect().embedder()?,
        })
    }

    pub(crate) fn reranker(&self) -> Result<Arc<dyn Reranker>> {
        Ok(match self.provider {
            "cohere" => Arc::new(self.cohere()?),
            "voyage" => self.voyage().reranker()?,
            _ => self.dialect().reranker()?,
        })
    }

    pub(crate) fn models(&self) -> Result<Arc<dyn ListModels>> {
        Ok(match self.provider {
            "openai" => self.openai().models()?,
            "mistral" => self.mistral().models()?,
            "anthropic" => Arc::new(self.anthropic()?),
            "cohere" => Arc::new(self.cohere()?),
            "google" => Arc::new(self.google()?),
            "ollama" if self.path.starts_with("/api/") => Arc::new(self.ollama()?),
            _ => self.dialect().models()?,
        })
    }

    pub(crate) fn batches(&self) -> Result<Arc<dyn Batches>> {
        Ok(match self.provider {
            "openai" => self.openai().batches()?,
            "mistral" => self.mistral().batches()?,
            "anthropic" => Arc::new(self.anthropic()?),
            "google" => Arc::new(self.google()?),
            _ => self.dialect().batches()?,
        })
    }

    pub(crate) fn moderator(&self) -> Result<Arc<dyn Moderator>> {
        match self.provider {
            "openai" => self.openai().moderator(),
            "mistral" => self.mistral().moderator(),
            _ => self.dialect().moderator(),
        }
    }

    pub(crate) fn speech(&self) -> Result<Arc<dyn SpeechSynthesizer>> {
        match self.provider {
            "openai" => self.openai().speech(),
            "mistral" => self.mistral().speech(),
            _ => self.dialect().speech(),
        }
    }

    pub(crate) fn transcriber(&self) -> Result<Arc<dyn Transcriber>> {
        match self.provider {
            "openai" => self.openai().transcriber(),
            "mistral" => self.mistral().transcriber(),
            _ => self.dialect().transcriber(),
        }
    }

    pub(crate) fn images(&self) -> Result<Arc<dyn ImageGenerator>> {
        match self.provider {
            "openai" => self.openai().images(),
            _ => self.dialect().images(),
        }
    }

    pub(crate) fn anthropic(&self) -> Result<AnthropicApi> {
        let builder = Anthropic::builder().base_url("https://api.anthropic.com").api_key(KEY);
        builder.http_client(self.client.clone()).api()
    }

    pub(crate) fn google(&self) -> Result<GoogleApi> {
        if self.provider != "vertex" {
            let builder =
                Google::builder().base_url("https://generativelanguage.googleapis.com/v1beta");
            return builder.api_key(KEY).http_client(self.client.clone()).api();
        }
        let segment = |name: &str| {
            let mut segments = self.path.split('/');
            segments.find(|segment| *segment == name)?;
            segments.next()
        };
        Vertex::builder()
            .project(segment("projects").unwrap_or("PROJECT"))
            .location(segment("locations").unwrap_or("global"))
            .access_token(KEY)
            .http_client(self.client.clone())
            .api()
    }

    fn openai(&self) -> meanwhile_openai::Builder {
        let builder = OpenAi::builder().base_url("https://api.openai.com/v1").api_key(KEY);
        builder.http_client(self.client.clone())
    }

    fn mistral(&self) -> meanwhile_mistral::Builder {
        Mistral::builder()
            .base_url("https://api.mistral.ai/v1")
            .api_key(KEY)
            .http_client(self.client.clone())
    }

    fn cohere(&self) -> Result<CohereApi> {
        Cohere::builder()
            .base_url("https://api.cohere.com")
            .api_key(KEY)
            .http_client(self.client.clone())
            .api()
    }

    fn ollama(&self) -> Result<OllamaApi> {
        Ollama::builder().host("http://localhost:11434").http_client(self.client.clone()).api()
    }

    fn voyage(&self) -> meanwhile_voyage::Builder {
        Voyage::builder().api_key(KEY).http_client(self.client.clone())
    }

    fn azure(&self) -> meanwhile_azure::Builder {
        let builder = Azure::builder().endpoint("https://acme.openai.azure.com").api_key(KEY);
        let builder = builder.http_client(self.client.clone());
        let query = self.path.parse::<Uri>().ok();
        let version = query
            .as_ref()
            .and_then(Uri::query)
            .and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("api-version=")));
        match version {
            Some(version) => builder.api_version(version),
            None => builder.surface(meanwhile_azure::Surface::V1),
        }
    }

    /// Hosts of the dialect, known by name or not.
    fn dialect(&self) -> Dialect {
        let builder = match Preset::find(self.provider) {
            Some(preset) => preset.builder().base_url(match preset.base_url {
                "" => "https://acme.example/v1",
                url => url,
            }),
            None => OpenAiCompatible::builder(self.provider.to_owned(), "https://acme.example/v1"),
        };
        builder.api_key(KEY).http_client(self.client.clone())
    }
}
