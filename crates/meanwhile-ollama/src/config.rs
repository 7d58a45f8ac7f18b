//! [`Ollama`]: from the environment or code to a provider.

use std::sync::Arc;

use meanwhile_core::{
    AnyProvider, Capabilities, Embedder, ListModels, OutputSupport, ProviderInfo, Result, Timeouts,
};
use meanwhile_http::{Auth, Client, Endpoint, HttpProvider, Secret};

use crate::{ID, OllamaApi, OllamaCodec};

const HOST: &str = "http://localhost:11434";
const HOST_VARIABLES: &[&str] = &["OLLAMA_HOST", "OLLAMA_BASE_URL"];
const KEY_VARIABLES: &[&str] = &["OLLAMA_API_KEY"];

/// Ollama, to be registered: its id, the variable of the key that only the hosted service needs,
/// and how to connect.
pub const PROVIDER: ProviderInfo =
    ProviderInfo::new(ID, KEY_VARIABLES, || Ollama::builder().build())
        .with_embedder(|| Ollama::builder().embedder())
        .with_models(|| Ollama::builder().models());

/// A server of [Ollama](https://ollama.com), on this machine or another.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ollama;

impl Ollama {
    /// Begins a provider with what the environment says: `OLLAMA_HOST` (or `OLLAMA_BASE_URL`), else
    /// `http://localhost:11434`, and the key of `OLLAMA_API_KEY`, if there is one.
    pub fn builder() -> Builder {
        let set = |name: &&str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        let host = HOST_VARIABLES.iter().find_map(set).unwrap_or_else(|| HOST.to_owned());
        Builder {
            host,
            key: None,
            headers: Vec::new(),
            client: None,
            timeouts: Timeouts::default(),
            frame_limit: None,
        }
    }
}

/// A provider that is being configured. Nothing is checked before [`build`](Self::build).
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    host: String,
    key: Option<Secret>,
    headers: Vec<(String, String)>,
    client: Option<Client>,
    timeouts: Timeouts,
    frame_limit: Option<usize>,
}

impl Builder {
    /// Asks another server. Scheme, port and path may be missing, as in `OLLAMA_HOST`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// Sends this key, which Ollama's hosted service (`https://ollama.com`) needs.
    pub fn api_key(mut self, key: impl Into<Secret>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Adds a header to every request.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Uses another client than the shared one.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets time limits for requests that bring none. The first event waits for the model to be
    /// loaded, which takes minutes on some machines.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Sets the most bytes that one line, or an answer that is not streamed, may hold.
    pub fn frame_limit(mut self, bytes: usize) -> Self {
        self.frame_limit = Some(bytes);
        self
    }

    /// Makes the provider. Does no network I/O.
    ///
    /// # Errors
    ///
    /// [`Config`](meanwhile_core::ErrorKind::Config) when the address, the key or a header cannot
    /// be used.
    pub fn build(self) -> Result<AnyProvider> {
        self.provider().map(Into::into)
    }

    /// Makes what is no chat, all in one: embeddings and the list of models. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn api(self) -> Result<OllamaApi> {
        Ok(OllamaApi::new(self.provider()?.api()))
    }

    /// Makes the embedder. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn embedder(self) -> Result<Arc<dyn Embedder>> {
        Ok(Arc::new(self.api()?))
    }

    /// Makes the list of models. Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn models(self) -> Result<Arc<dyn ListModels>> {
        Ok(Arc::new(self.api()?))
    }

    fn provider(self) -> Result<HttpProvider<OllamaCodec>> {
        let mut endpoint = Endpoint::new(base_url(&self.host))?;
        for (name, value) in self.headers {
            endpoint = endpoint.with_header(&name, &value)?;
        }
        let auth = match self.key.or_else(|| Secret::from_env(KEY_VARIABLES).ok()) {
            Some(key) => Auth::bearer(key)?,
            None => Auth::none(),
        };
        let mut provider = HttpProvider::new(ID, OllamaCodec::new(), endpoint)
            .with_auth(auth)
            .with_timeouts(self.timeouts)
            .with_capabilities(|_| capabilities());
        if let Some(client) = self.client {
            provider = provider.with_client(client);
        }
        if let Some(bytes) = self.frame_limit {
            provider = provider.with_frame_limit(bytes);
        }
        Ok(provider)
    }
}

/// What the server accepts; which of its models can do it is not told by their names.
fn capabilities() -> Capabilities {
    let mut capabilities = Capabilities::text();
    capabilities.output = OutputSupport::Schema;
    capabilities.images = true;
    capabilities.thinking = true;
    capabilities
}

/// Reads the address as Ollama's own programs do: scheme, port and path may be missing. The paths of
/// its two interfaces are cut off, because the rest of the path is added to each request.
fn base_url(host: &str) -> String {
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let has_port = authority.rsplit(']').next().is_some_and(|tail| tail.contains(':'));
    let port = match scheme {
        _ if has_port => "",
        "https" => ":443",
        _ if host.contains("://") => ":80",
        _ => ":11434",
    };
    // The address to listen at is no address to send to.
    let authority = authority.replacen("0.0.0.0", "127.0.0.1", 1);
    let path = ["v1", "api"]
        .iter()
        .find_map(|end| {
            path.strip_suffix(end).filter(|rest| rest.is_empty() || rest.ends_with('/'))
        })
        .unwrap_or(path)
        .trim_end_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    format!("{scheme}://{authority}{port}{slash}{path}")
}

#[cfg(test)]
mod tests {
    use super::base_url;

    #[test]
    fn hosts_are_completed() {
        for (host, expected) in [
            ("localhost", "http://localhost:11434"),
            ("0.0.0.0:11434", "http://127.0.0.1:11434"),
            ("https://ollama.com", "https://ollama.com:443"),
            ("http://box.example:80/", "http://box.example:80"),
            ("http://box.example/ollama", "http://box.example:80/ollama"),
            ("http://localhost:11434/v1", "http://localhost:11434"),
            ("http://localhost:11434/api/", "http://localhost:11434"),
            ("http://box.example/ollama/v1", "http://box.example:80/ollama"),
            ("http://box.example/rev1", "http://box.example:80/rev1"),
            ("[::1]:11434", "http://[::1]:11434"),
            ("[::1]", "http://[::1]:11434"),
        ] {
            assert_eq!(base_url(host), expected);
        }
    }
}
