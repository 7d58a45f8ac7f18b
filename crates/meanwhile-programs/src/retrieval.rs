//! Retrievers and query engines of `meanwhile-rag` as modules: they stand in a `#[derive(Module)]` beside
//! predictors, and have none themselves that an optimiser could change.

use std::sync::Arc;

use meanwhile_core::Result;
use meanwhile_rag::{
    Answer, FusionRetriever, IndexRetriever, Pipeline, QueryEngine, RetrievalQuery, Retriever,
    Scored,
};

use crate::{Forward, Module, Predictor};

macro_rules! without_predictors {
    ($($type:ty),+) => {$(
        impl Module for $type {
            fn predictors(&self, _: &mut dyn FnMut(&str, &Predictor)) {}
            fn predictors_mut(&mut self, _: &mut dyn FnMut(&str, &mut Predictor)) {}
        }
    )+};
}
without_predictors!(Arc<dyn Retriever>, FusionRetriever, IndexRetriever, Pipeline, QueryEngine);

macro_rules! retrieves {
    ($($type:ty),+) => {$(
        /// Finds passages.
        impl Forward for $type {
            type In = RetrievalQuery;
            type Out = Vec<Scored>;

            async fn forward(&self, query: RetrievalQuery) -> Result<Vec<Scored>> {
                self.retrieve(&query).await
            }
        }
    )+};
}
retrieves!(Arc<dyn Retriever>, FusionRetriever, IndexRetriever, Pipeline);

/// Answers a question from what it finds.
impl Forward for QueryEngine {
    type In = String;
    type Out = Answer;

    async fn forward(&self, question: String) -> Result<Answer> {
        self.query(question).await
    }
}
