//! [`PostgresStore`], a [`Store`] that many machines share.

use std::fmt;
use std::ops::Range;
use std::str::FromStr as _;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use deadpool_postgres::{Client, Manager, Pool, Transaction};
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_rag::{
    Chunk, ChunkKey, Counts, Document, DocumentState, IndexedDocument, Scored, SearchBy,
    SearchQuery, Store, dimension_mismatch,
};
use tokio_postgres::Config;

use crate::failure::{failed, no_connection};
use crate::schema::{self, Schema};
use crate::search::{self, Sizes};
use crate::{read, write};

/// A [`Store`] in Postgres with pgvector. Cheap to clone; clones share its connections.
///
/// Search by vector is exact, unless the builder is told otherwise ([`approximate`]). Text is searched
/// without regard to case, scored by BM25; of a question whose words are in very many chunks, the 5,000
/// chunks with its rarest words are scored. Conditions on metadata are checked by the server; equality by
/// an index.
///
/// Needs a Tokio runtime. Dropping a future rolls back what it was writing; the statement under way is
/// finished by the server, and its answer thrown away.
///
/// Postgres stores no text with the character U+0000; such a document is an error.
///
/// [`approximate`]: PostgresBuilder::approximate
///
/// ```
/// # use meanwhile_core::ErrorKind;
/// # use meanwhile_rag_postgres::PostgresStore;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # // Nobody listens there any more.
/// # let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
/// # let url = format!("postgres://app@{closed}/knowledge");
/// // Makes its tables where they are not; here the server is down.
/// let error = PostgresStore::connect(&url).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Connection);
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    pool: Pool,
    schema: Schema,
    language: String,
    approximate: bool,
    /// Once they are fixed, which is for good.
    dimensions: OnceLock<usize>,
    sizes: Sizes,
}

/// How a [`PostgresStore`] is to be opened.
///
/// ```
/// # use meanwhile_core::ErrorKind;
/// # use meanwhile_rag_postgres::PostgresStore;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let builder = PostgresStore::builder().schema("shop").language("english").connections(4);
/// let error = builder.connect("postgres://app:s3cret@localhost:port/shop").await.unwrap_err();
/// // The error does not quote the address.
/// assert_eq!(error.kind(), ErrorKind::Config);
/// assert!(!format!("{error:?}").contains("s3cret"));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PostgresBuilder {
    schema: String,
    language: String,
    approximate: bool,
    connections: usize,
    #[cfg(feature = "tls")]
    tls: Option<rustls::ClientConfig>,
}

impl PostgresBuilder {
    /// Names the schema of the index, `meanwhile` where nothing is said. Indexes in different schemas know
    /// nothing of each other.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// Names the text search configuration of Postgres that makes words comparable, such as `english`: it
    /// finds `refund` for `refunds` and passes over words like `the`. With `simple`, which is the default,
    /// words are found as they are. It is fixed when the index is made.
    #[must_use]
    pub fn language(mut self, configuration: impl Into<String>) -> Self {
        self.language = configuration.into();
        self
    }

    /// Searches vectors by an index (HNSW), for indexes of more than some 100,000 chunks: much faster, and
    /// now and then a chunk is missed that belongs to the nearest. Up to 2,000 dimensions; needs pgvector
    /// 0.8. The index is made when the store is opened, which takes its time where there are many chunks.
    #[must_use]
    pub fn approximate(mut self) -> Self {
        self.approximate = true;
        self
    }

    /// Sets the most connections that are open at once, 8 where nothing is said. A pool of your own has
    /// its own number.
    #[must_use]
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// Sets how TLS is spoken, in the place of the certificates that the machine trusts: with an authority of
    /// your own, or a certificate of the client.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: rustls::ClientConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// Opens the index at a URL such as `postgres://user:password@host/database`; makes its tables where they
    /// are not.
    ///
    /// With the feature `tls`, a server that offers TLS is spoken to over it, and must have a certificate that
    /// this machine trusts; `?sslmode=require` at the end of the URL insists on it, `?sslmode=disable` does
    /// without. Without the feature, nothing is encrypted.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when the URL cannot be read, or the index is of another language or
    /// version; [`Unsupported`](ErrorKind::Unsupported) without pgvector; connection errors.
    pub async fn connect(self, url: &str) -> Result<PostgresStore> {
        // The error may quote the URL, which may hold a password.
        let config = Config::from_str(url).map_err(|_| {
            let message =
                "the URL of Postgres cannot be read; write it like postgres://user@host:5432/database";
            Error::new(ErrorKind::Config, message)
        })?;
        #[cfg(feature = "tls")]
        let manager = Manager::new(config, crate::tls::connector(self.tls.clone())?);
        #[cfg(not(feature = "tls"))]
        let manager = Manager::new(config, tokio_postgres::NoTls);
        let pool = Pool::builder(manager).max_size(self.connections).build().map_err(|error| {
            Error::new(ErrorKind::Config, "no pool of connections could be made").with_source(error)
        })?;
        self.over(pool).await
    }

