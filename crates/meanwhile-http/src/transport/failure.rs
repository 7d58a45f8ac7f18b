//! [`no_answer`]: why no answer began, and whether it is worth another try.

use std::error::Error as StdError;
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

/// Says why no answer began.
pub(super) fn no_answer(
    error: impl StdError + Send + Sync + 'static,
    stage: Stage,
    host: &Authority,
) -> Error {
    let causes = || std::iter::successors(error.source(), |cause| below(*cause));
    let io = || causes().filter_map(|cause| cause.downcast_ref::<io::Error>());
    let tls = causes().find_map(|cause| cause.downcast_ref::<rustls::Error>());
    // Neither a certificate nor a server that speaks no TLS is another one the next time.
    let lasting = matches!(
        tls,
        Some(rustls::Error::InvalidMessage(_) | rustls::Error::InvalidCertificate(_))
    );
    let timed_out = stage == Stage::TimedOut
        || stage == Stage::Connecting && io().any(|io| io.kind() == io::ErrorKind::TimedOut);
    let (kind, message) = if timed_out {
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
    } else if stage == Stage::Connecting {
        let message = match io().last().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => {
                format!("connection refused: is the server at {host} running?")
            }
            _ => format!("no connection to {host}; check the network and the base URL"),
        };
        (ErrorKind::Connection, message)
    } else if stage == Stage::Writing {
        (ErrorKind::Config, unwritten(host.as_str()))
    } else {
        let message = format!(
            "the connection to {host} broke before the answer began; send the request again"
        );
        (ErrorKind::Connection, message)
    };
    let error = Error::new(kind, message).with_source(error);
    if lasting { error.with_retryable(false) } else { error }
}

fn unwritten(host: &str) -> String {
    format!("the request to {host} cannot be written; check the base URL")
}

type Cause = dyn StdError + 'static;

/// What is below `cause`. An I/O error names only what is below the error it wraps.
fn below(cause: &Cause) -> Option<&Cause> {
    match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => cause.source(),
    }
}
