//! [`ClientBuilder`] and the default transport: HTTP/1.1 by reqwest.
//!
//! HTTP/2 is off on purpose: all streams to a host would share one connection, its flow control and
//! its limit of streams, and dropping a stream would not close anything.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Request, Response, Uri};
use http_body::Body as _;
use meanwhile_core::{Error, ErrorKind, Result, TimeoutPhase};

use super::{Body, Client, Transport, tls};
use crate::redact::shown;

/// Settings of a [`Client`] on the default transport.
///
/// Without further settings: 10 s to connect, idle connections are closed after 90 s, proxies are
/// taken from the environment (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), redirects are
/// not followed.
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    connect_timeout: Duration,
    idle_connections: usize,
    idle_timeout: Duration,
    proxy: Proxy,
}

enum Proxy {
    Environment,
    None,
    Url(String),
}

impl ClientBuilder {
    pub(super) fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            idle_connections: usize::MAX,
            idle_timeout: Duration::from_secs(90),
            proxy: Proxy::Environment,
        }
    }

    /// Sets the longest time to make a connection, the TLS handshake included.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Sets how many unused connections to one host are kept open.
    pub fn max_idle_connections(mut self, connections: usize) -> Self {
        self.idle_connections = connections;
        self
    }

    /// Sets how long an unused connection is kept open.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = limit;
        self
    }

    /// Sends everything through the proxy at `url`, whatever the environment says.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Proxy::Url(url.into());
        self
    }

    /// Uses no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = Proxy::None;
        self
    }

    /// Makes the client. Does no network I/O.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the proxy is no URL or TLS cannot be set up.
    pub fn build(self) -> Result<Client> {
        let builder = reqwest::Client::builder()
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(self.idle_connections)
            .pool_idle_timeout(self.idle_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // What may be tried again is decided above; a copy of the request for it is not needed.
            .retry(reqwest::retry::never().max_retries_per_request(0))
            .tls_backend_preconfigured(tls::config()?);
        let builder = match self.proxy {
            Proxy::Environment if names_a_proxy() => builder,
            // So that no request looks for one.
            Proxy::Environment | Proxy::None => builder.no_proxy(),
            Proxy::Url(url) => {
                builder.no_proxy().proxy(reqwest::Proxy::all(url).map_err(|error| {
                    let message = "the proxy is not a URL; write it like http://host:port";
                    Error::new(ErrorKind::Config, message).with_source(error.without_url())
                })?)
            }
        };
        let client = builder.build().map_err(|error| {
            let message = "the HTTP client could not be set up";
            Error::new(ErrorKind::Config, message).with_source(error.without_url())
        })?;
        Ok(Client::new(Reqwest { client, last: Mutex::new(None) }))
    }
}

fn names_a_proxy() -> bool {
    let names =
        ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    names.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A proxy's URL may hold a password.
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::None => "None",
            Self::Url(_) => "Url(..)",
        })
    }
}

struct Reqwest {
    client: reqwest::Client,
    // Where the last request went. Most go where the last one went, and to read a URL costs a tenth of
    // a small request.
    last: Mutex<Option<Target>>,
}

/// A URL in the forms that are wanted below.
struct Target {
    uri: Uri,
    url: reqwest::Url,
    // `None` where it is left to reqwest.
    host: Option<HeaderValue>,
}

impl Target {
    fn of(uri: &Uri, url: &reqwest::Url) -> Self {
        // Ports that go without saying are not said.
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => HeaderValue::try_from(format!("{host}:{port}")).ok(),
            (Some(host), None) => HeaderValue::from_str(host).ok(),
            (None, _) => None,
        };
        Self { uri: uri.clone(), url: url.clone(), host }
    }
}

