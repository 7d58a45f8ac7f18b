//! [`Found`]: what an exchange that is no chat decodes to, in the words of the comparison.

use meanwhile_core::{Batch, BatchItem, Embeddings, ModelInfo, RankedDocuments};
use serde::Serialize;
use serde_json::{Value, json};

/// What was decoded, under the name of its kind.
#[derive(Debug, Serialize, PartialEq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Found {
    /// Vectors: `count`, `dimensions`, the `first` four numbers and the `sum` of each, `input_tokens`.
    Embeddings(Value),
    /// A ranking: the `index` and `score` of each document, the best first.
    Rerank(Value),
    /// The ids of models.
    Models(Value),
    /// A batch: `id`, `status`, `total`, `succeeded`, `failed`.
    Batch(Value),
    /// The answers of a batch: `id`, and `text`, `finish` and tokens or the kind of the error.
    BatchResults(Value),
    /// How many tokens a request has.
    TokenCount(u64),
}

impl Found {
    pub(crate) fn embeddings(embeddings: &Embeddings) -> Self {
        let first = |vector: &Vec<f32>| -> Vec<f32> { vector.iter().take(4).copied().collect() };
        let sum = |vector: &Vec<f32>| -> f64 { vector.iter().copied().map(f64::from).sum() };
        Self::Embeddings(json!({
            "count": embeddings.vectors.len(),
            "dimensions": embeddings.dimensions(),
            "first": embeddings.vectors.iter().map(first).collect::<Vec<_>>(),
            "sums": embeddings.vectors.iter().map(sum).collect::<Vec<_>>(),
            "input_tokens": embeddings.usage.input.total,
        }))
    }

    pub(crate) fn rerank(ranked: &RankedDocuments) -> Self {
        let place = |ranked: &meanwhile_core::Ranked| json!({ "index": ranked.index, "score": ranked.score });
        Self::Rerank(ranked.documents.iter().map(place).collect())
    }

    pub(crate) fn models(models: &[ModelInfo]) -> Self {
        Self::Models(models.iter().map(|model| Value::from(model.id.as_str())).collect())
    }

    pub(crate) fn batch(batch: &Batch) -> Self {
        Self::Batch(json!({
            "id": batch.id.id,
            "status": batch.status,
            "total": batch.total,
            "succeeded": batch.succeeded,
            "failed": batch.failed,
        }))
    }

    pub(crate) fn results(items: &[BatchItem]) -> Self {
        let item = |item: &BatchItem| match &item.response {
            Ok(response) => json!({
                "id": item.id,
                "text": response.text(),
                "finish": response.finish.as_ref().map(|finish| finish.reason.as_str()),
                "input_tokens": response.usage.input.total,
                "output_tokens": response.usage.output.total,
            }),
            Err(error) => json!({ "id": item.id, "error": format!("{:?}", error.kind()) }),
        };
        Self::BatchResults(items.iter().map(item).collect())
    }
}
