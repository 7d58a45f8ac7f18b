//! [`Store`], where documents, chunks, vectors and the state of ingestion are kept.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use meanwhile_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::{Chunk, ChunkKey, ContentHash, Document, Filter, Scored};

/// Keeps documents, their chunks, vectors, and what has been ingested.
///
/// All methods may be called at once, from any thread and runtime; none of them blocks the thread that
/// polls. A write whose future is dropped has happened whole or not at all. The conformance suite (feature
/// `conformance`) says in cases what is said here in words.
///
/// The first vector fixes the dimensions of a store for good; another length is an error of
/// [`dimension_mismatch`], and nothing is written.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Writes a document with its chunks and vectors, replaces whatever there was under its id, and marks
    /// it as done: in one transaction.
    ///
    /// The cached vectors of its chunks may be dropped; they are found at the chunks from then on.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) where vectors have other dimensions than those stored, or there is
    /// not one for each chunk; whatever the storage reports.
    async fn put(&self, document: IndexedDocument) -> Result<()>;

    /// Deletes documents with all that belongs to them, in one transaction. Returns how many there were;
    /// an unknown id is none.
    ///
    /// # Errors
    ///
    /// Whatever the storage reports.
    async fn delete(&self, document_ids: &[String]) -> Result<u64>;

    /// What is done of these documents, in their order; `None` for one that is not there.
    ///
    /// # Errors
    ///
    /// Whatever the storage reports.
    async fn states(&self, document_ids: &[String]) -> Result<Vec<Option<DocumentState>>>;

    /// The ids of at most `limit` documents after the id `after`, in the order of their bytes in UTF-8.
    /// An empty list is the end.
    ///
    /// # Errors
    ///
    /// Whatever the storage reports.
    async fn document_ids(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>>;

    /// The vectors that are known for these keys, in their order: those of stored chunks, and those that
    /// [`cache_vectors`](Self::cache_vectors) wrote. A store that compares angles alone may give them back
    /// at length 1.
    ///
    /// # Errors
    ///
    /// Whatever the storage reports.
    async fn cached_vectors(&self, keys: &[ChunkKey]) -> Result<Vec<Option<Vec<f32>>>>;

    /// Keeps vectors of chunks whose documents are not finished, so that a later run need not pay for them
    /// again. They are on disk when this returns, where the store has one.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) where they have other dimensions than those stored; whatever the
    /// storage reports.
    async fn cache_vectors(&self, vectors: &[(ChunkKey, Vec<f32>)]) -> Result<()>;

    /// Deletes the vectors that [`cache_vectors`](Self::cache_vectors) wrote and no stored chunk has: of
    /// documents that never came back, and of texts that have changed since. Returns how many there were.
    /// Whoever is about to store such chunks pays for their vectors again.
    ///
    /// # Errors
    ///
    /// Whatever the storage reports.
    async fn clear_cached(&self) -> Result<u64>;

    /// Finds at most `limit` chunks that fulfil the filter, the best first; of equals, the one of the
    /// smaller document id and index first.
    ///
    /// By vector: by the cosine of the angle, exact unless the store says otherwise in its documentation;
    /// chunks without a vector are not found. By text: chunks with at least one of its words; the text is
    /// a question as people write it, and no character in it is an operator. Nothing is found for a text
    /// without words.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) where the vector has other dimensions than those stored; whatever
    /// the storage reports.
    async fn search(&self, query: &SearchQuery) -> Result<Vec<Scored>>;

    /// Reads one document.
    ///
    /// # Errors
    ///
    /// Whatever the storage reports.
    async fn document(&self, id: &str) -> Result<Option<Document>>;

    /// Reads the chunks of one document whose index lies in the range, by index; the range may reach
    /// beyond the last one. Empty for an unknown document.
    ///
    /// # Errors
    ///
    /// Whatever the storage reports.
    async fn chunks(&self, document_id: &str, range: Range<u32>) -> Result<Vec<Chunk>>;

    /// How much is stored.
    ///
    /// # Errors
    ///
    /// Whatever the storage reports.
    async fn count(&self) -> Result<Counts>;
}

