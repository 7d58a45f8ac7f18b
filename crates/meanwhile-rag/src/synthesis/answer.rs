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
    /// Tokens of all answers of language models that the text was made of; in a chat, also of the question
    /// that was condensed and of the summary, where there was one. An answer that came out of a cache
    /// ([`Response::cached`]) adds nothing, but what layers tried before it counts. Where tools are in the settings
    /// of a query that is awaited, the last answer of each call speaks for those before it.
    pub usage: Usage,
    /// Tokens that were used to find the chunks: for embedding, for reranking, and by language models that
    /// were asked for further questions or for relevance. In a chat with tools, also what searches and query
    /// engines took that the model called. None of them is in [`usage`](Self::usage).
    #[serde(default)]
    pub retrieval_usage: Usage,
    /// The model's answer that the text is, or the last one of several; `None` where no model was
    /// asked. It says whether the text was cut, and what did not go through as asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
}

impl Answer {
    pub(crate) fn new(
        text: String,
        chunks: Vec<Scored>,
        usage: Usage,
        retrieval_usage: Usage,
        response: Option<Response>,
    ) -> Self {
        let citations = citations(&text, &chunks);
        Self { citations, text, chunks, usage, retrieval_usage, response }
    }

    /// All tokens that the answer took: [`usage`](Self::usage) and
    /// [`retrieval_usage`](Self::retrieval_usage). They may be of several models, which cost differently.
    #[must_use]
    pub fn total_usage(&self) -> Usage {
        let mut total = self.usage.clone();
        total.add(&self.retrieval_usage);
        total
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
