//! Batches of AI Studio: requests that are answered within a day.
//!
//! Requests go inside the batch, and their ids ride along as metadata. What a batch made elsewhere
//! answers may be in a file instead, one answer a line.

use std::collections::HashSet;

use async_trait::async_trait;
use meanwhile_core::{
    Batch, BatchId, BatchItem, BatchStatus, Batches, Error, ErrorKind, Fold, Request, Response,
    Result, Timeouts,
};
use meanwhile_http::{Answer, Codec as _, Framing, Wire};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{GoogleApi, error};

#[derive(Serialize)]
struct Created<'a> {
    batch: NewBatch<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewBatch<'a> {
    display_name: &'static str,
    input_config: Input<'a>,
}

#[derive(Serialize)]
struct Input<'a> {
    requests: Requests<'a>,
}

#[derive(Serialize)]
struct Requests<'a> {
    requests: Vec<Inlined<'a>>,
}

#[derive(Serialize)]
struct Inlined<'a> {
    request: &'a RawValue,
    metadata: Key<'a>,
}

#[derive(Serialize)]
struct Key<'a> {
    key: &'a str,
}

/// One answer, inside the batch or on a line of its file.
#[derive(Deserialize)]
struct Answered {
    key: Option<String>,
    #[serde(default)]
    metadata: Value,
    response: Option<Box<RawValue>>,
    error: Option<Box<RawValue>>,
}

/// See <https://ai.google.dev/gemini-api/docs/batch-api>.
#[async_trait]
impl Batches for GoogleApi {
    async fn create(&self, requests: Vec<(String, Request)>) -> Result<Batch> {
        if self.host().is_vertex() {
            return Err(self.no_batches());
        }
        let invalid =
            |message: String| Err(self.named(Error::new(ErrorKind::InvalidRequest, message)));
        let Some((_, first)) = requests.first() else {
            return invalid("the batch has no requests".to_owned());
        };
        let mut ids = HashSet::with_capacity(requests.len());
        let mut bodies = Vec::with_capacity(requests.len());
        let mut warnings = Vec::new();
        for (id, request) in &requests {
            if !ids.insert(id.as_str()) {
                return invalid(format!("two requests of the batch are called `{id}`"));
            }
            if request.model != first.model {
                return invalid("all requests of a batch must name the same model".to_owned());
            }
            let wire = self.codec.encode(request)?;
            warnings.extend(wire.warnings.into_iter().map(|warning| (id.clone(), warning)));
            let body: Box<RawValue> = serde_json::from_slice(&wire.body).map_err(|source| {
                let message = "the request cannot be written as JSON";
                Error::new(ErrorKind::InvalidRequest, message).with_source(source)
            })?;
            bodies.push((id, body));
        }
        let requests = bodies
            .iter()
            .map(|(key, request)| Inlined { request, metadata: Key { key } })
            .collect();
        let input_config = Input { requests: Requests { requests } };
        let body = Created { batch: NewBatch { display_name: "meanwhile", input_config } };
        let path = format!("{}:batchGenerateContent", self.host().model_path(&first.model));
        let operation: Value =
            self.api.post(&path, &body, &first.model, Timeouts::default()).await?;
        Ok(self.read(operation, None)?.with_warnings(warnings))
    }

    async fn status(&self, id: &BatchId) -> Result<Batch> {
        let operation: Value = self.api.get(&self.path(id)?).await?;
        self.read(operation, Some(id))
    }

    async fn results(&self, id: &BatchId) -> Result<Vec<BatchItem>> {
        #[derive(Deserialize)]
        struct Operation {
            response: Option<Output>,
            metadata: Option<Metadata>,
        }
        #[derive(Deserialize)]
        struct Metadata {
            output: Option<Output>,
            model: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Output {
            inlined_responses: Option<Responses>,
            responses_file: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Responses {
            inlined_responses: Vec<Answered>,
        }

        let operation: Operation = self.api.get(&self.path(id)?).await?;
        let metadata = operation.metadata;
        let model = metadata.as_ref().and_then(|metadata| metadata.model.clone());
        let model = model.as_deref().unwrap_or_default().trim_start_matches("models/").to_owned();
        let output = operation.response.or_else(|| metadata.and_then(|metadata| metadata.output));
        let answers = match output {
            Some(Output { inlined_responses: Some(responses), .. }) => {
                responses.inlined_responses.into_iter().map(Ok).collect()
            }
            Some(Output { responses_file: Some(file), .. }) => self.download(&file).await?,
            _ => {
                let message = "the batch has no results yet; ask for its status first";
                return Err(self.named(Error::new(ErrorKind::NotFound, message)));
            }
        };
        let items = answers.into_iter().enumerate().map(|(position, answer)| {
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => return BatchItem::new(position.to_string(), Err(error)),
            };
            let given = answer.metadata.get("key").and_then(Value::as_str).map(str::to_owned);
            let id = answer.key.clone().or(given).unwrap_or_else(|| position.to_string());
            let response = self.response(&answer, &model);
            BatchItem::new(id, response.map_err(|error| self.named(error)))
        });
        Ok(items.collect())
    }

    async fn cancel(&self, id: &BatchId) -> Result<Batch> {
        let path = format!("{}:cancel", self.path(id)?);
        let wire = Wire::post(path, "{}", Framing::Whole);
        self.api.send(wire, "", Timeouts::default()).await?;
        self.status(id).await
    }
}

impl GoogleApi {
    fn path(&self, id: &BatchId) -> Result<String> {
        if self.host().is_vertex() {
            return Err(self.no_batches());
        }
        // An id may come from elsewhere; it must not lead out of its place.
        let name = id.id.strip_prefix("batches/").unwrap_or(&id.id);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            let message = format!("`{}` is not the id of a batch of this provider", id.id);
            return Err(self.named(Error::new(ErrorKind::InvalidRequest, message)));
        }
        Ok(format!("/batches/{name}"))
    }

