//! [`QdrantStore`], a [`Store`] in a Qdrant server.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::lock::{Mutex, MutexGuard};
use http::Method;
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_http::{BaseUrl, Client, Endpoint, Secret};
use meanwhile_rag::{
    Chunk, ChunkKey, Counts, Document, DocumentState, IndexedDocument, Origin, Scored, SearchBy,
    SearchQuery, Store, dimension_mismatch,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::collections::Collections;
use crate::points::{
    ChunkPayload, DocumentPayload, Point, Vectors, Words, chunk_id, document_id, payload, vector_id,
};
use crate::search::{Asked, search};
use crate::server::Server;

/// Points that are written by one request, and the most numbers of their vectors.
const WRITTEN: usize = 64;
const NUMBERS: usize = 32 * 384;

/// Points that are read by one request.
const READ: usize = 500;

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
/// A document is written as JSON by whoever polls: one of a megabyte takes it some milliseconds.
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
fn points_at_once(dimensions: Option<usize>) -> usize {
    (NUMBERS / dimensions.unwrap_or(1).max(1)).clamp(1, WRITTEN)
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
        self.0.server.ask::<IgnoredAny>(method, path, body).await.map(drop)
    }

    /// Reads the points with these ids, in no order; unknown ones are left out.
    async fn retrieve(&self, path: &str, ids: &[String], vectors: bool) -> Result<Vec<Read>> {
        let mut points = Vec::new();
        for ids in ids.chunks(READ) {
            let body = json!({"ids": ids, "with_payload": !vectors, "with_vector": vectors});
            let path = format!("{path}/points");
            points.extend(self.0.server.ask::<Vec<Read>>(Method::POST, &path, &body).await?);
        }
        Ok(points)
    }

    /// Reads all points that fulfil a condition, by pages.
    async fn scroll(&self, path: &str, mut body: Value) -> Result<Vec<Read>> {
        let path = format!("{path}/points/scroll");
        let mut points = Vec::new();
        let set = |body: &mut Value, name: &str, value: Value| {
            if let Some(body) = body.as_object_mut() {
                body.insert(name.to_owned(), value);
            }
        };
        set(&mut body, "limit", READ.into());
        loop {
            let page: Page = self.0.server.ask(Method::POST, &path, &body).await?;
            points.extend(page.points);
            match page.next_page_offset {
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

    async fn write(&self, indexed: &IndexedDocument) -> Result<()> {
        let collections = &self.0.collections;
        let (chunks, documents) = (collections.chunks(), collections.documents());
        let own = document_id(&indexed.document.id);
        let point = |done| Point {
            id: own.clone(),
            vector: Vectors::default(),
            payload: DocumentPayload {
                state: indexed.state.clone(),
                done,
                document: indexed.document.clone(),
            },
        };
        let there = json!({"filter": {"must": [{"has_id": [own]}]}, "exact": true});
        let there: Count =
            self.0.server.ask(Method::POST, &format!("{documents}/points/count"), &there).await?;
        if there.count > 0 {
            self.begin(std::slice::from_ref(&own)).await?;
        } else {
            // Chunks belong to a document that is listed, at any moment.
            self.upsert(&documents, &[point(false)]).await?;
        }

        let vectors = indexed.vectors.iter().map(Some).chain(std::iter::repeat(None));
        let all: Vec<(&Chunk, Option<&Vec<f32>>)> = indexed.chunks.iter().zip(vectors).collect();
        for part in all.chunks(points_at_once(indexed.vectors.first().map(Vec::len))) {
            let mut points = Vec::with_capacity(part.len());
            for (chunk, vector) in part {
                let words = Words::of_chunk(&chunk.text);
                points.push(Point {
                    id: chunk_id(&chunk.document_id, chunk.index),
                    vector: Vectors { dense: vector.map(Vec::as_slice), words },
                    payload: ChunkPayload::of(chunk),
                });
            }
            self.upsert(&chunks, &points).await?;
        }
        let left = json!({"filter": {"must": [
            {"key": "document", "match": {"value": indexed.document.id}},
            {"key": "index", "range": {"gte": indexed.chunks.len()}},
        ]}});
        self.send(Method::POST, &format!("{chunks}/points/delete?wait=true"), &left).await?;
        self.upsert(&documents, &[point(true)]).await?;
        if indexed.vectors.is_empty() {
            return Ok(());
        }
        // They are found at the chunks from now on.
        let keys: Vec<String> = indexed.chunks.iter().map(|chunk| vector_id(&chunk.key)).collect();
        let cached = format!("{}/points/delete?wait=true", collections.cached());
        self.send(Method::POST, &cached, &json!({"points": keys})).await
    }

    async fn upsert(&self, path: &str, points: &(impl serde::Serialize + Sync)) -> Result<()> {
        #[derive(serde::Serialize)]
        struct Upsert<'a, T> {
            points: &'a T,
        }

        let path = format!("{path}/points?wait=true");
        self.0.server.ask::<IgnoredAny>(Method::PUT, &path, &Upsert { points }).await.map(drop)
    }

    async fn count_of(&self, path: &str) -> Result<u64> {
        let path = format!("{path}/points/count");
        let count: Count = self.0.server.ask(Method::POST, &path, &json!({"exact": true})).await?;
        Ok(count.count)
    }

    async fn documents(&self, ids: &[String]) -> Result<HashMap<String, DocumentPayload>> {
        if self.0.collections.look().await?.is_none() {
            return Ok(HashMap::new());
        }
        let own: Vec<String> = ids.iter().map(|id| document_id(id)).collect();
        let read = self.retrieve(&self.0.collections.documents(), &own, false).await?;
        let document = |read: Read| {
            let document: DocumentPayload = payload(read.payload)?;
            Ok((document.document.id.clone(), document))
        };
        read.into_iter().map(document).collect()
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
        let _writing = self.lock([document.document.id.as_str()]).await;
        self.write(&document).await
    }

    async fn delete(&self, document_ids: &[String]) -> Result<u64> {
        if self.0.collections.look().await?.is_none() || document_ids.is_empty() {
            return Ok(0);
        }
        let _writing = self.lock(document_ids.iter().map(String::as_str)).await;
        let there = self.documents(document_ids).await?.len();
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
        let documents = self.documents(document_ids).await?;
        let state = |id: &String| {
            documents
                .get(id)
                .filter(|document| document.done)
                .map(|document| document.state.clone())
        };
        Ok(document_ids.iter().map(state).collect())
    }

    async fn document_ids(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        if self.0.collections.look().await?.is_none() {
            return Ok(Vec::new());
        }
        let body = json!({"with_payload": ["document.id"]});
        let read = self.scroll(&self.0.collections.documents(), body).await?;
        let id = |read: &Read| read.payload.pointer("/document/id")?.as_str().map(str::to_owned);
        let mut ids: Vec<String> = read
            .iter()
            .filter_map(id)
            .filter(|id| after.is_none_or(|after| id.as_str() > after))
            .collect();
        ids.sort_unstable();
        ids.truncate(limit);
        Ok(ids)
    }

    async fn cached_vectors(&self, keys: &[ChunkKey]) -> Result<Vec<Option<Vec<f32>>>> {
        let collections = &self.0.collections;
        if keys.is_empty() || collections.look_for_vectors().await?.flatten().is_none() {
            return Ok(vec![None; keys.len()]);
        }
        let mut found: HashMap<String, Vec<f32>> = HashMap::new();
        let ids: Vec<String> = keys.iter().map(vector_id).collect();
        for read in self.retrieve(&collections.cached(), &ids, true).await? {
            if let (Some(id), Some(vector)) = (read.id.as_str().map(str::to_owned), read.dense()) {
                found.insert(id, vector);
            }
        }
        let missing: Vec<String> = keys
            .iter()
            .filter(|key| !found.contains_key(&vector_id(key)))
            .map(ToString::to_string)
            .collect();
        for missing in missing.chunks(READ) {
            let body = json!({
                "filter": {"must": [{"key": "key", "match": {"any": missing}}]},
                "with_payload": ["key"], "with_vector": ["dense"],
            });
            for mut read in self.scroll(&collections.chunks(), body).await? {
                let key: Option<ChunkKey> =
                    read.payload.get_mut("key").map(Value::take).map(payload).transpose()?;
                if let (Some(key), Some(vector)) = (key, read.dense()) {
                    found.insert(vector_id(&key), vector);
                }
            }
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
        for part in vectors.chunks(points_at_once(Some(first.len()))) {
            let point = |(key, vector): &'_ (ChunkKey, Vec<f32>)| json!({"id": vector_id(key), "vector": {"dense": vector}, "payload": {}});
            let points: Vec<Value> = part.iter().map(point).collect();
            self.upsert(&self.0.collections.cached(), &points).await?;
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
        let mut documents = self.documents(&[id.to_owned()]).await?;
        Ok(documents.remove(id).map(|document| document.document))
    }

    async fn chunks(&self, document_id: &str, range: Range<u32>) -> Result<Vec<Chunk>> {
        if self.0.collections.look().await?.is_none() || range.is_empty() {
            return Ok(Vec::new());
        }
        let body = json!({"with_payload": true, "filter": {"must": [
            {"key": "document", "match": {"value": document_id}},
            {"key": "index", "range": {"gte": range.start, "lt": range.end}},
        ]}});
        let read = self.scroll(&self.0.collections.chunks(), body).await?;
        let chunk = |read: Read| Ok(payload::<ChunkPayload>(read.payload)?.into_chunk());
        let mut chunks: Vec<Chunk> = read.into_iter().map(chunk).collect::<Result<_>>()?;
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
