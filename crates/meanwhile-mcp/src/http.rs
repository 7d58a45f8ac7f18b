//! [`Headers`] and the HTTP client: every header value is a secret, and none goes to another origin.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use meanwhile_core::{Error, ErrorKind, Result};
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::BuilderVerifierExt as _;

/// Shorter values are found everywhere and protect nothing.
const SHORTEST: usize = 6;

/// The most redirects that are followed for one request.
const MOST_REDIRECTS: usize = 5;

/// What is sent with every request.
#[derive(Clone, Default)]
pub(crate) struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// Adds a header; one of the same name is replaced.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the name or the value is not one; the value is not shown.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let name: HeaderName = name.parse().map_err(|source| {
            let message = format!("`{name}` is not the name of a header");
            Error::new(ErrorKind::Config, message).with_source(source)
        })?;
        let mut value = HeaderValue::from_str(value.trim()).map_err(|_| {
            let message = format!("the value of the header `{name}` holds a character that a header cannot carry; copy it again");
            Error::new(ErrorKind::Config, message)
        })?;
        value.set_sensitive(true);
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
        Ok(())
    }

    /// Adds a bearer token.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingCredential`] when it is empty, else as [`set`](Self::set).
    pub(crate) fn bearer(&mut self, token: &str) -> Result<()> {
        if token.trim().is_empty() {
            let message = "the bearer token for the MCP server is empty; give one, or none at all";
            return Err(Error::new(ErrorKind::MissingCredential, message));
        }
        self.set(AUTHORIZATION.as_str(), &format!("Bearer {}", token.trim()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.0.iter().cloned()
    }

    /// Takes the credentials out of everything that an error says.
    pub(crate) fn redact_error(&self, error: Error) -> Error {
        if self.is_empty() { error } else { error.map_text(|text| self.redact(text)) }
    }

    /// Takes the credentials out of a text that a server wrote: each header as a whole, what follows its
    /// scheme (`Bearer`, `Basic`), and of a name and a password the password.
    fn redact(&self, text: &str) -> String {
        let mut secrets: Vec<String> = Vec::new();
        for (_, value) in &self.0 {
            let Ok(value) = value.to_str() else { continue };
            let credential =
                value.split_once(' ').map_or(value, |(_, credential)| credential.trim());
            secrets.extend([value.to_owned(), credential.to_owned()]);
            let is_basic =
                value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic "));
            if is_basic && let Some((name, password)) = name_and_password(credential) {
                secrets.extend([format!("{name}:{password}"), password]);
            }
        }
        // The longest first: one may contain another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let mut text = text.to_owned();
        for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST) {
            text = text.replace(secret.as_str(), "***");
        }
        text
    }
}

fn name_and_password(credential: &str) -> Option<(String, String)> {
    let pair = STANDARD.decode(credential).ok()?;
    let (name, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Makes the client. A redirect is followed only within the origin, and only where it keeps the body:
/// another origin is not told the headers.
pub(crate) fn client() -> Result<reqwest::Client> {
    let redirects = reqwest::redirect::Policy::custom(|attempt| {
        let same_body = matches!(attempt.status().as_u16(), 307 | 308);
        let first = attempt.previous().first().map(reqwest::Url::origin);
        let same_origin = first.is_some_and(|origin| origin == attempt.url().origin());
        if !same_body || !same_origin {
            attempt.stop()
        } else if attempt.previous().len() > MOST_REDIRECTS {
            attempt.error("too many redirects")
        } else {
            attempt.follow()
        }
    });
    reqwest::Client::builder()
        // An answer that was not read to its end stalls the next one on its connection.
        .pool_max_idle_per_host(0)
        .redirect(redirects)
        .referer(false)
        .tls_backend_preconfigured(tls()?)
        .build()
        .map_err(|error| {
            let message = "the HTTP client could not be set up";
            Error::new(ErrorKind::Config, message).with_source(error.without_url())
        })
}

/// Trusts what the operating system trusts. A cryptography provider that the process has installed goes
/// before ring.
fn tls() -> Result<ClientConfig> {
    let failed = |error: rustls::Error| {
        Error::new(ErrorKind::Config, "TLS could not be set up").with_source(error)
    };
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    Ok(match builder.clone().with_platform_verifier() {
        Ok(builder) => builder.with_no_client_auth(),
        // A bare container has no certificates.
        Err(_) => {
            let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
            let roots = rustls::RootCertStore::from_iter(roots);
            builder.with_root_certificates(roots).with_no_client_auth()
        }
    })
}
