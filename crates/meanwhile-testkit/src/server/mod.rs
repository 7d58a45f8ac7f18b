//! [`Server`]: a real server on the loopback interface that answers as it is told, well or badly.

mod connection;
mod reply;
#[cfg(feature = "tls")]
mod tls;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use connection::Security;
pub use reply::Reply;

/// A server on the loopback interface. Dropping it ends it; connections that are open are closed.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use meanwhile_testkit::{Reply, Server};
///
/// let server = Server::start(|request| match request.path.as_str() {
///     "/v1/chat" => Reply::new(200).json(r#"{"text": "Hello"}"#),
///     _ => Reply::new(404),
/// })
/// .await?;
/// let base_url = format!("{}/v1", server.url());
/// assert_eq!(server.connections(), 0);
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Server {
    scheme: &'static str,
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

/// A request as the server read it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Received {
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Received {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

struct Shared {
    respond: Box<dyn Fn(&Received) -> Reply + Send + Sync>,
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    // One permit for each connection that the client closed in the middle of an answer.
    closed: Semaphore,
}

impl Server {
    /// Starts a server that answers each request with what `respond` says.
    ///
    /// Must be called inside a tokio runtime with its I/O enabled.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start(
        respond: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::begin("http", Security::none(), respond).await
    }

    /// Starts a server that speaks TLS and shows a certificate for `127.0.0.1` that it has signed
    /// itself, which no client should trust. Otherwise as [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// When no port can be had, or no certificate made.
    #[cfg(feature = "tls")]
    pub async fn start_with_tls(
        respond: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::begin("https", tls::self_signed()?, respond).await
    }

    async fn begin(
        scheme: &'static str,
        security: Security,
        respond: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            respond: Box::new(respond),
            received: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            closed: Semaphore::new(0),
        });
        let task = tokio::spawn(connection::accept(listener, security, shared.clone()));
        Ok(Self { scheme, address, shared, task })
    }

    /// Starts a server that answers the first request with the first of `replies`, the next one with
    /// the next, and all further ones with the last.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn replies(replies: impl IntoIterator<Item = Reply>) -> io::Result<Self> {
        let replies: Vec<Reply> = replies.into_iter().collect();
        let asked = AtomicUsize::new(0);
        let respond = move |_: &Received| {
            let number = asked.fetch_add(1, Ordering::SeqCst);
            let reply = replies.get(number).or(replies.last());
            reply.cloned().unwrap_or_else(|| Reply::new(500))
        };
        Self::start(respond).await
    }

    /// The base URL, without a path: `http://127.0.0.1:49152`.
    ///
    /// What does not begin like HTTP, as a client does that is told `https` where the server does not
    /// speak TLS, is answered with 400, and its connection closed.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Every request so far, in the order in which they were complete.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the requests so far: for tests that make so many that the memory would matter.
    pub fn forget(&self) {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many connections were made so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many connections are open at the moment, those that wait for another request among them.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Waits until the client has closed a connection in the middle of an answer, once for each call.
    /// Returns whether it did within `limit`. The server sees it when it next writes, or at once
    /// while it [hangs](Reply::hang).
    pub async fn closed(&self, limit: Duration) -> bool {
        let waited = tokio::time::timeout(limit, self.shared.closed.acquire()).await;
        match waited {
            Ok(Ok(permit)) => {
                permit.forget();
                true
            }
            _ => false,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("connections", &self.connections).finish_non_exhaustive()
    }
}
