//! [`Index`], a store and an embedder, where ingestion, retrieval, questions and chats begin.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use meanwhile_core::{EmbedPurpose, EmbeddingModel, Error, ErrorKind, Result};

use crate::{DocumentState, Scored, Store, record_usage};

/// Documents that are looked at after the first search by meaning.
const LOOKED_AT: usize = 100;

/// A store and the embedder that it is filled and searched with. Cheap to clone.
///
/// Without an embedder, documents are found by their words alone.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_rag::{Document, Index, MemoryStore};
/// # futures::executor::block_on(async {
/// let index = Index::new(MemoryStore::new());
/// index.ingest().run_all([Document::new("gifts", "Gift cards are not taken back.")]).await?;
///
/// # let model = Model::new(Scripted::new().reply("No [1]."), "any");
/// let answer = index.query("Are gift cards taken back?").model(model).await?;
/// assert_eq!(answer.text, "No [1].");
/// assert_eq!(answer.cited().next().unwrap().chunk.document_id, "gifts");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Index {
    store: Arc<dyn Store>,
    embedder: Option<EmbeddingModel>,
    /// Whether the documents of the store are known to have vectors of this embedder. Clones share it.
    is_checked: Arc<AtomicBool>,
}

impl Index {
    /// Makes an index over `store`.
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        Self::of(Arc::new(store))
    }

    /// Makes an index over a shared store.
    #[must_use]
    pub fn of(store: Arc<dyn Store>) -> Self {
        Self { store, embedder: None, is_checked: Arc::default() }
    }

    /// Sets what chunks and questions are embedded with. The purpose, query or document, is set by the
    /// index.
    ///
    /// Vectors of two models say nothing about each other. The first search by meaning looks at what the
    /// documents that it finds, up to a hundred, were embedded with, and is an error where that was a model of
    /// another provider or name: see [`trust_embedder`](Self::trust_embedder).
    #[must_use]
    pub fn embedder(mut self, model: EmbeddingModel) -> Self {
        self.embedder = Some(model);
        self.is_checked = Arc::default();
        self
    }

    /// Takes the embedder for the one that the documents were embedded with, although it goes by another
    /// name: the same model at another host. Set it after the embedder.
    #[must_use]
    pub fn trust_embedder(mut self) -> Self {
        self.is_checked = Arc::new(AtomicBool::new(true));
        self
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What chunks and questions are embedded with.
    #[must_use]
    pub fn embedding_model(&self) -> Option<&EmbeddingModel> {
        self.embedder.as_ref()
    }

    /// Embeds a question, to search the store with.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) without an embedder; whatever the embedder reports.
    pub async fn embed_query(&self, text: &str) -> Result<Vec<f32>> {
        let embedded = self.embed_queries([text]).await?;
        embedded.into_iter().next().ok_or_else(|| {
            let message = "there is no vector for the question";
            Error::new(ErrorKind::Decode, message)
        })
    }

    /// Embeds questions in one request.
    pub(crate) async fn embed_queries<T: Into<String>>(
        &self,
        texts: impl IntoIterator<Item = T>,
    ) -> Result<Vec<Vec<f32>>> {
        let embedded = self.query_embedder()?.embed(texts).await?;
        record_usage(&embedded.usage);
        Ok(embedded.vectors)
    }

    /// The embedder, for questions.
    pub(crate) fn query_embedder(&self) -> Result<EmbeddingModel> {
        let Some(model) = &self.embedder else {
            let message =
                "the index has no embedder: set one with `.embedder(…)`, or search by text";
            return Err(Error::new(ErrorKind::Config, message));
        };
        Ok(model.clone().purpose(EmbedPurpose::Query))
    }

    /// Checks, once, that documents that were found by meaning were embedded with the embedder of the index, as
    /// far as they say so.
    pub(crate) async fn check_embedder(&self, found: &[Vec<Scored>]) -> Result<()> {
        let Some(model) = &self.embedder else { return Ok(()) };
        if self.is_checked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let ids = found.iter().flatten().map(|found| found.chunk.document_id.as_str());
        let ids: BTreeSet<&str> = ids.take(LOOKED_AT).collect();
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let states = self.store.states(&ids).await?;
        let own = embedder_name(model);
        for (id, state) in ids.iter().zip(&states) {
            let Some(other) = state.as_ref().and_then(embedder_of) else { continue };
            if other != own {
                let message = format!(
                    "document {id:?} was embedded with `{other}`, and the index has `{own}`, whose vectors \
                     mean something else: use the same embedder, ingest the documents again, or say \
                     `.trust_embedder()` where the two are one model"
                );
                return Err(Error::new(ErrorKind::Config, message));
            }
        }
        self.is_checked.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Names an embedder: provider, model, and dimensions where they were asked for.
pub(crate) fn embedder_name(model: &EmbeddingModel) -> String {
    let settings = model.settings();
    let name = format!("{}/{}", model.provider(), settings.model);
    match settings.dimensions {
        Some(dimensions) => format!("{name} dimensions={dimensions}"),
        None => name,
    }
}

/// Parts of the fingerprint of a document that was ingested.
pub(crate) const TEXT_ALONE: &str = "text alone";
pub(crate) const OPTIONS: &str = " options=";
pub(crate) const FIELDS: &str = "fields=";

/// The embedder of a document that was [ingested](Index::ingest); `None` where it has none, and for one that
/// was stored in another way.
fn embedder_of(state: &DocumentState) -> Option<&str> {
    let mut parts = state.fingerprint.split(" | ");
    let fields = parts.position(|part| part.starts_with(FIELDS))?;
    let embedder = state.fingerprint.split(" | ").nth(fields.checked_sub(1)?)?;
    let name = embedder.split(OPTIONS).next()?;
    (name != TEXT_ALONE).then_some(name)
}
