//! [`QdrantStore`], a [`Store`] in a Qdrant server.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::lock::{Mutex, MutexGuard};
use http::Method;
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_http::{BaseUrl, Client, Endpoint, Secret};
use meanwhile_rag::{
    Chunk, ChunkKey, Counts, Document, DocumentState, IndexedDocument, Origin, Scored, SearchBy,
    SearchQuery, Store, dimension_mismatch,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::collections::Collections;
use crate::points::{
    ChunkPayload, DocumentHead, DocumentPayload, Words, document_id, payload, upsert_chunks,
    upsert_document, upsert_vectors, vector_id,
};
use crate::search::{Asked, search};
use crate::server::{Server, aside, written};

/// Points that are written by one request, and the most numbers of their vectors.
const WRITTEN: usize = 64;
const NUMBERS: usize = 32 * 384;

/// Points that are read by one request.
const READ: usize = 500;

/// What is written by whoever polls: bytes of text, of which a number of a vector counts as two. More is written
/// on a thread of its own, as is a request that names more than so many points.
const SHORT: usize = 4 * 1024;
const FEW: usize = 64;

/// What threads do that write requests.
const WRITING: &str = "writing of a request";

/// Locks for documents, which share them by their ids.
const LOCKS: usize = 64;

/// A [`Store`] in Qdrant 1.10 or later. Cheap to clone; clones share everything.
///
/// Search by vector compares all vectors, unless the builder is told otherwise
/// ([`approximate`](QdrantBuilder::approximate)). Text is searched without regard to case, by sparse
/// vectors whose rare words the server weights, as BM25 does. Conditions on metadata are checked by the
/// server but for the order of texts and of whole numbers beyond 2⁵³, which is checked here, on more chunks
/// than are wanted. Vectors come back with a length of 1.
///
/// Qdrant has no transactions. A document is first there and marked as not done, then its chunks are written
/// over, what is left of the old ones is deleted, and it is marked as done last: whatever ends the work on
/// the way, the document is listed, and ingested again or deleted by the next run. A deletion goes the same
/// way back. A search in between may find old and new chunks. In one process, writes and deletions of one
/// document wait for each other; **two processes must not write the same document at once**.
///
/// [`document_ids`](Store::document_ids) reads all ids for every page: Qdrant has no order of texts. An
/// index that began with text alone and is given vectors later needs a server that can add them to a
/// collection.
///
/// There are no clocks: put a timeout around a future where you need one. Dropping it closes the
/// connection.
///
/// ```
/// # use meanwhile_core::ErrorKind;
/// # use meanwhile_rag::{Document, Index};
/// # use meanwhile_rag_qdrant::QdrantStore;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # // Nobody listens there any more.
/// # let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
/// # let url = format!("http://{closed}");
/// let index = Index::new(QdrantStore::builder(url, "knowledge").build()?);
/// // The server is down.
/// let error = index.retrieve("Are gift cards taken back?").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Connection);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct QdrantStore(Arc<Inner>);

struct Inner {
    server: Server,
    collections: Collections,
    approximate: bool,
    locks: Vec<Mutex<()>>,
}

/// How a [`QdrantStore`] is to be opened.
///
/// ```
/// use meanwhile_core::ErrorKind;
/// use meanwhile_rag_qdrant::QdrantStore;
///
/// let builder = QdrantStore::builder("https://qdrant.example:6333", "knowledge");
/// let store = builder.api_key("s3cret").approximate().build()?;
/// assert!(!format!("{store:?}").contains("s3cret"));
/// let error = QdrantStore::builder("not an address", "knowledge").build().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Config);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct QdrantBuilder {
    url: BaseUrl,
    collection: String,
    api_key: Option<Secret>,
    client: Option<Client>,
    approximate: bool,
}

impl QdrantBuilder {
    /// Sets the key of the server.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<Secret>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Sends requests through another HTTP client than the shared one.
    #[must_use]
    pub fn http_client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Lets the server use its index on vectors (HNSW): much faster for very many chunks, and now and then
    /// a chunk is missed that belongs to the nearest.
    #[must_use]
    pub fn approximate(mut self) -> Self {
        self.approximate = true;
        self
    }

