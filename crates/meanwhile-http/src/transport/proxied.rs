//! [`Proxied`]: HTTP/1.1 by reqwest, for what goes through a proxy.

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper_util::client::proxy::matcher::Matcher;
use meanwhile_core::{Error, ErrorKind, Result};
use rustls::ClientConfig;

use super::builder::ClientBuilder;
use super::chunks::Chunks;
use super::direct::Direct;
use super::failure::{Stage, authority, no_answer};
use super::{Body, Transport};

/// Sends everything through a proxy, or what the environment wants to go through one.
pub(super) struct Proxied(reqwest::Client);

impl Proxied {
    /// Goes through the proxy at `url`, or else through those of the environment.
    pub(super) fn new(
        settings: &ClientBuilder,
        tls: ClientConfig,
        url: Option<&str>,
    ) -> Result<Self> {
        let builder = reqwest::Client::builder()
            .connect_timeout(settings.connect_timeout)
            .pool_max_idle_per_host(settings.idle_connections)
            .pool_idle_timeout(settings.idle_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // What may be tried again is decided above; a copy of the request for it is not needed.
            .retry(reqwest::retry::never().max_retries_per_request(0))
            .tls_backend_preconfigured(tls);
        let builder = match url {
            None => builder,
            Some(url) => builder.no_proxy().proxy(reqwest::Proxy::all(url).map_err(|error| {
                let message = "the proxy is not a URL; write it like http://host:port";
                Error::new(ErrorKind::Config, message).with_source(error.without_url())
            })?),
        };
        builder.build().map(Self).map_err(|error| {
            let message = "the HTTP client could not be set up";
            Error::new(ErrorKind::Config, message).with_source(error.without_url())
        })
    }
}

#[async_trait]
impl Transport for Proxied {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        let host = authority(request.uri())?.clone();
        let failed = |error: reqwest::Error| {
            let stage = match (error.is_connect(), error.is_timeout()) {
                (true, true) => Stage::TimedOut,
                (true, false) => Stage::Connecting,
                (false, _) if error.is_builder() => Stage::Writing,
                (false, _) => Stage::Sent,
            };
            no_answer(error.without_url(), stage, &host)
        };
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let answer = self.0.execute(request).await.map_err(failed)?;
        let answer = Response::<reqwest::Body>::from(answer);
        Ok(answer.map(|body| {
            let body = body.map_err(reqwest::Error::without_url);
            Body::new(Chunks { body, host })
        }))
    }
}

impl fmt::Debug for Proxied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(reqwest)")
    }
}

/// Sends each request the way the environment wants it to go.
pub(super) struct Routed {
    pub(super) proxies: Matcher,
    pub(super) proxied: Proxied,
    pub(super) direct: Direct,
}

impl Transport for Routed {
    fn send<'life, 'future>(
        &'life self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Body>>> + Send + 'future>>
    where
        'life: 'future,
        Self: 'future,
    {
        match self.proxies.intercept(request.uri()) {
            Some(_) => self.proxied.send(request),
            None => self.direct.send(request),
        }
    }
}

impl fmt::Debug for Routed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(hyper, and reqwest through proxies)")
    }
}
