//! [`Approve`]: deciding about a tool call before it runs.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{ToolCall, ToolContext};
use crate::Result;

/// Decides whether a tool that the model asks for may run.
///
/// Asked once for each call, in call order, before any tool of the turn runs. Of several, each is asked
/// about what those before it have made of the call; one that denies has the last word, then one that
/// pauses. Dropping cancels.
#[async_trait]
pub trait Approve: fmt::Debug + Send + Sync + 'static {
    /// Decides about one call.
    ///
    /// # Errors
    ///
    /// An error ends the run.
    async fn approve(&self, call: &ToolCall, context: &ToolContext) -> Result<Approval>;
}

/// What was decided about a tool call.
///
/// ```
/// # use meanwhile_core::*;
/// # #[derive(Debug)]
/// # struct Clock;
/// # #[async_trait::async_trait]
/// # impl Tool for Clock {
/// #     fn spec(&self) -> ToolSpec {
/// #         ToolSpec::new("clock", "Tells the time", serde_json::json!({"type": "object"}).into())
/// #     }
/// #     async fn call(&self, _: &ToolCall, _: &ToolContext) -> meanwhile_core::Result<ToolOutput> {
/// #         Ok(ToolOutput::new("12:00"))
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().tool_call("1", "clock", "{}").reply("I may not look.");
/// let call = Model::new(scripted.clone(), "any").call::<String>("What time is it?");
/// let deny = |_: ToolCall| async { Approval::Deny("not at work".to_owned()) };
/// let call = call.tools(Toolbox::new().with(AnyTool::new(Clock))).approve(approval(deny));
/// assert_eq!(call.await?, "I may not look.");
/// // The model was told why.
/// assert!(matches!(&scripted.requests()[1].messages[2].parts[0],
///     Part::ToolResult(result) if result.is_error && result.text().contains("not at work")));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Approval {
    /// The tool runs.
    Allow,
    /// The tool does not run; the model is told why.
    Deny(String),
    /// The tool runs with these arguments, JSON text, in place of the model's. The conversation keeps
    /// what the model wrote.
    Edit(String),
    /// Nobody can say yet: the run stops before any tool of the turn, and is gone on with from its
    /// [`RunState`](crate::RunState) once a decision is there.
    Pause,
}

/// What can be given as an [`Approve`]: one, or a shared one.
pub trait IntoApprove {
    /// Returns the shared one.
    fn into_approve(self) -> Arc<dyn Approve>;
}

impl<A: Approve> IntoApprove for A {
    fn into_approve(self) -> Arc<dyn Approve> {
        Arc::new(self)
    }
}

impl<A: Approve> IntoApprove for Arc<A> {
    fn into_approve(self) -> Arc<dyn Approve> {
        self
    }
}

impl IntoApprove for Arc<dyn Approve> {
    fn into_approve(self) -> Arc<dyn Approve> {
        self
    }
}

/// Decides by an async function of the call.
///
/// ```
/// use meanwhile_core::{Approval, approval};
///
/// let careful = approval(|call| async move {
///     match call.name.as_str() {
///         "delete_file" => Approval::Deny("nothing is deleted here".to_owned()),
///         _ => Approval::Allow,
///     }
/// });
/// ```
pub fn approval<F, D>(decide: F) -> impl Approve
where
    F: Fn(ToolCall) -> D + Send + Sync + 'static,
    D: Future<Output = Approval> + Send + 'static,
{
    ByFunction(decide)
}

struct ByFunction<F>(F);

impl<F> fmt::Debug for ByFunction<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("approval(..)")
    }
}

#[async_trait]
impl<F, D> Approve for ByFunction<F>
where
    F: Fn(ToolCall) -> D + Send + Sync + 'static,
    D: Future<Output = Approval> + Send + 'static,
{
    async fn approve(&self, call: &ToolCall, _: &ToolContext) -> Result<Approval> {
        Ok((self.0)(call.clone()).await)
    }
}
