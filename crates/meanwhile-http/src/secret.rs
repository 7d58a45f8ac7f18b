//! [`Secret`]: a credential that cannot be printed and is wiped from memory when it is dropped.

use std::fmt;

use http::HeaderValue;
use meanwhile_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

/// An API key, a token or a password.
///
/// `Debug` prints `Secret(..)`; there is no `Display` and no serialisation. White space around the
/// text is removed, because keys are pasted with line ends. The memory is overwritten when the last
/// owner drops it, except for copies that were made for a request's headers.
///
/// ```
/// use meanwhile_http::Secret;
///
/// let key = Secret::new("sk-abc\n");
/// assert_eq!(format!("{key:?}"), "Secret(..)");
/// assert_eq!(key.expose(), "sk-abc");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps `text` secret, without the white space around it.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let text = Zeroizing::new(text.into());
        let trimmed = text.trim();
        if trimmed.len() == text.len() {
            Self(text)
        } else {
            Self(Zeroizing::new(trimmed.to_owned()))
        }
    }

    /// Reads the first of the environment variables that is set and not blank.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingCredential`], naming every variable, when there is none.
    pub fn from_env(variables: &[&str]) -> Result<Self> {
        let found = variables
            .iter()
            .find_map(|name| std::env::var(name).ok().map(Self::new).filter(|key| !key.is_empty()));
        found.ok_or_else(|| {
            let names: Vec<String> = variables.iter().map(|name| format!("`{name}`")).collect();
            let message = match names.as_slice() {
                [] => "no API key was given and no environment variable is known to hold one; pass one to the provider".to_owned(),
                [name] => format!("no API key was found; set the environment variable {name} or pass a key to the provider"),
                names => format!("no API key was found; set one of the environment variables {} or pass a key to the provider", names.join(", ")),
            };
            Error::new(ErrorKind::MissingCredential, message)
        })
    }

    /// Whether nothing is left of the text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, for the place where it is sent. Do not print it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Makes a header value of `prefix` and the secret, marked as sensitive.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingCredential`] when the secret is empty, [`ErrorKind::Config`] when it holds
    /// a character that a header cannot carry; neither shows the secret.
    pub fn header_value(&self, prefix: &str) -> Result<HeaderValue> {
        if self.is_empty() {
            let message =
                "the API key is empty; set the provider's environment variable or pass a key";
            return Err(Error::new(ErrorKind::MissingCredential, message));
        }
        // A tab is legal in a header, but in a key it is an accident.
        let legal = |c: char| c.is_ascii_graphic() || c == ' ';
        let text = Zeroizing::new([prefix, self.expose()].concat());
        let value = text.chars().all(legal).then(|| HeaderValue::from_str(&text).ok()).flatten();
        let mut value = value.ok_or_else(|| {
            let at = self.expose().chars().position(|c| !legal(c)).map_or(0, |at| at + 1);
            let message = format!("the API key holds a character that a header cannot carry, at position {at}; copy the key again");
            Error::new(ErrorKind::Config, message)
        })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
