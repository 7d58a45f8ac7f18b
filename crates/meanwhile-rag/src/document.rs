//! [`Document`], a text with an id and metadata.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ContentHash;
use crate::digest::Hasher;

/// What is known about a document beside its text, by name. [Filters](crate::Filter) look here.
pub type Metadata = serde_json::Map<String, Value>;

/// A text to be found, with an id and metadata.
///
/// ```
/// use meanwhile_rag::Document;
///
/// let document = Document::new("refunds.md", "# Refunds\n\nWithin 30 days.").with("lang", "en");
/// assert_eq!(document.metadata["lang"], "en");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Document {
    /// What the document is called. A later document of the same id replaces it.
    pub id: String,
    /// The text. Spans of chunks are byte positions in it.
    pub text: String,
    /// What is known about it; every chunk carries a copy.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// Where it comes from: a path or an address, to show to readers of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Document {
    /// Makes a document without metadata.
    #[must_use]
    pub fn new(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self { id: id.into(), text: text.into(), metadata: Metadata::new(), source: None }
    }

    /// Sets one field of the metadata.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// Sets all of the metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Says where the document comes from.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the document says, as a digest of its text and metadata; the order of the metadata does not
    /// count, nor do the id and the source.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        ContentHash::of(Hasher::default().field(self.text.as_bytes()).map(&self.metadata))
    }
}
