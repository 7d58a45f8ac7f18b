//! [`Chunk`], a piece of a document that knows its place, and [`Splitter`], which cuts.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ChunkKey, Document, Metadata};

/// A piece of a document: what is embedded, found, and quoted.
///
/// ```
/// # use meanwhile_rag::{Document, Index, MemoryStore, Store as _};
/// # futures::executor::block_on(async {
/// # let index = Index::new(MemoryStore::new());
/// # index.ingest().run_all([
/// #     Document::new("refunds", "Refunds are paid within 30 days."),
/// #     Document::new("gifts", "Gift cards are not taken back."),
/// # ]).await?;
/// let found = index.retrieve("Are gift cards taken back?").top_k(1).await?;
/// let chunk = &found[0].chunk;
/// // It knows where it is from, to the byte.
/// let document = index.store().document(&chunk.document_id).await?.unwrap();
/// assert_eq!(document.text[chunk.span.clone()], chunk.text);
/// assert_eq!((document.id.as_str(), chunk.index), ("gifts", 0));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Chunk {
    /// The document it is from.
    pub document_id: String,
    /// Its place among the chunks of the document, from 0.
    pub index: u32,
    /// Its bytes in the document's text, on character boundaries.
    pub span: Range<usize>,
    /// Its text: the document's text at `span`.
    pub text: String,
    /// The document's metadata and what the splitter adds, such as the headings above it.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// What its vector is made of.
    pub key: ChunkKey,
}

impl Chunk {
    /// Makes a chunk without metadata.
    #[must_use]
    pub fn new(
        document_id: impl Into<String>,
        index: u32,
        span: Range<usize>,
        text: impl Into<String>,
        key: ChunkKey,
    ) -> Self {
        let (document_id, text) = (document_id.into(), text.into());
        Self { document_id, index, span, text, metadata: Metadata::new(), key }
    }

    /// Sets the metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }
}

/// Where a splitter cuts one chunk, and what it knows about it.
///
/// ```
/// use meanwhile_rag::{Cut, Document, Splitter};
///
/// #[derive(Debug)]
/// struct Lines;
///
/// impl Splitter for Lines {
///     fn fingerprint(&self) -> String {
///         "lines/1".to_owned()
///     }
///
///     fn split(&self, document: &Document) -> Vec<Cut> {
///         let mut end = 0;
///         let lines = document.text.split_inclusive('\n').map(|line| {
///             let start = end;
///             end += line.len();
///             Cut::new(start..end)
///         });
///         lines.collect()
///     }
/// }
///
/// let cuts = Lines.split(&Document::new("numbers", "one\ntwo\n"));
/// assert_eq!(cuts, [Cut::new(0..4), Cut::new(4..8)]);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Cut {
    /// Its bytes in the document's text, on character boundaries.
    pub span: Range<usize>,
    /// What the chunk's metadata has beside the document's.
    pub metadata: Metadata,
}

impl Cut {
    /// Cuts at these bytes.
    #[must_use]
    pub fn new(span: Range<usize>) -> Self {
        Self { span, metadata: Metadata::new() }
    }
}

/// Cuts documents into chunks.
///
/// The same document must be cut the same way every time. Chunks may overlap; they come in the order of
/// their beginnings, and what lies in none of them is white space. Documents longer than a few thousand
/// bytes are cut on a thread of their own.
pub trait Splitter: fmt::Debug + Send + Sync + 'static {
    /// Names the way of cutting with all its settings: where it changes, documents are cut again.
    fn fingerprint(&self) -> String;

    /// Says where to cut. A span that is not within the text, not on character boundaries, or empty,
    /// makes the document fail.
    fn split(&self, document: &Document) -> Vec<Cut>;
}

impl Splitter for Arc<dyn Splitter> {
    fn fingerprint(&self) -> String {
        (**self).fingerprint()
    }

    fn split(&self, document: &Document) -> Vec<Cut> {
        (**self).split(document)
    }
}
