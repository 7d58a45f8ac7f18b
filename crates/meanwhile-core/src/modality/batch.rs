//! [`Batches`]: many requests that a provider answers later, at a lower price.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Request, Response, Result, Warning};

/// Hands over many requests at once and fetches their answers later.
///
/// Dropping a future cancels the request that is on its way, not what the provider has taken on: a batch
/// runs, and is billed, until [`cancel`](Self::cancel) has been answered.
#[async_trait]
pub trait Batches: fmt::Debug + Send + Sync + 'static {
    /// Hands over requests, each with an id of the caller's choice, unique within the batch. A setting
    /// that a request cannot carry is told in [`Batch::warnings`], or an error where the request asks
    /// for that.
    ///
    /// Dropped early, it may leave a batch that runs and is billed, of which no id is known: await it to
    /// the end.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports; [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for ids
    /// that are not unique, or an empty batch.
    async fn create(&self, requests: Vec<(String, Request)>) -> Result<Batch>;

    /// Asks how far a batch is. Dropping the future changes nothing.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports.
    async fn status(&self, id: &BatchId) -> Result<Batch>;

    /// Fetches the answers of a batch that has ended, in the order in which the provider gives them,
    /// which need not be that of the requests. Dropping the future changes nothing; they can be fetched
    /// again.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports; what went wrong with a single request is in its item. Where
    /// some answers have been read already, a failure to read the others is an item, too, with an
    /// empty id where nothing tells which request it is about.
    async fn results(&self, id: &BatchId) -> Result<Vec<BatchItem>>;

    /// Asks the provider to stop; requests that are done keep their answers. Dropped early, it may have
    /// stopped the batch or not: ask for its [`status`](Self::status).
    ///
    /// # Errors
    ///
    /// Whatever the provider reports.
    async fn cancel(&self, id: &BatchId) -> Result<Batch>;
}

/// Names a batch, across programs and machines: it serialises and holds no secret.
///
/// ```
/// use meanwhile_core::BatchId;
///
/// let id = BatchId::new("openai", "batch_68f1");
/// let stored = serde_json::to_string(&id)?;
/// // Later, in another process:
/// let found: BatchId = serde_json::from_str(&stored)?;
/// assert_eq!(found, id);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BatchId {
    /// The provider that works on it.
    pub provider: String,
    /// The provider's id of the batch.
    pub id: String,
}

impl BatchId {
    /// Names a batch of `provider`.
    #[must_use]
    pub fn new(provider: impl Into<String>, id: impl Into<String>) -> Self {
        Self { provider: provider.into(), id: id.into() }
    }
}

/// How far a batch is.
///
/// ```
/// use meanwhile_core::{Batch, BatchId, BatchStatus};
///
/// let id = BatchId::new("openai", "batch_68f1");
/// let mut batch = Batch::new(id, BatchStatus::Running);
/// (batch.total, batch.succeeded) = (Some(100), Some(40));
/// assert!(!batch.status.is_final());
/// assert_eq!(batch.total.zip(batch.succeeded).map(|(all, done)| all - done), Some(60));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Batch {
    /// Its name.
    pub id: BatchId,
    /// Where it stands.
    pub status: BatchStatus,
    /// How many requests it has, where the provider says.
    pub total: Option<u64>,
    /// How many were answered.
    pub succeeded: Option<u64>,
    /// How many failed.
    pub failed: Option<u64>,
    /// What did not go through as asked, each with the id of its request. Only
    /// [`create`](Batches::create) knows; the provider does not keep it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<(String, Warning)>,
    /// Everything the provider said, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Box<Value>>,
}

impl Batch {
    /// Makes a batch without counts.
    #[must_use]
    pub fn new(id: BatchId, status: BatchStatus) -> Self {
        let warnings = Vec::new();
        Self { id, status, total: None, succeeded: None, failed: None, warnings, raw: None }
    }

    /// Adds what did not go through as asked, each with the id of its request.
    #[must_use]
    pub fn with_warnings(mut self, warnings: Vec<(String, Warning)>) -> Self {
        self.warnings = warnings;
        self
    }
}

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BatchStatus {
    /// Waiting, or being worked on.
    Running,
    /// Being stopped.
    Cancelling,
    /// All requests were worked on; results can be fetched.
    Completed,
    /// It was stopped; what was done until then can be fetched.
    Cancelled,
    /// It took too long; what was done until then can be fetched.
    Expired,
    /// It could not be worked on.
    Failed,
}

impl BatchStatus {
    /// Whether nothing more will change.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Running | Self::Cancelling)
    }
}

/// The answer to one request of a batch.
///
/// ```
/// use meanwhile_core::{BatchItem, Error, ErrorKind, Response};
///
/// let refused = Error::new(ErrorKind::ContentFilter, "a filter stopped the answer");
/// let items = [
///     BatchItem::new("first", Ok(Response::new("openai", "gpt-4o-mini"))),
///     BatchItem::new("second", Err(refused)),
/// ];
/// let failed = items.iter().filter(|item| item.response.is_err());
/// assert_eq!(failed.map(|item| &*item.id).collect::<Vec<_>>(), ["second"]);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct BatchItem {
    /// The id that the caller gave the request.
    pub id: String,
    /// The answer, or what went wrong with this request.
    pub response: Result<Response>,
}

impl BatchItem {
    /// Makes the answer to the request called `id`.
    #[must_use]
    pub fn new(id: impl Into<String>, response: Result<Response>) -> Self {
        Self { id: id.into(), response }
    }
}
