//! [`ClientBuilder`]: the settings of a client on the default transport.

use std::fmt;
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use meanwhile_core::Result;

use super::direct::Direct;
use super::environment::{Unusable, names_a_proxy};
use super::proxied::{Proxied, Routed};
use super::{Client, tls};

/// Settings of a [`Client`] on the default transport.
///
/// Without further settings: 10 s to connect, idle connections are closed after 90 s, proxies are
/// taken from the environment (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), redirects are
/// not followed. A request that is to go through a proxy of the environment which cannot be used fails with
/// [`ErrorKind::Config`](meanwhile_core::ErrorKind::Config), and does not go past it.
///
/// Requests go over hyper, and over reqwest where a proxy is between.
///
/// ```
/// # use std::time::Duration;
/// # use bytes::Bytes;
/// # use meanwhile_core::ErrorKind;
/// # use meanwhile_http::Client;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # // Nobody listens there any more.
/// # let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
/// let client = Client::builder().connect_timeout(Duration::from_secs(3)).no_proxy().build()?;
/// let request = http::Request::get(format!("http://{address}/v1/models")).body(Bytes::new())?;
/// let error = client.send(request).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Connection);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    pub(super) connect_timeout: Duration,
    pub(super) idle_connections: usize,
    pub(super) idle_timeout: Duration,
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
    ///
    /// The URL begins with `http://`, `https://`, `socks5://`, `socks5h://`, `socks4://` or `socks4a://`;
    /// the proxy looks up names with `socks5h` and `socks4a`, this side with `socks5` and `socks4`. A
    /// credential stands in it as `user:password@`, and is not printed.
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
    /// [`ErrorKind::Config`](meanwhile_core::ErrorKind::Config) when the proxy is no URL of a
    /// known kind or TLS cannot be set up.
    pub fn build(self) -> Result<Client> {
        let tls = tls::config()?;
        Ok(match &self.proxy {
            Proxy::Environment if names_a_proxy() => Client::new(Routed {
                proxies: Matcher::from_system(),
                unusable: Unusable::of_environment(),
                proxied: Proxied::new(&self, tls.clone(), None)?,
                direct: Direct::new(&self, tls),
            }),
            Proxy::Environment | Proxy::None => Client::new(Direct::new(&self, tls)),
            Proxy::Url(url) => Client::new(Proxied::new(&self, tls, Some(url))?),
        })
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A proxy's URL may hold a password.
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::None => "None",
            Self::Url(_) => "Url(..)",
        })
    }
}
