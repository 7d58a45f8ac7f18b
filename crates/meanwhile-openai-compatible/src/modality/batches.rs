//! [`BatchApi`]: `POST /batches`, as in <https://platform.openai.com/docs/api-reference/batch>; Groq has it too.
//!
//! Requests travel as a file of JSON lines, and so do their answers. A batch is paid for: whatever a
//! host says about it that is not understood, its id and what can be read are kept.

use std::borrow::Cow;
use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::Pin;

use async_trait::async_trait;
use futures_core::Stream as _;
use http::{HeaderMap, StatusCode};
use meanwhile_core::{
    Batch, BatchId, BatchItem, BatchStatus, Batches, Delivery, Error, ErrorKind, Fold, Request,
    Response, Result, Timeouts, Warning,
};
use meanwhile_http::frame::JsonLines;
use meanwhile_http::{Answer, Api, Codec as _, Form, Frame, Framing, Opened, Reply, Wire, redact};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::ChatCodec;

/// Hands batches to a host of the dialect.
///
/// ```
/// # use meanwhile_core::{BatchId, BatchStatus, Batches as _};
/// # use meanwhile_openai_compatible::{BatchApi, ChatCodec, OpenAiCompatible, Quirks};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"id": "batch_1", "object": "batch", "status": "in_progress", "request_counts": {"total": 3, "completed": 1, "failed": 0}}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let api = OpenAiCompatible::builder("acme", base_url).api_key("not-a-real-key").api()?;
/// let batches = BatchApi::new(api, ChatCodec::new("acme", Quirks::new()));
/// let batch = batches.status(&BatchId::new("acme", "batch_1")).await?;
/// assert_eq!((batch.status, batch.total), (BatchStatus::Running, Some(3)));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct BatchApi {
    api: Api,
    codec: ChatCodec,
    endpoint: Cow<'static, str>,
}

/// What did not go through, with the ids of the requests.
type Warnings = Vec<(String, Warning)>;

/// Where the answers are asked for, whatever the base URL.
const ENDPOINT: &str = "/v1/chat/completions";

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
    response: Option<Single<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Single<'a> {
    #[serde(default)]
    status_code: Option<u16>,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[async_trait]
impl Batches for BatchApi {
    async fn create(&self, requests: Vec<(String, Request)>) -> Result<Batch> {
        let written = self.write_requests(requests, |request| self.codec.encode(request));
        let (lines, warnings) = written?;
        let file = self.upload(&lines).await?;
        Ok(self.start(&file).await?.with_warnings(warnings))
    }

    async fn status(&self, id: &BatchId) -> Result<Batch> {
        self.known(&self.get(id).await?)
    }

    async fn results(&self, id: &BatchId) -> Result<Vec<BatchItem>> {
        let raw: Value = self.get(id).await?.json()?;
        let mut items = Vec::new();
        let mut files = 0;
        for field in ["output_file_id", "error_file_id"] {
            let file = raw.get(field).and_then(Value::as_str).filter(|file| !file.is_empty());
            let Some(file) = file else { continue };
            files += 1;
            self.fetch_results(&format!("/files/{}/content", legal(file)?), &mut items).await?;
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
        self.known(&self.post(&path, &json!({})).await?)
    }
}

impl BatchApi {
    /// Hands batches of `codec`'s requests over through `api`, whose base URL is that of the dialect.
    #[must_use]
    pub fn new(api: Api, codec: ChatCodec) -> Self {
        Self { api, codec, endpoint: Cow::Borrowed(ENDPOINT) }
    }

    /// Sets where the answers are asked for, as the host wants it named; `/v1/chat/completions` without
    /// it.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: impl Into<Cow<'static, str>>) -> Self {
        self.endpoint = endpoint.into();
        self
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

    /// Writes the file of a batch, a JSON object a line, whose requests `encode` writes. Returns with it
    /// what did not go through, each with the id of its request.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check), and whatever keeps a request from being written.
    pub fn write_requests(
        &self,
        requests: Vec<(String, Request)>,
        encode: impl Fn(&Request) -> Result<Wire>,
    ) -> Result<(Vec<u8>, Warnings)> {
        self.lines(requests, encode).map_err(|error| self.named(error))
    }

