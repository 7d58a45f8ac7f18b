//! [`prepare`], what is to be done for documents: compared with the store, cut, and their known vectors read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use meanwhile_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::duplicates::Said;
use super::{Ingestion, Outcome, Strategy};
use crate::offload::{give_way, offload};
use crate::{Chunk, ChunkKey, ContentHash, Document, DocumentState, Metadata};

/// Bytes of text that are hashed and cut by whoever polls; more goes to a thread of its own.
const SHORT: usize = 4 * 1024;

/// Vectors that are read from the store at once: of 1,536 numbers, a store may take a millisecond for them.
const PAGE: usize = 64;

/// What is to be done for a document.
pub(super) enum Prepared {
    /// Nothing. `says` is what the document said before and was to say, where that is known.
    Done { document_id: String, outcome: Outcome, says: Option<Says> },
    /// Another document says the same, or may be about to: to be decided later.
    Waiting { document: Document, hash: ContentHash },
    /// To be stored, as soon as all vectors are there.
    Work(Box<Work>),
}

pub(super) struct Work {
    pub(super) document: Document,
    /// What the document says: computed once, away from whoever polls.
    pub(super) says: Says,
    /// How it was worked on.
    pub(super) fingerprint: String,
    pub(super) chunks: Vec<Chunk>,
    /// What is embedded, a text for each chunk; empty in an index without vectors.
    pub(super) texts: Vec<String>,
    /// Those that are known; as many as there are texts.
    pub(super) vectors: Vec<Option<Vec<f32>>>,
}

/// What a document says, and what it said in the index before.
#[derive(Clone, Copy)]
pub(super) struct Says {
    pub(super) new: ContentHash,
    pub(super) old: Option<ContentHash>,
}

pub(super) async fn prepare(
    ingestion: Arc<Ingestion>,
    fingerprint: Arc<str>,
    said: Said,
    documents: Vec<Document>,
) -> Vec<Prepared> {
    let ids: Vec<String> = documents.iter().map(|document| document.id.clone()).collect();
    match try_prepare(&ingestion, fingerprint, said, documents).await {
        Ok(mut prepared) => {
            if let Err(error) = recall(&ingestion, &mut prepared).await {
                let fail = |prepared| match prepared {
                    Prepared::Work(work) => {
                        failed(work.document.id, Some(work.says), error.clone())
                    }
                    done => done,
                };
                prepared = prepared.into_iter().map(fail).collect();
            }
            prepared
        }
        Err(error) => ids.into_iter().map(|id| failed(id, None, error.clone())).collect(),
    }
}

fn failed(document_id: String, says: Option<Says>, error: Error) -> Prepared {
    Prepared::Done { document_id, outcome: Outcome::Failed(error), says }
}

async fn try_prepare(
    ingestion: &Arc<Ingestion>,
    fingerprint: Arc<str>,
    said: Said,
    documents: Vec<Document>,
) -> Result<Vec<Prepared>> {
    let ids: Vec<String> = documents.iter().map(|document| document.id.clone()).collect();
    let states = ingestion.store.states(&ids).await?;
    let bytes: usize = documents.iter().map(|document| document.text.len()).sum();
    let work = {
        let ingestion = Arc::clone(ingestion);
        move || -> Vec<Prepared> {
            let embedder = ingestion.embedder_name();
            let splitter = ingestion.splitter.fingerprint();
            let one = |(document, state): (Document, Option<DocumentState>)| {
                let fingerprint = with_source(&fingerprint, &document);
                let hash = document.hash();
                match compare(ingestion.strategy, &said, &document, hash, &fingerprint, state) {
                    Compared::Unchanged(says) => Prepared::Done {
                        document_id: document.id,
                        outcome: Outcome::Unchanged,
                        says: Some(says),
                    },
                    Compared::Waiting => Prepared::Waiting { document, hash },
                    Compared::Work(says) => {
                        // Other documents are prepared with it.
                        let cut = || cut(&ingestion, &splitter, &embedder, &document);
                        let cut = catch_unwind(AssertUnwindSafe(cut));
                        let panicked =
                            |_| Err(Error::new(ErrorKind::Other, "the splitter panicked"));
                        match cut.unwrap_or_else(panicked) {
                            Ok((chunks, texts)) => Prepared::Work(Box::new(Work {
                                document,
                                says,
                                fingerprint,
                                chunks,
                                texts,
                                vectors: Vec::new(),
                            })),
                            Err(error) => failed(document.id, Some(says), error),
                        }
                    }
                }
            };
            documents.into_iter().zip(states).map(one).collect()
        }
    };
    if bytes > SHORT { offload("splitter", work).await } else { Ok(work()) }
}

/// How a document is worked on and where it is from: one that has moved is written again, although its
/// chunks and vectors are known.
fn with_source(fingerprint: &str, document: &Document) -> String {
    match &document.source {
        Some(source) => format!("{fingerprint} | source={source}"),
        None => fingerprint.to_owned(),
    }
}

/// What there is to do for a document.
enum Compared {
    Unchanged(Says),
    Waiting,
    Work(Says),
}

fn compare(
    strategy: Strategy,
    said: &Said,
    document: &Document,
    new: ContentHash,
    fingerprint: &str,
    state: Option<DocumentState>,
) -> Compared {
    let old = state.as_ref().map(|state| state.hash);
    let (id, says) = (document.id.as_str(), Says { new, old });
    let compares = strategy == Strategy::DuplicatesOnly;
    match state {
        Some(state) if state.hash == new && state.fingerprint == fingerprint => {
            if compares {
                said.unchanged(id, new);
            }
            return Compared::Unchanged(says);
        }
        // A document is no duplicate of its own earlier state.
        Some(state) if compares => said.replace(id, state.hash, new),
        None if compares && !said.claim(id, new) => return Compared::Waiting,
        _ => {}
    }
    Compared::Work(says)
}

fn cut(
    ingestion: &Ingestion,
    splitter: &str,
    embedder: &str,
    document: &Document,
) -> Result<(Vec<Chunk>, Vec<String>)> {
    let mut chunks = Vec::new();
    let mut texts = Vec::new();
    for (index, cut) in (0_u32..).zip(ingestion.splitter.split(document)) {
        let text = document.text.get(cut.span.clone()).filter(|text| !text.is_empty());
        let Some(text) = text else {
            let span = cut.span;
            let message = format!("the splitter cut at {span:?}, which is no text of the document");
            return Err(Error::new(ErrorKind::Config, message));
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
    Ok((chunks, texts))
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
        Prepared::Done { .. } | Prepared::Waiting { .. } => Vec::new(),
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
