//! Finding chunks: retrievers, their fusion, more questions, rerankers and post-processors.

mod expand;
mod fusion;
mod index;
mod pipeline;
mod postprocess;
mod request;
mod rerank;
mod tool;

pub use expand::{ModelQueries, QueryExpander, WindowQueries};
pub use fusion::{FusionRetriever, RANK_CONSTANT, reciprocal_rank_fusion};
pub use index::{IndexRetriever, SearchMode};
pub use pipeline::Pipeline;
pub(crate) use pipeline::{Steps, steps};
pub use postprocess::{Cutoff, Deduplicate, Neighbours, Postprocessor, Reorder};
pub use request::Retrieve;
pub use rerank::{ModelRerank, Rerank};
pub use tool::RetrieverTool;
pub(crate) use tool::{parameters, question};
