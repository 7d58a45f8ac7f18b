//! [`ContentHash`] and [`ChunkKey`], SHA-256 digests that say whether work is already done.

use std::fmt;
use std::str::FromStr;

use meanwhile_core::{Error, ErrorKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Hashes fields one after the other; each is preceded by its length, so that no two lists of fields
/// run into the same bytes.
#[derive(Debug, Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn field(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Hashes a value whatever the order of its fields: stores may give them back in another.
    pub(crate) fn value(self, value: &Value) -> Self {
        match value {
            Value::Null => self.field(b"null"),
            Value::Bool(value) => self.field(b"bool").field(&[u8::from(*value)]),
            Value::Number(number) => self.field(b"number").field(number.to_string().as_bytes()),
            Value::String(text) => self.field(b"string").field(text.as_bytes()),
            Value::Array(items) => {
                let hasher = self.field(b"array").field(&(items.len() as u64).to_le_bytes());
                items.iter().fold(hasher, Self::value)
            }
            Value::Object(fields) => self.map(fields),
        }
    }

    pub(crate) fn map(self, fields: &serde_json::Map<String, Value>) -> Self {
        let mut sorted: Vec<_> = fields.iter().collect();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        let hasher = self.field(b"object").field(&(sorted.len() as u64).to_le_bytes());
        sorted
            .into_iter()
            .fold(hasher, |hasher, (name, value)| hasher.field(name.as_bytes()).value(value))
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Written as 64 hexadecimal digits, also by serde.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes the bytes that [`as_bytes`](Self::as_bytes) gave.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes of the digest.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            pub(crate) fn of(hasher: Hasher) -> Self {
                Self(hasher.finish())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                read_hex(text).map(Self).ok_or_else(|| {
                    let message = format!("{text:?} is no digest; expected 64 hexadecimal digits");
                    Error::new(ErrorKind::Decode, message)
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

digest! {
    /// What a document says: its text and metadata. Two documents of one hash need not be worked on
    /// twice.
    ///
    /// ```
    /// use meanwhile_rag::{ContentHash, Document};
    ///
    /// let document = Document::new("refunds", "Refunds are paid within 30 days.");
    /// let hash = document.hash();
    /// // As a store writes it down and reads it again, as bytes or as text.
    /// assert_eq!(ContentHash::from_bytes(*hash.as_bytes()), hash);
    /// assert_eq!(hash.to_string().parse::<ContentHash>()?, hash);
    /// assert_ne!(document.with("lang", "en").hash(), hash);
    /// # Ok::<(), meanwhile_core::Error>(())
    /// ```
    ContentHash
}

digest! {
    /// What a chunk's vector is made of: the text that is embedded, how it was cut, and the embedder.
    /// Two chunks of one key have the same vector, in whatever documents they are.
    ///
    /// ```
    /// use meanwhile_rag::ChunkKey;
    ///
    /// let key = |embedder: &str| ChunkKey::new("Refunds are paid.", "sentences/1", embedder);
    /// let small = key("openai/text-embedding-3-small");
    /// assert_eq!(small, key("openai/text-embedding-3-small"));
    /// // Vectors of two models say nothing about each other.
    /// assert_ne!(small, key("openai/text-embedding-3-large"));
    /// assert_eq!(small.to_string().parse::<ChunkKey>()?, small);
    /// # Ok::<(), meanwhile_core::Error>(())
    /// ```
    ChunkKey
}

impl ChunkKey {
    /// The key of `text`, cut by a splitter with this
    /// [fingerprint](crate::Splitter::fingerprint), for this embedder: any text that names its
    /// provider, model and dimensions.
    #[must_use]
    pub fn new(text: &str, splitter: &str, embedder: &str) -> Self {
        let hasher = Hasher::default().field(text.as_bytes());
        Self::of(hasher.field(splitter.as_bytes()).field(embedder.as_bytes()))
    }
}

fn read_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let mut value = 0;
        for digit in pair {
            value = value * 16 + char::from(*digit).to_digit(16)?;
        }
        *byte = u8::try_from(value).ok()?;
    }
    Some(bytes)
}