/// A document that is ready to be stored.
///
/// ```
/// # use meanwhile_rag::*;
/// # futures::executor::block_on(async {
/// // What an ingestion hands to a store; here by hand, with vectors of one's own.
/// let text = "Refunds are paid.";
/// let key = ChunkKey::new(text, "whole/1", "mine");
/// let chunks = vec![Chunk::new("refunds", 0, 0..text.len(), text, key)];
/// let vectors = vec![vec![0.6, 0.8]];
/// let document = Document::new("refunds", text);
/// let indexed = IndexedDocument::new(document, chunks, vectors, "whole/1 mine");
/// assert_eq!(indexed.check()?, Some(2));
/// let store = MemoryStore::new();
/// store.put(indexed).await?;
/// assert_eq!(store.cached_vectors(&[key]).await?, [Some(vec![0.6, 0.8])]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct IndexedDocument {
    /// The document.
    pub document: Document,
    /// Its chunks, by index.
    pub chunks: Vec<Chunk>,
    /// A vector for each chunk, or none at all in an index that is searched by text alone.
    pub vectors: Vec<Vec<f32>>,
    /// The document as it is now and how it was worked on: what [`Store::states`] gives back.
    pub state: DocumentState,
}

impl IndexedDocument {
    /// Puts together what is to be stored; `fingerprint` names how it was cut and embedded.
    #[must_use]
    pub fn new(
        document: Document,
        chunks: Vec<Chunk>,
        vectors: Vec<Vec<f32>>,
        fingerprint: impl Into<String>,
    ) -> Self {
        let state = DocumentState::new(document.hash(), fingerprint);
        Self { document, chunks, vectors, state }
    }

    /// Checks that the parts belong together: chunks of this document by index, with spans that lie in
    /// its text, and vectors of one length, one for each chunk or none. Every [`Store::put`] begins with it.
    ///
    /// Returns the length of the vectors, where there are any.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config), and what does not fit.
    pub fn check(&self) -> Result<Option<usize>> {
        let wrong = |what: String| {
            Err(Error::new(ErrorKind::Config, format!("document {:?}: {what}", self.document.id)))
        };
        for (place, chunk) in self.chunks.iter().enumerate() {
            if chunk.document_id != self.document.id || usize::try_from(chunk.index) != Ok(place) {
                let (id, index) = (&chunk.document_id, chunk.index);
                return wrong(format!("chunk {index} of {id:?} stands at place {place} of it"));
            }
            if self.document.text.get(chunk.span.clone()) != Some(&*chunk.text) {
                return wrong(format!("chunk {place} is not the text at {:?}", chunk.span));
            }
        }
        let (vectors, chunks) = (self.vectors.len(), self.chunks.len());
        if vectors != 0 && vectors != chunks {
            return wrong(format!("there are {vectors} vectors for {chunks} chunks"));
        }
        let length = self.vectors.first().map(Vec::len);
        match self.vectors.iter().map(Vec::len).find(|found| *found == 0 || Some(*found) != length)
        {
            Some(found) => wrong(format!("a vector has {found} dimensions, the first {length:?}")),
            None => Ok(length),
        }
    }
}

/// What a store knows about a document that it holds.
///
/// ```
/// use meanwhile_rag::{Document, DocumentState};
///
/// let document = Document::new("refunds", "Refunds are paid within 30 days.");
/// let stored = DocumentState::new(document.hash(), "sentences/1 openai/text-embedding-3-small");
/// // The same document, cut and embedded in the same way, need not be worked on again.
/// let now = DocumentState::new(document.hash(), "sentences/1 openai/text-embedding-3-large");
/// assert_eq!(now.hash, stored.hash);
/// assert_ne!(now, stored);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DocumentState {
    /// What the document said.
    pub hash: ContentHash,
    /// How it was cut and embedded.
    pub fingerprint: String,
}

impl DocumentState {
    /// Puts a state together.
    #[must_use]
    pub fn new(hash: ContentHash, fingerprint: impl Into<String>) -> Self {
        Self { hash, fingerprint: fingerprint.into() }
    }
}

/// What to search a store for.
///
/// ```
/// # use meanwhile_rag::{Document, Index, MemoryStore, SearchQuery, Store as _, eq};
/// # futures::executor::block_on(async {
/// let index = Index::new(MemoryStore::new());
/// let of = |id: &str, lang: &str| Document::new(id, "Refunds are paid.").with("lang", lang);
/// index.ingest().run_all([of("here", "en"), of("there", "fr")]).await?;
///
/// let query = SearchQuery::text("refunds", 10).filter(eq("lang", "fr"));
/// let found = index.store().search(&query).await?;
/// assert_eq!(found.len(), 1);
/// assert_eq!(found[0].chunk.document_id, "there");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SearchQuery {
    /// What the chunks are to be near to.
    pub by: SearchBy,
    /// The condition that all of them fulfil.
    pub filter: Option<Filter>,
    /// The most chunks to find.
    pub limit: usize,
}

