//! Batches of requests, which Anthropic answers within a day at half the price.
//! See <https://docs.anthropic.com/en/api/creating-message-batches>.

use std::collections::HashSet;

use async_trait::async_trait;
use http::HeaderValue;
use meanwhile_core::{
    Batch, BatchId, BatchItem, BatchStatus, Batches, Delivery, Error, ErrorKind, Fold,
    OutputFormat, Request, Response, Result, TimeoutPhase, Timeouts, Warning,
};
use meanwhile_http::{Answer, Codec as _, Framing, Wire, redact};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::api::versioned;
use crate::{AnthropicApi, error};

const PATH: &str = "/v1/messages/batches";

#[derive(Serialize)]
struct Created<'a> {
    requests: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    custom_id: &'a str,
    params: &'a RawValue,
}

#[derive(Deserialize)]
struct Line<'a> {
    custom_id: String,
    #[serde(borrow)]
    result: Outcome<'a>,
}

#[derive(Deserialize)]
struct Outcome<'a> {
    r#type: String,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[async_trait]
impl Batches for AnthropicApi {
    async fn create(&self, requests: Vec<(String, Request)>) -> Result<Batch> {
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidRequest, message));
        if requests.is_empty() {
            return invalid("a batch needs at least one request".to_owned());
        }
        let mut ids = HashSet::new();
        if let Some((id, _)) = requests.iter().find(|(id, _)| !ids.insert(id)) {
            return invalid(format!("two requests of the batch are called `{id}`"));
        }
        let (wire, warnings) = self.create_wire(requests)?;
        let raw = self.send(wire, "", Timeouts::default()).await?;
        Ok(self.batch(raw, true)?.with_warnings(warnings))
    }

    async fn status(&self, id: &BatchId) -> Result<Batch> {
        let wire = Self::get(self.path(id, "")?);
        self.batch(self.send(wire, "", Timeouts::default()).await?, false)
    }

    async fn results(&self, id: &BatchId) -> Result<Vec<BatchItem>> {
        let wire = Self::get(self.path(id, "/results")?);
        let reply = self.api.send(wire, "", Timeouts::default()).await?;
        let lines = reply.body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        // A line that cannot be read takes none of the others with it.
        let items = lines.filter(|line| !line.is_empty()).map(|line| {
            let read = serde_json::from_slice::<Line<'_>>(line);
            let (id, outcome) = match read {
                Ok(line) => (line.custom_id, self.outcome(&line.result)),
                Err(source) => {
                    let message = "a line of the results is not the JSON that was expected";
                    let error = Error::new(ErrorKind::Decode, message).with_source(source);
                    (String::new(), Err(reply.error(error.with_body(redact::shown(line)))))
                }
            };
            BatchItem::new(id, outcome.map_err(|error| self.named(error)))
        });
        Ok(items.collect())
    }

    async fn cancel(&self, id: &BatchId) -> Result<Batch> {
        let wire = Wire::post(self.path(id, "/cancel")?, "", Framing::Whole);
        self.batch(self.send(versioned(wire), "", Timeouts::default()).await?, false)
    }
}

impl AnthropicApi {
    fn create_wire(
        &self,
        requests: Vec<(String, Request)>,
    ) -> Result<(Wire, Vec<(String, Warning)>)> {
        let mut warnings = Vec::new();
        let mut betas: Vec<String> = Vec::new();
        let mut bodies = Vec::with_capacity(requests.len());
        for (id, mut request) in requests {
            request.delivery = Delivery::Whole;
            let wire = self.codec.encode(&request)?;
            let names = wire.headers.get("anthropic-beta").and_then(|names| names.to_str().ok());
            for name in names.into_iter().flat_map(|names| names.split(',')) {
                if !betas.iter().any(|known| known == name) {
                    betas.push(name.to_owned());
                }
            }
            warnings.extend(wire.warnings.into_iter().map(|warning| (id.clone(), warning)));
            bodies.push((id, wire.body));
        }
        let written = |source| {
            let message = "the batch cannot be written as JSON";
            Error::new(ErrorKind::InvalidRequest, message).with_source(source)
        };
        let entries = bodies.iter().map(|(id, body)| {
            Ok(Entry { custom_id: id, params: serde_json::from_slice(body).map_err(written)? })
        });
        let batch = Created { requests: entries.collect::<Result<_>>()? };
        let body = serde_json::to_vec(&batch).map_err(written)?;
        let mut wire = versioned(Wire::post(PATH, body, Framing::Whole));
        if let Ok(value) = HeaderValue::from_str(&betas.join(","))
            && !betas.is_empty()
        {
            wire.headers.insert("anthropic-beta", value);
        }
        Ok((wire, warnings))
    }

