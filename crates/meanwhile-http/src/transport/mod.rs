//! [`Transport`], the slot for whatever moves bytes, and [`Client`], the handle that providers share.

#[cfg(feature = "reqwest")]
mod builder;
#[cfg(feature = "reqwest")]
mod chunks;
#[cfg(feature = "reqwest")]
mod direct;
#[cfg(feature = "reqwest")]
mod environment;
#[cfg(feature = "reqwest")]
mod failure;
#[cfg(feature = "reqwest")]
mod proxied;
#[cfg(feature = "reqwest")]
mod tls;

#[cfg(feature = "reqwest")]
pub use self::builder::ClientBuilder;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use http::{Request, Response};
use meanwhile_core::Result;

/// Sends one HTTP request and returns the answer's head, with its body still to be read.
///
/// With a `reqwest::Client` of your own:
///
/// ```
/// use async_trait::async_trait;
/// use bytes::Bytes;
/// use futures_util::TryStreamExt as _;
/// use http_body_util::BodyExt as _;
/// use meanwhile_core::{Error, ErrorKind, Result};
/// use meanwhile_http::{Body, Client, Transport};
///
/// #[derive(Debug)]
/// struct Own(reqwest::Client);
///
/// fn failed(kind: ErrorKind, error: reqwest::Error) -> Error {
///     Error::new(kind, "the connection failed").with_source(error.without_url())
/// }
///
/// #[async_trait]
/// impl Transport for Own {
///     async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Body>> {
///         let refused = |error| failed(ErrorKind::Connection, error);
///         let request = reqwest::Request::try_from(request).map_err(refused)?;
///         let answer = self.0.execute(request).await.map_err(refused)?;
///         Ok(http::Response::<reqwest::Body>::from(answer).map(|body| {
///             let broken = |error| failed(ErrorKind::StreamInterrupted, error);
///             Body::new(body.into_data_stream().map_err(broken))
///         }))
///     }
/// }
///
/// # let _ = rustls::crypto::ring::default_provider().install_default();
/// let client = reqwest::Client::builder()
///     .user_agent("mine/1.0")
///     // The credential would go along.
///     .redirect(reqwest::redirect::Policy::none())
///     .build()?;
/// let client = Client::new(Own(client));
/// # Ok::<(), reqwest::Error>(())
/// ```
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends `request`, whose URL is absolute and whose headers are complete but for the host and
    /// the length.
    ///
    /// Any status is an answer, not an error. Redirects must not be followed: they would carry the
    /// credential to another place. Dropping the future, or later the body, closes the connection
    /// unless the body was read to its end. Time limits beyond the connection's are the caller's.
    ///
    /// # Errors
    ///
    /// [`Connection`](meanwhile_core::ErrorKind::Connection) or
    /// [`Timeout`](meanwhile_core::ErrorKind::Timeout) when no answer begins. The message must not
    /// hold the URL's query or any header.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>>;
}

/// The body of an answer: chunks of bytes, as they arrive.
///
/// ```
/// # use bytes::Bytes;
/// # use meanwhile_http::Body;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// let mut body = Body::from_chunks([Bytes::from("[1, 2"), Bytes::from(", 3]")]);
/// let mut whole = Vec::new();
/// while let Some(chunk) = body.chunk().await {
///     whole.extend_from_slice(&chunk?);
/// }
/// assert_eq!(whole, b"[1, 2, 3]");
/// # Ok(()) }
/// ```
pub struct Body(Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>);

impl Body {
    /// Wraps a stream of chunks. An error in it is of kind
    /// [`StreamInterrupted`](meanwhile_core::ErrorKind::StreamInterrupted), and the last item.
    pub fn new(chunks: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Self(Box::pin(chunks))
    }

    /// Makes a body of chunks that are there already.
    pub fn from_chunks<I>(chunks: I) -> Self
    where
        I: IntoIterator<Item = Bytes>,
        I::IntoIter: Send + Unpin + 'static,
    {
        struct Ready<I>(I);

        impl<I: Iterator<Item = Bytes> + Unpin> Stream for Ready<I> {
            type Item = Result<Bytes>;

            fn poll_next(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Self::Item>> {
                Poll::Ready(self.0.next().map(Ok))
            }
        }

        Self::new(Ready(chunks.into_iter()))
    }

    /// Asks for the next chunk; `None` at the end of a complete body.
    ///
    /// # Errors
    ///
    /// [`StreamInterrupted`](meanwhile_core::ErrorKind::StreamInterrupted) when the connection broke.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        self.0.as_mut().poll_next(cx)
    }

    /// Waits for the next chunk; `None` at the end of a complete body. Cancel-safe.
    ///
    /// # Errors
    ///
    /// As [`poll_chunk`](Self::poll_chunk).
    pub async fn chunk(&mut self) -> Option<Result<Bytes>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

/// A shared, type-erased [`Transport`]. Clones share its connections.
///
/// ```
/// # use async_trait::async_trait;
/// # use bytes::Bytes;
/// # use meanwhile_core::Result;
/// # use meanwhile_http::{Body, Client, Transport};
/// /// Answers with the path that was asked for.
/// #[derive(Debug)]
/// struct Echo;
///
/// #[async_trait]
/// impl Transport for Echo {
///     async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Body>> {
///         let path = Bytes::from(request.uri().path().to_owned());
///         Ok(http::Response::new(Body::from_chunks([path])))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new(Echo);
/// let request = http::Request::get("https://api.example.com/v1/models").body(Bytes::new())?;
/// let mut answer = client.send(request).await?.into_body();
/// assert_eq!(answer.chunk().await.unwrap()?, "/v1/models");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client(Arc<dyn Transport>);

impl Client {
    /// Uses a transport of your own.
    #[must_use]
    pub fn new(transport: impl Transport) -> Self {
        Self(Arc::new(transport))
    }

    /// The one client that all providers of the process use unless they are given another, so that
    /// they share connections. It is made on first use.
    ///
    /// # Errors
    ///
    /// [`Config`](meanwhile_core::ErrorKind::Config) when it cannot be made, or when feature
    /// `reqwest` is off and there is nothing to make it of.
    pub fn shared() -> Result<Self> {
        shared()
    }

    /// Makes a client with other settings than the shared one.
    #[cfg(feature = "reqwest")]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Sends one request. See [`Transport::send`].
    ///
    /// # Errors
    ///
    /// As [`Transport::send`].
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        self.0.send(request).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "reqwest")]
fn shared() -> Result<Client> {
    static SHARED: std::sync::OnceLock<Client> = std::sync::OnceLock::new();
    if let Some(client) = SHARED.get() {
        return Ok(client.clone());
    }
    // Two first uses at once may both make one; the first one in is kept.
    let client = Client::builder().build()?;
    Ok(SHARED.get_or_init(|| client).clone())
}

#[cfg(not(feature = "reqwest"))]
fn shared() -> Result<Client> {
    use meanwhile_core::{Error, ErrorKind};

    let message = "no HTTP client is compiled in; enable feature `reqwest` or pass a `Client` of your own transport";
    Err(Error::new(ErrorKind::Config, message))
}
