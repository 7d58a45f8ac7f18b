//! [`BatchApi`]: `POST /batches`, as in <https://platform.openai.com/docs/api-reference/batch>; Groq and Together have it too.
//!
//! Requests travel as a file of JSON lines, and so do their answers.

use std::collections::HashSet;

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use meanwhile_core::{
    Batch, BatchId, BatchItem, BatchStatus, Batches, Delivery, Error, ErrorKind, Fold, Request,
    Response, Result, Timeouts,
};
use meanwhile_http::{Answer, Api, Codec as _, Framing, Wire, redact};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::ChatCodec;

/// Hands batches to a host of the dialect.
///
/// A setting that a request cannot carry is left out without a warning, because a batch has no place
/// for warnings; under [`OnUnsupported::Error`](meanwhile_core::OnUnsupported) it is an error.
#[derive(Debug, Clone)]
pub struct BatchApi {
    api: Api,
    codec: ChatCodec,
}

/// Where the answers are asked for, whatever the base URL.
const ENDPOINT: &str = "/v1/chat/completions";

// Lines of JSON begin with a brace, so none of them can be taken for it.
const BOUNDARY: &str = "meanwhile-batch-boundary";

#[derive(Serialize)]
struct Line<'a> {
    custom_id: &'a str,
    method: &'a str,
    url: &'a str,
    body: &'a RawValue,
}

#[derive(Deserialize)]
struct Answered<'a> {
    custom_id: String,
    #[serde(borrow, default)]
    response: Option<Reply<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(default)]
    status_code: Option<u16>,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[async_trait]
impl Batches for BatchApi {
    async fn create(&self, requests: Vec<(String, Request)>) -> Result<Batch> {
        let lines = self.lines(requests).map_err(|error| self.named(error))?;
        let file = self.api.send(upload(&lines), "", Timeouts::default()).await?;
        let file: Value = self.json(&file.body)?;
        let id = file.get("id").and_then(Value::as_str);
        let Some(id) = id else { return Err(self.unexpected("names no file", &file)) };
        let body = json!({ "input_file_id": id, "endpoint": ENDPOINT, "completion_window": "24h" });
        self.batch(self.api.post("/batches", &body, "", Timeouts::default()).await?)
    }

    async fn status(&self, id: &BatchId) -> Result<Batch> {
        self.batch(self.raw(id).await?)
    }

    async fn results(&self, id: &BatchId) -> Result<Vec<BatchItem>> {
        let raw = self.raw(id).await?;
        let mut items = Vec::new();
        let mut files = 0;
        for field in ["output_file_id", "error_file_id"] {
            let Some(file) = raw.get(field).and_then(Value::as_str) else { continue };
            files += 1;
            let path = format!("/files/{}/content", legal(file)?);
            let reply = self.api.send(Wire::get(path), "", Timeouts::default()).await?;
            items.extend(self.read_results(&reply.body)?);
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
        self.batch(self.api.post(&path, &json!({}), "", Timeouts::default()).await?)
    }
}

impl BatchApi {
    /// Hands batches of `codec`'s requests over through `api`, whose base URL is that of the dialect.
    #[must_use]
    pub fn new(api: Api, codec: ChatCodec) -> Self {
        Self { api, codec }
    }