    fn path(&self, id: &BatchId, rest: &str) -> Result<String> {
        let BatchId { provider, id, .. } = id;
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if provider != self.api.id() || id.is_empty() || !id.chars().all(legal) {
            let message = format!("`{provider}/{id}` is no batch of `{}`", self.api.id());
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(format!("{PATH}/{id}{rest}"))
    }

    /// Reads how far a batch is. One that was just made keeps its id, whatever is said of it.
    fn batch(&self, raw: Value, fresh: bool) -> Result<Batch> {
        let Some(id) = raw.get("id").and_then(Value::as_str) else {
            let error = Error::new(ErrorKind::Decode, "the answer names no batch");
            return Err(self.named(error.with_body(redact::shown(raw.to_string().as_bytes()))));
        };
        let count = |name: &str| raw.get("request_counts")?.get(name)?.as_u64();
        let some = |name: &str| count(name).is_some_and(|count| count > 0);
        let status = match raw.get("processing_status").and_then(Value::as_str) {
            Some("canceling") => BatchStatus::Cancelling,
            Some("ended") if some("canceled") => BatchStatus::Cancelled,
            Some("ended") if some("expired") => BatchStatus::Expired,
            Some("ended") => BatchStatus::Completed,
            Some("in_progress") => BatchStatus::Running,
            _ if fresh => BatchStatus::Running,
            other => {
                let other = other.unwrap_or("none");
                let message = format!("the batch `{id}` has a status that is not known: {other}");
                let error = Error::new(ErrorKind::Decode, message);
                return Err(self.named(error.with_body(redact::shown(raw.to_string().as_bytes()))));
            }
        };
        let sum = |names: &[&str]| {
            let counts = names.iter().filter_map(|name| count(name));
            counts.fold(None, |sum, count| Some(sum.unwrap_or(0_u64).saturating_add(count)))
        };
        let mut batch = Batch::new(BatchId::new(self.api.id(), id), status);
        batch.total = sum(&["processing", "succeeded", "errored", "canceled", "expired"]);
        batch.succeeded = count("succeeded");
        batch.failed = sum(&["errored", "expired"]);
        batch.raw = Some(Box::new(raw));
        Ok(batch)
    }

    fn outcome(&self, outcome: &Outcome<'_>) -> Result<Response> {
        match (outcome.r#type.as_str(), outcome.message, outcome.error) {
            ("succeeded", Some(message), _) => self.response(message),
            ("errored", _, Some(failure)) => Err(error::in_answer(failure.get().as_bytes())),
            ("canceled", ..) => {
                let message = "the batch was cancelled before this request was answered";
                Err(Error::new(ErrorKind::Cancelled, message))
            }
            ("expired", ..) => {
                let message = "the batch expired before this request was answered; send it again";
                Err(Error::new(ErrorKind::Timeout(TimeoutPhase::Whole), message))
            }
            (other, ..) => {
                let message = format!("a request of the batch ended as `{other}`");
                Err(Error::new(ErrorKind::Decode, message))
            }
        }
    }

    /// Reads an answer like one that came alone.
    fn response(&self, message: &RawValue) -> Result<Response> {
        let mut request = Request::new("", Vec::new());
        // What was asked is not known any more: a tool that takes the answer may have been.
        request.output = OutputFormat::Json;
        let mut answer = Answer::new(self.codec.decoder(&request), Framing::Whole);
        answer.push(message.get().as_bytes().to_vec().into());
        answer.end();
        let mut fold = Fold::new(self.api.id(), "");
        while let Some(event) = answer.next() {
            fold.push(&event?)?;
        }
        fold.finish()
    }

    fn named(&self, error: Error) -> Error {
        error.with_provider(self.api.id().to_owned())
    }
}
