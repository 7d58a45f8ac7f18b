//! [`Endpoint`]: where a provider's requests go, and the headers that all of them carry.

use std::fmt::{self, Write as _};
use std::sync::OnceLock;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Uri};
use meanwhile_core::{Error, ErrorKind, Result};

use crate::Secret;

/// A base URL with headers of every request.
///
/// The base URL may end with a slash or not, and may carry a query, which is kept on every
/// request. `Display` and `Debug` leave the query out, because keys are found there.
///
/// ```
/// use meanwhile_http::Endpoint;
///
/// let endpoint = Endpoint::new("https://api.example.com/v1/")?;
/// assert_eq!(endpoint.url("/chat")?, "https://api.example.com/v1/chat");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Endpoint {
    // Scheme, host and path, without the trailing slash.
    base: String,
    query: Option<String>,
    headers: HeaderMap,
    // The first path that was asked for, and its URL. Most providers ask for no other.
    first: OnceLock<(String, Uri)>,
}

impl Endpoint {
    /// Checks a base URL.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when it is no absolute `http` or `https` URL, or carries a user name or
    /// password.
    pub fn new(base_url: impl AsRef<str>) -> Result<Self> {
        let url = base_url.as_ref().trim();
        let invalid = |message: String| Err(Error::new(ErrorKind::Config, message));
        let Ok(uri) = url.parse::<Uri>() else {
            return invalid(format!(
                "the base URL `{}` is not a URL; write it like https://host/v1",
                printable(url)
            ));
        };
        let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            let url = printable(url);
            return invalid(format!(
                "the base URL `{url}` must begin with http:// or https://; write it like https://host/v1"
            ));
        };
        let fragment = url.split_once('#').map_or("", |(_, fragment)| fragment);
        if authority.as_str().contains('@') || fragment.contains('@') {
            return invalid(
                "the base URL carries a user name or password; pass credentials as `Auth`"
                    .to_owned(),
            );
        }
        // A password whose end looks like that of the authority reads as a port.
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        if !matches!(port, "" | ":") && authority.port_u16().is_none() {
            return invalid(
                "the port of the base URL is not a number; write it like https://host:8080/v1"
                    .to_owned(),
            );
        }
        let scheme = uri.scheme_str().unwrap_or("https");
        let base = format!("{scheme}://{authority}{}", uri.path().trim_end_matches('/'));
        let query = uri.query().filter(|query| !query.is_empty()).map(str::to_owned);
        Ok(Self { base, query, headers: HeaderMap::new(), first: OnceLock::new() })
    }

    /// Takes the base URL from the first of the environment variables that is set and not blank,
    /// or else `default`.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); the message names the variable.
    pub fn from_env(variables: &[&str], default: &str) -> Result<Self> {
        for name in variables {
            if let Some(url) = std::env::var(name).ok().filter(|url| !url.trim().is_empty()) {
                return Self::new(url).map_err(|error| {
                    let message = format!("the environment variable `{name}`: {}", error.message());
                    Error::new(ErrorKind::Config, message)
                });
            }
        }
        Self::new(default)
    }

    /// Adds a header to every request, replacing one of the same name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the name or the value cannot be a header; the value is not shown.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self> {
        let name = header_name(name)?;
        let value = HeaderValue::from_str(value).map_err(|_| {
            let message = format!(
                "the value of header `{name}` holds a character that a header cannot carry"
            );
            Error::new(ErrorKind::Config, message)
        })?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Adds a header that is never printed to every request, replacing one of the same name.
    ///
    /// # Errors
    ///
    /// As [`with_header`](Self::with_header), and when the secret is empty.
    pub fn with_secret_header(mut self, name: &str, value: impl Into<Secret>) -> Result<Self> {
        let name = header_name(name)?;
        self.headers.insert(name, value.into().header_value("")?);
        Ok(self)
    }

    /// The headers of every request.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The host and port, for messages.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.base.split_once("://").map_or(&*self.base, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// Joins the base URL and a path that begins with `/` and may carry a query.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the path holds a character that a URL cannot carry.
    pub fn url(&self, path: &str) -> Result<Uri> {
        match self.first.get() {
            Some((known, url)) if known == path => Ok(url.clone()),
            Some(_) => self.join(path),
            None => {
                let url = self.join(path)?;
                // Another path may have been faster.
                let _ = self.first.set((path.to_owned(), url.clone()));
                Ok(url)
            }
        }
    }

    fn join(&self, path: &str) -> Result<Uri> {
        let slash = if path.is_empty() || path.starts_with(['/', '?']) { "" } else { "/" };
        let mut url = String::with_capacity(
            self.base.len()
                + path.len()
                + 1
                + self.query.as_ref().map_or(0, |query| query.len() + 1),
        );
        url.push_str(&self.base);
        url.push_str(slash);
        url.push_str(path);
        if let Some(query) = &self.query {
            url.push(if path.contains('?') { '&' } else { '?' });
            url.push_str(query);
        }
        Uri::try_from(written(url)).map_err(|_| {
            let message = format!(
                "`{}` cannot be a path below the base URL; check the model id",
                printable(path)
            );
            Error::new(ErrorKind::Config, message)
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers = crate::redact::headers(&self.headers);
        f.debug_struct("Endpoint")
            .field("base", &self.base)
            .field("headers", &headers)
            .finish_non_exhaustive()
    }
}

fn header_name(name: &str) -> Result<HeaderName> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Error::new(ErrorKind::Config, format!("`{name}` is not a header name")))
}

/// Cuts off what may hold a credential: user information, query and fragment. A password may hold the signs
/// that these begin with, and then nothing is certain to be none.
pub(crate) fn printable(url: &str) -> &str {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (url, behind) = url.split_at_checked(end).unwrap_or_default();
    if behind.contains('@') {
        return "(a URL with a credential)";
    }
    url.rsplit_once('@').map_or(url, |(_, rest)| rest)
}

/// Encodes what RFC 3986 has no place for but [`Uri`] lets pass. What `Uri` refuses stays as it is.
fn written(url: String) -> String {
    let is_fine = |byte: u8| byte.is_ascii() && !b"\"\\^{|}".contains(&byte);
    if url.bytes().all(is_fine) {
        return url;
    }
    let mut out = String::with_capacity(url.len() + 16);
    for character in url.chars() {
        match character.is_ascii() && is_fine(character as u8) {
            true => out.push(character),
            false => out.push_str(&percent_encode(character.encode_utf8(&mut [0; 4]))),
        }
    }
    out
}

/// Adds a query pair, already percent-encoded, to a URL.
pub(crate) fn append_query(uri: &Uri, pair: &str) -> Result<Uri> {
    let separator = if uri.query().is_some() { '&' } else { '?' };
    // The error's own text may quote the URL.
    Uri::try_from(format!("{uri}{separator}{pair}")).map_err(|_| {
        Error::new(
            ErrorKind::Config,
            "the query parameter of the credential cannot be part of a URL",
        )
    })
}

/// Encodes everything but letters, digits, `-`, `.`, `_` and `~`.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
