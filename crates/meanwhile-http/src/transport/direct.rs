//! [`Direct`], the default transport: HTTP/1.1 by hyper, straight to the server.
//!
//! Connections are made and kept as reqwest makes and keeps them. What reqwest does around a request is
//! left out: a request has its final form when it arrives here, and there is nothing to follow or decode.
//!
//! HTTP/2 is off on purpose: all streams to a host would share one connection, its flow control and
//! its limit of streams, and dropping a stream would not close anything.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use meanwhile_core::Result;
use rustls::ClientConfig;
use tower_service::Service;

use super::builder::ClientBuilder;
use super::chunks::Chunks;
use super::failure::{Peer, Stage, authority, no_answer};
use super::{Body, Transport};

/// When and how often the system asks whether a silent server is still there. One that is gone is noticed
/// within a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const KEEP_ALIVE_RETRIES: u32 = 3;

/// How long sent data may stay without the server's acknowledgement.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Speaks to servers without anything between.
pub(super) struct Direct {
    client: legacy::Client<Connector, Full<Bytes>>,
    // Where the last request went, and its `host` header. Most go where the last one went.
    last: Mutex<Option<(Authority, HeaderValue)>>,
}

impl Direct {
    pub(super) fn new(settings: &ClientBuilder, tls: ClientConfig) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(settings.connect_timeout));
        http.set_nodelay(true);
        http.set_keepalive(Some(KEEP_ALIVE));
        http.set_keepalive_interval(Some(KEEP_ALIVE));
        http.set_keepalive_retries(Some(KEEP_ALIVE_RETRIES));
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        http.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        let connector = Connector(Arc::new(Connecting {
            https: HttpsConnector::from((http, tls)),
            limit: settings.connect_timeout,
        }));
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(settings.idle_timeout)
            .pool_max_idle_per_host(settings.idle_connections)
            .build(connector);
        Self { client, last: Mutex::new(None) }
    }

    /// The `host` header of a request to `uri`. `None` leaves it to the client.
    fn host(&self, uri: &Uri, authority: &Authority) -> Option<HeaderValue> {
        let mut last = self.last.try_lock().ok()?;
        if let Some((known, host)) = &*last
            && known == authority
        {
            return Some(host.clone());
        }
        // Ports that go without saying are not said.
        let usual = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        if authority.port_u16() == Some(usual) || authority.as_str().ends_with(':') {
            return None;
        }
        let host = HeaderValue::from_str(authority.as_str()).ok()?;
        *last = Some((authority.clone(), host.clone()));
        Some(host)
    }
}

#[async_trait]
impl Transport for Direct {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Body>> {
        let authority = authority(request.uri())?.clone();
        if let Some(host) = self.host(request.uri(), &authority) {
            request.headers_mut().entry(HOST).or_insert(host);
        }
        match self.client.request(request.map(Full::new)).await {
            Ok(answer) => Ok(answer.map(|body| Body::new(Chunks { body, host: authority }))),
            Err(error) => {
                let stage = if error.is_connect() { Stage::Connecting } else { Stage::Sent };
                Err(no_answer(error, stage, Peer::Server(&authority)))
            }
        }
    }
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(hyper)")
    }
}

/// Makes connections. Cloned for each request.
#[derive(Clone)]
struct Connector(Arc<Connecting>);

struct Connecting {
    https: HttpsConnector<HttpConnector>,
    // For all of it: name, connection and TLS.
    limit: Duration,
}

type Connected = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
type ConnectError = Box<dyn StdError + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = Connected;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Connected, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.https.clone().call(uri);
        let limit = self.0.limit;
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}
