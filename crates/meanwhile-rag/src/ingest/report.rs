//! [`IngestReport`], what came of an ingestion.

use meanwhile_core::{Error, Result, Usage};

/// What came of an ingestion, or has come of it so far.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct IngestReport {
    /// Documents that are new in the index.
    pub added: u64,
    /// Documents that replaced an earlier one.
    pub updated: u64,
    /// Documents that the index held already, as they are.
    pub unchanged: u64,
    /// Documents left out because another one says the same.
    pub duplicates: u64,
    /// Documents of the index that were deleted because they did not come.
    pub deleted: u64,
    /// What failed, in the order in which it did.
    pub failed: Vec<Failure>,
    /// Chunks that were stored.
    pub chunks: u64,
    /// Texts that the embedder was paid for.
    pub embedded: u64,
    /// Chunks whose vectors were known already, from the index or from a run that was stopped.
    pub cached: u64,
    /// What the embedder counted.
    pub usage: Usage,
    /// Whether nothing was deleted although it should have been, as the source of the documents reported an
    /// error.
    pub deletion_skipped: bool,
}

impl IngestReport {
    /// How many documents have been dealt with, failures included.
    #[must_use]
    pub fn documents(&self) -> u64 {
        let failed = self.failed.len() as u64;
        self.added + self.updated + self.unchanged + self.duplicates + failed
    }

    /// The report, where nothing failed.
    ///
    /// # Errors
    ///
    /// The first [failure](Self::failed).
    ///
    /// ```
    /// # use meanwhile_rag::{Document, Index, MemoryStore};
    /// # futures::executor::block_on(async {
    /// # let index = Index::new(MemoryStore::new());
    /// let documents = [Document::new("gifts", "Gift cards are not taken back.")];
    /// let report = index.ingest().run_all(documents).await?.complete()?;
    /// assert_eq!(report.added, 1);
    /// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
    /// ```
    pub fn complete(self) -> Result<Self> {
        match self.failed.first() {
            Some(failure) => Err(failure.error.clone()),
            None => Ok(self),
        }
    }

    pub(super) fn add(&mut self, done: &DocumentOutcome) {
        self.chunks += done.chunks;
        match &done.outcome {
            Outcome::Added => self.added += 1,
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Duplicate => self.duplicates += 1,
            Outcome::Deleted => self.deleted += 1,
            Outcome::Failed(error) => self
                .failed
                .push(Failure { document_id: done.document_id.clone(), error: error.clone() }),
        }
    }
}

/// What failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Failure {
    /// The document; `None` where the source of the documents failed before there was one.
    pub document_id: Option<String>,
    /// Why.
    pub error: Error,
}

/// What came of one document.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DocumentOutcome {
    /// The document; `None` where the source of the documents failed before there was one.
    pub document_id: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// Chunks that were stored for it.
    pub chunks: u64,
}

/// What came of a document.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Outcome {
    /// It is new in the index.
    Added,
    /// It replaced an earlier one.
    Updated,
    /// The index held it already, as it is.
    Unchanged,
    /// It was left out because another one says the same.
    Duplicate,
    /// It was deleted because it did not come.
    Deleted,
    /// It failed. The index holds what it held of it before.
    Failed(Error),
}
