//! [`Api`]: requests that are no chat, such as embeddings and lists of models, sent as a provider sends its own.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, ErrorKind, Result, Timeouts};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Clock;
use crate::exchange::Call;
use crate::frame::too_large;
use crate::provider::Shared;
use crate::redact::shown;
use crate::{Codec, Framing, HttpProvider, Wire};

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
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Reply {
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
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
            Ok(reply) => Ok(reply),
            Err(error) => Err(call.error(error)),
        }
    }

    async fn exchange(&self, call: &mut Call, wire: Wire, timeouts: Timeouts) -> Result<Reply> {
        let client = self.shared.client()?;
        let message = call.message(wire).await?;
        let mut clock = Clock::start(timeouts.or(self.shared.timeouts));
        let (head, mut body) = clock.run(client.send(message)).await??.into_parts();
        if !head.status.is_success() {
            return Err(call.refusal(&*self.refusal, &head, &mut body).await);
        }
        let mut whole: Vec<u8> = Vec::new();
        while let Some(chunk) = clock.run(body.chunk()).await? {
            let chunk = chunk?;
            if whole.len() + chunk.len() > self.shared.frame_limit {
                return Err(too_large(self.shared.frame_limit));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(Reply { headers: head.headers, body: whole.into() })
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
        let reply = self.send(Wire::post(path, body, Framing::Whole), model, timeouts).await?;
        self.read(&reply, model)
    }

    /// Gets a path and reads the answer as JSON.
    ///
    /// # Errors
    ///
    /// As [`post`](Self::post).
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let reply = self.send(Wire::get(path), "", Timeouts::default()).await?;
        self.read(&reply, "")
    }

    fn read<T: DeserializeOwned>(&self, reply: &Reply, model: &str) -> Result<T> {
        serde_json::from_slice(&reply.body).map_err(|error| {
            let message =
                "the answer is not the JSON that was expected; check the base URL and the model";
            let error = Error::new(ErrorKind::Decode, message).with_source(error);
            Call::new(&self.shared, model).error(error.with_body(shown(&reply.body)))
        })
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