impl SearchQuery {
    /// Searches by vector.
    #[must_use]
    pub fn vector(vector: Vec<f32>, limit: usize) -> Self {
        Self { by: SearchBy::Vector(vector), filter: None, limit }
    }

    /// Searches by text.
    #[must_use]
    pub fn text(text: impl Into<String>, limit: usize) -> Self {
        Self { by: SearchBy::Text(text.into()), filter: None, limit }
    }

    /// Sets the condition.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Option<Filter>>) -> Self {
        self.filter = filter.into();
        self
    }
}

/// What chunks are to be near to.
///
/// ```
/// use meanwhile_rag::{SearchBy, SearchQuery};
///
/// // What a store does with a query.
/// fn plan(query: &SearchQuery) -> String {
///     match &query.by {
///         SearchBy::Vector(vector) => format!("by {} dimensions", vector.len()),
///         SearchBy::Text(text) => format!("by the words of {text:?}"),
///     }
/// }
///
/// assert_eq!(plan(&SearchQuery::vector(vec![0.6, 0.8], 10)), "by 2 dimensions");
/// assert_eq!(plan(&SearchQuery::text("gift cards", 10)), "by the words of \"gift cards\"");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum SearchBy {
    /// A vector of the embedder that the store was filled with.
    Vector(Vec<f32>),
    /// A text of which chunks have words.
    Text(String),
}

/// How much is stored.
///
/// ```
/// # use meanwhile_rag::{Counts, Document, Index, MemoryStore, Store as _};
/// # futures::executor::block_on(async {
/// # let index = Index::new(MemoryStore::new());
/// # index.ingest().run_all([
/// #     Document::new("refunds", "Refunds are paid within 30 days."),
/// #     Document::new("gifts", "Gift cards are not taken back."),
/// # ]).await?;
/// let count = index.store().count().await?;
/// // Two documents of a chunk each, found by their words: there are no vectors.
/// assert_eq!(count, Counts::new(2, 2, None));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Documents.
    pub documents: u64,
    /// Chunks of all documents.
    pub chunks: u64,
    /// The length of the vectors, once there is one.
    pub dimensions: Option<usize>,
}

impl Counts {
    /// Puts counts together.
    #[must_use]
    pub fn new(documents: u64, chunks: u64, dimensions: Option<usize>) -> Self {
        Self { documents, chunks, dimensions }
    }
}

/// The error of all stores for a vector of another length than those they hold.
#[must_use]
pub fn dimension_mismatch(stored: usize, given: usize) -> Error {
    let message = format!(
        "the store holds vectors of {stored} dimensions, and this one has {given}: use the embedder that it was filled with, or another store"
    );
    Error::new(ErrorKind::Config, message)
}

#[async_trait]
impl<S: Store + ?Sized> Store for Arc<S> {
    async fn put(&self, document: IndexedDocument) -> Result<()> {
        (**self).put(document).await
    }

    async fn delete(&self, document_ids: &[String]) -> Result<u64> {
        (**self).delete(document_ids).await
    }

    async fn states(&self, document_ids: &[String]) -> Result<Vec<Option<DocumentState>>> {
        (**self).states(document_ids).await
    }

    async fn document_ids(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        (**self).document_ids(after, limit).await
    }

    async fn cached_vectors(&self, keys: &[ChunkKey]) -> Result<Vec<Option<Vec<f32>>>> {
        (**self).cached_vectors(keys).await
    }

    async fn cache_vectors(&self, vectors: &[(ChunkKey, Vec<f32>)]) -> Result<()> {
        (**self).cache_vectors(vectors).await
    }

    async fn clear_cached(&self) -> Result<u64> {
        (**self).clear_cached().await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Scored>> {
        (**self).search(query).await
    }

    async fn document(&self, id: &str) -> Result<Option<Document>> {
        (**self).document(id).await
    }

    async fn chunks(&self, document_id: &str, range: Range<u32>) -> Result<Vec<Chunk>> {
        (**self).chunks(document_id, range).await
    }

    async fn count(&self) -> Result<Counts> {
        (**self).count().await
    }
}
