//! Sentence embeddings: [`LocalEmbedder`] answers, the rest is how.

mod bert;
mod embedder;
mod queue;
mod source;
mod texts;

pub use embedder::{ALL_MINILM_L6_V2, LocalEmbedder};

#[cfg(test)]
mod tests;
