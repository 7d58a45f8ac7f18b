//! [`MemoryStore`], a store in memory: for tests, and for documents that are read at every start.

mod search;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::{Bound, Range};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use meanwhile_core::{Error, ErrorKind, Result};

use crate::offload::offload;
use crate::{
    Chunk, ChunkKey, Counts, Document, DocumentState, IndexedDocument, Scored, SearchQuery, Store,
    dimension_mismatch,
};
use search::Words;

/// Texts longer than this, in bytes, are counted and written, or deleted, on a thread of their own.
const SHORT: usize = 8 * 1024;

/// A store in memory: exact search by vector, BM25 by text. A clone is the same store.
///
/// Nothing of it outlives the process.
///
/// ```
/// # use meanwhile_rag::{Document, Index, MemoryStore, Store as _};
/// # futures::executor::block_on(async {
/// let store = MemoryStore::new();
/// let index = Index::new(store.clone());
/// index.ingest().run_all([Document::new("gifts", "Gift cards are not taken back.")]).await?;
/// // A clone is the same store.
/// assert_eq!(store.count().await?.documents, 1);
/// assert_eq!(store.delete(&["gifts".to_owned()]).await?, 1);
/// assert!(index.retrieve("gift cards").await?.is_empty());
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<RwLock<State>>,
}

#[derive(Default)]
struct State {
    documents: BTreeMap<String, Arc<Stored>>,
    /// Vectors of chunks of documents that are not stored yet.
    cache: HashMap<ChunkKey, Arc<[f32]>>,
    /// Vectors of stored chunks, and how many chunks have each.
    vectors: HashMap<ChunkKey, (Arc<[f32]>, usize)>,
    chunks: usize,
    dimensions: Option<usize>,
}

/// A document as it is kept.
struct Stored {
    document: Document,
    state: DocumentState,
    chunks: Vec<StoredChunk>,
}

struct StoredChunk {
    chunk: Chunk,
    vector: Option<Arc<[f32]>>,
    words: Words,
}

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // No code of others runs under the lock, so that a poisoned one holds a whole state.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryStore {
    fn put_now(&self, document: IndexedDocument) -> Result<()> {
        let given = document.check()?;
        self.read().check(given)?;
        let stored = prepare(document);
        let mut state = self.write();
        state.check(given)?;
        state.dimensions = state.dimensions.or(given);
        let before = state.insert(stored);
        // Nobody waits while it is freed.
        drop(state);
        drop(before);
        Ok(())
    }

    fn delete_now(&self, document_ids: &[String]) -> u64 {
        let mut state = self.write();
        let mut deleted = Vec::new();
        for id in document_ids {
            if let Some(stored) = state.documents.remove(id) {
                state.forget(&stored);
                deleted.push(stored);
            }
        }
        drop(state);
        deleted.len() as u64
    }
}

impl State {
    fn check(&self, given: Option<usize>) -> Result<()> {
        match (self.dimensions, given) {
            (Some(stored), Some(given)) if stored != given => {
                Err(dimension_mismatch(stored, given))
            }
            _ => Ok(()),
        }
    }

    /// Returns what was there before.
    fn insert(&mut self, stored: Stored) -> Option<Arc<Stored>> {
        let id = stored.document.id.clone();
        self.chunks += stored.chunks.len();
        for StoredChunk { chunk, vector, .. } in &stored.chunks {
            if let Some(vector) = vector {
                self.cache.remove(&chunk.key);
                let entry = self.vectors.entry(chunk.key);
                entry.or_insert_with(|| (Arc::clone(vector), 0)).1 += 1;
            }
        }
        // What is new is counted before what was there is let go: vectors that both have stay.
        let before = self.documents.insert(id, Arc::new(stored))?;
        self.forget(&before);
        Some(before)
    }

