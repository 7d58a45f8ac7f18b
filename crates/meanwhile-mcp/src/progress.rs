//! [`Progress`]: how a tool tells a waiting client how far it is.

use std::fmt;

use meanwhile_core::ToolContext;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::{Peer, RoleServer};

/// Tells the client that has called a tool how far it is. Clones tell the same client.
///
/// [`Server`](crate::Server) gives one to every call, as a value of its [`Host`](meanwhile_core::Host); a
/// tool that also runs elsewhere takes [`Progress::of`] its context, which there says nothing to nobody.
///
/// ```
/// # use async_trait::async_trait;
/// # use meanwhile_core::{
/// #     AnyTool, Result, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec,
/// # };
/// use meanwhile_mcp::Progress;
///
/// #[derive(Debug)]
/// struct Index;
///
/// #[async_trait]
/// impl Tool for Index {
/// #     fn spec(&self) -> ToolSpec {
/// #         ToolSpec::new("index", "Reads all files.", serde_json::json!({"type": "object"}).into())
/// #     }
///     async fn call(&self, _: &ToolCall, context: &ToolContext) -> Result<ToolOutput> {
///         let progress = Progress::of(context);
///         for done in 1..=3 {
///             progress.report(f64::from(done), 3.0).await;
///         }
///         Ok(ToolOutput::new("3 files"))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// // Outside of a server nobody waits for it, and it runs all the same.
/// let (call, context) = (ToolCall::new("1", "index", "{}"), ToolContext::default());
/// let output = AnyTool::new(Index).call(&call, &context).await?;
/// assert_eq!(output, ToolOutput::new("3 files"));
/// assert!(!Progress::of(&context).is_wanted());
/// # Ok(()) }
/// ```
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
