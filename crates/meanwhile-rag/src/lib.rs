//! Your own documents: split, embedded, stored, found again, and answered from.
//!
//! A [`Document`] is cut into [`Chunk`]s by a [`Splitter`], each of which knows the bytes it came
//! from; a [`Store`] keeps both with their vectors; an [`Index`] is a store with an embedder, and
//! where everything else begins: [`ingest`](Index::ingest), [`retrieve`](Index::retrieve),
//! [`query`](Index::query), [`chat`](Index::chat).
//!
//! ```
//! use meanwhile_rag::{Document, Index, MemoryStore, eq};
//!
//! # futures::executor::block_on(async {
//! // With `.embedder(model)`, by meaning as well; without one, by words alone.
//! let index = Index::new(MemoryStore::new());
//! let documents = [
//!     Document::new("refunds.md", "# Refunds\n\nRefunds are paid within 30 days.").with("lang", "en"),
//!     Document::new("gifts.md", "# Gifts\n\nGift cards are not taken back.").with("lang", "en"),
//! ];
//! index.ingest().run_all(documents).await?;
//!
//! let found = index.retrieve("When are refunds paid?").top_k(1).filter(eq("lang", "en")).await?;
//!
//! assert_eq!(found[0].chunk.document_id, "refunds.md");
//! assert_eq!(found[0].chunk.metadata["headings"][0], "Refunds");
//! # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
//! ```

mod chunk;
#[cfg(feature = "conformance")]
pub mod conformance;
mod digest;
mod document;
mod filter;
mod index;
mod ingest;
pub mod loaders;
mod memory;
mod offload;
mod retriever;
mod scored;
mod spent;
pub mod splitters;
mod store;

pub use chunk::{Chunk, Cut, Splitter};
pub use digest::{ChunkKey, ContentHash};
pub use document::{Document, Metadata};
pub use filter::{Filter, FilterValue, eq, exists, ge, gt, is_in, le, lt, ne, not};
pub use index::Index;
pub use ingest::{
    DocumentOutcome, Failure, IngestReport, IngestStream, Ingestion, IntoDocument, Outcome,
    Strategy,
};
pub use memory::MemoryStore;
pub use offload::offload;
pub use retriever::{RetrievalQuery, Retriever};
pub use scored::{Origin, Scored};
pub use spent::{counted, record_usage};
pub use store::{
    Counts, DocumentState, IndexedDocument, SearchBy, SearchQuery, Store, dimension_mismatch,
};

// Finding and answering.
mod ask;
mod chat;
mod query;
mod retrieve;
mod synthesis;

pub use chat::{
    ChatEngine, ChatMode, ChatModel, ChatStore, Conversation, InMemoryChatStore, IntoMessage,
    IntoMessages, IntoRole, Memory, Summary, TokenBudget,
};
pub use query::{Query, QueryEngine};
pub use retrieve::{
    Cutoff, Deduplicate, FusionRetriever, IndexRetriever, ModelQueries, ModelRerank, Neighbours,
    Pipeline, Postprocessor, QueryExpander, RANK_CONSTANT, Reorder, Rerank, Retrieve,
    RetrieverTool, SearchMode, WindowQueries, reciprocal_rank_fusion,
};
pub use synthesis::{Answer, AnswerDelta, AnswerStream, Citation, Synthesis, Synthesizer};
