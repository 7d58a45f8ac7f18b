//! Your documents in one SQLite file: their text, chunks, words, vectors, and what has been ingested.
//!
//! [`SqliteStore`] is the store to begin with: nothing is installed, nothing runs beside the program, and
//! a folder of manuals or the notes of a team fit. Words are found by BM25 in SQLite's own index (FTS5).
//! Vectors are compared one by one in memory, so that the nearest are the nearest: 100,000 chunks of 384
//! dimensions take about 150 MB and less than 10 milliseconds of one core (`cargo bench` measures it).
//!
//! ```
//! use meanwhile_rag::{Chunk, ChunkKey, Document, IndexedDocument, SearchQuery, Store as _};
//! use meanwhile_rag_sqlite::SqliteStore;
//!
//! # futures::executor::block_on(async {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("knowledge.sqlite");
//! let store = SqliteStore::open(path).await?;
//!
//! let document = Document::new("refunds.md", "Within 30 days, with the receipt.").with("lang", "en");
//! let text = document.text.clone();
//! let chunk = Chunk::new("refunds.md", 0, 0..text.len(), &text, ChunkKey::new(&text, "whole", ""));
//! store.put(IndexedDocument::new(document, vec![chunk], vec![], "whole")).await?;
//!
//! let found = store.search(&SearchQuery::text("Where is my receipt?", 3)).await?;
//! assert_eq!(found[0].chunk.document_id, "refunds.md");
//! # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
//! ```

mod failure;
mod fields;
mod matrix;
mod read;
mod schema;
mod search;
mod store;
mod threads;
mod vectors;
mod write;

pub use store::SqliteStore;
