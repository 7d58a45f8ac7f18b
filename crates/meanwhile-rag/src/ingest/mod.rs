//! [`Ingestion`], documents into an index: split, embedded, stored, and each marked as done.

mod duplicates;
mod embed;
mod prepare;
mod report;
mod run;

use std::fmt;
use std::sync::Arc;

use futures_util::stream::{self, Stream, StreamExt as _};
use meanwhile_core::{EmbedPurpose, EmbeddingModel, Result};

use crate::digest::Hasher;
use crate::index::{FIELDS, OPTIONS, TEXT_ALONE, embedder_name};
use crate::splitters::MarkdownSplitter;
use crate::{ContentHash, Document, Index, Splitter, Store};

pub use report::{DocumentOutcome, Failure, IngestReport, Outcome};
pub use run::IngestStream;

/// Documents on their way into an index; made by [`Index::ingest`].
///
/// A document is done when it is stored with all its chunks and vectors, which happens in one transaction.
/// An ingestion that is stopped, by an error, a dropped future or the end of the process, is gone on with by
/// running it again with the same documents: what is done is not looked at again, and vectors that were
/// paid for are not paid for twice, but for those under way at that moment: at most
/// [`concurrency`](Self::concurrency) times [`batch`](Self::batch) texts are paid for and not yet stored.
///
/// One document that fails does not stop the others. Vectors are computed in batches across documents.
///
/// ```
/// use std::sync::Arc;
/// use meanwhile_rag::{Document, Index, MemoryStore};
///
/// # futures::executor::block_on(async {
/// // Without an embedder, documents are found by their words.
/// let index = Index::new(MemoryStore::new());
/// let documents = [
///     Document::new("refunds", "Refunds are paid within 30 days."),
///     Document::new("gifts", "Gift cards cannot be returned."),
/// ];
/// let report = index.ingest().concurrency(8).run_all(documents).await?;
/// assert_eq!(report.added, 2);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
#[must_use = "nothing is ingested before `run` is awaited"]
pub struct Ingestion {
    store: Arc<dyn Store>,
    embedder: Option<EmbeddingModel>,
    splitter: Arc<dyn Splitter>,
    strategy: Strategy,
    concurrency: usize,
    batch: usize,
    retries: u32,
    embed_fields: Vec<String>,
    progress: Option<Progress>,
}

/// Is told how far an ingestion has come.
type Progress = Arc<dyn Fn(&IngestReport) + Send + Sync>;

/// What is done with documents that the index may hold already.
///
/// ```
/// # use meanwhile_rag::{Document, Index, MemoryStore, Strategy};
/// # futures::executor::block_on(async {
/// let index = Index::new(MemoryStore::new());
/// let document = |id: &str| Document::new(id, format!("All about {id}."));
/// index.ingest().run_all([document("lamps"), document("chairs")]).await?;
/// // The folder has no chairs any more.
/// let mirror = index.ingest().strategy(Strategy::UpsertsAndDelete);
/// let report = mirror.run_all([document("lamps"), document("tables")]).await?;
/// assert_eq!((report.added, report.unchanged, report.deleted), (1, 1, 1));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// A document that says something new, or is to be cut or embedded in another way, replaces the one of
    /// its id.
    #[default]
    Upserts,
    /// As `Upserts`; and a new document whose text and metadata are those of another one, of whatever id,
    /// is left out. It is left out when the other one is in the index to the end of this run: where that
    /// one is under way, it is waited for; where it is in the index and has not come in this run, it might
    /// come with another text, so that the document waits, in memory, until the source has ended.
    DuplicatesOnly,
    /// As `Upserts`; and documents of the index that did not come are deleted at the end, and vectors that
    /// were kept for documents that never got stored, where none failed. Nothing is deleted where the
    /// source of the documents reports an error, as what it failed to read may still be there, and where no
    /// document came at all: [`Store::delete`] empties an index.
    UpsertsAndDelete,
}

impl Index {
    /// Prepares to take documents in; nothing happens before the ingestion is run.
    pub fn ingest(&self) -> Ingestion {
        Ingestion {
            store: Arc::clone(self.store()),
            embedder: self.embedding_model().cloned().map(|m| m.purpose(EmbedPurpose::Document)),
            splitter: Arc::new(MarkdownSplitter::default()),
            strategy: Strategy::default(),
            concurrency: 4,
            batch: 64,
            retries: 2,
            embed_fields: vec!["title".to_owned(), "headings".to_owned()],
            progress: None,
        }
    }
}

