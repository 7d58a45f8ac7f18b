//! What Mistral offers beside chat: embeddings, the list of models, batches, moderation, speech and
//! transcription.

use std::sync::Arc;

use async_trait::async_trait;
use meanwhile_core::{
    Batch, BatchId, BatchItem, BatchStatus, Batches, Delivery, Embedder, Error, ErrorKind,
    ListModels, Moderator, Request, Result, SpeechSynthesizer, Timeouts, Transcriber, Warning,
};
use meanwhile_http::{Api, Codec as _, redact};
use meanwhile_openai_compatible::{
    BatchApi, ChatCodec, EmbeddingApi, ModerationApi, TranscriptionApi,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::speech::SpeechApi;
use crate::{Builder, codec};

/// The most texts of one request; one more is refused with code 3210.
const BATCH_LIMIT: usize = 256;

/// Where the answers are asked for, whatever the base URL.
const ENDPOINT: &str = "/v1/chat/completions";

impl Builder {
    /// Makes the [embedder](https://docs.mistral.ai/api/endpoint/embeddings). Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn embedder(self) -> Result<Arc<dyn Embedder>> {
        let embedder = EmbeddingApi::new(self.into_dialect().api()?);
        let embedder = embedder.with_batch_limit(BATCH_LIMIT);
        Ok(Arc::new(embedder.with_dimensions_field("output_dimension")))
    }

    /// Makes the [list of models](https://docs.mistral.ai/api/endpoint/models). Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn models(self) -> Result<Arc<dyn ListModels>> {
        self.into_dialect().models()
    }

    /// Makes the [moderator](https://docs.mistral.ai/api/endpoint/classifiers), which judges texts. Does
    /// no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn moderator(self) -> Result<Arc<dyn Moderator>> {
        Ok(Arc::new(ModerationApi::new(self.into_dialect().api()?).without_images()))
    }

    /// Makes the [speech synthesizer](https://docs.mistral.ai/api/endpoint/audio/speech). Does no network
    /// I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn speech(self) -> Result<Arc<dyn SpeechSynthesizer>> {
        Ok(Arc::new(SpeechApi::new(self.into_dialect().api()?)))
    }

    /// Makes the [transcriber](https://docs.mistral.ai/api/endpoint/audio/transcriptions). Does no
    /// network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn transcriber(self) -> Result<Arc<dyn Transcriber>> {
        Ok(Arc::new(TranscriptionApi::mistral(self.into_dialect().api()?)))
    }

    /// Makes the [batches](https://docs.mistral.ai/api/endpoint/batch). Does no network I/O.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn batches(self) -> Result<Arc<dyn Batches>> {
        let api = self.into_dialect().api()?;
        let lines = BatchApi::new(api.clone(), codec());
        Ok(Arc::new(Jobs { api, codec: codec(), lines }))
    }
}

/// Batch jobs, whose requests travel inline and must all be for one model.
#[derive(Debug)]
struct Jobs {
    api: Api,
    codec: ChatCodec,
    lines: BatchApi,
}

#[derive(Serialize)]
struct Created<'a> {
    endpoint: &'a str,
    model: &'a str,
    requests: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    custom_id: String,
    body: Map<String, Value>,
}

#[async_trait]
impl Batches for Jobs {
    async fn create(&self, requests: Vec<(String, Request)>) -> Result<Batch> {
        BatchApi::check(&requests).map_err(|error| self.named(error))?;
        let model = requests.first().map(|(_, request)| request.model.clone()).unwrap_or_default();
        if let Some((id, other)) = requests.iter().find(|(_, request)| request.model != model) {
            let message = format!(
                "the requests of one batch must be for one model; `{id}` is for `{}`, not `{model}`",
                other.model
            );
            return Err(self.named(Error::new(ErrorKind::InvalidRequest, message)));
        }
        let mut warnings = Vec::new();
        let entries =
            requests.into_iter().map(|(id, request)| self.entry(id, request, &mut warnings));
        let requests = entries.collect::<Result<_>>().map_err(|error| self.named(error))?;
        let body = Created { endpoint: ENDPOINT, model: &model, requests };
        let raw = self.api.post("/batch/jobs", &body, &model, Timeouts::default()).await?;
        Ok(self.batch(raw, true)?.with_warnings(warnings))
    }

    async fn status(&self, id: &BatchId) -> Result<Batch> {
        self.batch(self.api.get(&self.path(id)?).await?, false)
    }

