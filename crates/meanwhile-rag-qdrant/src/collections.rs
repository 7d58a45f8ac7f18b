//! [`Collections`]: the three collections of an index, made when the first document or vector comes.

use std::sync::{Mutex as StdMutex, PoisonError};

use futures_util::lock::Mutex;
use http::Method;
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_rag::dimension_mismatch;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::server::Server;

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

    /// Whether there are collections, and the dimensions of their vectors once there has been one.
    pub(crate) async fn look(&self) -> Result<Option<Option<usize>>> {
        let mut known = self.known();
        if known.dimensions.is_none() {
            known = self.keep(self.ask().await?);
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
            known = self.keep(self.ask().await?);
            if !known.made {
                self.create(given).await?;
            } else if let (None, Some(given)) = (known.dimensions, given) {
                self.add_vectors(given).await?;
            }
            if !suits(known) {
                // What another program has made meanwhile counts.
                known = self.keep(self.ask().await?);
            }
        }
        match (known.dimensions, given) {
            (Some(fixed), Some(given)) if fixed != given => Err(dimension_mismatch(fixed, given)),
            _ => Ok(()),
        }
    }

    async fn ask(&self) -> Result<Known> {
        let found: Option<Value> = self.server.find(&self.chunks()).await?;
        let Some(found) = found else { return Ok(Known::default()) };
        let size = found.pointer("/config/params/vectors/dense/size").and_then(Value::as_u64);
        Ok(Known { made: true, dimensions: size.and_then(|size| usize::try_from(size).ok()) })
    }

    async fn create(&self, given: Option<usize>) -> Result<()> {
        // The collection of chunks comes last: where it is, the others are.
        self.create_one(&self.documents(), &json!({"vectors": {}}), &[]).await?;
        let mut vectors = json!({});
        if let Some(given) = given {
            self.create_cached(given).await?;
            vectors = json!({"dense": {"size": given, "distance": "Cosine"}});
        }
        let words = json!({"words": {"modifier": "idf"}});
        let chunks = json!({"vectors": vectors, "sparse_vectors": words});
        self.create_one(&self.chunks(), &chunks, &["document", "key", "facts"]).await
    }

    async fn create_cached(&self, given: usize) -> Result<()> {
        let vectors = json!({"vectors": {"dense": {"size": given, "distance": "Cosine"}}});
        self.create_one(&self.cached(), &vectors, &[]).await
    }

    async fn create_one(&self, path: &str, settings: &Value, indexed: &[&str]) -> Result<()> {
        match self.server.ask::<IgnoredAny>(Method::PUT, path, settings).await {
            // Another program was first.
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            made => {
                made?;
            }
        }
        for field in indexed {
            let path = format!("{path}/index?wait=true");
            let index = json!({"field_name": field, "field_schema": "keyword"});
            self.server.ask::<IgnoredAny>(Method::PUT, &path, &index).await?;
        }
        if !indexed.is_empty() {
            let path = format!("{path}/index?wait=true");
            let index = json!({"field_name": "index", "field_schema": "integer"});
            self.server.ask::<IgnoredAny>(Method::PUT, &path, &index).await?;
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
