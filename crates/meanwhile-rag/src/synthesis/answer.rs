//! [`Answer`], a text with what it was made of.

use meanwhile_core::{Response, Usage};
use serde::{Deserialize, Serialize};

use super::Citation;
use super::citation::citations;
use crate::Scored;

/// An answer, and what it was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Answer {
    /// The text. Empty where nothing was found, and where no text was asked for.
    pub text: String,
    /// The places in the text that name a chunk, in their order.
    pub citations: Vec<Citation>,
    /// The chunks that the model had before it, in the order of their numbers, from 1.
    pub chunks: Vec<Scored>,
    /// Tokens of all answers of language models that the text was made of. Embedding, reranking and
    /// other questions that a search asks are not counted.
    pub usage: Usage,
    /// The model's answer that the text is, or the last one of several; `None` where no model was
    /// asked. It says whether the text was cut, and what did not go through as asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
}

impl Answer {
    pub(crate) fn new(
        text: String,
        chunks: Vec<Scored>,
        mut usage: Usage,
        response: Option<Response>,
    ) -> Self {
        // The counters of one answer are not those of all.
        usage.raw = None;
        Self { citations: citations(&text, &chunks), text, chunks, usage, response }
    }

    /// The chunks that are cited, each once, in the order in which the text names them.
    pub fn cited(&self) -> impl Iterator<Item = &Scored> {
        let mut seen = Vec::new();
        self.citations.iter().filter_map(move |citation| {
            if seen.contains(&citation.chunk) {
                return None;
            }
            seen.push(citation.chunk);
            self.chunks.get(citation.chunk)
        })
    }
}
