//! An embedder of our own that counts what it is asked, and a store that fails on demand.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    EmbedRequest, Embedder, EmbeddingModel, Embeddings, Error, ErrorKind, Result, Usage,
};
use meanwhile_rag::{
    Chunk, ChunkKey, Counts, Document, DocumentState, IndexedDocument, MemoryStore, Scored,
    SearchQuery, Store,
};

/// Embeds a text as how often it has each of some characters; counts every text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Letters {
    pub(crate) asked: Arc<Mutex<BTreeMap<String, usize>>>,
    pub(crate) requests: Arc<Mutex<Vec<usize>>>,
    pub(crate) wait: Duration,
    /// A text with this word in it is refused, and all that is asked with it.
    pub(crate) refused: Option<(&'static str, ErrorKind)>,
    /// So many requests fail at first, as if the provider had too much to do.
    pub(crate) overloaded: Arc<Mutex<usize>>,
    /// When they may come back, where that is not at once.
    pub(crate) come_back: Duration,
}

impl Letters {
    pub(crate) fn model(&self) -> EmbeddingModel {
        EmbeddingModel::new(self.clone(), "letters")
    }

    /// How many texts were embedded, and how many of them more than once.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let asked = self.asked.lock().unwrap();
        (asked.values().sum(), asked.values().filter(|times| **times > 1).count())
    }
}

pub(crate) fn letters(text: &str) -> Vec<f32> {
    "aeinrst 0123456789".chars().map(|letter| 1.0 + text.matches(letter).count() as f32).collect()
}

#[async_trait]
impl Embedder for Letters {
    fn id(&self) -> &str {
        "letters"
    }

    fn batch_limit(&self, _model: &str) -> usize {
        1_000
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        self.requests.lock().unwrap().push(request.inputs.len());
        if !self.wait.is_zero() {
            tokio::time::sleep(self.wait).await;
        }
        {
            let mut overloaded = self.overloaded.lock().unwrap();
            if *overloaded > 0 {
                *overloaded -= 1;
                let error = Error::new(ErrorKind::Overloaded, "too much to do");
                return Err(error.with_retry_after(self.come_back.max(Duration::from_millis(5))));
            }
        }
        if let Some((word, kind)) = self.refused
            && request.inputs.iter().any(|input| input.contains(word))
        {
            return Err(Error::new(kind, format!("no {word} here")));
        }
        let mut asked = self.asked.lock().unwrap();
        for input in &request.inputs {
            *asked.entry(input.clone()).or_default() += 1;
        }
        let vectors = request.inputs.iter().map(|input| letters(input)).collect();
        let mut usage = Usage::default();
        usage.input.total = Some(request.inputs.len() as u64);
        Ok(Embeddings::new("letters", request.model, vectors, usage))
    }
}

/// A store that is away for so many writes at first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Away {
    pub(crate) store: MemoryStore,
    pub(crate) puts: Arc<Mutex<usize>>,
    pub(crate) caches: Arc<Mutex<usize>>,
    /// It is away for all deletions after so many.
    pub(crate) deletes_left: Option<usize>,
    pub(crate) deletes: Arc<Mutex<usize>>,
}

fn away(left: &Mutex<usize>) -> Result<()> {
    let mut left = left.lock().unwrap();
    if *left == 0 {
        return Ok(());
    }
    *left -= 1;
    let error = Error::new(ErrorKind::Connection, "the store is away").with_retryable(true);
    Err(error.with_retry_after(Duration::from_millis(5)))
}

#[async_trait]
impl Store for Away {
    async fn put(&self, document: IndexedDocument) -> Result<()> {
        away(&self.puts)?;
        self.store.put(document).await
    }

    async fn delete(&self, document_ids: &[String]) -> Result<u64> {
        let before = {
            let mut deletes = self.deletes.lock().unwrap();
            *deletes += 1;
            *deletes - 1
        };
        if self.deletes_left.is_some_and(|left| before >= left) {
            return Err(Error::new(ErrorKind::Connection, "the store is away"));
        }
        self.store.delete(document_ids).await
    }

    async fn states(&self, document_ids: &[String]) -> Result<Vec<Option<DocumentState>>> {
        self.store.states(document_ids).await
    }

    async fn document_ids(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        self.store.document_ids(after, limit).await
    }

    async fn cached_vectors(&self, keys: &[ChunkKey]) -> Result<Vec<Option<Vec<f32>>>> {
        self.store.cached_vectors(keys).await
    }

    async fn cache_vectors(&self, vectors: &[(ChunkKey, Vec<f32>)]) -> Result<()> {
        away(&self.caches)?;
        self.store.cache_vectors(vectors).await
    }

    async fn clear_cached(&self) -> Result<u64> {
        self.store.clear_cached().await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Scored>> {
        self.store.search(query).await
    }

    async fn document(&self, id: &str) -> Result<Option<Document>> {
        self.store.document(id).await
    }

    async fn chunks(&self, document_id: &str, range: Range<u32>) -> Result<Vec<Chunk>> {
        self.store.chunks(document_id, range).await
    }

    async fn count(&self) -> Result<Counts> {
        self.store.count().await
    }
}
