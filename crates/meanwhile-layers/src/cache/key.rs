//! [`CacheKey`]: a digest of everything in a request that the answer depends on, and of nothing else.

use std::fmt;

use meanwhile_core::{
    Capabilities, Error, ErrorKind, OnUnsupported, OutputFormat, Request, Result,
};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Changes when a key is made of other things than before, so that old entries are not found.
const VERSION: u64 = 1;

/// Names an answer in a cache: a SHA-256 digest, written as 64 hexadecimal digits.
///
/// ```
/// use meanwhile_core::{Capabilities, Message, Request};
/// use meanwhile_layers::CacheKey;
///
/// let key = |request: &Request| CacheKey::of("", "house", Capabilities::text(), request);
/// let request = Request::new("small", vec![Message::user("Hello")]);
/// let (whole, other) = (key(&request)?, Request::new("large", request.messages.clone()));
/// assert_ne!(whole, key(&other)?);
/// // Whether an answer is streamed changes nothing about it.
/// assert_eq!(whole, key(&request.streamed())?);
/// assert_eq!(whole.to_string().len(), 64);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// Digests what the answer to `request` depends on: the provider and where it is asked, the model,
    /// the messages, the tools, the shape of the answer and the params. The order of the fields of a
    /// JSON object does not count. What does not count: tags, timeouts, the run, and whether the answer
    /// is streamed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Prompt`] when a part of the request cannot be written as JSON.
    pub fn of(
        namespace: &str,
        provider: &str,
        capabilities: Capabilities,
        request: &Request,
    ) -> Result<Self> {
        let mut digest = Canonical(Sha256::new());
        digest.number(VERSION);
        digest.text(namespace);
        digest.text(provider);
        digest.json(&capabilities.endpoint)?;
        digest.text(&request.model);
        digest.json(&request.messages)?;
        digest.json(&request.tools)?;
        digest.json(&request.tool_choice)?;
        match &request.output {
            OutputFormat::Text => digest.number(0),
            OutputFormat::Json => digest.number(1),
            OutputFormat::Schema(output) => {
                digest.number(2);
                digest.text(&output.name);
                digest.json(&output.description)?;
                digest.value(output.schema.as_value());
            }
            other => digest.text(&format!("{other:?}")),
        }
        digest.json(&request.params)?;
        digest.number(u64::from(request.unsupported == OnUnsupported::Error));
        digest.number(u64::from(request.raw));
        // They are repeated on the answer.
        digest.json(&request.warnings)?;
        Ok(Self(digest.0.finalize().into()))
    }

    /// The digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKey({self})")
    }
}

/// Digests values so that no two different sequences of them look alike: each with its kind, and its
/// length where that varies.
struct Canonical(Sha256);

impl Canonical {
    fn number(&mut self, number: u64) {
        self.0.update(b"n");
        self.0.update(number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.0.update(b"t");
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text);
    }

    fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let value = serde_json::to_value(value).map_err(|source| {
            let message = format!("the request cannot be written as JSON: {source}");
            Error::new(ErrorKind::Prompt, message).with_source(source)
        })?;
        self.value(&value);
        Ok(())
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.0.update(b"0"),
            Value::Bool(value) => self.0.update(if *value { b"+" } else { b"-" }),
            Value::Number(number) => {
                self.0.update(b"d");
                // The two zeros are equal.
                match number.as_f64() {
                    Some(0.0) if number.is_f64() => self.text("0.0"),
                    _ => self.text(&number.to_string()),
                }
            }
            Value::String(text) => self.text(text),
            Value::Array(values) => {
                self.0.update(b"[");
                self.number(values.len() as u64);
                values.iter().for_each(|value| self.value(value));
            }
            Value::Object(fields) => {
                self.0.update(b"{");
                self.number(fields.len() as u64);
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_unstable_by_key(|(name, _)| *name);
                for (name, value) in fields {
                    self.text(name);
                    self.value(value);
                }
            }
        }
    }
}
