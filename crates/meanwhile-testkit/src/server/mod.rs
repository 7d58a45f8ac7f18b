//! [`Server`]: a real server on the loopback interface that answers as it is told, well or badly.

mod reply;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub use reply::Reply;
use reply::Step;

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
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            respond: Box::new(respond),
            received: Mutex::default(),
            connections: AtomicUsize::new(0),
            closed: Semaphore::new(0),
        });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { address, shared, task })
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
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, in the order in which they were complete.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many connections were made so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
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

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, which ends the connections.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let shared = shared.clone();
        connections.spawn(async move {
            // A client that goes away is part of the game.
            let _ = serve(connection, &shared).await;
        });
    }
}

async fn serve(mut connection: TcpStream, shared: &Shared) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(received) = read_request(&mut connection, &mut buffer).await? {
        let reply = (shared.respond)(&received);
        shared.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
        for step in reply.steps() {
            let gone = match step {
                Step::Send(bytes) => connection.write_all(&bytes).await.is_err(),
                Step::Wait(time) => has_closed(&mut connection, time).await,
                Step::Cut => return Ok(()),
            };
            if gone {
                shared.closed.add_permits(1);
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Waits, and returns earlier when the client closes the connection.
async fn has_closed(connection: &mut TcpStream, time: Duration) -> bool {
    let read = tokio::time::timeout(time, connection.peek(&mut [0])).await;
    match read {
        Ok(read) => read.is_ok_and(|length| length == 0),
        Err(_) => false,
    }
}

async fn read_request(
    connection: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Received>> {
    let head = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if connection.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(buffer.get(..head).unwrap_or_default()).into_owned();
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().and_then(|method| method.parse().ok()).unwrap_or(Method::GET);
    let path = first.next().unwrap_or("/").to_owned();
    let headers: HeaderMap = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value.trim()).ok()?))
        })
        .collect();
    let length = headers.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    while buffer.len() < head + length {
        if connection.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let mut request: Vec<u8> = buffer.drain(..head + length).collect();
    let body = Bytes::from(request.split_off(head));
    Ok(Some(Received { method, path, headers, body }))
}
