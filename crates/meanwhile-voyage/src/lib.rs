//! The Voyage provider of Meanwhile: [embeddings] and [reranking]. It has no models to talk to.
//!
//! Register [`PROVIDER`] and name `"voyage/voyage-3.5"`, or configure one in code:
//!
//! ```
//! use meanwhile_core::EmbeddingModel;
//! use meanwhile_voyage::Voyage;
//!
//! let voyage = Voyage::builder().api_key("not-a-real-key");
//! let model = EmbeddingModel::of(voyage.embedder()?, "voyage-3.5").dimensions(512);
//! # Ok::<(), meanwhile_core::Error>(())
//! ```
//!
//! [embeddings]: https://docs.voyageai.com/reference/embeddings-api
//! [reranking]: https://docs.voyageai.com/reference/reranker-api

mod config;

pub use config::{Builder, PROVIDER, Voyage};
