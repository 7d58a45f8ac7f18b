//! [`Progress`]: how a tool tells a waiting client how far it is.

use std::fmt;

use meanwhile_core::ToolContext;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::{Peer, RoleServer};

/// Tells the client that has called a tool how far it is. Clones tell the same client.
///
/// [`Server`](crate::Server) gives one to every call, as a value of its [`Host`](meanwhile_core::Host); a
/// tool that also runs elsewhere takes [`Progress::of`] its context, which there says nothing to nobody.
#[derive(Clone, Default)]
pub struct Progress(Option<(Peer<RoleServer>, ProgressToken)>);

impl Progress {
    /// Finds the one of a call; outside of a server, one that does nothing.
    #[must_use]
    pub fn of(context: &ToolContext) -> Self {
        context.host.get::<Self>().map_or_else(Self::default, |progress| (*progress).clone())
    }

    pub(crate) fn new(peer: Peer<RoleServer>, token: Option<ProgressToken>) -> Self {
        Self(token.map(|token| (peer, token)))
    }

    /// Whether the client asked to be told.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Tells how much is `done`, of a `total` where that is known, in units of the tool's own; `done`
    /// grows from one report to the next. Nothing happens when the client did not ask, or has gone.
    pub async fn report(&self, done: f64, total: impl Into<Option<f64>>) {
        self.send(done, total.into(), None).await;
    }

    /// Tells it as [`report`](Self::report) does, with a text for people.
    pub async fn say(&self, done: f64, total: impl Into<Option<f64>>, message: impl Into<String>) {
        self.send(done, total.into(), Some(message.into())).await;
    }

    async fn send(&self, done: f64, total: Option<f64>, message: Option<String>) {
        let Some((peer, token)) = &self.0 else { return };
        let mut told = ProgressNotificationParam::new(token.clone(), done);
        told.total = total;
        told.message = message;
        // It fails when the client has gone, which ends the tool in another way.
        let _ = peer.notify_progress(told).await;
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("is_wanted", &self.is_wanted()).finish()
    }
}
