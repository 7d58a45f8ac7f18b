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
///
/// ```
/// # use meanwhile_core::{Ranked, RankedDocuments, RerankRequest, Reranker, Result, Usage};
/// # #[derive(Debug)]
/// # struct Words;
/// # #[async_trait::async_trait]
/// # impl Reranker for Words {
/// #     fn id(&self) -> &str {
/// #         "words"
/// #     }
/// #     async fn rerank(&self, request: RerankRequest) -> Result<RankedDocuments> {
/// #         let score = |text: &String| f64::from(u8::from(text.contains(&request.query)));
/// #         let ranked = request.documents.iter().map(score).enumerate();
/// #         let ranked = ranked.map(|(index, score)| Ranked::new(index, score)).collect();
/// #         let count = request.documents.len();
/// #         let mut all = RankedDocuments::new("words", "any", count, ranked, Usage::default())?;
/// #         all.documents.truncate(request.top.map_or(count, |top| top as usize));
/// #         Ok(all)
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// # let reranker = Words;
/// let documents = ["dogs bark", "cats purr", "fish swim"].map(str::to_owned).to_vec();
/// let request = RerankRequest::new("rerank-2", "purr", documents).top(1);
/// let answer = reranker.rerank(request).await?;
/// assert_eq!(answer.documents[0].index, 1);
/// assert_eq!(answer.documents.len(), 1);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
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

super::setters!(RerankRequest);

/// One ranked document.
///
/// ```
/// use meanwhile_core::Ranked;
///
/// let documents = ["dogs bark", "cats purr"];
/// let best = Ranked::new(1, 0.93);
/// // The answer names documents by their place in the request.
/// assert_eq!(documents[best.index], "cats purr");
/// assert!(best.score > 0.5);
/// ```
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
///
/// ```
/// use meanwhile_core::{ErrorKind, Ranked, RankedDocuments, Usage};
///
/// let rank = |ranked| RankedDocuments::new("cohere", "rerank-v3.5", 3, ranked, Usage::default());
/// let answer = rank(vec![Ranked::new(0, 0.1), Ranked::new(2, 0.9)])?;
/// assert_eq!(answer.documents[0].index, 2);
/// // There are three documents; there is no fifth.
/// assert_eq!(rank(vec![Ranked::new(4, 0.9)]).unwrap_err().kind(), ErrorKind::Decode);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
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