    /// Opens the index over a pool of your own, with settings of your own.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn over(self, pool: Pool) -> Result<PostgresStore> {
        let schema = Schema::new(&self.schema)?;
        let mut client = pool.get().await.map_err(no_connection)?;
        let fixed = schema::prepare(&mut client, &schema, &self.language, self.approximate).await?;
        drop(client);
        let dimensions = OnceLock::new();
        if let Some(fixed) = fixed {
            dimensions.get_or_init(|| fixed);
        }
        Ok(PostgresStore(Arc::new(Inner {
            pool,
            schema,
            language: self.language,
            approximate: self.approximate,
            dimensions,
            sizes: Sizes::default(),
        })))
    }
}

impl PostgresStore {
    /// Opens the index in schema `meanwhile` of the database at `url`; makes its tables where they are not.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self> {
        Self::builder().connect(url).await
    }

    /// Opens the index with settings other than the usual.
    #[must_use]
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder {
            schema: "meanwhile".to_owned(),
            language: "simple".to_owned(),
            approximate: false,
            connections: 8,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    async fn client(&self) -> Result<Client> {
        self.0.pool.get().await.map_err(no_connection)
    }

    /// Fixes the dimensions of the index, or checks that they are these. Returns those that are to be kept
    /// in mind once the transaction is done.
    async fn fix(&self, transaction: &Transaction<'_>, given: Option<usize>) -> Result<()> {
        let (Some(given), inner) = (given, &*self.0) else { return Ok(()) };
        let fixed = match inner.dimensions.get() {
            Some(fixed) => Some(*fixed),
            None => {
                let approximate = inner.approximate;
                schema::fix_dimensions(transaction, &inner.schema, given, approximate).await?
            }
        };
        match fixed {
            Some(fixed) if fixed != given => Err(dimension_mismatch(fixed, given)),
            _ => Ok(()),
        }
    }

    /// Ends a transaction that wrote vectors of these dimensions.
    async fn commit(&self, transaction: Transaction<'_>, given: Option<usize>) -> Result<()> {
        transaction.commit().await.map_err(failed)?;
        if let Some(given) = given {
            self.0.dimensions.get_or_init(|| given);
        }
        Ok(())
    }

    async fn check_query(&self, client: &Client, vector: &[f32]) -> Result<()> {
        let fixed = match self.0.dimensions.get() {
            Some(fixed) => Some(*fixed),
            None => {
                let counts = read::count(client, &self.0.schema).await?;
                counts.dimensions.map(|fixed| *self.0.dimensions.get_or_init(|| fixed))
            }
        };
        match fixed {
            Some(fixed) if fixed != vector.len() => Err(dimension_mismatch(fixed, vector.len())),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pool knows the password.
        f.debug_struct("PostgresStore").field("schema", &self.0.schema).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn put(&self, document: IndexedDocument) -> Result<()> {
        let given = document.check()?;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(failed)?;
        self.fix(&transaction, given).await?;
        write::put(&transaction, &self.0.schema, &self.0.language, &document).await?;
        self.commit(transaction, given).await
    }

    async fn delete(&self, document_ids: &[String]) -> Result<u64> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(failed)?;
        let deleted = write::delete(&transaction, &self.0.schema, document_ids).await?;
        self.commit(transaction, None).await?;
        Ok(deleted)
    }

    async fn states(&self, document_ids: &[String]) -> Result<Vec<Option<DocumentState>>> {
        read::states(&self.client().await?, &self.0.schema, document_ids).await
    }

    async fn document_ids(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        read::document_ids(&self.client().await?, &self.0.schema, after, limit).await
    }

    async fn cached_vectors(&self, keys: &[ChunkKey]) -> Result<Vec<Option<Vec<f32>>>> {
        read::vectors(&self.client().await?, &self.0.schema, keys).await
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
        let given = Some(first.len());
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(failed)?;
        self.fix(&transaction, given).await?;
        write::cache(&transaction, &self.0.schema, vectors).await?;
        self.commit(transaction, given).await
    }

    async fn clear_cached(&self) -> Result<u64> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(failed)?;
        let cleared = write::clear_cached(&transaction, &self.0.schema).await?;
        self.commit(transaction, None).await?;
        Ok(cleared)
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Scored>> {
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let inner = &*self.0;
        let mut client = self.client().await?;
        let filter = query.filter.as_ref();
        match &query.by {
            SearchBy::Vector(vector) => {
                self.check_query(&client, vector).await?;
                if inner.dimensions.get().is_none() {
                    return Ok(Vec::new());
                }
                if inner.approximate {
                    search::nearly_nearest(&mut client, &inner.schema, vector, filter, limit).await
                } else {
                    search::nearest(&client, &inner.schema, vector, filter, limit).await
                }
            }
            SearchBy::Text(text) => {
                let asked = (inner.language.as_str(), text.as_str());
                search::with_words(&client, &inner.schema, &inner.sizes, asked, filter, limit).await
            }
        }
    }

    async fn document(&self, id: &str) -> Result<Option<Document>> {
        read::document(&self.client().await?, &self.0.schema, id).await
    }

    async fn chunks(&self, document_id: &str, range: Range<u32>) -> Result<Vec<Chunk>> {
        read::chunks(&self.client().await?, &self.0.schema, document_id, range).await
    }

    async fn count(&self) -> Result<Counts> {
        read::count(&self.client().await?, &self.0.schema).await
    }
}