impl Reqwest {
    fn request(&self, request: Request<Bytes>) -> reqwest::Result<reqwest::Request> {
        let mut last = self.last.try_lock().ok();
        // What is added below finds room here. Below there is none, and everything would move.
        if let Some(Some(target)) = last.as_deref()
            && is_same(&target.uri, request.uri())
        {
            let (url, host) = (target.url.clone(), target.host.clone());
            drop(last);
            let (mut head, body) = request.into_parts();
            if let Some(host) = host {
                head.headers.entry(HOST).or_insert(host);
            }
            if !body.is_empty() {
                head.headers.entry(CONTENT_LENGTH).or_insert_with(|| body.len().into());
            }
            let mut request = reqwest::Request::new(head.method, url);
            *request.headers_mut() = head.headers;
            *request.body_mut() = Some(body.into());
            return Ok(request);
        }
        let uri = request.uri().clone();
        let request = reqwest::Request::try_from(request)?;
        if let Some(last) = last.as_deref_mut() {
            *last = Some(Target::of(&uri, request.url()));
        }
        Ok(request)
    }
}

/// Whether two URLs are the same, which most of the time is the same piece of memory.
fn is_same(one: &Uri, other: &Uri) -> bool {
    let place = |uri: &Uri| {
        let authority = uri.authority().map_or("", Authority::as_str);
        let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
        (authority.as_ptr(), authority.len(), path.as_ptr(), path.len())
    };
    (place(one) == place(other) && one.scheme() == other.scheme()) || one == other
}

impl std::fmt::Debug for Reqwest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client(reqwest)")
    }
}

#[async_trait]
impl Transport for Reqwest {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        let host = request.uri().authority().cloned();
        let request = self.request(request).map_err(|error| explain(error, host.as_ref()))?;
        let sent = self.client.execute(request).await;
        let answer =
            Response::<reqwest::Body>::from(sent.map_err(|error| explain(error, host.as_ref()))?);
        Ok(answer.map(|body| Body::new(Chunks { body, host })))
    }
}

struct Chunks {
    body: reqwest::Body,
    host: Option<Authority>,
}

impl Stream for Chunks {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    // Trailers say nothing that matters here.
                    if let Ok(chunk) = frame.into_data() {
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                }
                Some(Err(error)) => {
                    let host = self.host.as_ref().map_or("the server", Authority::as_str);
                    let message = format!(
                        "the connection to {host} broke in the middle of the answer; send the request again"
                    );
                    let error = Error::new(ErrorKind::StreamInterrupted, message)
                        .with_source(error.without_url());
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

/// Says why no answer began.
fn explain(error: reqwest::Error, host: Option<&Authority>) -> Error {
    let host = host.map_or("the server", Authority::as_str);
    let error = error.without_url();
    let causes: Vec<&Cause> =
        std::iter::successors(error.source(), |cause| below(*cause)).collect();
    let io = causes.iter().filter_map(|cause| cause.downcast_ref::<io::Error>()).next_back();
    let tls = causes.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>());
    // Neither a certificate nor a server that speaks no TLS is another one the next time.
    let lasting = matches!(
        tls,
        Some(rustls::Error::InvalidMessage(_) | rustls::Error::InvalidCertificate(_))
    );
    let (kind, message) = if error.is_timeout() && error.is_connect() {
        let message = format!(
            "no connection to {host} within the time limit; check the network and the base URL"
        );
        (ErrorKind::Timeout(TimeoutPhase::Connect), message)
    } else if let Some(rustls::Error::InvalidMessage(_)) = tls {
        let message =
            format!("the server at {host} does not speak TLS; write the base URL with http://");
        (ErrorKind::Connection, message)
    } else if let Some(tls) = tls {
        let message =
            format!("no secure connection to {host}: {}", shown(tls.to_string().as_bytes()));
        (ErrorKind::Connection, message)
    } else if error.is_connect() {
        let message = match io.map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => {
                format!("connection refused: is the server at {host} running?")
            }
            _ => format!("no connection to {host}; check the network and the base URL"),
        };
        (ErrorKind::Connection, message)
    } else if error.is_builder() {
        (ErrorKind::Config, format!("the request to {host} cannot be written; check the base URL"))
    } else {
        let message = format!(
            "the connection to {host} broke before the answer began; send the request again"
        );
        (ErrorKind::Connection, message)
    };
    let error = Error::new(kind, message).with_source(error);
    if lasting { error.with_retryable(false) } else { error }
}

type Cause = dyn std::error::Error + 'static;

/// What is below `cause`. An I/O error names only what is below the error it wraps.
fn below(cause: &Cause) -> Option<&Cause> {
    match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => cause.source(),
    }
}
