//! [`Server`], the HTTP interface of Qdrant: a request, and what is under `result` of the answer. What is long
//! is written and read on threads of their own.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_http::{Body, Client, Endpoint, status};
use meanwhile_rag::offload;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is read of an answer that is no success.
const SHOWN: usize = 2_000;

/// Answers longer than this, in bytes, are read on a thread of their own.
const SHORT: usize = 32 * 1024;

/// The most bytes of one answer.
const LIMIT: usize = 256 * 1024 * 1024;

/// A Qdrant server; the endpoint carries its key.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) endpoint: Endpoint,
    pub(crate) client: Option<Client>,
}

impl Server {
    /// Sends `body` as JSON; reads `result` of the answer.
    ///
    /// # Errors
    ///
    /// What the server says is wrong, by its status; connection errors.
    pub(crate) async fn ask<T: DeserializeOwned + Send + 'static>(
        &self,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T> {
        self.ask_then(method, path, body, Ok).await
    }

    /// As [`ask`](Self::ask), and goes on with what was read where it was read: for answers that may be long.
    pub(crate) async fn ask_then<T: DeserializeOwned + 'static, U: Send + 'static>(
        &self,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
        then: impl FnOnce(T) -> Result<U> + Send + 'static,
    ) -> Result<U> {
        let written = if method == Method::GET { Bytes::new() } else { written(body)? };
        self.exchange(method, path, written, then).await
    }

    /// Sends a body that is [`written`] already, and lets the answer go.
    pub(crate) async fn send(&self, method: Method, path: &str, written: Bytes) -> Result<()> {
        self.exchange(method, path, written, |_: IgnoredAny| Ok(())).await
    }

    /// As [`ask`](Self::ask); `None` where the server knows no such thing.
    pub(crate) async fn find<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &str,
    ) -> Result<Option<T>> {
        match self.ask(Method::GET, path, &()).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn exchange<T: DeserializeOwned + 'static, U: Send + 'static>(
        &self,
        method: Method,
        path: &str,
        written: Bytes,
        then: impl FnOnce(T) -> Result<U> + Send + 'static,
    ) -> Result<U> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => Client::shared()?,
        };
        let mut request = Request::new(written);
        *request.method_mut() = method;
        *request.uri_mut() = self.endpoint.url(path)?;
        *request.headers_mut() = self.endpoint.headers().clone();
        let json = http::HeaderValue::from_static("application/json");
        request.headers_mut().insert(http::header::CONTENT_TYPE, json);
        let sent = client.send(request).await.map_err(|error| error.with_provider("qdrant"))?;
        let (head, body) = sent.into_parts();
        let body = whole(body).await?;
        if !head.status.is_success() {
            return Err(refusal(head.status, &body));
        }
        let is_long = body.len() > SHORT;
        aside(is_long, "reading of an answer", move || then(read(&body)?)).await?
    }
}

/// Does some work on a thread of its own where it is long, else at once.
pub(crate) async fn aside<T: Send + 'static>(
    is_long: bool,
    what: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    if is_long { offload(what, work).await } else { Ok(work()) }
}

/// Writes a body as JSON.
pub(crate) fn written(body: &impl Serialize) -> Result<Bytes> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|error| {
        let message = "the request cannot be written as JSON";
        Error::new(ErrorKind::InvalidRequest, message).with_source(error)
    })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    #[derive(Deserialize)]
    struct Answer<T> {
        result: T,
    }

    serde_json::from_slice(body).map(|Answer { result }| result).map_err(|error| {
        let message = "the answer is not what Qdrant answers; check the URL";
        Error::new(ErrorKind::Decode, message).with_provider("qdrant").with_source(error)
    })
}

async fn whole(mut body: Body) -> Result<Vec<u8>> {
    let mut whole = Vec::new();
    while let Some(chunk) = body.chunk().await {
        let chunk = chunk.map_err(|error| error.with_provider("qdrant"))?;
        if whole.len() + chunk.len() > LIMIT {
            let message = format!("the answer is longer than {LIMIT} bytes; ask for less at once");
            return Err(Error::new(ErrorKind::Decode, message).with_provider("qdrant"));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

/// Reads `{"status": {"error": "…"}}`.
fn refusal(code: StatusCode, body: &[u8]) -> Error {
    let said = serde_json::from_slice::<Value>(body).unwrap_or(json!(null));
    let said = said.pointer("/status/error").and_then(Value::as_str).map(str::to_owned);
    let error = match said {
        Some(said) => {
            let error = Error::new(status::kind(code), said);
            error.with_status(code.as_u16())
        }
        None => status::error(code, body.get(..SHOWN).unwrap_or(body)),
    };
    error.with_provider("qdrant")
}
