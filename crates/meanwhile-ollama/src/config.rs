//! [`Ollama`]: from the environment or code to a provider.

use std::sync::Arc;

use meanwhile_core::{
    AnyProvider, Capabilities, Embedder, ListModels, OutputSupport, ProviderInfo, Result,
};
use meanwhile_http::{Auth, BaseUrl, Connection, Endpoint, HttpProvider, Secret};

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
///
/// ```
/// use meanwhile_core::Provider as _;
/// use meanwhile_ollama::Ollama;
///
/// // The server of this machine, unless the environment names another.
/// let ollama = Ollama::builder().build()?;
/// assert_eq!(ollama.id(), "ollama");
/// assert!(ollama.capabilities("llama3.2").streaming);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Ollama;

impl Ollama {
    /// Begins a provider with what the environment says: `OLLAMA_HOST` (or `OLLAMA_BASE_URL`), else
    /// `http://localhost:11434`, and the key of `OLLAMA_API_KEY`, if there is one.
    pub fn builder() -> Builder {
        let set = |name: &&str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        let host = HOST_VARIABLES.iter().find_map(set).unwrap_or_else(|| HOST.to_owned());
        Builder { host: host.into(), connection: Connection::default() }
    }
}

/// A provider that is being configured. Nothing is checked before [`build`](Self::build).
///
/// The first event waits for the model to be loaded, which takes minutes on some machines: `timeouts` may have
/// to allow for it.
///
/// ```
/// # use meanwhile_core::Model;
/// # use meanwhile_ollama::Ollama;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"model": "llama3.2", "message": {"role": "assistant", "content": "Hello."}, "done": true, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 2}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let ollama = Ollama::builder().host(base_url).header("x-team", "search").build()?;
/// let answer: String = Model::of(ollama, "llama3.2").call("Say hello").await?;
/// assert_eq!(answer, "Hello.");
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    host: BaseUrl,
    connection: Connection,
}

impl Builder {
    /// Asks another server. Scheme, port and path may be missing, as in `OLLAMA_HOST`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = BaseUrl::from(host);
        self
    }

    meanwhile_http::credential_methods!(self => &mut self.connection);
    meanwhile_http::connection_methods!(self => &mut self.connection);

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
        let endpoint = Endpoint::new(base_url(self.host.as_ref()))?;
        let auth =
            self.connection.auth_or(Auth::bearer, || match Secret::from_env(KEY_VARIABLES) {
                Ok(key) => Auth::bearer(key),
                Err(_) => Ok(Auth::none()),
            })?;
        let provider = self.connection.provider(ID, OllamaCodec::new(), endpoint, auth)?;
        Ok(provider.with_capabilities(|_| capabilities()))
    }
}

/// What the server accepts; which of its models can do it is not told by their names.
fn capabilities() -> Capabilities {
    let mut capabilities = Capabilities::text();
    capabilities.output = OutputSupport::Schema;
    capabilities.images = true;
    capabilities.reasoning = true;
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