impl Ingestion {
    /// Sets how documents are cut; [`MarkdownSplitter::default`] without this.
    pub fn splitter(mut self, splitter: impl Splitter) -> Self {
        self.splitter = Arc::new(splitter);
        self
    }

    /// Sets how many requests to the embedder, and writes to the store, are under way at once; 4 without
    /// this. So many [batches](Self::batch) at most are paid for and not yet stored: where the store is
    /// slow, the embedder waits for it.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests.max(1);
        self
    }

    /// Sets how many chunks are embedded in one request, across documents; 64 without this. The
    /// embedder's own limit holds as well.
    pub fn batch(mut self, chunks: usize) -> Self {
        self.batch = chunks.max(1);
        self
    }

    /// Sets how often a request to the embedder that may yet succeed is sent again, after half a second,
    /// one, two and so on up to a minute, or as long as the provider says; 2 without this. A provider that
    /// asks for more than ten minutes is not asked again.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets what happens to documents that are in the index already.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets which fields of a chunk's metadata are embedded in front of its text, where it has them;
    /// `title` and `headings` without this.
    pub fn embed_fields<I>(mut self, fields: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.embed_fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Calls `progress` with the report so far after each document, on the thread that polls.
    pub fn on_progress(mut self, progress: impl Fn(&IngestReport) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// Takes in all documents of a stream, such as that of a [folder](crate::loaders::Folder); its items are
    /// documents or results of them. Dropping the future stops the work.
    ///
    /// # Errors
    ///
    /// Where the store cannot list its documents, for [`Strategy::DuplicatesOnly`] and for the deletion at the
    /// end. What fails for one document is in the [report](IngestReport::failed), a store that cannot be reached
    /// among it, for each document: look there, or ask for [`complete`](IngestReport::complete).
    pub async fn run<S>(self, documents: S) -> Result<IngestReport>
    where
        S: Stream + Send + 'static,
        S::Item: IntoDocument,
    {
        self.stream(documents).finish().await
    }

    /// Takes in all of these documents.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn run_all<I>(self, documents: I) -> Result<IngestReport>
    where
        I: IntoIterator,
        I::IntoIter: Send + 'static,
        I::Item: IntoDocument,
    {
        self.run(stream::iter(documents)).await
    }

    /// Takes in the documents while the returned stream is polled; it yields what came of each, in the
    /// order in which they are done. Dropping it stops the work.
    pub fn stream<S>(self, documents: S) -> IngestStream
    where
        S: Stream + Send + 'static,
        S::Item: IntoDocument,
    {
        IngestStream::new(self, documents.map(IntoDocument::into_document).boxed())
    }

    /// Names the way of working: documents that were stored under another one are worked on again.
    fn fingerprint(&self) -> String {
        let splitter = self.splitter.fingerprint();
        let fields = self.embed_fields.join(",");
        format!("{splitter} | {} | {FIELDS}{fields}", self.embedder_name())
    }

    /// Names the embedder: provider, model, dimensions, and vendor options as a digest.
    fn embedder_name(&self) -> String {
        let Some(embedder) = &self.embedder else { return TEXT_ALONE.to_owned() };
        let (mut name, settings) = (embedder_name(embedder), embedder.settings());
        if !settings.options.is_empty() {
            let hasher =
                settings.options.iter().fold(Hasher::default(), |hasher, (id, options)| {
                    hasher.field(id.as_bytes()).map(options)
                });
            name.push_str(&format!("{OPTIONS}{}", ContentHash::of(hasher)));
        }
        name
    }
}

impl fmt::Debug for Ingestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingestion")
            .field("splitter", &self.splitter)
            .field("strategy", &self.strategy)
            .field("concurrency", &self.concurrency)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

/// What a stream of documents yields: documents, or results of them.
pub trait IntoDocument {
    /// The document, or why there is none.
    ///
    /// # Errors
    ///
    /// What the source of the documents reports.
    fn into_document(self) -> Result<Document>;
}

impl IntoDocument for Document {
    fn into_document(self) -> Result<Document> {
        Ok(self)
    }
}

impl IntoDocument for Result<Document> {
    fn into_document(self) -> Result<Document> {
        self
    }
}