    /// Reads how far a batch is.
    fn read(&self, operation: Value, id: Option<&BatchId>) -> Result<Batch> {
        let fresh = id.is_none();
        let metadata = operation.get("metadata").unwrap_or(&operation);
        let name = operation.get("name").or_else(|| metadata.get("name")).and_then(Value::as_str);
        let id = match (id, name) {
            (Some(id), _) => id.clone(),
            (None, Some(name)) => BatchId::new(self.api.id(), name),
            (None, None) => {
                let message = "the answer does not name the batch";
                return Err(self.named(error::decode(message, operation.to_string().as_bytes())));
            }
        };
        let state = metadata.get("state").and_then(Value::as_str).unwrap_or_default();
        // `BATCH_STATE_SUCCEEDED`, or `JOB_STATE_SUCCEEDED` from gateways.
        let status = match state.rsplit('_').next().unwrap_or_default() {
            "SUCCEEDED" => BatchStatus::Completed,
            "FAILED" => BatchStatus::Failed,
            "CANCELLED" => BatchStatus::Cancelled,
            "CANCELLING" => BatchStatus::Cancelling,
            "EXPIRED" => BatchStatus::Expired,
            _ if operation.get("error").is_some() => BatchStatus::Failed,
            _ if operation.get("done") == Some(&Value::Bool(true)) => BatchStatus::Completed,
            // Nothing at all is how the wire writes `UNSPECIFIED`.
            "PENDING" | "QUEUED" | "RUNNING" | "UNSPECIFIED" | "" => BatchStatus::Running,
            // One that was just made keeps its id, whatever is said of it.
            _ if fresh => BatchStatus::Running,
            _ => {
                let message =
                    format!("the batch `{}` has a state that is not known: {state}", id.id);
                return Err(self.named(error::decode(message, operation.to_string().as_bytes())));
            }
        };
        let count = |name: &str| {
            let count = metadata.get("batchStats")?.get(name)?;
            count.as_u64().or_else(|| count.as_str()?.parse().ok())
        };
        let mut batch = Batch::new(id, status);
        batch.total = count("requestCount");
        batch.succeeded = count("successfulRequestCount");
        batch.failed = count("failedRequestCount");
        batch.raw = Some(Box::new(operation));
        Ok(batch)
    }

    /// Reads the answers in a file. A line that cannot be read takes none of the others with it.
    async fn download(&self, file: &str) -> Result<Vec<Result<Answered>>> {
        let wire = Wire::get(format!("/{}:download?alt=media", file.trim_start_matches('/')));
        let reply = self.api.send(wire, "", Timeouts::default()).await?;
        let lines = reply.body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let answers = lines.filter(|line| !line.is_empty()).map(|line| {
            serde_json::from_slice(line).map_err(|source| {
                let message = "a line of the results is not JSON of an answer";
                reply.error(self.named(error::decode(message, line).with_source(source)))
            })
        });
        Ok(answers.collect())
    }

    fn response(&self, answer: &Answered, model: &str) -> Result<Response> {
        if let Some(refused) = &answer.error {
            return Err(error::in_answer(format!("{{\"error\":{}}}", refused.get()).as_bytes()));
        }
        let Some(response) = &answer.response else {
            let message = "the batch has neither an answer nor an error for the request";
            return Err(Error::new(ErrorKind::Decode, message));
        };
        let request = Request::new(model, Vec::new());
        let mut events = Answer::new(self.codec.decoder(&request), Framing::Whole);
        events.push(response.get().to_owned().into());
        events.end();
        let mut fold = Fold::new(self.api.id(), model);
        while let Some(event) = events.next() {
            match event {
                Ok(event) => fold.push(&event)?,
                Err(error) if fold.is_empty() => return Err(error),
                Err(error) => return Err(error.with_partial(fold.into_partial())),
            }
        }
        fold.finish()
    }
}
