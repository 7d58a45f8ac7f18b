//! [`Recording`]: a transport that gives the recorded answer and keeps what was asked.
//!
//! Everything between the public traits and the socket is the providers' own code; only the socket
//! is not there.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use meanwhile_core::Result;
use meanwhile_http::{Body, Client, Transport};

/// One recorded answer. Clones share what was asked.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// How many bytes arrive at once.
    piece: usize,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The path with the query.
    pub(crate) path: String,
    pub(crate) body: Bytes,
}

impl Recording {
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, body, piece: usize::MAX, asked: Arc::default() }
    }

    /// The same answer, arriving in pieces of this size, with nothing asked yet.
    pub(crate) fn in_pieces(&self, bytes: usize) -> Self {
        Self { piece: bytes.max(1), asked: Arc::default(), ..self.clone() }
    }

    /// The same answer, with nothing asked yet.
    pub(crate) fn again(&self) -> Self {
        self.in_pieces(self.piece)
    }

    /// The answer cut off behind so many bytes, with nothing asked yet.
    pub(crate) fn cut(&self, bytes: usize) -> Self {
        let body = self.body.slice(..bytes.min(self.body.len()));
        Self { body, asked: Arc::default(), ..self.clone() }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.clone())
    }

    /// Where cuts are worth a look: at most so many places, the last byte among them.
    pub(crate) fn places(&self, count: usize) -> impl Iterator<Item = usize> {
        let last = self.body.trim_ascii_end().len();
        let step = last.div_ceil(count.max(1)).max(1);
        (0..last).step_by(step).chain(last.checked_sub(1))
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Transport for Recording {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        let path = request.uri().path_and_query().map_or("", |path| path.as_str()).to_owned();
        let is_upload = request.method() == Method::POST && path.ends_with("/files");
        let asked = Asked { path, body: request.into_body() };
        let mut before = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = before.iter().all(|asked| asked.path.ends_with("/files"));
        before.push(asked);
        drop(before);
        let (status, headers, body) = match (is_upload, is_first) {
            // A batch begins with the upload of its requests, which is another exchange.
            (true, _) => (StatusCode::OK, HeaderMap::new(), Bytes::from_static(UPLOADED)),
            (false, true) => (self.status, self.headers.clone(), self.body.clone()),
            // A recording is one page; behind it there is nothing.
            (false, false) => (StatusCode::OK, HeaderMap::new(), Bytes::from_static(EMPTY_PAGE)),
        };
        let mut answer = Response::new(Body::from_chunks(Pieces { rest: body, size: self.piece }));
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

const UPLOADED: &[u8] = br#"{"id":"file-recorded"}"#;
const EMPTY_PAGE: &[u8] = br#"{"data":[],"models":[]}"#;

struct Pieces {
    rest: Bytes,
    size: usize,
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let size = self.size.min(self.rest.len());
        (size > 0).then(|| self.rest.split_to(size))
    }
}
