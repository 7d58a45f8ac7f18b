//! What is written to the server: chunks, documents and cached vectors as points, and their ids.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_rag::{Chunk, ChunkKey, Document, DocumentState, IndexedDocument, Metadata};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::condition::facts;
use crate::server::written;

/// How much is gained by a word that comes again, and by a short text; and how many words are usual. The
/// server's own BM25 has the same.
const K1: f32 = 1.2;
const B: f32 = 0.75;
const USUAL: f32 = 256.0;

/// A point to be written.
#[derive(Debug, Serialize)]
pub(crate) struct Point<'a, P> {
    pub(crate) id: String,
    pub(crate) vector: Vectors<'a>,
    pub(crate) payload: P,
}

/// A request that writes these points.
pub(crate) fn upsert<P: Serialize>(points: &[Point<'_, P>]) -> Result<Bytes> {
    #[derive(Serialize)]
    struct Upsert<'a, T> {
        points: &'a [T],
    }

    written(&Upsert { points })
}

/// A request that writes some chunks of a document.
pub(crate) fn upsert_chunks(indexed: &IndexedDocument, places: Range<usize>) -> Result<Bytes> {
    let chunks = indexed.chunks.get(places.clone()).unwrap_or_default();
    let mut vectors = indexed.vectors.get(places).unwrap_or_default().iter();
    let point = |chunk: &Chunk| Point {
        id: chunk_id(&chunk.document_id, chunk.index),
        vector: Vectors {
            dense: vectors.next().map(Vec::as_slice),
            words: Words::of_chunk(&chunk.text),
        },
        payload: ChunkPayload::of(chunk),
    };
    let points: Vec<_> = chunks.iter().map(point).collect();
    upsert(&points)
}

/// A request that writes a document, whose chunks are there (`done`) or not yet.
pub(crate) fn upsert_document(indexed: &IndexedDocument, done: bool) -> Result<Bytes> {
    let (state, document) = (indexed.state.clone(), indexed.document.clone());
    upsert(&[Point {
        id: document_id(&document.id),
        vector: Vectors::default(),
        payload: DocumentPayload { state, done, document },
    }])
}

/// A request that writes vectors of chunks that are to come.
pub(crate) fn upsert_vectors(vectors: &[(ChunkKey, Vec<f32>)]) -> Result<Bytes> {
    let points = vectors.iter().map(|(key, vector)| Point {
        id: vector_id(key),
        vector: Vectors { dense: Some(vector), words: None },
        payload: Metadata::new(),
    });
    upsert(&points.collect::<Vec<_>>())
}

/// Its vectors, each under its name.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Vectors<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dense: Option<&'a [f32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) words: Option<Words>,
}

/// Words as a sparse vector: which, and how much each counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Words {
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl Words {
    /// The words of a chunk, each by how often it comes; `None` where there is none.
    pub(crate) fn of_chunk(text: &str) -> Option<Self> {
        let counts = counted(text);
        #[expect(clippy::cast_precision_loss, reason = "a weight needs no more")]
        let length = counts.values().sum::<u32>() as f32;
        let weigh = |(index, count)| {
            #[expect(clippy::cast_precision_loss, reason = "a weight needs no more")]
            let count = count as f32;
            (index, count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length / USUAL)))
        };
        let (indices, values): (Vec<u32>, Vec<f32>) = counts.into_iter().map(weigh).unzip();
        (!indices.is_empty()).then_some(Self { indices, values })
    }

    /// The words of a question, each once.
    pub(crate) fn of_question(text: &str) -> Option<Self> {
        let indices: Vec<u32> = counted(text).into_keys().collect();
        let values = vec![1.0; indices.len()];
        (!indices.is_empty()).then_some(Self { indices, values })
    }
}

/// Runs of letters and digits in lower case, each by a number of its own, and how often they come.
fn counted(text: &str) -> BTreeMap<u32, u32> {
    let mut counts = BTreeMap::new();
    for word in text.split(|character: char| !character.is_alphanumeric()) {
        if !word.is_empty() {
            let [a, b, c, d, ..] = digest(&[&word.to_lowercase()]);
            *counts.entry(u32::from_le_bytes([a, b, c, d])).or_default() += 1;
        }
    }
    counts
}

/// What is kept of a chunk beside its vectors.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ChunkPayload {
    document: String,
    index: u32,
    start: usize,
    end: usize,
    key: ChunkKey,
    text: String,
    metadata: Metadata,
    facts: Vec<String>,
    numbers: serde_json::Map<String, Value>,
}

impl ChunkPayload {
    pub(crate) fn of(chunk: &Chunk) -> Self {
        let (facts, numbers) = facts(&chunk.metadata);
        Self {
            document: chunk.document_id.clone(),
            index: chunk.index,
            start: chunk.span.start,
            end: chunk.span.end,
            key: chunk.key,
            text: chunk.text.clone(),
            metadata: chunk.metadata.clone(),
            facts,
            numbers,
        }
    }

    pub(crate) fn into_chunk(self) -> Chunk {
        Chunk::new(self.document, self.index, self.start..self.end, self.text, self.key)
            .with_metadata(self.metadata)
    }
}

/// What is kept of a document.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DocumentPayload {
    #[serde(flatten)]
    pub(crate) state: DocumentState,
    /// False while its chunks are being replaced.
    pub(crate) done: bool,
    pub(crate) document: Document,
}

/// What is kept of a document, without what it says.
#[derive(Debug, Deserialize)]
pub(crate) struct DocumentHead {
    #[serde(flatten)]
    pub(crate) state: DocumentState,
    pub(crate) done: bool,
    pub(crate) document: Named,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) id: String,
}

impl DocumentHead {
    /// The fields that it is read from.
    pub(crate) const FIELDS: [&str; 4] = ["hash", "fingerprint", "done", "document.id"];
}

/// The id of a document's point.
pub(crate) fn document_id(id: &str) -> String {
    uuid(&["document", id])
}

/// The id of a chunk's point: the next version of the document writes over it.
pub(crate) fn chunk_id(document: &str, index: u32) -> String {
    uuid(&["chunk", document, &index.to_string()])
}

/// The id of a cached vector's point.
pub(crate) fn vector_id(key: &ChunkKey) -> String {
    uuid(&["vector", &key.to_string()])
}

/// The digest of a text in hexadecimal digits.
pub(crate) fn hex(text: &str) -> String {
    digest(&[text]).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(fields: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for field in fields {
        hasher.update((field.len() as u64).to_le_bytes());
        hasher.update(field.as_bytes());
    }
    hasher.finalize().into()
}

/// A digest as the server wants its ids: a UUID of version 8, which means what its maker says.
fn uuid(fields: &[&str]) -> String {
    let mut digits: Vec<char> = hex(&fields.join("\u{1f}")).chars().take(32).collect();
    for (place, digit) in [(12, '8'), (16, '8')] {
        if let Some(old) = digits.get_mut(place) {
            *old = digit;
        }
    }
    let mut id = String::with_capacity(36);
    for (place, digit) in digits.into_iter().enumerate() {
        if [8, 12, 16, 20].contains(&place) {
            id.push('-');
        }
        id.push(digit);
    }
    id
}

/// The error for a point that is not as this program writes it.
pub(crate) fn damaged(error: serde_json::Error) -> Error {
    let message =
        "a point in the collection is not as this program writes it; use a collection of its own";
    Error::new(ErrorKind::Decode, message).with_provider("qdrant").with_source(error)
}

/// Reads the payload of a point.
pub(crate) fn payload<T: serde::de::DeserializeOwned>(payload: Value) -> Result<T> {
    serde_json::from_value(payload).map_err(damaged)
}