    /// Uploads a file of requests and returns its id. Dropped early, it may leave a file of which no id is
    /// known.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports.
    pub async fn upload(&self, lines: &[u8]) -> Result<String> {
        let reply = self.api.send(upload(lines), "", Timeouts::default()).await?;
        let file: Value = reply.json()?;
        let id = file.get("id").and_then(Value::as_str).map(str::to_owned);
        id.ok_or_else(|| unexpected(&reply, "the answer names no file"))
    }

    /// Makes a batch of an uploaded file. Dropped early, it may leave a batch that runs and is billed, of
    /// which no id is known.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports.
    pub async fn start(&self, file: &str) -> Result<Batch> {
        let body =
            json!({ "input_file_id": file, "endpoint": self.endpoint, "completion_window": "24h" });
        let reply = self.post("/batches", &body).await?;
        // It exists and is paid for: its id must not be lost for a status that is not known. Whoever
        // asks how far it is will be told.
        Ok(self.batch(&reply)?.0)
    }

    fn lines(
        &self,
        requests: Vec<(String, Request)>,
        encode: impl Fn(&Request) -> Result<Wire>,
    ) -> Result<(Vec<u8>, Warnings)> {
        Self::check(&requests)?;
        let mut warnings = Vec::new();
        let written = |source| {
            let message = "the batch cannot be written as JSON";
            Error::new(ErrorKind::InvalidRequest, message).with_source(source)
        };
        let mut lines = Vec::new();
        for (id, mut request) in requests {
            request.delivery = Delivery::Whole;
            let wire = encode(&request)?;
            let body = serde_json::from_slice(&wire.body).map_err(written)?;
            let line = Line { custom_id: &id, method: "POST", url: &self.endpoint, body };
            serde_json::to_writer(&mut lines, &line).map_err(written)?;
            lines.push(b'\n');
            warnings.extend(wire.warnings.into_iter().map(|warning| (id.clone(), warning)));
        }
        Ok((lines, warnings))
    }

