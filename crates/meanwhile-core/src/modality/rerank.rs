//! [`Reranker`]: puts documents in the order of how well they answer a query.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, ErrorKind, Result, Timeouts, Usage};

/// Scores documents against a query.
#[async_trait]
pub trait Reranker: fmt::Debug + Send + Sync + 'static {
    /// Names the provider in errors and `provider/model` strings.
    fn id(&self) -> &str;

    /// Ranks the documents, the best first. Dropping the future cancels the request.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports.
    async fn rerank(&self, request: RerankRequest) -> Result<RankedDocuments>;
}

/// What is to be ranked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RerankRequest {
    /// The model's id, without the provider.
    pub model: String,
    /// What is asked.
    pub query: String,
    /// The documents to rank.
    pub documents: Vec<String>,
    /// How many of the best to return; all without it.
    pub top: Option<u32>,
    /// The clocks of this request.
    pub timeouts: Timeouts,
    /// Vendor options by provider id, merged into the request body as they are.
    pub options: BTreeMap<String, Map<String, Value>>,
}

impl RerankRequest {
    /// Asks `model` to rank `documents`.
    #[must_use]
    pub fn new(model: impl Into<String>, query: impl Into<String>, documents: Vec<String>) -> Self {
        Self {
            model: model.into(),
            query: query.into(),
            documents,
            top: None,
            timeouts: Timeouts::default(),
            options: BTreeMap::new(),
        }
    }

    /// Asks for this many of the best only.
    #[must_use]
    pub fn top(mut self, count: u32) -> Self {
        self.top = Some(count);
        self
    }
}

/// One ranked document.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ranked {
    /// The document's index in the request.
    pub index: usize,
    /// How well it answers the query; comparable within one answer only.
    pub score: f64,
}

impl Ranked {
    /// Ranks the document at `index`.
    #[must_use]
    pub fn new(index: usize, score: f64) -> Self {
        Self { index, score }
    }
}

/// Ranked documents, the best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RankedDocuments {
    /// The provider that answered.
    pub provider: String,
    /// The model that answered, as the provider names it.
    pub model: String,
    /// The documents, the best first.
    pub documents: Vec<Ranked>,
    /// Token counts.
    pub usage: Usage,
}

impl RankedDocuments {
    /// Checks and sorts what a provider returned for `count` documents.
    ///
    /// # Errors
    ///
    /// [`Decode`](ErrorKind::Decode) when an index is out of range, or comes twice.
    pub fn new(
        provider: impl Into<String>,
        model: impl Into<String>,
        count: usize,
        mut documents: Vec<Ranked>,
        usage: Usage,
    ) -> Result<Self> {
        let mut seen = vec![false; count];
        for ranked in &documents {
            match seen.get_mut(ranked.index) {
                Some(seen) if !*seen => *seen = true,
                _ => {
                    let index = ranked.index;
                    return Err(Error::new(
                        ErrorKind::Decode,
                        format!("document {index} was ranked twice or was not among the {count}"),
                    ));
                }
            }
        }
        documents.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(Self { provider: provider.into(), model: model.into(), documents, usage })
    }
}
