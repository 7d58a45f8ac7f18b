//! [`SqliteStore`], a [`Store`] in one file, which several processes may use at once.

use std::fmt;
use std::num::NonZero;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use async_trait::async_trait;
use futures_channel::oneshot;
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_rag::{
    Chunk, ChunkKey, Counts, Document, DocumentState, IndexedDocument, Scored, SearchQuery, Store,
};

use crate::search::Searcher;
use crate::threads::Threads;
use crate::{read, schema, write};

/// Searches that are done at once, where the machine has as many cores.
const READERS: usize = 4;

/// A [`Store`] in one SQLite file. Cheap to clone; clones share its threads.
///
/// One thread writes, a few others read; no future here blocks, on whatever runtime it is polled. Other
/// processes may read and write the same file at the same time: every search sees the index as it is when
/// it begins. Only the file system must be a local one.
///
/// Search by vector is exact. The first one reads all vectors into memory; later ones read what has
/// changed, and go on where one that was given up has stopped. Text is searched without regard to case and accents, whole words only, scored by BM25.
/// A condition on metadata is checked against every chunk that may be found.
///
/// What has been written survives the end of the process at any moment. A loss of power may take back the
/// last few transactions, whole: those documents are then not marked as done.
///
/// Dropping a future stops its work; what it was writing is rolled back.
///
/// ```
/// # use meanwhile_rag::{Document, Index};
/// # use meanwhile_rag_sqlite::SqliteStore;
/// # futures::executor::block_on(async {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("knowledge.sqlite");
/// let index = Index::new(SqliteStore::open(&path).await?);
/// index.ingest().run_all([Document::new("gifts", "Gift cards are not taken back.")]).await?;
/// drop(index);
/// // Later, in another process:
/// let index = Index::new(SqliteStore::open(&path).await?);
/// let found = index.retrieve("Are gift cards taken back?").await?;
/// assert_eq!(found[0].chunk.document_id, "gifts");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    path: PathBuf,
    writer: Threads,
    readers: Threads,
    searcher: Searcher,
}

impl SqliteStore {
    /// Opens the index in the file at `path`; makes it where there is no file. Its folder must be there.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when the file is a database of something else, or of a later version
    /// of this crate; [`NotFound`](ErrorKind::NotFound) and
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) when it cannot be opened.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let (sender, opened) = oneshot::channel();
        let at = path.clone();
        let open = move || {
            let cores = thread::available_parallelism().map_or(1, NonZero::get);
            // Two at least: one long search does not hold up short reads.
            let readers = cores.clamp(2, READERS);
            // Nobody may be waiting any more.
            let _ = sender.send(schema::open(&at, readers));
        };
        let no_thread = |path: &Path| {
            let message = format!("no thread could be started to open {}", path.display());
            Error::new(ErrorKind::Other, message)
        };
        thread::Builder::new()
            .name("meanwhile sqlite open".to_owned())
            .spawn(open)
            .map_err(|error| no_thread(&path).with_source(error))?;
        let connections = opened.await.map_err(|_| no_thread(&path))??;
        let writer = Threads::start("meanwhile sqlite write", vec![connections.writer], &path)?;
        let readers = Threads::start("meanwhile sqlite read", connections.readers, &path)?;
        Ok(Self(Arc::new(Inner { path, writer, readers, searcher: Searcher::default() })))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.0.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn put(&self, document: IndexedDocument) -> Result<()> {
        self.0.writer.run(move |connection, _| write::put(connection, &document)).await
    }

    async fn delete(&self, document_ids: &[String]) -> Result<u64> {
        let ids = document_ids.to_vec();
        self.0.writer.run(move |connection, _| write::delete(connection, &ids)).await
    }

    async fn states(&self, document_ids: &[String]) -> Result<Vec<Option<DocumentState>>> {
        let ids = document_ids.to_vec();
        self.0.readers.run(move |connection, _| read::states(connection, &ids)).await
    }

    async fn document_ids(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        let after = after.map(str::to_owned);
        self.0
            .readers
            .run(move |connection, _| read::document_ids(connection, after.as_deref(), limit))
            .await
    }

    async fn cached_vectors(&self, keys: &[ChunkKey]) -> Result<Vec<Option<Vec<f32>>>> {
        let keys = keys.to_vec();
        self.0.readers.run(move |connection, _| read::vectors(connection, &keys)).await
    }

    async fn cache_vectors(&self, vectors: &[(ChunkKey, Vec<f32>)]) -> Result<()> {
        let vectors = vectors.to_vec();
        self.0.writer.run(move |connection, _| write::cache(connection, &vectors)).await
    }

    async fn clear_cached(&self) -> Result<u64> {
        self.0.writer.run(|connection, _| write::clear_cached(connection)).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Scored>> {
        let (query, searcher) = (query.clone(), self.0.searcher.clone());
        self.0
            .readers
            .run(move |connection, cancelled| searcher.search(connection, &query, cancelled))
            .await
    }

    async fn document(&self, id: &str) -> Result<Option<Document>> {
        let id = id.to_owned();
        self.0.readers.run(move |connection, _| read::document(connection, &id)).await
    }

    async fn chunks(&self, document_id: &str, range: Range<u32>) -> Result<Vec<Chunk>> {
        let id = document_id.to_owned();
        self.0.readers.run(move |connection, _| read::chunks(connection, &id, range)).await
    }

    async fn count(&self) -> Result<Counts> {
        self.0.readers.run(|connection, _| read::count(connection)).await
    }
}
