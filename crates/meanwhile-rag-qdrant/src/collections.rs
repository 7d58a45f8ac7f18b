//! [`Collections`]: the three collections of an index, made when the first document or vector comes.

use std::sync::{Mutex as StdMutex, PoisonError};

use futures_util::lock::Mutex;
use http::Method;
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_rag::dimension_mismatch;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use crate::server::Server;

/// Fields of chunks that conditions are about, and what they hold.
const INDEXED: [(&str, &str); 4] =
    [("document", "keyword"), ("key", "keyword"), ("facts", "keyword"), ("index", "integer")];

/// Names of collections, and what is known about them.
#[derive(Debug)]
pub(crate) struct Collections {
    server: Server,
    name: String,
    known: StdMutex<Known>,
    making: Mutex<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Known {
    made: bool,
    dimensions: Option<usize>,
}

impl Collections {
    pub(crate) fn new(server: Server, name: String) -> Result<Self> {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if name.is_empty() || name.len() > 200 || !name.bytes().all(fine) {
            let message = format!(
                "{name:?} is no name for a collection; it has letters, digits, `_`, `-` and `.`"
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(Self { server, name, known: StdMutex::default(), making: Mutex::new(()) })
    }

    /// The path of the collection of chunks.
    pub(crate) fn chunks(&self) -> String {
        format!("/collections/{}", self.name)
    }

    /// The path of the collection of documents.
    pub(crate) fn documents(&self) -> String {
        format!("/collections/{}-documents", self.name)
    }

    /// The path of the collection of cached vectors.
    pub(crate) fn cached(&self) -> String {
        format!("/collections/{}-cached", self.name)
    }

    fn known(&self) -> Known {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, known: Known) -> Known {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        known
    }

    /// Whether there are collections, and the dimensions of their vectors where they are known.
    pub(crate) async fn look(&self) -> Result<Option<Option<usize>>> {
        self.look_until(|known| known.made).await
    }

    /// Whether there are collections, and the dimensions of their vectors once there has been one: asks
    /// anew while there is none, as another program may have written it.
    pub(crate) async fn look_for_vectors(&self) -> Result<Option<Option<usize>>> {
        self.look_until(|known| known.dimensions.is_some()).await
    }

    async fn look_until(&self, suits: impl Fn(Known) -> bool) -> Result<Option<Option<usize>>> {
        let mut known = self.known();
        if !suits(known) {
            known = self.keep(self.ask().await?.0);
        }
        Ok(known.made.then_some(known.dimensions))
    }

    /// Makes the collections where they are not, and fixes the dimensions of their vectors, or checks that
    /// they are these.
    pub(crate) async fn make(&self, given: Option<usize>) -> Result<()> {
        let suits = |known: Known| known.made && (given.is_none() || known.dimensions.is_some());
        let mut known = self.known();
        if !suits(known) {
            let _making = self.making.lock().await;
            let (asked, indexed) = self.ask().await?;
            known = self.keep(asked);
            if known.made {
                // Whoever made the collection may not have come so far.
                self.index(&indexed).await?;
            } else {
                self.create(given).await?;
            }
            if let (true, None, Some(given)) = (known.made, known.dimensions, given) {
                self.add_vectors(given).await?;
            }
            if !suits(known) {
                // What another program has made meanwhile counts.
                known = self.keep(self.ask().await?.0);
            }
        }
        match (known.dimensions, given) {
            (Some(fixed), Some(given)) if fixed != given => Err(dimension_mismatch(fixed, given)),
            _ => Ok(()),
        }
    }

    /// What there is, and the fields of chunks that are indexed.
    async fn ask(&self) -> Result<(Known, Vec<String>)> {
        let found: Option<Value> = self.server.find(&self.chunks()).await?;
        let Some(found) = found else { return Ok((Known::default(), Vec::new())) };
        let size = found.pointer("/config/params/vectors/dense/size").and_then(Value::as_u64);
        let dimensions = size.and_then(|size| usize::try_from(size).ok());
        let indexed = found.get("payload_schema").and_then(Value::as_object);
        let indexed = indexed.into_iter().flat_map(Map::keys).cloned().collect();
        Ok((Known { made: true, dimensions }, indexed))
    }

    async fn create(&self, given: Option<usize>) -> Result<()> {
        // The collection of chunks comes last: where it is, the others are.
        self.create_one(&self.documents(), &json!({"vectors": {}})).await?;
        let mut vectors = json!({});
        if let Some(given) = given {
            self.create_cached(given).await?;
            vectors = json!({"dense": {"size": given, "distance": "Cosine"}});
        }
        let words = json!({"words": {"modifier": "idf"}});
        let chunks = json!({"vectors": vectors, "sparse_vectors": words});
        self.create_one(&self.chunks(), &chunks).await?;
        self.index(&[]).await
    }

    async fn create_cached(&self, given: usize) -> Result<()> {
        let vectors = json!({"vectors": {"dense": {"size": given, "distance": "Cosine"}}});
        self.create_one(&self.cached(), &vectors).await
    }

    async fn create_one(&self, path: &str, settings: &Value) -> Result<()> {
        match self.server.ask::<IgnoredAny>(Method::PUT, path, settings).await {
            // Another program was first.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            made => made.map(drop),
        }
    }

    /// Makes the indexes on fields of chunks that are not there.
    async fn index(&self, there: &[String]) -> Result<()> {
        let path = format!("{}/index?wait=true", self.chunks());
        for (field, kind) in INDEXED {
            if !there.iter().any(|there| there == field) {
                let index = json!({"field_name": field, "field_schema": kind});
                self.server.ask::<IgnoredAny>(Method::PUT, &path, &index).await?;
            }
        }
        Ok(())
    }

    /// Adds vectors to collections that began with words alone.
    async fn add_vectors(&self, given: usize) -> Result<()> {
        self.create_cached(given).await?;
        let path = format!("{}/vectors/dense?wait=true", self.chunks());
        let vectors = json!({"dense": {"size": given, "distance": "Cosine"}});
        self.server.ask::<IgnoredAny>(Method::PUT, &path, &vectors).await.map(drop)
    }
}
