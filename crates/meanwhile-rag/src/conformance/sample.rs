//! [`indexed`] and what else the cases store.

use crate::{Chunk, ChunkKey, Document, IndexedDocument, Metadata};

/// The fingerprint of all documents here.
pub(super) const FINGERPRINT: &str = "sentences/1 scripted/4";

/// A document whose chunks are its lines, with the document's metadata.
pub(super) fn indexed(document: Document, vectors: Vec<Vec<f32>>) -> IndexedDocument {
    let mut chunks = Vec::new();
    let mut start = 0;
    for line in document.text.split_inclusive('\n') {
        let text = line.trim_end_matches('\n');
        let key = key(text);
        let index = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
        let chunk = Chunk::new(&document.id, index, start..start + text.len(), text, key);
        chunks.push(chunk.with_metadata(document.metadata.clone()));
        start += line.len();
    }
    IndexedDocument::new(document, chunks, vectors, FINGERPRINT)
}

pub(super) fn key(text: &str) -> ChunkKey {
    ChunkKey::new(text, "lines", "scripted/4")
}

/// A document of lines, each with a vector of four numbers that its text decides.
pub(super) fn lines(id: &str, text: &str) -> IndexedDocument {
    with(Document::new(id, text))
}

pub(super) fn with(document: Document) -> IndexedDocument {
    let vectors = document.text.lines().map(|line| vector(line, 4)).collect();
    indexed(document, vectors)
}

/// A vector that the text decides, each number between -1 and 1.
pub(super) fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    // FNV-1a, then a generator of Marsaglia's: the same everywhere.
    let fold = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut state = text.bytes().fold(0xcbf2_9ce4_8422_2325, fold) | 1;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as f32) / ((1_u64 << 23) as f32) - 1.0
    };
    std::iter::repeat_with(next).take(dimensions).collect()
}

/// The cosine of the angle between two vectors.
pub(super) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Metadata of one field.
pub(super) fn field(name: &str, value: serde_json::Value) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.insert(name.to_owned(), value);
    metadata
}
