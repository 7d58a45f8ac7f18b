//! [`Connection`]: one session with a server, shared by a client and its tools.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use meanwhile_core::{Error, Result};
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation};
use rmcp::service::{NotificationContext, RunningService};
use rmcp::{ClientHandler, Peer, RoleClient, ServiceError};
use tokio::sync::watch;

use crate::child::Child;
use crate::error;
use crate::http::Headers;
use crate::lines::Oversized;

/// How long a server may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is looked at whether the connection still stands, while a change is waited for.
const LOOK: Duration = Duration::from_secs(1);

/// Ends with its last owner: the session is closed, and a child process killed.
pub(crate) struct Connection {
    pub(crate) peer: Peer<RoleClient>,
    pub(crate) headers: Headers,
    pub(crate) timeout: Option<Duration>,
    pub(crate) prefix: Option<String>,
    pub(crate) changes: watch::Receiver<u64>,
    /// How many changes of the list of tools the last listing knew of.
    pub(crate) seen: AtomicU64,
    pub(crate) oversized: Oversized,
    // Before the child: the session is told to end before the process is.
    pub(crate) running: Mutex<Option<RunningService<RoleClient, Handler>>>,
    pub(crate) child: Mutex<Option<Child>>,
}

impl Connection {
    /// Asks the server, within the time for a request. Dropping tells the server that nobody waits.
    pub(crate) async fn ask<T>(
        &self,
        operation: &'static str,
        asked: impl Future<Output = std::result::Result<T, ServiceError>>,
    ) -> Result<T> {
        let answer = match self.timeout {
            None => asked.await,
            Some(limit) => match tokio::time::timeout(limit, asked).await {
                Ok(answer) => answer,
                Err(_) => return Err(self.explain(error::timed_out(limit), operation)),
            },
        };
        answer.map_err(|failure| self.explain(error::request(failure), operation))
    }

    /// Adds what this side knows of a failure, and takes out what is secret.
    fn explain(&self, error: Error, operation: &'static str) -> Error {
        let is_closed = self.peer.is_transport_closed();
        let error = if is_closed && self.oversized.is_fatal() { error::oversized() } else { error };
        let stderr = {
            let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            child.as_ref().and_then(|child| child.errors().text())
        };
        explain(error, &self.headers, stderr.filter(|_| is_closed)).with_operation(operation)
    }

    /// Waits until the server has said that its tools changed since they were last listed.
    pub(crate) async fn changed(&self) -> Result<()> {
        let mut changes = self.changes.clone();
        let seen = self.seen.load(Ordering::Acquire);
        loop {
            if *changes.borrow_and_update() != seen {
                return Ok(());
            }
            if self.peer.is_transport_closed() {
                return Err(error::closed());
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() {
                    return Err(error::closed());
                },
                // The handler outlives a broken connection, so that its silence says nothing.
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Ends the session in order: what was asked is given up, the server told, its process waited for.
    pub(crate) async fn close(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut running) = running {
            // Fails when the task has panicked: then it is closed, too.
            let _ = running.close_with_timeout(PATIENCE).await;
        }
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            child.end(PATIENCE).await;
        }
    }
}

/// Adds the end of a server's standard error, and takes out what is secret.
pub(crate) fn explain(error: Error, headers: &Headers, stderr: Option<String>) -> Error {
    let error = match stderr {
        Some(stderr) => error.with_note(format_args!("it wrote: {stderr}")),
        None => error,
    };
    headers.redact_error(error)
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("prefix", &self.prefix)
            .field("headers", &self.headers)
            .field("closed", &self.peer.is_transport_closed())
            .finish_non_exhaustive()
    }
}

/// Listens to what a server says by itself.
pub(crate) struct Handler {
    pub(crate) changes: watch::Sender<u64>,
}

impl ClientHandler for Handler {
    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn get_info(&self) -> ClientConfig {
        let this = Implementation::new("meanwhile", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), this)
    }
}
