//! Running one tool call of a run: observed, in the scope of the call, within its time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};

use crate::observe::{Moment, Origin, RunKind, Started};
use crate::scope::Scope;
use crate::tool::{AnyTool, ToolCall, ToolContext, ToolOutput, ToolResult};
use crate::{Error, ErrorKind, Result, TimeoutPhase, Timer};

/// What all tools of a run have in common.
#[derive(Debug, Clone)]
pub(super) struct Bench {
    pub(super) origin: Origin,
    pub(super) scope: Scope,
    pub(super) timer: Option<Arc<dyn Timer>>,
    pub(super) tool_timeout: Option<Duration>,
}

/// What came of a tool call.
#[derive(Debug)]
pub(super) struct Ran {
    /// The place of the call in its answer.
    pub(super) index: usize,
    pub(super) outcome: Result<ToolOutput>,
}

impl Bench {
    /// Starts one tool. The future owns all it needs.
    pub(super) fn start(
        &self,
        index: usize,
        call: ToolCall,
        tool: Result<AnyTool>,
        context: ToolContext,
    ) -> BoxFuture<'static, Ran> {
        let bench = self.clone();
        Box::pin(async move { Ran { index, outcome: bench.run(call, tool, context).await } })
    }

    /// Runs one tool; what it calls in turn is a part of its run.
    async fn run(
        self,
        call: ToolCall,
        tool: Result<AnyTool>,
        context: ToolContext,
    ) -> Result<ToolOutput> {
        let Some(started) = Started::new(&self.origin, RunKind::Tool, || call.name.clone().into())
        else {
            return self.scope.clone().run(self.timed(&call, tool, &context)).await;
        };
        started.tell(&Moment::ToolStart { call: &call });
        let scope = self.scope.inside(started.run());
        let outcome = scope.run(self.timed(&call, tool, &context)).await;
        match &outcome {
            Ok(output) => {
                let result = ToolResult::new(&call, output.parts.clone());
                started.end(&Moment::ToolEnd { result: &result });
            }
            Err(error) => started.fail(error),
        }
        outcome
    }

    async fn timed(
        &self,
        call: &ToolCall,
        tool: Result<AnyTool>,
        context: &ToolContext,
    ) -> Result<ToolOutput> {
        let tool = tool?;
        let Some(limit) = tool.timeout().or(self.tool_timeout) else {
            return tool.call(call, context).await;
        };
        let sleep = sleep(self.timer.as_deref(), limit)?;
        match select(Box::pin(tool.call(call, context)), sleep).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(((), _)) => {
                let message = format!("the tool `{}` did not finish within {limit:?}", call.name);
                Err(Error::new(ErrorKind::Timeout(TimeoutPhase::Whole), message))
            }
        }
    }
}

/// Waits for a time, where something can measure it.
pub(super) fn sleep(timer: Option<&dyn Timer>, time: Duration) -> Result<BoxFuture<'static, ()>> {
    let Some(timer) = timer else {
        let message = "a limit in time needs a timer: set one with `.timer(…)`; the registry of the \
                       `meanwhile` facade has one";
        return Err(Error::new(ErrorKind::Config, message));
    };
    timer.sleep(time)
}

/// Whether an error of a tool ends the run, because no model can do anything about it. One is that a run
/// within the tool waits for a decision.
pub(super) fn is_final(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Cancelled | ErrorKind::Budget | ErrorKind::Config | ErrorKind::Paused
    )
}