    /// Checks that there are requests and that no two have the same id.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) when not.
    pub fn check(requests: &[(String, Request)]) -> Result<()> {
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidRequest, message));
        if requests.is_empty() {
            return invalid("a batch needs at least one request".to_owned());
        }
        let mut ids = HashSet::new();
        match requests.iter().find(|(id, _)| !ids.insert(id)) {
            Some((id, _)) => invalid(format!("two requests of the batch are called `{id}`")),
            None => Ok(()),
        }
    }

    fn lines(&self, requests: Vec<(String, Request)>) -> Result<Vec<u8>> {
        Self::check(&requests)?;
        let written = |source| {
            let message = "the batch cannot be written as JSON";
            Error::new(ErrorKind::InvalidRequest, message).with_source(source)
        };
        let mut lines = Vec::new();
        for (id, mut request) in requests {
            request.delivery = Delivery::Whole;
            let wire = self.codec.encode(&request)?;
            let body = serde_json::from_slice(&wire.body).map_err(written)?;
            let line = Line { custom_id: &id, method: "POST", url: ENDPOINT, body };
            serde_json::to_writer(&mut lines, &line).map_err(written)?;
            lines.push(b'\n');
        }
        Ok(lines)
    }

    async fn raw(&self, id: &BatchId) -> Result<Value> {
        self.api.get(&self.path(id)?).await
    }

    fn path(&self, id: &BatchId) -> Result<String> {
        if id.provider != self.api.id() {
            let message = format!("`{}/{}` is no batch of `{}`", id.provider, id.id, self.api.id());
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(format!("/batches/{}", legal(&id.id)?))
    }

    fn batch(&self, raw: Value) -> Result<Batch> {
        let Some(id) = raw.get("id").and_then(Value::as_str) else {
            return Err(self.unexpected("names no batch", &raw));
        };
        let status = match raw.get("status").and_then(Value::as_str) {
            Some("completed") => BatchStatus::Completed,
            Some("failed") => BatchStatus::Failed,
            Some("expired") => BatchStatus::Expired,
            Some("cancelling") => BatchStatus::Cancelling,
            Some("cancelled") => BatchStatus::Cancelled,
            _ => BatchStatus::Running,
        };
        let count = |name: &str| raw.get("request_counts")?.get(name)?.as_u64();
        let mut batch = Batch::new(BatchId::new(self.api.id(), id), status);
        (batch.total, batch.succeeded, batch.failed) =
            (count("total"), count("completed"), count("failed"));
        batch.raw = Some(Box::new(raw));
        Ok(batch)
    }

    /// Reads a file of answers, a JSON object a line.
    ///
    /// # Errors
    ///
    /// [`Decode`](ErrorKind::Decode) when a line is no answer; what went wrong with a single request
    /// is in its item.
    pub fn read_results(&self, file: &[u8]) -> Result<Vec<BatchItem>> {
        let lines = serde_json::Deserializer::from_slice(file).into_iter::<Answered<'_>>();
        let items = lines.map(|line| {
            let line = line.map_err(|source| {
                let message = "a line of the results is not the JSON that was expected";
                let error = Error::new(ErrorKind::Decode, message).with_source(source);
                self.named(error.with_body(redact::shown(file)))
            })?;
            let response = self.response(&line).map_err(|error| self.named(error));
            Ok(BatchItem::new(line.custom_id, response))
        });
        items.collect()
    }

    /// Reads an answer like one that came alone.
    fn response(&self, line: &Answered<'_>) -> Result<Response> {
        let Some(reply) = &line.response else {
            let text = line.error.map_or("null", RawValue::get);
            let error = format!("{{\"error\":{text}}}");
            return Err(self.refusal(StatusCode::BAD_REQUEST, error.as_bytes()));
        };
        let body = reply.body.get().as_bytes();
        let status = reply.status_code.and_then(|code| StatusCode::from_u16(code).ok());
        if let Some(status) = status.filter(|status| !status.is_success()) {
            return Err(self.refusal(status, body).with_status(status.as_u16()));
        }
        let request = Request::new("", Vec::new());
        let mut answer = Answer::new(self.codec.decoder(&request), Framing::Whole);
        answer.push(body.to_vec().into());
        answer.end();
        let mut fold = Fold::new(self.api.id(), "");
        while let Some(event) = answer.next() {
            fold.push(&event?)?;
        }
        fold.finish()
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> Error {
        self.codec.error(status, &HeaderMap::new(), body)
    }

    fn json<T: for<'de> Deserialize<'de>>(&self, body: &[u8]) -> Result<T> {
        serde_json::from_slice(body).map_err(|source| {
            let message = "the answer is not the JSON that was expected; check the base URL";
            let error = Error::new(ErrorKind::Decode, message).with_source(source);
            self.named(error.with_body(redact::shown(body)))
        })
    }

    fn unexpected(&self, what: &str, raw: &Value) -> Error {
        let error = Error::new(ErrorKind::Decode, format!("the answer {what}"));
        self.named(error.with_body(redact::shown(raw.to_string().as_bytes())))
    }

    fn named(&self, error: Error) -> Error {
        error.with_provider(self.api.id().to_owned())
    }
}

/// An id that may stand in a path.
fn legal(id: &str) -> Result<&str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !id.is_empty() && id.chars().all(legal) {
        return Ok(id);
    }
    let message = format!("`{id}` is no id of a batch or a file");
    Err(Error::new(ErrorKind::Config, message))
}

/// The upload of a file of requests.
fn upload(lines: &[u8]) -> Wire {
    let mut body = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
         --{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"batch.jsonl\"\r\n\
         content-type: application/jsonl\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(lines);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    let mut wire = Wire::post("/files", body, Framing::Whole);
    let kind = HeaderValue::from_static("multipart/form-data; boundary=meanwhile-batch-boundary");
    wire.headers.insert(CONTENT_TYPE, kind);
    wire
}
