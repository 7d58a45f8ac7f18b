//! [`prepare`], what is to be done for documents: compared with the store, cut, and their known vectors read.

use std::collections::HashSet;
use std::future;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use meanwhile_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::{Ingestion, Outcome, Strategy};
use crate::offload::offload;
use crate::{Chunk, ChunkKey, ContentHash, Document, DocumentState, Metadata};

/// Bytes of text that are hashed and cut by whoever polls; more goes to a thread of its own.
const SHORT: usize = 4 * 1024;

/// Vectors that are read from the store at once.
const PAGE: usize = 500;

/// What is to be done for a document.
pub(super) enum Prepared {
    /// Nothing.
    Done { document_id: String, outcome: Outcome },
    /// To be stored, as soon as all vectors are there.
    Work(Box<Work>),
}

pub(super) struct Work {
    pub(super) document: Document,
    /// What the document says: computed once, away from whoever polls.
    pub(super) hash: ContentHash,
    pub(super) chunks: Vec<Chunk>,
    /// What is embedded, a text for each chunk; empty in an index without vectors.
    pub(super) texts: Vec<String>,
    /// Those that are known; as many as there are texts.
    pub(super) vectors: Vec<Option<Vec<f32>>>,
    pub(super) is_new: bool,
}

/// The digests of all that the index says, for [`Strategy::DuplicatesOnly`].
pub(super) type Known = Arc<Mutex<HashSet<ContentHash>>>;

pub(super) async fn prepare(
    ingestion: Arc<Ingestion>,
    fingerprint: Arc<str>,
    known: Known,
    documents: Vec<Document>,
) -> Vec<Prepared> {
    let ids: Vec<String> = documents.iter().map(|document| document.id.clone()).collect();
    match try_prepare(ingestion, fingerprint, known, documents).await {
        Ok(prepared) => prepared,
        Err(error) => ids.into_iter().map(|id| failed(id, error.clone())).collect(),
    }
}

fn failed(document_id: String, error: Error) -> Prepared {
    Prepared::Done { document_id, outcome: Outcome::Failed(error) }
}

async fn try_prepare(
    ingestion: Arc<Ingestion>,
    fingerprint: Arc<str>,
    known: Known,
    documents: Vec<Document>,
) -> Result<Vec<Prepared>> {
    let ids: Vec<String> = documents.iter().map(|document| document.id.clone()).collect();
    let states = ingestion.store.states(&ids).await?;
    let bytes: usize = documents.iter().map(|document| document.text.len()).sum();
    let work = {
        let ingestion = Arc::clone(&ingestion);
        move || -> Vec<Prepared> {
            let embedder = ingestion.embedder_name();
            let splitter = ingestion.splitter.fingerprint();
            let one = |(document, state): (Document, Option<DocumentState>)| match compare(
                &ingestion,
                &fingerprint,
                &known,
                &document,
                state,
            ) {
                Ok((hash, is_new)) => cut(&ingestion, &splitter, &embedder, document, hash, is_new),
                Err(outcome) => Prepared::Done { document_id: document.id, outcome },
            };
            documents.into_iter().zip(states).map(one).collect()
        }
    };
    let mut prepared = if bytes > SHORT { offload("splitter", work).await? } else { work() };
    recall(&ingestion, &mut prepared).await?;
    Ok(prepared)
}

/// What a document says and whether it is new, or what has come of it where there is nothing to do.
fn compare(
    ingestion: &Ingestion,
    fingerprint: &str,
    known: &Known,
    document: &Document,
    state: Option<DocumentState>,
) -> Result<(ContentHash, bool), Outcome> {
    let hash = document.hash();
    let is_new = state.is_none();
    if state.is_some_and(|state| state.hash == hash && state.fingerprint == *fingerprint) {
        return Err(Outcome::Unchanged);
    }
    if ingestion.strategy == Strategy::DuplicatesOnly {
        let is_first = known.lock().unwrap_or_else(PoisonError::into_inner).insert(hash);
        // A document is no duplicate of its own earlier state under another fingerprint.
        if !is_first && is_new {
            return Err(Outcome::Duplicate);
        }
    }
    Ok((hash, is_new))
}

fn cut(
    ingestion: &Ingestion,
    splitter: &str,
    embedder: &str,
    document: Document,
    hash: ContentHash,
    is_new: bool,
) -> Prepared {
    let mut chunks = Vec::new();
    let mut texts = Vec::new();
    for (index, cut) in (0_u32..).zip(ingestion.splitter.split(&document)) {
        let text = document.text.get(cut.span.clone()).filter(|text| !text.is_empty());
        let Some(text) = text else {
            let span = cut.span;
            let message = format!("the splitter cut at {span:?}, which is no text of the document");
            return failed(document.id, Error::new(ErrorKind::Config, message));
        };
        let mut metadata = document.metadata.clone();
        metadata.extend(cut.metadata);
        let embedded = embedded_text(&ingestion.embed_fields, &metadata, text);
        let key = ChunkKey::new(&embedded, splitter, embedder);
        chunks.push(Chunk::new(&document.id, index, cut.span, text, key).with_metadata(metadata));
        if ingestion.embedder.is_some() {
            texts.push(embedded);
        }
    }
    Prepared::Work(Box::new(Work { document, hash, chunks, texts, vectors: Vec::new(), is_new }))
}

/// The text of a chunk below the fields that say where it belongs.
fn embedded_text(fields: &[String], metadata: &Metadata, text: &str) -> String {
    let mut embedded = String::new();
    for field in fields {
        let line = match metadata.get(field) {
            Some(Value::String(line)) => line.clone(),
            Some(Value::Array(items)) => {
                items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" > ")
            }
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            _ => continue,
        };
        if !line.is_empty() {
            embedded.push_str(&line);
            embedded.push('\n');
        }
    }
    if !embedded.is_empty() {
        embedded.push('\n');
    }
    embedded.push_str(text);
    embedded
}

/// Fills in the vectors that the store knows already.
async fn recall(ingestion: &Ingestion, prepared: &mut [Prepared]) -> Result<()> {
    if ingestion.embedder.is_none() {
        return Ok(());
    }
    let work = |prepared: &Prepared| match prepared {
        Prepared::Work(work) => work.chunks.iter().map(|chunk| chunk.key).collect(),
        Prepared::Done { .. } => Vec::new(),
    };
    let keys: Vec<ChunkKey> = prepared.iter().flat_map(work).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let mut known = Vec::with_capacity(keys.len());
    for page in keys.chunks(PAGE) {
        known.extend(ingestion.store.cached_vectors(page).await?);
        give_way().await;
    }
    let mut known = known.into_iter();
    for prepared in prepared {
        if let Prepared::Work(work) = prepared {
            work.vectors = known.by_ref().take(work.chunks.len()).collect();
            work.vectors.resize(work.chunks.len(), None);
        }
    }
    Ok(())
}

/// Lets others on the thread go first.
async fn give_way() {
    let mut is_given = false;
    future::poll_fn(|cx| {
        if is_given {
            return Poll::Ready(());
        }
        is_given = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
