//! [`Proxied`]: HTTP/1.1 by reqwest, for what goes through a proxy.

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use hyper_util::client::proxy::matcher::Matcher;
use meanwhile_core::{Error, ErrorKind, Result};
use rustls::ClientConfig;

use super::builder::ClientBuilder;
use super::chunks::Chunks;
use super::direct::Direct;
use super::environment::Unusable;
use super::failure::{Peer, Stage, authority, no_answer, no_answer_through, refused_by};
use super::{Body, Transport};

/// Sends everything through a proxy, or what the environment wants to go through one.
pub(super) struct Proxied {
    client: reqwest::Client,
    // Which proxy a request goes through, for errors: the client does not tell.
    proxies: Matcher,
}

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
        let (builder, proxies) = match url {
            None => (builder, Matcher::from_system()),
            Some(url) => {
                let url = proxy_url(url)?;
                let proxies = Matcher::builder().all(url.to_string()).build();
                let proxy = reqwest::Proxy::all(url).map_err(|error| not_a_proxy(Some(error)))?;
                (builder.no_proxy().proxy(proxy), proxies)
            }
        };
        let client = builder.build().map_err(|error| {
            let message = "the HTTP client could not be set up";
            Error::new(ErrorKind::Config, message).with_source(error.without_url())
        })?;
        Ok(Self { client, proxies })
    }

    fn no_answer(&self, error: reqwest::Error, uri: &Uri, host: &Authority) -> Error {
        let stage = match (error.is_connect(), error.is_timeout()) {
            (true, true) => Stage::TimedOut,
            (true, false) => Stage::Connecting,
            (false, _) if error.is_builder() => Stage::Writing,
            (false, _) => Stage::Sent,
        };
        let error = error.without_url();
        match proxy(&self.proxies, uri) {
            Some(proxy) => no_answer_through(error, stage, host, is_secure(uri), &proxy),
            None => no_answer(error, stage, Peer::Server(host)),
        }
    }
}

/// Reads the URL of a proxy as the client reads it; without a scheme, it is one of HTTP.
///
/// # Errors
///
/// [`ErrorKind::Config`] when it is none, or the way of speaking to the proxy is not known.
fn proxy_url(text: &str) -> Result<reqwest::Url> {
    const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];
    let text = text.trim();
    let mut url = match text.contains("://") {
        true => reqwest::Url::parse(text),
        false => reqwest::Url::parse(&format!("http://{text}")),
    }
    .map_err(|_| not_a_proxy(None))?;
    if !SCHEMES.contains(&url.scheme()) || !url.has_host() {
        return Err(not_a_proxy(None));
    }
    if url.scheme().starts_with("socks") && url.port().is_none() {
        url.set_port(Some(1080)).map_err(|()| not_a_proxy(None))?;
    }
    Ok(url)
}

fn not_a_proxy(source: Option<reqwest::Error>) -> Error {
    let message = "the proxy is not a URL; write it like http://host:port or socks5h://host:port";
    let error = Error::new(ErrorKind::Config, message);
    match source {
        Some(source) => error.with_source(source.without_url()),
        None => error,
    }
}

/// The proxy that a request to `uri` goes through, without credentials.
fn proxy(proxies: &Matcher, uri: &Uri) -> Option<String> {
    let proxy = proxies.intercept(uri)?;
    let authority = proxy.uri().authority()?.as_str();
    // A password with an `@` that is not escaped: only what is before the first one was taken off.
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(format!("{}://{host}", proxy.uri().scheme_str().unwrap_or("http")))
}

fn is_secure(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS)
}

#[async_trait]
impl Transport for Proxied {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        let host = authority(request.uri())?.clone();
        let uri = request.uri().clone();
        let failed = |error| self.no_answer(error, &uri, &host);
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let answer = self.client.execute(request).await.map_err(failed)?;
        let answer = Response::<reqwest::Body>::from(answer);
        // An answer of the proxy itself: a server has no business asking for its credential.
        if answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            && let Some(proxy) = proxy(&self.proxies, &uri)
        {
            return Err(refused_by(&proxy).with_status(answer.status().as_u16()));
        }
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
    pub(super) unusable: Option<Unusable>,
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
        if let Some(error) =
            self.unusable.as_ref().and_then(|proxies| proxies.refuse(request.uri()))
        {
            return Box::pin(std::future::ready(Err(error)));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: &str) {
        let proxies = Matcher::builder().all(url).build();
        let found = proxy(&proxies, &Uri::from_static("https://models.example"));
        assert_eq!(found.as_deref(), Some(expected), "{url}");
    }

    #[test]
    fn a_proxy_is_named_without_its_credential() {
        check("proxy:8080", "http://proxy:8080");
        check("http://tom:hunter2@proxy:8080", "http://proxy:8080");
        check("http://tom:hun@ter2@proxy:8080", "http://proxy:8080");
        check("socks5h://tom:h@u@nter2@proxy:1080", "socks5h://proxy:1080");
    }
}