    async fn results(&self, id: &BatchId) -> Result<Vec<BatchItem>> {
        let raw: Value = self.api.get(&self.path(id)?).await?;
        if let Some(Value::Array(outputs)) = raw.get("outputs")
            && !outputs.is_empty()
        {
            let lines: String = outputs.iter().map(|line| format!("{line}\n")).collect();
            return Ok(self.lines.read_results(lines.as_bytes()));
        }
        let mut items = Vec::new();
        let mut files = 0;
        for field in ["output_file", "error_file"] {
            let Some(file) = raw.get(field).and_then(Value::as_str) else { continue };
            files += 1;
            let path = format!("/files/{}/content", self.legal(file)?);
            self.lines.fetch_results(&path, &mut items).await?;
        }
        if files == 0 {
            let status = raw.get("status").and_then(Value::as_str).unwrap_or("unknown");
            let message = format!("the batch has no results; its status is `{status}`");
            return Err(self.named(Error::new(ErrorKind::NotFound, message)));
        }
        Ok(items)
    }

    async fn cancel(&self, id: &BatchId) -> Result<Batch> {
        let path = format!("{}/cancel", self.path(id)?);
        self.batch(self.api.post(&path, &Map::new(), "", Timeouts::default()).await?, false)
    }
}

impl Jobs {
    fn entry(
        &self,
        custom_id: String,
        mut request: Request,
        warnings: &mut Vec<(String, Warning)>,
    ) -> Result<Entry> {
        request.delivery = Delivery::Whole;
        let wire = self.codec.encode(&request)?;
        warnings.extend(wire.warnings.into_iter().map(|warning| (custom_id.clone(), warning)));
        let mut body: Map<String, Value> =
            serde_json::from_slice(&wire.body).map_err(|source| {
                let message = "the batch cannot be written as JSON";
                Error::new(ErrorKind::InvalidRequest, message).with_source(source)
            })?;
        // The job names it for all of them.
        body.shift_remove("model");
        Ok(Entry { custom_id, body })
    }

    /// Reads how far a batch is. One that was just made keeps its id, whatever is said of it.
    fn batch(&self, mut raw: Value, fresh: bool) -> Result<Batch> {
        let Some(id) = raw.get("id").and_then(Value::as_str) else {
            let error = Error::new(ErrorKind::Decode, "the answer names no batch");
            return Err(self.named(error.with_body(redact::shown(raw.to_string().as_bytes()))));
        };
        let id = BatchId::new(self.api.id(), id);
        let status = match raw.get("status").and_then(Value::as_str) {
            Some("SUCCESS") => BatchStatus::Completed,
            Some("FAILED") => BatchStatus::Failed,
            Some("TIMEOUT_EXCEEDED") => BatchStatus::Expired,
            Some("CANCELLATION_REQUESTED") => BatchStatus::Cancelling,
            Some("CANCELLED") => BatchStatus::Cancelled,
            Some("QUEUED" | "RUNNING") => BatchStatus::Running,
            _ if fresh => BatchStatus::Running,
            other => {
                let (id, other) = (&id.id, other.unwrap_or("none"));
                let message = format!("the batch `{id}` has a status that is not known: {other}");
                let error = Error::new(ErrorKind::Decode, message);
                return Err(self.named(error.with_body(redact::shown(raw.to_string().as_bytes()))));
            }
        };
        let count = |name: &str| raw.get(name).and_then(Value::as_u64);
        let mut batch = Batch::new(id, status);
        batch.total = count("total_requests");
        batch.succeeded = count("succeeded_requests");
        batch.failed = count("failed_requests");
        // The answers are fetched by `results`.
        if let Some(raw) = raw.as_object_mut() {
            raw.shift_remove("outputs");
        }
        batch.raw = Some(Box::new(raw));
        Ok(batch)
    }

    fn path(&self, id: &BatchId) -> Result<String> {
        if id.provider != self.api.id() {
            let message = format!("`{}/{}` is no batch of `{}`", id.provider, id.id, self.api.id());
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(format!("/batch/jobs/{}", self.legal(&id.id)?))
    }

    /// An id that may stand in a path.
    fn legal<'a>(&self, id: &'a str) -> Result<&'a str> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if !id.is_empty() && id.chars().all(legal) {
            return Ok(id);
        }
        let message = format!("`{id}` is no id of a batch or a file");
        Err(self.named(Error::new(ErrorKind::Config, message)))
    }

    fn named(&self, error: Error) -> Error {
        error.with_provider(self.api.id().to_owned())
    }
}
