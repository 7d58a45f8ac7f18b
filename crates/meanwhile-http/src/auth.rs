//! [`Auth`]: how a request proves who sends it, from a fixed key to a hook that signs or refreshes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request};
use meanwhile_core::{Error, ErrorKind, Result};

use crate::Secret;
use crate::endpoint::{append_query, percent_encode};

/// How the requests of one provider prove who sends them. Clones share a hook's state.
///
/// ```
/// use meanwhile_http::Auth;
///
/// let auth = Auth::header("x-api-key", "sk-secret")?;
/// // What a server is sent is never printed.
/// assert_eq!(format!("{auth:?}"), "Auth(header x-api-key)");
/// // A key that no header can carry is found here, not by the server.
/// assert!(Auth::bearer("sk-\u{1}secret").is_err());
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Auth(Method);

#[derive(Clone, Default)]
enum Method {
    #[default]
    None,
    Header(HeaderName, HeaderValue),
    Query(String, Secret),
    Hook(Arc<dyn Authorize>),
}

/// Adds the credential to each request, for keys that expire and for signatures.
///
/// The request is complete when it arrives here: method, URL, headers and body are what will be
/// sent, so a signature can cover them. Nothing is changed afterwards.
#[async_trait]
pub trait Authorize: fmt::Debug + Send + Sync + 'static {
    /// Changes `request` so that the server accepts it.
    ///
    /// Called once for each attempt, so a token can be refreshed; keep it in the hook. Mark header
    /// values that must not be printed with [`HeaderValue::set_sensitive`]: they are also removed
    /// from error bodies that repeat them. Dropping the future cancels the request.
    ///
    /// # Errors
    ///
    /// When there is no credential or it cannot be used; nothing is sent then.
    async fn authorize(&self, request: &mut Request<Bytes>) -> Result<()>;
}

impl Auth {
    /// Sends no credential.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Sends `authorization: Bearer KEY`.
    ///
    /// # Errors
    ///
    /// When the key is empty or holds a character that a header cannot carry.
    pub fn bearer(key: impl Into<Secret>) -> Result<Self> {
        let value = key.into().header_value("Bearer ")?;
        Ok(Self(Method::Header(AUTHORIZATION, value)))
    }

    /// Sends the key alone in a header of its own, such as `x-api-key`.
    ///
    /// # Errors
    ///
    /// When `name` is no header name, or the key is empty or holds a character that a header cannot
    /// carry.
    pub fn header(name: &str, key: impl Into<Secret>) -> Result<Self> {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::new(ErrorKind::Config, format!("`{name}` is not a header name")))?;
        Ok(Self(Method::Header(name, key.into().header_value("")?)))
    }

    /// Sends the key as a query parameter. Prefer a header where the server offers one: URLs are
    /// written to many logs.
    ///
    /// # Errors
    ///
    /// When the key is empty.
    pub fn query(name: impl Into<String>, key: impl Into<Secret>) -> Result<Self> {
        let key = key.into();
        // The same check as for a header: no credential holds control characters.
        key.header_value("")?;
        Ok(Self(Method::Query(name.into(), key)))
    }

    /// Asks a hook to authorise each request.
    #[must_use]
    pub fn hook(hook: impl Authorize) -> Self {
        Self(Method::Hook(Arc::new(hook)))
    }

    pub(crate) async fn apply(&self, request: &mut Request<Bytes>) -> Result<()> {
        match &self.0 {
            Method::None => {}
            Method::Header(name, value) => {
                request.headers_mut().insert(name, value.clone());
            }
            Method::Query(name, key) => {
                let pair = format!("{}={}", percent_encode(name), percent_encode(key.expose()));
                *request.uri_mut() = append_query(request.uri(), &pair)?;
            }
            Method::Hook(hook) => hook.authorize(request).await?,
        }
        Ok(())
    }

    /// Whether [`apply`](Self::apply) may add credentials that are not known beforehand.
    pub(crate) fn is_hook(&self) -> bool {
        matches!(self.0, Method::Hook(_))
    }

    /// Calls `visit` with every fixed credential.
    pub(crate) fn secrets(&self, visit: &mut dyn FnMut(&[u8])) {
        match &self.0 {
            Method::Header(_, value) => visit(value.as_bytes()),
            Method::Query(_, key) => visit(key.expose().as_bytes()),
            Method::None | Method::Hook(_) => {}
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Method::None => f.write_str("Auth(none)"),
            Method::Header(name, _) => write!(f, "Auth(header {name})"),
            Method::Query(name, _) => write!(f, "Auth(query {name})"),
            Method::Hook(hook) => write!(f, "Auth({hook:?})"),
        }
    }
}