    /// Makes the store; nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when the URL or the name of the collection cannot be used.
    pub fn build(self) -> Result<QdrantStore> {
        let mut endpoint = Endpoint::new(&self.url)?;
        if let Some(key) = self.api_key {
            endpoint = endpoint.with_secret_header("api-key", key)?;
        }
        let server = Server { endpoint, client: self.client };
        let collections = Collections::new(server.clone(), self.collection)?;
        let locks = (0..LOCKS).map(|_| Mutex::new(())).collect();
        let approximate = self.approximate;
        Ok(QdrantStore(Arc::new(Inner { server, collections, approximate, locks })))
    }
}

/// A point as it is read.
#[derive(Deserialize)]
struct Read {
    id: Value,
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    vector: Option<Dense>,
}

#[derive(Deserialize)]
struct Dense {
    dense: Option<Vec<f32>>,
}

#[derive(Deserialize)]
struct Page {
    points: Vec<Read>,
    next_page_offset: Option<Value>,
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

impl Read {
    fn dense(self) -> Option<Vec<f32>> {
        self.vector.and_then(|vectors| vectors.dense)
    }
}

/// How many points with vectors of these dimensions are written by one request.
fn points_at_once(dimensions: usize) -> usize {
    (NUMBERS / dimensions.max(1)).clamp(1, WRITTEN)
}

impl QdrantStore {
    /// Names the server, such as `http://localhost:6333`, and the collection of the index. It and two
    /// beside it, which end in `-documents` and `-cached`, are made when the first document comes.
    #[must_use]
    pub fn builder(url: impl Into<String>, collection: impl Into<String>) -> QdrantBuilder {
        QdrantBuilder {
            url: BaseUrl::from(url),
            collection: collection.into(),
            api_key: None,
            client: None,
            approximate: false,
        }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Result<()> {
        self.0.server.send(method, path, written(body)?).await
    }

    /// Reads the points with these ids, `with` this payload and, or without, vectors, as `read` says, in no
    /// order; unknown ones are left out.
    async fn retrieve<T: Send + 'static>(
        &self,
        path: &str,
        ids: &[String],
        with: (Value, bool),
        read: fn(Read) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut points = Vec::new();
        for ids in ids.chunks(READ) {
            let body = json!({"ids": ids, "with_payload": with.0, "with_vector": with.1});
            let path = format!("{path}/points");
            let each = move |points: Vec<Read>| points.into_iter().map(read).collect();
            let read: Vec<T> = self.0.server.ask_then(Method::POST, &path, &body, each).await?;
            points.extend(read);
        }
        Ok(points)
    }

    /// Reads all points that fulfil a condition as `read` says, by pages.
    async fn scroll<T: Send + 'static>(
        &self,
        path: &str,
        mut body: Value,
        read: fn(Read) -> Result<T>,
    ) -> Result<Vec<T>> {
        let path = format!("{path}/points/scroll");
        let mut points = Vec::new();
        let set = |body: &mut Value, name: &str, value: Value| {
            if let Some(body) = body.as_object_mut() {
                body.insert(name.to_owned(), value);
            }
        };
        set(&mut body, "limit", READ.into());
        loop {
            let each = move |page: Page| {
                let points: Result<Vec<T>> = page.points.into_iter().map(read).collect();
                Ok((points?, page.next_page_offset))
            };
            let (page, next) = self.0.server.ask_then(Method::POST, &path, &body, each).await?;
            points.extend(page);
            match next {
                Some(next) if !next.is_null() => set(&mut body, "offset", next),
                _ => return Ok(points),
            }
        }
    }

    /// Waits until nobody else in this process writes or deletes these documents.
    async fn lock<'a>(&'a self, ids: impl IntoIterator<Item = &'a str>) -> Vec<MutexGuard<'a, ()>> {
        let place = |id: &str| {
            let mut hasher = DefaultHasher::new();
            id.hash(&mut hasher);
            usize::try_from(hasher.finish() % LOCKS as u64).unwrap_or_default()
        };
        // In one order, so that nobody waits in a circle.
        let places: BTreeSet<usize> = ids.into_iter().map(place).collect();
        let mut held = Vec::with_capacity(places.len());
        for lock in places.into_iter().filter_map(|place| self.0.locks.get(place)) {
            held.push(lock.lock().await);
        }
        held
    }

