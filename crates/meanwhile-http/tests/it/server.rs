//! A server on the loopback interface that sends exactly the bytes it is told to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile_http::{Client, Endpoint, HttpProvider};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use crate::toy::Toy;

/// What the server does after it has read a request.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(u64),
    /// Waits until the client closes the connection.
    UntilClosed,
    Close,
}

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: String,
}

#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    closed: Notify,
}

impl Server {
    /// Answers every request with the same steps.
    pub(crate) async fn steps(steps: Vec<Step>) -> Self {
        Self::start(move |_| steps.clone()).await
    }

    /// Answers every request with the same bytes and keeps the connection.
    pub(crate) async fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::steps(vec![Step::Send(bytes.into())]).await
    }

    pub(crate) async fn start(
        respond: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self::listen(respond, None).await
    }

    /// Answers over TLS. Returns its certificate, which nobody knows, too.
    pub(crate) async fn secure(bytes: impl Into<Vec<u8>>) -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let steps = vec![Step::Send(bytes.into())];
        let server = Self::listen(move |_| steps.clone(), Some(Arc::new(config).into())).await;
        let text = STANDARD.encode(made.cert.der());
        (server, format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"))
    }

    async fn listen(
        respond: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = Self { address, scheme, shared: shared.clone() };
        let respond = Arc::new(respond);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (shared, respond, tls) = (shared.clone(), respond.clone(), tls.clone());
                tokio::spawn(async move {
                    connection.set_nodelay(true)?;
                    match tls {
                        None => serve(connection, &shared, &*respond).await,
                        Some(tls) => serve(tls.accept(connection).await?, &shared, &*respond).await,
                    }
                });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub(crate) fn provider(&self, codec: Toy) -> HttpProvider<Toy> {
        HttpProvider::new("toy", codec, Endpoint::new(self.url()).unwrap()).with_client(client())
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until a client has closed a connection that the server was still writing to.
    pub(crate) async fn closed(&self) {
        let closed = tokio::time::timeout(Duration::from_secs(5), self.shared.closed.notified());
        closed.await.expect("the connection stayed open");
    }
}

/// A client of the test's own runtime, away from the proxies of the machine.
pub(crate) fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn serve(
    mut connection: impl AsyncRead + AsyncWrite + Unpin,
    shared: &Shared,
    respond: &(dyn Fn(&Seen) -> Vec<Step> + Send + Sync),
) -> std::io::Result<()> {
    while let Some(seen) = read_request(&mut connection).await? {
        let steps = respond(&seen);
        shared.seen.lock().unwrap().push(seen);
        for step in steps {
            match step {
                Step::Send(bytes) => {
                    let written = connection.write_all(&bytes).await;
                    if written.is_err() || connection.flush().await.is_err() {
                        shared.closed.notify_one();
                        return Ok(());
                    }
                }
                Step::Wait(milliseconds) => {
                    tokio::time::sleep(Duration::from_millis(milliseconds)).await
                }
                Step::UntilClosed => {
                    while connection.read(&mut [0; 64]).await.is_ok_and(|length| length > 0) {}
                    shared.closed.notify_one();
                    return Ok(());
                }
                Step::Close => return Ok(()),
            }
        }
    }
    Ok(())
}

async fn read_request(connection: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Seen>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if connection.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text
        .split_once("content-length: ")
        .map_or(0, |(_, rest)| rest.split("\r\n").next().unwrap().parse().unwrap());
    while bytes.len() < head + length {
        if connection.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Some(Seen { head: text(&bytes[..head]), body: text(&bytes[head..]) }))
}

/// An answer with a length.
pub(crate) fn reply(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// The head of a chunked stream of events.
pub(crate) fn stream_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        .to_vec()
}

pub(crate) fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A complete chunked stream, one HTTP chunk for each of `chunks`.
pub(crate) fn stream(chunks: &[&str]) -> Vec<u8> {
    let mut out = stream_head();
    chunks.iter().for_each(|data| out.extend(chunk(data)));
    out.extend(LAST_CHUNK);
    out
}
