//! [`Found`]: what an exchange that is no chat decodes to, in the words of the comparison.

use meanwhile_core::{
    Batch, BatchItem, Embeddings, GeneratedImage, GeneratedImages, MediaSource, ModelInfo,
    Moderation, Moderations, RankedDocuments, Speech, Transcription,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

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
    /// A batch: `id`, `status`, `total`, `succeeded`, `failed`, and `results` where they came along.
    Batch(Value),
    /// The answers of a batch: `id`, and `text`, `finish` and tokens or the kind of the error.
    BatchResults(Value),
    /// How many tokens a request has.
    TokenCount(u64),
    /// Judgements: `flagged`, and each category by its name with `flagged` and `score`.
    Moderation(Value),
    /// A recording: how many `bytes`, their `sum` and the `media_type`.
    Speech(Value),
    /// What was said: `text`, `language`, `duration`, `segments`, `words` and tokens.
    Transcription(Value),
    /// Images: how many `bytes` or the `url`, the `media_type` and the `revised_prompt` of each.
    Images(Value),
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
        Self::Batch(fields(batch))
    }

    pub(crate) fn batch_with(batch: &Batch, items: &[BatchItem]) -> Self {
        let mut fields = fields(batch);
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("results".to_owned(), results(items));
        }
        Self::Batch(fields)
    }

    pub(crate) fn moderation(moderations: &Moderations) -> Self {
        let result = |result: &Moderation| {
            let categories: Map<String, Value> = result
                .categories
                .iter()
                .map(|found| {
                    let fields = json!({ "flagged": found.flagged, "score": found.score });
                    (found.name.clone(), fields)
                })
                .collect();
            json!({ "flagged": result.flagged, "categories": categories })
        };
        Self::Moderation(moderations.results.iter().map(result).collect())
    }

    pub(crate) fn speech(speech: &Speech) -> Self {
        let bytes = bytes(&speech.audio.source);
        Self::Speech(json!({
            "bytes": bytes.len(),
            "sum": bytes.iter().copied().map(u64::from).sum::<u64>(),
            "media_type": speech.audio.media_type,
        }))
    }

    pub(crate) fn transcription(found: &Transcription) -> Self {
        Self::Transcription(json!({
            "text": found.text,
            "language": found.language,
            "duration": found.duration,
            "segments": found.segments,
            "words": found.words,
            "input_tokens": found.usage.input.total,
            "output_tokens": found.usage.output.total,
        }))
    }

    pub(crate) fn images(images: &GeneratedImages) -> Self {
        let image = |generated: &GeneratedImage| {
            let image = &generated.image;
            let url = match &image.source {
                MediaSource::Url(url) => Some(url),
                _ => None,
            };
            json!({
                "bytes": bytes(&image.source).len(),
                "url": url,
                "media_type": image.media_type,
                "revised_prompt": generated.revised_prompt,
            })
        };
        Self::Images(images.images.iter().map(image).collect())
    }

    pub(crate) fn results(items: &[BatchItem]) -> Self {
        Self::BatchResults(results(items))
    }
}

fn bytes(source: &MediaSource) -> &[u8] {
    match source {
        MediaSource::Bytes(bytes) => bytes,
        _ => &[],
    }
}

fn fields(batch: &Batch) -> Value {
    json!({
        "id": batch.id.id,
        "status": batch.status,
        "total": batch.total,
        "succeeded": batch.succeeded,
        "failed": batch.failed,
    })
}

fn results(items: &[BatchItem]) -> Value {
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
    items.iter().map(item).collect()
}
