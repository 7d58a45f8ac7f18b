//! [`Memory`]: a transport without a network, which answers with bytes cut as a case wants them.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use meanwhile_core::Result;
use meanwhile_http::{Body, Transport};

/// Answers every request alike, and keeps the requests. Clones share all of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    answer: Canned,
    requests: Vec<Request<Bytes>>,
}

/// A ready-made answer.
#[derive(Debug, Clone)]
pub(super) struct Canned {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) chunks: Vec<Bytes>,
}

impl Default for Canned {
    fn default() -> Self {
        Self { status: 500, headers: Vec::new(), chunks: Vec::new() }
    }
}

impl Canned {
    pub(super) fn ok(content_type: &str, chunks: Vec<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status: 200, headers, chunks }
    }
}

impl Memory {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Answers like this from now on.
    pub(super) fn answer(&self, answer: Canned) {
        self.state().answer = answer;
    }

    /// The last request.
    pub(super) fn last(&self) -> Option<Request<Bytes>> {
        self.state().requests.last().cloned()
    }

    /// Takes all requests so far.
    pub(super) fn take(&self) -> Vec<Request<Bytes>> {
        std::mem::take(&mut self.state().requests)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Transport for Memory {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        let answer = {
            let mut state = self.state();
            state.requests.push(request);
            state.answer.clone()
        };
        let mut response = Response::new(Body::from_chunks(answer.chunks));
        *response.status_mut() =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in &answer.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        Ok(response)
    }
}
