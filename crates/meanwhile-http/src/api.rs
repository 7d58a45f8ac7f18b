//! [`Api`]: requests that are no chat, such as embeddings and lists of models, sent as a provider sends its own.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, ErrorKind, Result, Timeouts};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Clock;
use crate::exchange::Call;
use crate::frame::{too_large, without_mark};
use crate::provider::Shared;
use crate::redact::headers;
use crate::{Body, Codec, Framing, HttpProvider, Wire};

type ReadRefusal = dyn Fn(StatusCode, &HeaderMap, &[u8]) -> Error + Send + Sync;

/// The endpoint, credential, client and clocks of a provider, for requests with one whole answer.
///
/// Clones share everything with the provider it came from. Dropping a future closes the connection.
#[derive(Clone)]
pub struct Api {
    shared: Arc<Shared>,
    refusal: Arc<ReadRefusal>,
}

impl<C: Codec> HttpProvider<C> {
    /// The means of this provider, for requests that are no chat.
    #[must_use]
    pub fn api(&self) -> Api {
        let codec = self.codec.clone();
        Api {
            shared: self.shared.clone(),
            refusal: Arc::new(move |status, headers, body| codec.error(status, headers, body)),
        }
    }
}

/// The whole answer to a request.
#[derive(Clone)]
#[non_exhaustive]
pub struct Reply {
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    call: Call,
}

impl Reply {
    /// Names the provider and the model in an error about this answer, and takes credentials out of
    /// it: those of the provider, and those that its hook added to this request.
    #[must_use]
    pub fn error(&self, error: Error) -> Error {
        self.call.error(error)
    }

    /// Reads the answer as JSON.
    ///
    /// # Errors
    ///
    /// [`Decode`](ErrorKind::Decode) when it is not what `T` needs.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(without_mark(&self.body)).map_err(|error| {
            let message =
                "the answer is not the JSON that was expected; check the base URL and the model";
            let error = Error::new(ErrorKind::Decode, message).with_source(error);
            self.unexpected(error)
        })
    }

    /// Adds the beginning of the body to an error about this answer, and does what
    /// [`error`](Self::error) does.
    #[must_use]
    pub fn unexpected(&self, error: Error) -> Error {
        // Before it is cut: a part of a credential would not be found.
        let body = self.call.redactor().shown(&self.body);
        self.error(error.with_body(body))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("headers", &headers(&self.headers))
            .field("body", &self.call.redactor().shown(&self.body))
            .finish_non_exhaustive()
    }
}

/// The beginning of an answer, whose body is still to be read: chunks of it, as they arrive. An
/// error is the last item. Dropping it closes the connection.
pub struct Opened {
    /// The headers of the answer.
    pub headers: HeaderMap,
    call: Call,
    // Gone when it was read to its end.
    body: Option<Body>,
    clock: Clock,
    chunks: u64,
}

impl Opened {
    /// Names the provider and the model in an error about this answer, and takes credentials out of
    /// it: those of the provider, and those that its hook added to this request.
    #[must_use]
    pub fn error(&self, error: Error) -> Error {
        self.call.error(error)
    }
}

impl Stream for Opened {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let failure = match body.poll_chunk(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                this.chunks += 1;
                return Poll::Ready(Some(Ok(chunk)));
            }
            Poll::Ready(Some(Err(error))) => Some(error),
            Poll::Ready(None) => None,
            Poll::Pending => match this.clock.poll(this.chunks, cx) {
                Poll::Ready(error) => Some(error),
                Poll::Pending => return Poll::Pending,
            },
        };
        this.body = None;
        Poll::Ready(failure.map(|error| Err(this.call.error(error))))
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("chunks", &self.chunks).finish_non_exhaustive()
    }
}

impl Api {
    /// The id of the provider.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// Sends a request about `model` and reads the whole answer. `timeouts` go before the provider's.
    ///
    /// # Errors
    ///
    /// What the codec reads from a refusal; [`Timeout`](ErrorKind::Timeout) and connection errors;
    /// [`Decode`](ErrorKind::Decode) when the answer is larger than the provider's limit.
    pub async fn send(&self, wire: Wire, model: &str, timeouts: Timeouts) -> Result<Reply> {
        let mut call = Call::new(&self.shared, model);
        match self.exchange(&mut call, wire, timeouts).await {
            Ok((headers, body)) => Ok(Reply { headers, body, call }),
            Err(error) => Err(call.error(error)),
        }
    }

    /// Sends a request about `model` and reads the beginning of the answer. `timeouts` go before the
    /// provider's; that for silence counts between two chunks.
    ///
    /// # Errors
    ///
    /// What the codec reads from a refusal; [`Timeout`](ErrorKind::Timeout) and connection errors.
    pub async fn open(&self, wire: Wire, model: &str, timeouts: Timeouts) -> Result<Opened> {
        let mut call = Call::new(&self.shared, model);
        match self.begin(&mut call, wire, timeouts).await {
            Ok((headers, body, clock)) => {
                Ok(Opened { headers, call, body: Some(body), clock, chunks: 0 })
            }
            Err(error) => Err(call.error(error)),
        }
    }

    async fn begin(
        &self,
        call: &mut Call,
        wire: Wire,
        timeouts: Timeouts,
    ) -> Result<(HeaderMap, Body, Clock)> {
        let client = self.shared.client()?;
        // Refreshing a token takes time, too.
        let mut clock = Clock::start(timeouts.or(self.shared.timeouts));
        let message = clock.run(call.message(wire)).await??;
        let (head, mut body) = clock.run(client.send(message)).await??.into_parts();
        if !head.status.is_success() {
            return Err(call.refusal(&*self.refusal, &head, &mut body).await);
        }
        Ok((head.headers, body, clock))
    }

    async fn exchange(
        &self,
        call: &mut Call,
        wire: Wire,
        timeouts: Timeouts,
    ) -> Result<(HeaderMap, Bytes)> {
        let (headers, mut body, mut clock) = self.begin(call, wire, timeouts).await?;
        let mut whole: Vec<u8> = Vec::new();
        while let Some(chunk) = clock.run(body.chunk()).await? {
            let chunk = chunk?;
            if whole.len() + chunk.len() > self.shared.frame_limit {
                return Err(too_large(self.shared.frame_limit));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok((headers, whole.into()))
    }

    /// Posts `body` as JSON and reads the answer as JSON.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Decode`](ErrorKind::Decode) when the answer is not what `T`
    /// needs.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
        model: &str,
        timeouts: Timeouts,
    ) -> Result<T> {
        let body = serde_json::to_vec(body).map_err(|error| {
            let message = "the request cannot be written as JSON";
            Error::new(ErrorKind::InvalidRequest, message).with_source(error)
        })?;
        self.send(Wire::post(path, body, Framing::Whole), model, timeouts).await?.json()
    }

    /// Gets a path and reads the answer as JSON.
    ///
    /// # Errors
    ///
    /// As [`post`](Self::post).
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.send(Wire::get(path), "", Timeouts::default()).await?.json()
    }

    /// Names the provider in an error, and takes the provider's credentials out of it. What a hook
    /// added to a request is known to its answer: see [`Reply::error`] and [`Opened::error`].
    #[must_use]
    pub fn error(&self, error: Error) -> Error {
        Call::new(&self.shared, "").error(error)
    }

    /// The most bytes that a whole answer, or one frame of it, may have.
    #[must_use]
    pub fn frame_limit(&self) -> usize {
        self.shared.frame_limit
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("id", &self.shared.id)
            .field("endpoint", &self.shared.endpoint)
            .finish_non_exhaustive()
    }
}