    /// Marks documents as not done, those that are there.
    async fn begin(&self, own: &[String]) -> Result<()> {
        let path = format!("{}/points/payload?wait=true", self.0.collections.documents());
        let begun = json!({"payload": {"done": false}, "filter": {"must": [{"has_id": own}]}});
        self.send(Method::POST, &path, &begun).await
    }

    async fn write(&self, indexed: &Arc<IndexedDocument>) -> Result<()> {
        let collections = &self.0.collections;
        let (chunks, documents) = (collections.chunks(), collections.documents());
        let own = document_id(&indexed.document.id);
        let there = json!({"filter": {"must": [{"has_id": [&own]}]}, "exact": true});
        let there: Count =
            self.0.server.ask(Method::POST, &format!("{documents}/points/count"), &there).await?;
        if there.count > 0 {
            self.begin(std::slice::from_ref(&own)).await?;
        } else {
            // Chunks belong to a document that is listed, at any moment.
            self.upsert_document(&documents, indexed, false).await?;
        }

        let dimensions = indexed.vectors.first().map_or(0, Vec::len);
        let most = points_at_once(dimensions);
        for first in (0..indexed.chunks.len()).step_by(most) {
            let places = first..indexed.chunks.len().min(first + most);
            let part = indexed.chunks.get(places.clone()).unwrap_or_default();
            let text: usize = part.iter().map(|chunk| chunk.text.len()).sum();
            let is_long = text + 2 * dimensions * part.len() > SHORT;
            let source = Arc::clone(indexed);
            self.upsert(&chunks, is_long, move || upsert_chunks(&source, places)).await?;
        }
        let left = json!({"filter": {"must": [
            {"key": "document", "match": {"value": indexed.document.id}},
            {"key": "index", "range": {"gte": indexed.chunks.len()}},
        ]}});
        self.send(Method::POST, &format!("{chunks}/points/delete?wait=true"), &left).await?;
        self.upsert_document(&documents, indexed, true).await?;
        if indexed.vectors.is_empty() {
            return Ok(());
        }
        // They are found at the chunks from now on.
        let cached = format!("{}/points/delete?wait=true", collections.cached());
        let is_long = indexed.chunks.len() > FEW;
        let source = Arc::clone(indexed);
        let keys = move || {
            let ids = source.chunks.iter().map(|chunk| vector_id(&chunk.key));
            written(&json!({"points": ids.collect::<Vec<_>>()}))
        };
        let keys = aside(is_long, WRITING, keys).await??;
        self.0.server.send(Method::POST, &cached, keys).await
    }

    async fn upsert_document(
        &self,
        path: &str,
        indexed: &Arc<IndexedDocument>,
        done: bool,
    ) -> Result<()> {
        let source = Arc::clone(indexed);
        let is_long = indexed.document.text.len() > SHORT;
        self.upsert(path, is_long, move || upsert_document(&source, done)).await
    }

    /// Writes points by a request that `write` makes.
    async fn upsert(
        &self,
        path: &str,
        is_long: bool,
        write: impl FnOnce() -> Result<Bytes> + Send + 'static,
    ) -> Result<()> {
        let written = aside(is_long, WRITING, write).await??;
        self.0.server.send(Method::PUT, &format!("{path}/points?wait=true"), written).await
    }

    async fn count_of(&self, path: &str) -> Result<u64> {
        let path = format!("{path}/points/count");
        let count: Count = self.0.server.ask(Method::POST, &path, &json!({"exact": true})).await?;
        Ok(count.count)
    }

    /// What is known of these documents beside what they say.
    async fn heads(&self, ids: &[String]) -> Result<HashMap<String, DocumentHead>> {
        if self.0.collections.look().await?.is_none() {
            return Ok(HashMap::new());
        }
        let own: Vec<String> = ids.iter().map(|id| document_id(id)).collect();
        let head = |read: Read| {
            let head: DocumentHead = payload(read.payload)?;
            Ok((head.document.id.clone(), head))
        };
        let with = (json!(DocumentHead::FIELDS), false);
        let read = self.retrieve(&self.0.collections.documents(), &own, with, head).await?;
        Ok(read.into_iter().collect())
    }
}

