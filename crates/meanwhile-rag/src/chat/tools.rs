//! [`Search`], the tool with which a model looks into the documents of a chat itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use meanwhile_core::{Result, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec};

use crate::retrieve::{Steps, parameters, question};
use crate::synthesis::sources;
use crate::{RetrievalQuery, Retriever, Scored};

/// What was found in one turn, in the order of the numbers, from 1. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Found(Arc<Mutex<Vec<Scored>>>);

impl Found {
    fn lock(&self) -> MutexGuard<'_, Vec<Scored>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found, without the first ones.
    pub(super) fn after(&self, known: usize) -> Vec<Scored> {
        self.lock().iter().skip(known).cloned().collect()
    }

    /// Adds what is new, and writes all of it with its numbers: a chunk keeps the one it has.
    fn add(&self, found: Vec<Scored>) -> String {
        if found.is_empty() {
            return sources::listing(&[], 1);
        }
        let mut all = self.lock();
        let mut text = String::new();
        for new in found {
            let same = |known: &Scored| {
                known.chunk.document_id == new.chunk.document_id
                    && known.chunk.index == new.chunk.index
            };
            let place = all.iter().position(same).unwrap_or(all.len());
            text.push_str(&sources::source(place + 1, &new));
            if place == all.len() {
                all.push(new);
            }
        }
        text
    }
}

/// Searches for a model, and keeps what it found for the answer's citations.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) retriever: Arc<dyn Retriever>,
    pub(super) query: RetrievalQuery,
    pub(super) steps: Steps,
    pub(super) found: Found,
}

#[async_trait]
impl Tool for Search {
    fn spec(&self) -> ToolSpec {
        let parameters = parameters("What to look for, in a few words or as a question.");
        ToolSpec::new(self.name.clone(), self.description.clone(), parameters)
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        let query = RetrievalQuery { text: question(call)?, ..self.query.clone() };
        let found = self.steps.run(&self.retriever, &query).await?;
        Ok(ToolOutput::new(self.found.add(found)))
    }
}
