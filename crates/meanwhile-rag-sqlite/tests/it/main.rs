//! The index in one file, from the outside.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a test fails by panicking"
)]

mod conformance;
mod kill;
mod processes;
mod properties;
mod store;
mod ticker;

use std::path::Path;

use meanwhile_rag::{Chunk, ChunkKey, Document, IndexedDocument};
use meanwhile_rag_sqlite::SqliteStore;

pub(crate) async fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder.join("index.sqlite")).await.unwrap()
}

/// A document of paragraphs, a chunk for each, with these vectors.
pub(crate) fn indexed(document: Document, vectors: Vec<Vec<f32>>) -> IndexedDocument {
    let mut begins = 0;
    let mut chunks = Vec::new();
    for (index, paragraph) in document.text.split_inclusive('\n').enumerate() {
        let span = begins..begins + paragraph.len();
        begins = span.end;
        let key = ChunkKey::new(paragraph, "paragraphs", &format!("{:?}", vectors.get(index)));
        let chunk = Chunk::new(&document.id, index.try_into().unwrap(), span, paragraph, key);
        chunks.push(chunk.with_metadata(document.metadata.clone()));
    }
    IndexedDocument::new(document, chunks, vectors, "paragraphs")
}
