//! [`Retrieve`], one search that is configured and awaited.

use std::future::IntoFuture;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use meanwhile_core::Result;

use super::index::searches;
use super::{IndexRetriever, QueryExpander, SearchMode, Steps, steps};
use crate::{RetrievalQuery, Scored};

/// One search of an index: configure it, then `.await` it for the chunks, the best first.
///
/// Nothing is sent before the first poll; dropping the future stops the search.
#[derive(Debug, Clone)]
#[must_use = "a search does nothing unless it is awaited"]
pub struct Retrieve {
    retriever: IndexRetriever,
    query: RetrievalQuery,
    steps: Steps,
}

searches!(Retrieve, retriever);
steps!(Retrieve);

impl Retrieve {
    pub(super) fn new(retriever: IndexRetriever, text: impl Into<String>) -> Self {
        Self { retriever, query: RetrievalQuery::new(text), steps: Steps::default() }
    }
}

impl IntoFuture for Retrieve {
    type Output = Result<Vec<Scored>>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.steps.run(&self.retriever, &self.query).await })
    }
}
