//! Your documents in Qdrant, over its HTTP interface: vectors, and words as sparse vectors that it weights.
//!
//! [`QdrantStore`] keeps chunks in one collection of the server, and documents and cached vectors in two
//! beside it. It speaks HTTP through the transport of `meanwhile-http`. It is tested with Qdrant's own Python
//! client in its local mode behind the paths of the server, not with a server.
//!
//! ```no_run
//! use meanwhile_rag::Index;
//! use meanwhile_rag_qdrant::QdrantStore;
//!
//! # fn example() -> meanwhile_core::Result<()> {
//! let store = QdrantStore::builder("http://localhost:6333", "knowledge").api_key("…").build()?;
//! let index = Index::new(store);
//! # Ok(()) }
//! ```

mod collections;
mod condition;
mod points;
mod search;
mod server;
mod store;

pub use store::{QdrantBuilder, QdrantStore};