    fn forget(&mut self, stored: &Stored) {
        self.chunks -= stored.chunks.len();
        for StoredChunk { chunk, vector, .. } in &stored.chunks {
            if vector.is_none() {
                continue;
            }
            if let Some((_, count)) = self.vectors.get_mut(&chunk.key) {
                *count -= 1;
                if *count == 0 {
                    self.vectors.remove(&chunk.key);
                }
            }
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn put(&self, document: IndexedDocument) -> Result<()> {
        if document.document.text.len() <= SHORT {
            return self.put_now(document);
        }
        let store = self.clone();
        offload("write", move || store.put_now(document)).await?
    }

    async fn delete(&self, document_ids: &[String]) -> Result<u64> {
        let length = {
            let state = self.read();
            let stored = document_ids.iter().filter_map(|id| state.documents.get(id));
            stored.map(|stored| stored.document.text.len()).sum::<usize>()
        };
        if length <= SHORT {
            return Ok(self.delete_now(document_ids));
        }
        let (store, ids) = (self.clone(), document_ids.to_vec());
        offload("deletion", move || store.delete_now(&ids)).await
    }

    async fn states(&self, document_ids: &[String]) -> Result<Vec<Option<DocumentState>>> {
        let state = self.read();
        let one = |id| state.documents.get(id).map(|stored: &Arc<Stored>| stored.state.clone());
        Ok(document_ids.iter().map(one).collect())
    }

    async fn document_ids(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.read();
        let ids = state.documents.range::<str, _>((from, Bound::Unbounded));
        Ok(ids.take(limit).map(|(id, _)| id.clone()).collect())
    }

    async fn cached_vectors(&self, keys: &[ChunkKey]) -> Result<Vec<Option<Vec<f32>>>> {
        let state = self.read();
        let one = |key| {
            let vector = state.vectors.get(key).map(|(vector, _)| vector);
            vector.or_else(|| state.cache.get(key)).map(|vector| vector.to_vec())
        };
        Ok(keys.iter().map(one).collect())
    }

    async fn cache_vectors(&self, vectors: &[(ChunkKey, Vec<f32>)]) -> Result<()> {
        let mut state = self.write();
        let mut dimensions = state.dimensions;
        for (_, vector) in vectors {
            if vector.is_empty() {
                let message = "a vector of no dimensions cannot be stored";
                return Err(Error::new(ErrorKind::Config, message));
            }
            match dimensions {
                Some(stored) if stored != vector.len() => {
                    return Err(dimension_mismatch(stored, vector.len()));
                }
                _ => dimensions = Some(vector.len()),
            }
        }
        state.dimensions = dimensions;
        for (key, vector) in vectors {
            if !state.vectors.contains_key(key) {
                state.cache.insert(*key, vector.as_slice().into());
            }
        }
        Ok(())
    }

    async fn clear_cached(&self) -> Result<u64> {
        let cache = std::mem::take(&mut self.write().cache);
        Ok(cache.len() as u64)
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Scored>> {
        search::search(self, query).await
    }

    async fn document(&self, id: &str) -> Result<Option<Document>> {
        Ok(self.read().documents.get(id).map(|stored| stored.document.clone()))
    }

    async fn chunks(&self, document_id: &str, range: Range<u32>) -> Result<Vec<Chunk>> {
        let stored = self.read().documents.get(document_id).cloned();
        let chunks = stored.iter().flat_map(|stored| &stored.chunks).map(|stored| &stored.chunk);
        Ok(chunks.filter(|chunk| range.contains(&chunk.index)).cloned().collect())
    }

    async fn count(&self) -> Result<Counts> {
        let state = self.read();
        let (documents, chunks) = (state.documents.len() as u64, state.chunks as u64);
        Ok(Counts::new(documents, chunks, state.dimensions))
    }
}

fn prepare(document: IndexedDocument) -> Stored {
    let IndexedDocument { document, chunks, vectors, state } = document;
    let mut vectors = vectors.into_iter();
    let chunks = chunks.into_iter().map(|chunk| StoredChunk {
        words: Words::of(&chunk.text),
        vector: vectors.next().map(Into::into),
        chunk,
    });
    Stored { chunks: chunks.collect(), document, state }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.read();
        f.debug_struct("MemoryStore")
            .field("documents", &state.documents.len())
            .field("chunks", &state.chunks)
            .field("dimensions", &state.dimensions)
            .finish_non_exhaustive()
    }
}
