//! [`BlockingTool`]: tools from synchronous code; and [`AsyncTools`], whether async ones are allowed.

use std::cell::Cell;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use meanwhile_core::{
    AnyTool, Error, ErrorKind, FunctionTool, Result, TimeoutPhase, ToolCall, ToolContext,
    ToolOutput, ToolResult, Toolbox,
};

use crate::runtime::runtime;

/// Whether async tools may be run from synchronous code. Synchronous tools always may.
///
/// An async tool that synchronous code waits for holds up its thread for as long as it likes; that is
/// why it is not done unasked. Tools that the loop of a call runs are awaited, whoever waits for the
/// call, and need no permission.
///
/// ```
/// # use std::time::Duration;
/// # use async_trait::async_trait;
/// # use meanwhile_core::{
/// #     AnyTool, ErrorKind, Result, Schema, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec,
/// # };
/// use meanwhile_blocking::{AsyncTools, BlockingToolbox as _, configure_async_tools};
/// # #[derive(Debug)]
/// # struct Clock;
/// # #[async_trait]
/// # impl Tool for Clock {
/// #     fn spec(&self) -> ToolSpec {
/// #         ToolSpec::new("clock", "Tells the time.", Schema::of::<u32>())
/// #     }
/// #     async fn call(&self, _: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
/// #         Ok(ToolOutput::new("12:00"))
/// #     }
/// # }
/// # let clock = AnyTool::new(Clock);
/// let call = ToolCall::new("1", "clock", "{}");
/// configure_async_tools(AsyncTools::Deny);
/// assert_eq!(clock.call_blocking(&call).unwrap_err().kind(), ErrorKind::Config);
/// configure_async_tools(AsyncTools::Allow { within: Duration::from_secs(5) });
/// assert_eq!(clock.call_blocking(&call)?, ToolOutput::new("12:00"));
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AsyncTools {
    /// Running one is an error.
    #[default]
    Deny,
    /// Running one waits, and is an error when it takes longer.
    Allow {
        /// The longest wait.
        within: Duration,
    },
}

static EVERYWHERE: RwLock<AsyncTools> = RwLock::new(AsyncTools::Deny);

thread_local! {
    static HERE: Cell<Option<AsyncTools>> = const { Cell::new(None) };
}

/// Sets for the whole process whether async tools may be run from synchronous code.
///
/// ```
/// # use std::time::Duration;
/// use meanwhile_blocking::{AsyncTools, configure_async_tools};
///
/// configure_async_tools(AsyncTools::Allow { within: Duration::from_secs(30) });
/// ```
pub fn configure_async_tools(policy: AsyncTools) {
    *EVERYWHERE.write().unwrap_or_else(PoisonError::into_inner) = policy;
}

/// Runs `body`, in which this thread may run async tools and wait for each no longer than `within`.
///
/// Holds on this thread and until `body` returns, panics included; what was set around it holds again
/// afterwards. It holds, too, in synchronous tools that `body` runs, and whatever else goes
/// [off the runtime](crate::off_runtime) in it; not in threads and tasks that it starts itself.
///
/// ```
/// # use std::time::Duration;
/// # use async_trait::async_trait;
/// # use meanwhile_core::{AnyTool, Result, Schema, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec};
/// use meanwhile_blocking::{BlockingToolbox as _, allow_async_tools};
///
/// #[derive(Debug)]
/// struct Double;
///
/// #[async_trait]
/// impl Tool for Double {
///     fn spec(&self) -> ToolSpec {
///         ToolSpec::new("double", "Doubles a number.", Schema::of::<u32>())
///     }
///     async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
///         ToolOutput::json(&(call.parse::<u32>()? * 2))
///     }
/// }
///
/// let double = AnyTool::new(Double);
/// let call = ToolCall::new("1", "double", "5");
/// assert!(double.call_blocking(&call).is_err());
///
/// let output = allow_async_tools(Duration::from_secs(1), || double.call_blocking(&call))?;
/// assert_eq!(output, ToolOutput::new("10"));
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
pub fn allow_async_tools<T>(within: Duration, body: impl FnOnce() -> T) -> T {
    enter(Some(AsyncTools::Allow { within }), body)
}

