//! [`Scored`], a chunk that was found, and how well it fits.

use serde::{Deserialize, Serialize};

use crate::Chunk;

/// A chunk that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Scored {
    /// The chunk.
    pub chunk: Chunk,
    /// How well it fits; higher is better. Only scores of one origin can be compared.
    pub score: f32,
    /// What the score is.
    pub origin: Origin,
}

impl Scored {
    /// Gives a chunk its score.
    #[must_use]
    pub fn new(chunk: Chunk, score: f32, origin: Origin) -> Self {
        Self { chunk, score, origin }
    }
}

/// What a score is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// The cosine of the angle between two vectors, from -1 to 1.
    Dense,
    /// How well words fit: BM25 or what the store has in its place, above 0.
    Text,
    /// Several rankings in one.
    Fused,
    /// What a reranker says.
    Reranked,
}