    async fn get(&self, id: &BatchId) -> Result<Reply> {
        self.api.send(Wire::get(self.path(id)?), "", Timeouts::default()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        let wire = Wire::post(path, body.to_string(), Framing::Whole);
        self.api.send(wire, "", Timeouts::default()).await
    }

    fn path(&self, id: &BatchId) -> Result<String> {
        if id.provider != self.api.id() {
            let message = format!("`{}/{}` is no batch of `{}`", id.provider, id.id, self.api.id());
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(format!("/batches/{}", legal(&id.id)?))
    }

    /// Reads a batch, and its status where it is a known one.
    fn batch(&self, reply: &Reply) -> Result<(Batch, Option<BatchStatus>)> {
        let raw: Value = reply.json()?;
        let Some(id) = raw.get("id").and_then(Value::as_str) else {
            return Err(unexpected(reply, "the answer names no batch"));
        };
        let status = raw.get("status").and_then(Value::as_str).unwrap_or_default();
        let status = match &*status.to_ascii_lowercase() {
            "validating" | "in_progress" | "finalizing" => Some(BatchStatus::Running),
            "completed" => Some(BatchStatus::Completed),
            "failed" => Some(BatchStatus::Failed),
            "expired" => Some(BatchStatus::Expired),
            "cancelling" => Some(BatchStatus::Cancelling),
            "cancelled" => Some(BatchStatus::Cancelled),
            _ => None,
        };
        let count = |name: &str| raw.get("request_counts")?.get(name)?.as_u64();
        let id = BatchId::new(self.api.id(), id);
        let mut batch = Batch::new(id, status.unwrap_or(BatchStatus::Running));
        (batch.total, batch.succeeded, batch.failed) =
            (count("total"), count("completed"), count("failed"));
        batch.raw = Some(Box::new(raw));
        Ok((batch, status))
    }

    /// Reads a batch, whose status must be a known one: whoever waits for its end must not do so for
    /// ever.
    fn known(&self, reply: &Reply) -> Result<Batch> {
        let (batch, status) = self.batch(reply)?;
        if status.is_some() {
            return Ok(batch);
        }
        let raw = batch.raw.as_deref().and_then(|raw| raw.get("status"));
        let status = raw.map_or_else(|| "none".to_owned(), Value::to_string);
        let id = &batch.id.id;
        let message = format!("the batch `{id}` has a status that is not known: {status}");
        Err(unexpected(reply, message))
    }

    /// Reads a file of answers, a JSON object a line. What went wrong with a single request is in its
    /// item, and so is a line that cannot be read: a [`Decode`](ErrorKind::Decode) error, under an
    /// empty id where the line tells none.
    #[must_use]
    pub fn read_results(&self, file: &[u8]) -> Vec<BatchItem> {
        let lines = file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let lines = lines.filter(|line| !line.is_empty());
        lines.map(|line| self.item(line, &|error| self.api.error(error))).collect()
    }

    /// Fetches a file of answers from a path and adds them to `items` as they come, a line of it in
    /// memory at a time. Lines are read as by [`read_results`](Self::read_results). Where the file
    /// fails and there are items already, they are kept, and the error is an item under an empty id.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports, where there is no item yet.
    pub async fn fetch_results(&self, path: &str, items: &mut Vec<BatchItem>) -> Result<()> {
        let opened = self.api.open(Wire::get(path), "", Timeouts::default()).await;
        let read = match opened {
            Ok(opened) => self.read_opened(opened, items).await,
            Err(error) => Err(error),
        };
        match read {
            Err(error) if !items.is_empty() => items.push(BatchItem::new("", Err(error))),
            read => read?,
        }
        Ok(())
    }

    async fn read_opened(&self, mut opened: Opened, items: &mut Vec<BatchItem>) -> Result<()> {
        let mut lines = JsonLines::new(self.api.frame_limit());
        while let Some(chunk) = poll_fn(|cx| Pin::new(&mut opened).poll_next(cx)).await {
            lines.push(chunk?);
            while let Some(frame) = lines.next().map_err(|error| opened.error(error))? {
                self.add(frame, &opened, items);
            }
        }
        if let Some(frame) = lines.end().map_err(|error| opened.error(error))? {
            self.add(frame, &opened, items);
        }
        Ok(())
    }

    fn add(&self, frame: Frame<'_>, opened: &Opened, items: &mut Vec<BatchItem>) {
        if let Frame::Line(line) = frame {
            items.push(self.item(line, &|error| opened.error(error)));
        }
    }

    /// Reads a line; `clean` names the provider in an error and takes credentials out.
    fn item(&self, line: &[u8], clean: &dyn Fn(Error) -> Error) -> BatchItem {
        match serde_json::from_slice::<Answered<'_>>(line) {
            Ok(line) => {
                let response = self.response(&line).map_err(clean);
                BatchItem::new(line.custom_id, response)
            }
            Err(source) => {
                let raw: Value = serde_json::from_slice(line).unwrap_or_default();
                let id = raw.get("custom_id").and_then(Value::as_str).unwrap_or_default();
                let message = "a line of the results is not the JSON that was expected";
                let error = Error::new(ErrorKind::Decode, message).with_source(source);
                // The body is cut once it is clean: a part of a credential would not be found.
                let error = clean(error.with_body(String::from_utf8_lossy(line)));
                let body = error.body().map(|body| redact::shown(body.as_bytes()));
                BatchItem::new(id, Err(error.with_body(body.unwrap_or_default())))
            }
        }
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

    fn named(&self, error: Error) -> Error {
        error.with_provider(self.api.id().to_owned())
    }
}

/// An error about an answer that is something else than expected.
fn unexpected(reply: &Reply, message: impl Into<Cow<'static, str>>) -> Error {
    reply.unexpected(Error::new(ErrorKind::Decode, message))
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
    let form = Form::new().text("purpose", "batch");
    form.file("file", "batch.jsonl", "application/jsonl", lines).into_wire("/files")
}
