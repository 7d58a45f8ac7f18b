//! [`no_answer`]: why no answer began, and whether it is worth another try.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use http::Uri;
use http::uri::{Authority, Scheme};
use meanwhile_core::{Error, ErrorKind, Result, TimeoutPhase};

use crate::redact::shown;

/// How far a request had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It could not be written.
    Writing,
    /// There was no connection yet.
    Connecting,
    /// The time to make a connection was up.
    TimedOut,
    /// It was on its way.
    Sent,
}

/// Where a request goes, for messages and for the `host` header.
///
/// # Errors
///
/// [`ErrorKind::Config`] when the URL names no server that can be spoken to over HTTP, or carries a
/// user name.
pub(super) fn authority(uri: &Uri) -> Result<&Authority> {
    let is_http = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
    match uri.authority() {
        Some(authority) if is_http && !authority.as_str().contains('@') => Ok(authority),
        _ => {
            let host = uri.host().unwrap_or("the server");
            Err(Error::new(ErrorKind::Config, unwritten(host)))
        }
    }
}

/// Who was spoken to when a request failed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Peer<'a> {
    /// The server that the request is for.
    Server(&'a Authority),
    /// What is between, by its URL without credentials.
    Proxy(&'a str),
}

impl Peer<'_> {
    /// What has to be right for it to be reached.
    fn setting(self) -> &'static str {
        match self {
            Self::Server(_) => "the base URL",
            Self::Proxy(_) => "the URL of the proxy",
        }
    }
}

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(host) => host.fmt(f),
            Self::Proxy(url) => write!(f, "the proxy at {url}"),
        }
    }
}

/// Says why no answer began.
pub(super) fn no_answer(
    error: impl StdError + Send + Sync + 'static,
    stage: Stage,
    peer: Peer<'_>,
) -> Error {
    let causes = || causes(&error);
    let io = || causes().filter_map(|cause| cause.downcast_ref::<io::Error>());
    let tls = causes().find_map(|cause| cause.downcast_ref::<rustls::Error>());
    // Neither a certificate nor a server that speaks no TLS is another one the next time.
    let lasting = matches!(
        tls,
        Some(rustls::Error::InvalidMessage(_) | rustls::Error::InvalidCertificate(_))
    );
    let setting = peer.setting();
    let timed_out = stage == Stage::TimedOut
        || stage == Stage::Connecting && io().any(|io| io.kind() == io::ErrorKind::TimedOut);
    let (kind, message) = if timed_out {
        let message = format!(
            "no connection to {peer} within the time limit; check the network and {setting}"
        );
        (ErrorKind::Timeout(TimeoutPhase::Connect), message)
    } else if let Some(rustls::Error::InvalidMessage(_)) = tls {
        let name = Named(peer);
        let message = format!("{name} does not speak TLS; write {setting} with http://");
        (ErrorKind::Connection, message)
    } else if let Some(tls) = tls {
        let message =
            format!("no secure connection to {peer}: {}", shown(tls.to_string().as_bytes()));
        (ErrorKind::Connection, message)
    } else if stage == Stage::Connecting {
        let message = match io().last().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => {
                format!("connection refused: is {} running?", Named(peer))
            }
            _ => format!("no connection to {peer}; check the network and {setting}"),
        };
        (ErrorKind::Connection, message)
    } else if stage == Stage::Writing {
        (ErrorKind::Config, unwritten(peer))
    } else {
        let message = format!(
            "the connection to {peer} broke before the answer began; send the request again"
        );
        (ErrorKind::Connection, message)
    };
    let error = Error::new(kind, message).with_source(error);
    if lasting { error.with_retryable(false) } else { error }
}

/// Says why no answer began to a request that goes through the proxy at `proxy`: the fault of the proxy
/// is not put on the server.
pub(super) fn no_answer_through(
    error: impl StdError + Send + Sync + 'static,
    stage: Stage,
    host: &Authority,
    is_secure: bool,
    proxy: &str,
) -> Error {
    // The types are private to the library that speaks to proxies; what they say is all there is.
    let said = causes(&error).map(ToString::to_string).find(|text| is_of_a_proxy(text));
    let says = |words: &str| said.as_deref().is_some_and(|said| said.contains(words));
    if REFUSALS.iter().any(|words| says(words)) {
        return refused_by(proxy).with_source(error);
    }
    let is_socks = proxy.starts_with("socks");
    let unreached = says("failed to create underlying connection");
    if stage == Stage::Writing {
        no_answer(error, stage, Peer::Server(host))
    } else if stage == Stage::TimedOut {
        let message = format!(
            "no connection to {host} through the proxy at {proxy} within the time limit; check the network and the URL of the proxy"
        );
        Error::new(ErrorKind::Timeout(TimeoutPhase::Connect), message).with_source(error)
    } else if stage == Stage::Connecting && (unreached || !is_secure && !is_socks) {
        no_answer(error, stage, Peer::Proxy(proxy))
    } else if says("error resolving") {
        let message = format!(
            "the name of {host} was not found on this side of the proxy at {proxy}; write the URL of the proxy with socks5h://, which leaves names to it"
        );
        Error::new(ErrorKind::Connection, message).with_source(error)
    } else if let Some(said) = said {
        let message = format!(
            "the proxy at {proxy} made no connection to {host}: {}",
            shown(said.as_bytes())
        );
        Error::new(ErrorKind::Connection, message).with_source(error)
    } else {
        no_answer(error, stage, Peer::Server(host))
    }
}

/// A proxy wants a credential, or another one.
pub(super) fn refused_by(proxy: &str) -> Error {
    let message = format!(
        "the proxy at {proxy} wants a credential, or does not take the one it was given; write it into the URL of the proxy, like http://user:password@host:port"
    );
    Error::new(ErrorKind::Authentication, message)
}

/// How proxies refuse a credential, or ask for one.
const REFUSALS: [&str; 4] = [
    "proxy authorization required",
    "credentials not accepted",
    "does not support user/pass authentication",
    "implements authentication incorrectly",
];

fn is_of_a_proxy(text: &str) -> bool {
    ["tunnel error", "SOCKS error", "error resolving for socks"]
        .iter()
        .any(|beginning| text.starts_with(beginning))
}

/// A peer as the subject of a sentence.
struct Named<'a>(Peer<'a>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Peer::Server(host) => write!(f, "the server at {host}"),
            proxy @ Peer::Proxy(_) => proxy.fmt(f),
        }
    }
}

fn unwritten(host: impl fmt::Display) -> String {
    format!("the request to {host} cannot be written; check the base URL")
}

type Cause = dyn StdError + 'static;

/// What is below `error`, from the outside in.
fn causes(error: &(impl StdError + 'static)) -> impl Iterator<Item = &Cause> {
    std::iter::successors(error.source(), |cause| below(*cause))
}

/// What is below `cause`. An I/O error names only what is below the error it wraps.
fn below(cause: &Cause) -> Option<&Cause> {
    match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => cause.source(),
    }
}
