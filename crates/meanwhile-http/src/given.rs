//! [`BaseUrl`] and [`Headers`]: what a provider's builder was given, which prints without secrets.

use std::fmt;

use meanwhile_core::Result;

use crate::endpoint::printable;
use crate::{Endpoint, Secret};

/// A base URL as it was given to a builder, not yet checked.
///
/// `Debug` leaves out what may hold a credential: user name and password, query and fragment.
///
/// ```
/// use meanwhile_http::BaseUrl;
///
/// let url = BaseUrl::from("https://user:pa55word@api.example.com/v1?key=sk-1");
/// assert_eq!(format!("{url:?}"), "\"api.example.com/v1\"");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl<T: Into<String>> From<T> for BaseUrl {
    fn from(url: T) -> Self {
        Self(url.into())
    }
}

impl AsRef<str> for BaseUrl {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(printable(self.0.trim()), f)
    }
}

/// The headers that a builder was given, not yet checked. `Debug` prints their names alone, because
/// keys travel under any name.
///
/// ```
/// use meanwhile_http::{Endpoint, Headers};
///
/// let mut headers = Headers::default();
/// headers.add("x-title", "Acme");
/// headers.add_secret("x-gateway-key", "sk-1");
/// assert_eq!(format!("{headers:?}"), r#"["x-title", "x-gateway-key"]"#);
///
/// let endpoint = headers.add_to(Endpoint::new("https://api.example.com")?)?;
/// assert_eq!(endpoint.headers()["x-title"], "Acme");
/// assert!(endpoint.headers()["x-gateway-key"].is_sensitive());
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Headers(Vec<(String, Value)>);

#[derive(Clone)]
enum Value {
    Plain(String),
    Secret(Secret),
}

impl Headers {
    /// Adds a header, which replaces one of the same name.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), Value::Plain(value.into())));
    }

    /// Adds a header whose value is never printed, which replaces one of the same name.
    pub fn add_secret(&mut self, name: impl Into<String>, value: impl Into<Secret>) {
        self.0.push((name.into(), Value::Secret(value.into())));
    }

    /// Puts the headers on every request to an endpoint.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::with_header`] and [`Endpoint::with_secret_header`].
    pub fn add_to(&self, endpoint: Endpoint) -> Result<Endpoint> {
        self.0.iter().try_fold(endpoint, |endpoint, (name, value)| match value {
            Value::Plain(value) => endpoint.with_header(name, value),
            Value::Secret(value) => endpoint.with_secret_header(name, value.clone()),
        })
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