impl fmt::Debug for QdrantStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QdrantStore")
            .field("endpoint", &self.0.server.endpoint)
            .field("collection", &self.0.collections.chunks())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for QdrantStore {
    async fn put(&self, document: IndexedDocument) -> Result<()> {
        let given = document.check()?;
        self.0.collections.make(given).await?;
        let document = Arc::new(document);
        let _writing = self.lock([document.document.id.as_str()]).await;
        self.write(&document).await
    }

    async fn delete(&self, document_ids: &[String]) -> Result<u64> {
        if self.0.collections.look().await?.is_none() || document_ids.is_empty() {
            return Ok(0);
        }
        let _writing = self.lock(document_ids.iter().map(String::as_str)).await;
        let there = self.heads(document_ids).await?.len();
        let collections = &self.0.collections;
        let (chunks, documents) = (collections.chunks(), collections.documents());
        for ids in document_ids.chunks(READ) {
            // One whose chunks are gone must not be marked as done, and is listed until they are.
            let own: Vec<String> = ids.iter().map(|id| document_id(id)).collect();
            self.begin(&own).await?;
            let of = json!({"filter": {"must": [{"key": "document", "match": {"any": ids}}]}});
            self.send(Method::POST, &format!("{chunks}/points/delete?wait=true"), &of).await?;
            let path = format!("{documents}/points/delete?wait=true");
            self.send(Method::POST, &path, &json!({"points": own})).await?;
        }
        Ok(u64::try_from(there).unwrap_or(u64::MAX))
    }

    async fn states(&self, document_ids: &[String]) -> Result<Vec<Option<DocumentState>>> {
        let heads = self.heads(document_ids).await?;
        let state =
            |id: &String| heads.get(id).filter(|head| head.done).map(|head| head.state.clone());
        Ok(document_ids.iter().map(state).collect())
    }

    async fn document_ids(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        if self.0.collections.look().await?.is_none() {
            return Ok(Vec::new());
        }
        let body = json!({"with_payload": ["document.id"]});
        let id = |read: Read| {
            let id = read.payload.pointer("/document/id").and_then(Value::as_str);
            Ok(id.map(str::to_owned))
        };
        let ids = self.scroll(&self.0.collections.documents(), body, id).await?;
        let (after, is_long) = (after.map(str::to_owned), ids.len() > READ);
        let page = move || {
            let mut ids: Vec<String> =
                ids.into_iter().flatten().filter(|id| after.as_ref() < Some(id)).collect();
            ids.sort_unstable();
            ids.truncate(limit);
            ids
        };
        aside(is_long, "listing of documents", page).await
    }

    async fn cached_vectors(&self, keys: &[ChunkKey]) -> Result<Vec<Option<Vec<f32>>>> {
        let collections = &self.0.collections;
        if keys.is_empty() || collections.look_for_vectors().await?.flatten().is_none() {
            return Ok(vec![None; keys.len()]);
        }
        let mut found: HashMap<String, Vec<f32>> = HashMap::new();
        let asked = keys.to_vec();
        let ids = move || asked.iter().map(vector_id).collect::<Vec<_>>();
        let ids = aside(keys.len() > FEW, WRITING, ids).await?;
        let kept = |read: Read| Ok(read.id.as_str().map(str::to_owned).zip(read.dense()));
        let kept = self.retrieve(&collections.cached(), &ids, (json!(false), true), kept).await?;
        found.extend(kept.into_iter().flatten());
        let missing: Vec<String> = keys
            .iter()
            .zip(&ids)
            .filter(|(_, id)| !found.contains_key(*id))
            .map(|(key, _)| key.to_string())
            .collect();
        let stored = |mut read: Read| {
            let key: Option<ChunkKey> =
                read.payload.get_mut("key").map(Value::take).map(payload).transpose()?;
            Ok(key.map(|key| vector_id(&key)).zip(read.dense()))
        };
        for missing in missing.chunks(READ) {
            let body = json!({
                "filter": {"must": [{"key": "key", "match": {"any": missing}}]},
                "with_payload": ["key"], "with_vector": ["dense"],
            });
            let stored = self.scroll(&collections.chunks(), body, stored).await?;
            found.extend(stored.into_iter().flatten());
        }
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn cache_vectors(&self, vectors: &[(ChunkKey, Vec<f32>)]) -> Result<()> {
        let Some((_, first)) = vectors.first() else { return Ok(()) };
        if let Some((_, other)) = vectors.iter().find(|(_, vector)| vector.len() != first.len()) {
            return Err(dimension_mismatch(first.len(), other.len()));
        }
        if first.is_empty() {
            return Err(Error::new(
                ErrorKind::Config,
                "a vector of no dimensions cannot be stored",
            ));
        }
        self.0.collections.make(Some(first.len())).await?;
        for part in vectors.chunks(points_at_once(first.len())) {
            let part = part.to_vec();
            let is_long = 2 * first.len() * part.len() > SHORT;
            let cached = self.0.collections.cached();
            self.upsert(&cached, is_long, move || upsert_vectors(&part)).await?;
        }
        Ok(())
    }

    async fn clear_cached(&self) -> Result<u64> {
        let collections = &self.0.collections;
        if collections.look_for_vectors().await?.flatten().is_none() {
            return Ok(0);
        }
        // Those of stored chunks are not among them.
        let cleared = self.count_of(&collections.cached()).await?;
        if cleared > 0 {
            let path = format!("{}/points/delete?wait=true", collections.cached());
            self.send(Method::POST, &path, &json!({"filter": {}})).await?;
        }
        Ok(cleared)
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Scored>> {
        let inner = &*self.0;
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        let looked = match &query.by {
            SearchBy::Vector(_) => inner.collections.look_for_vectors().await?,
            SearchBy::Text(_) => inner.collections.look().await?,
        };
        let Some(dimensions) = looked else { return Ok(Vec::new()) };
        let asked = match &query.by {
            SearchBy::Vector(vector) => {
                let Some(dimensions) = dimensions else { return Ok(Vec::new()) };
                if dimensions != vector.len() {
                    return Err(dimension_mismatch(dimensions, vector.len()));
                }
                let exact = !inner.approximate;
                Asked { query: json!(vector), using: "dense", origin: Origin::Dense, exact }
            }
            SearchBy::Text(text) => {
                let Some(words) = Words::of_question(text) else { return Ok(Vec::new()) };
                Asked { query: json!(words), using: "words", origin: Origin::Text, exact: true }
            }
        };
        let chunks = inner.collections.chunks();
        search(&inner.server, &chunks, &asked, query.filter.as_ref(), query.limit).await
    }

    async fn document(&self, id: &str) -> Result<Option<Document>> {
        if self.0.collections.look().await?.is_none() {
            return Ok(None);
        }
        let document = |read: Read| Ok(payload::<DocumentPayload>(read.payload)?.document);
        let (own, with) = ([document_id(id)], (json!(true), false));
        let read = self.retrieve(&self.0.collections.documents(), &own, with, document).await?;
        Ok(read.into_iter().next())
    }

    async fn chunks(&self, document_id: &str, range: Range<u32>) -> Result<Vec<Chunk>> {
        if self.0.collections.look().await?.is_none() || range.is_empty() {
            return Ok(Vec::new());
        }
        let body = json!({"with_payload": true, "filter": {"must": [
            {"key": "document", "match": {"value": document_id}},
            {"key": "index", "range": {"gte": range.start, "lt": range.end}},
        ]}});
        let chunk = |read: Read| Ok(payload::<ChunkPayload>(read.payload)?.into_chunk());
        let mut chunks = self.scroll(&self.0.collections.chunks(), body, chunk).await?;
        chunks.sort_by_key(|chunk| chunk.index);
        Ok(chunks)
    }

    async fn count(&self) -> Result<Counts> {
        let collections = &self.0.collections;
        let Some(dimensions) = collections.look_for_vectors().await? else {
            return Ok(Counts::default());
        };
        let documents = self.count_of(&collections.documents()).await?;
        let chunks = self.count_of(&collections.chunks()).await?;
        Ok(Counts::new(documents, chunks, dimensions))
    }
}
