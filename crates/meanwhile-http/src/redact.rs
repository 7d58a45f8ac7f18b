//! [`Redactor`]: what may be printed. Credentials are taken out of bodies, messages and headers.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use meanwhile_core::{Error, Response};

use crate::endpoint::percent_encode;

/// What stands in the place of a credential.
pub const MASK: &str = "[redacted]";

/// Most bytes of an answer's body that an error shows.
pub const SHOWN_BODY: usize = 2048;

// Shorter ones are found everywhere and protect nothing.
const SHORTEST: usize = 6;

/// Finds the credentials of one request and takes them out of what is printed.
///
/// ```
/// use meanwhile_http::redact::Redactor;
///
/// let mut redactor = Redactor::new();
/// redactor.add(b"Bearer sk-abcdef");
/// let said = r#"{"error": "the key sk-abcdef has expired"}"#;
/// assert!(redactor.finds(said.as_bytes()));
/// assert_eq!(redactor.text(said), r#"{"error": "the key [redacted] has expired"}"#);
/// ```
#[derive(Default)]
pub struct Redactor {
    secrets: Vec<Vec<u8>>,
}

impl Redactor {
    /// Makes a redactor that knows no credential.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a credential, as it is and as URLs and JSON write it. Of `Bearer KEY`, the key alone
    /// counts too.
    pub fn add(&mut self, secret: &[u8]) {
        for word in secret.split(|byte| *byte == b' ').filter(|word| word.len() >= SHORTEST) {
            let text = String::from_utf8_lossy(word);
            let forms =
                [word.to_vec(), percent_encode(&text).into(), text.replace('/', "\\/").into()];
            for form in forms {
                if form != b"Bearer" && !self.secrets.contains(&form) {
                    self.secrets.push(form);
                }
            }
        }
        // The longest first: a key may contain another.
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// Adds every header value that is marked as sensitive or has a name that says so.
    pub fn add_headers(&mut self, headers: &HeaderMap) {
        for (name, value) in headers {
            if is_secret(name, value) {
                self.add(value.as_bytes());
            }
        }
    }

    /// Whether `text` holds a credential.
    #[must_use]
    pub fn finds(&self, text: &[u8]) -> bool {
        self.secrets.iter().any(|secret| memchr::memmem::find(text, secret).is_some())
    }

    /// Replaces every credential in `body`.
    #[must_use]
    pub fn bytes(&self, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        for secret in &self.secrets {
            let finder = memchr::memmem::Finder::new(secret);
            let mut clean = Vec::with_capacity(body.len());
            let mut rest = body.as_slice();
            while let Some((head, tail)) =
                finder.find(rest).and_then(|at| rest.split_at_checked(at))
            {
                clean.extend_from_slice(head);
                clean.extend_from_slice(MASK.as_bytes());
                rest = tail.get(secret.len()..).unwrap_or_default();
            }
            clean.extend_from_slice(rest);
            body = clean;
        }
        body
    }

    /// Replaces every credential in `text`.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// The beginning of `body` as text, without credentials: what an error may show.
    #[must_use]
    pub fn shown(&self, body: &[u8]) -> String {
        shown(&self.bytes(body))
    }

    /// Takes every credential out of `error`. Where what had arrived of an answer, or the source,
    /// repeats one, that is dropped.
    #[must_use]
    pub fn error(&self, error: Error) -> Error {
        if !self.finds_in(&error) {
            return error;
        }
        let mut clean = error.map_text(|text| self.text(text));
        let repeated = |partial: &Response| self.finds(format!("{partial:?}").as_bytes());
        if clean.partial().is_some_and(repeated) {
            drop(clean.take_partial());
        }
        if self.finds_in(&clean) { clean.without_source() } else { clean }
    }

    fn finds_in(&self, error: &Error) -> bool {
        !self.secrets.is_empty()
            && (self.finds(format!("{error:?}").as_bytes()) || self.finds_in_sources(error))
    }

    fn finds_in_sources(&self, error: &Error) -> bool {
        let first = std::error::Error::source(error);
        std::iter::successors(first, |error| error.source())
            .any(|source| self.finds(source.to_string().as_bytes()))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("secrets", &self.secrets.len()).finish()
    }
}

/// The beginning of `body` as text, with a mark where it was cut.
#[must_use]
pub fn shown(body: &[u8]) -> String {
    match body.get(..SHOWN_BODY) {
        Some(head) if body.len() > SHOWN_BODY => {
            // A character may have been cut in two.
            let text = String::from_utf8_lossy(head);
            format!("{}…", text.trim_end_matches('\u{fffd}'))
        }
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}

/// A view of `headers` that can be printed: credentials are replaced.
#[must_use]
pub fn headers(headers: &HeaderMap) -> impl fmt::Debug + '_ {
    struct Shown<'a>(&'a HeaderMap);

    impl fmt::Debug for Shown<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let entries = self.0.iter().map(|(name, value)| {
                let value = if is_secret(name, value) {
                    MASK
                } else {
                    value.to_str().unwrap_or("(not text)")
                };
                (name.as_str(), value)
            });
            f.debug_map().entries(entries).finish()
        }
    }

    Shown(headers)
}

/// Whether a header must not be printed, by its mark or its name.
#[must_use]
pub fn is_secret(name: &HeaderName, value: &HeaderValue) -> bool {
    // `session-id` and the like are harmless; these are the names under which keys travel.
    const PARTS: [&str; 7] =
        ["authorization", "api-key", "apikey", "secret", "token", "cookie", "signature"];
    let name = name.as_str();
    // Counters such as `x-ratelimit-remaining-tokens` are no credentials.
    value.is_sensitive()
        || (PARTS.iter().any(|part| name.contains(part)) && !name.contains("ratelimit"))
}
