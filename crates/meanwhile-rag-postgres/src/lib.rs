//! Your documents in Postgres: vectors by pgvector, words by its own text search, shared by many machines.
//!
//! [`PostgresStore`] needs the extension `vector`, and makes its own tables in a schema of their own; it is
//! tested with Postgres 18 and pgvector 0.8. Conditions on metadata are checked by the server. With the feature
//! `tls`, a server that offers TLS is spoken to over it.
//!
//! ```no_run
//! use meanwhile_rag::Index;
//! use meanwhile_rag_postgres::PostgresStore;
//!
//! # async fn example() -> meanwhile_core::Result<()> {
//! let store = PostgresStore::connect("postgres://app@localhost/knowledge").await?;
//! let index = Index::new(store);
//! # Ok(()) }
//! ```

mod conditions;
mod failure;
mod read;
mod schema;
mod search;
mod store;
#[cfg(feature = "tls")]
mod tls;
mod words;
mod write;

pub use deadpool_postgres;
#[cfg(feature = "tls")]
pub use rustls;
pub use store::{PostgresBuilder, PostgresStore};