/// What holds on this thread, where something was set for it.
pub(crate) fn here() -> Option<AsyncTools> {
    HERE.get()
}

/// Runs `body` with what holds on another thread.
pub(crate) fn enter<T>(policy: Option<AsyncTools>, body: impl FnOnce() -> T) -> T {
    /// Puts back what was set around it.
    struct Around(Option<AsyncTools>);

    impl Drop for Around {
        fn drop(&mut self) {
            HERE.set(self.0);
        }
    }

    let _around = Around(HERE.replace(policy));
    body()
}

fn policy() -> AsyncTools {
    let everywhere = || *EVERYWHERE.read().unwrap_or_else(PoisonError::into_inner);
    HERE.get().unwrap_or_else(everywhere)
}

/// Waits for a tool, where that is allowed.
fn wait<T>(name: &str, is_async: bool, run: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = runtime()?;
    match policy() {
        _ if !is_async => runtime.block_on(run),
        AsyncTools::Allow { within } => runtime.block_on(async {
            match tokio::time::timeout(within, run).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    let message = format!(
                        "the async tool `{name}` did not finish within {within:?}, which is how long \
                         synchronous code may wait for it"
                    );
                    Err(Error::new(ErrorKind::Timeout(TimeoutPhase::Whole), message))
                }
            }
        }),
        AsyncTools::Deny => {
            let message = format!(
                "the tool `{name}` is async and was run from synchronous code: await it, or allow that \
                 with `allow_async_tools` for a piece of code or `configure_async_tools` everywhere"
            );
            Err(Error::new(ErrorKind::Config, message))
        }
    }
}

/// Runs a `#[tool]` function's type from synchronous code.
pub trait BlockingTool: FunctionTool {
    /// Runs the tool with these arguments, and the values of the program that the scope around has, and
    /// waits for it on this thread.
    ///
    /// # Errors
    ///
    /// The tool's own; [`ErrorKind::Config`] when it is async and that is not
    /// [allowed](AsyncTools), and in an async task; [`ErrorKind::Timeout`] when it is allowed and
    /// takes too long.
    fn call_blocking(self) -> Result<ToolOutput> {
        wait(Self::NAME, Self::IS_ASYNC, self.run(&ToolContext::current()))
    }
}

impl<T: FunctionTool> BlockingTool for T {}

/// Runs tools that are found by name from synchronous code.
pub trait BlockingToolbox {
    /// Runs one call and waits for it on this thread.
    ///
    /// # Errors
    ///
    /// As [`BlockingTool::call_blocking`]; [`ErrorKind::Output`] when the arguments do not fit, or there
    /// is no such tool.
    fn call_blocking(&self, call: &ToolCall) -> Result<ToolOutput>;

    /// Runs one call; a failure becomes an error result, which the model sees.
    fn run_blocking(&self, call: &ToolCall) -> ToolResult {
        match self.call_blocking(call) {
            Ok(output) => ToolResult::new(call, output.parts),
            Err(error) => ToolResult::error(call, error.message().to_owned()),
        }
    }
}

impl BlockingToolbox for AnyTool {
    fn call_blocking(&self, call: &ToolCall) -> Result<ToolOutput> {
        wait(&call.name, self.is_async(), self.call(call, &ToolContext::current()))
    }
}

impl BlockingToolbox for Toolbox {
    fn call_blocking(&self, call: &ToolCall) -> Result<ToolOutput> {
        let is_async = self.get(&call.name).is_some_and(AnyTool::is_async);
        wait(&call.name, is_async, self.call(call, &ToolContext::current()))
    }
}
