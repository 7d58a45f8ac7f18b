//! [`FunctionTool`] and [`ToolSet`]: tools as types, so that a tool call is matched, not cast.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use serde::de::DeserializeOwned;

use super::{HostType, Tool, ToolCall, ToolContext, ToolOutput, ToolResult, ToolSpec, Toolbox};
use crate::{Error, ErrorKind, IntoParts, Result};

/// A tool whose arguments are the fields of a type. `#[tool]` on a function writes the type and
/// this implementation.
pub trait FunctionTool: DeserializeOwned + Send + 'static {
    /// The tool's name.
    const NAME: &'static str;

    /// Whether running it waits for something: whether the function is `async`.
    const IS_ASYNC: bool = true;

    /// The longest that one run may take; `None` leaves it to the call's limits.
    const TIMEOUT: Option<Duration> = None;

    /// Describes the tool to the model.
    fn spec() -> ToolSpec;

    /// The values of the program that it cannot run without.
    #[must_use]
    fn needs() -> Vec<HostType> {
        Vec::new()
    }

    /// Runs the tool with these arguments. Dropping cancels.
    fn run(self, context: &ToolContext) -> impl Future<Output = Result<ToolOutput>> + Send;
}

/// A closed set of tools: one tool, or an enum with one variant a tool (`#[derive(ToolSet)]`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of tools",
    note = "put `#[tool]` on the function, or `#[derive(ToolSet)]` on an enum of tools"
)]
pub trait ToolSet: Sized + Send + 'static {
    /// All tools of the set, in order.
    fn toolbox() -> Toolbox;

    /// Whether a tool of the set has this name.
    #[must_use]
    fn has(name: &str) -> bool;

    /// Reads a call of one of the tools.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`] when the arguments do not fit, or no tool of the set has that name.
    fn from_call(call: &ToolCall) -> Result<Self>;

    /// Runs the tool. Dropping cancels.
    fn run(self, context: &ToolContext) -> impl Future<Output = Result<ToolOutput>> + Send;
}

/// A tool call together with its typed arguments.
///
/// ```
/// # use meanwhile_core::{Error, ErrorKind, Result, ToolCall, ToolContext, ToolOutput, ToolSet};
/// # use meanwhile_core::{Toolbox, TypedCall};
/// # #[derive(serde::Deserialize)]
/// # struct Weather {
/// #     city: String,
/// # }
/// # // What `#[tool]` writes.
/// # impl ToolSet for Weather {
/// #     fn toolbox() -> Toolbox {
/// #         Toolbox::new()
/// #     }
/// #     fn has(name: &str) -> bool {
/// #         name == "weather"
/// #     }
/// #     fn from_call(call: &ToolCall) -> Result<Self> {
/// #         call.parse()
/// #     }
/// #     async fn run(self, _: &ToolContext) -> Result<ToolOutput> {
/// #         match self.city.as_str() {
/// #             "Lisbon" => Ok(ToolOutput::new("rain")),
/// #             _ => Err(Error::new(ErrorKind::Tool, "no such city")),
/// #         }
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// let call = ToolCall::new("1", "weather", r#"{"city": "Lisbon"}"#);
/// let call = TypedCall::<Weather>::new(call);
/// assert_eq!(call.tool.as_ref().map(|weather| &*weather.city).ok(), Some("Lisbon"));
/// let result = call.run().await;
/// assert_eq!((&*result.call_id, &*result.text()), ("1", "rain"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct TypedCall<S> {
    /// The call as the model made it.
    pub call: ToolCall,
    /// The typed tool, or why the call is not one of the set.
    pub tool: Result<S>,
}

impl<S: ToolSet> TypedCall<S> {
    /// Reads `call` as a call of a tool of the set.
    #[must_use]
    pub fn new(call: ToolCall) -> Self {
        let tool = S::from_call(&call);
        Self { call, tool }
    }

    /// Answers the call.
    #[must_use]
    pub fn result(&self, parts: impl IntoParts) -> ToolResult {
        ToolResult::new(&self.call, parts)
    }

    /// Runs the tool and answers the call; a failure becomes an error result for the model. The tool
    /// has the [`Host`](super::Host) of the scope around; see [`run_with`](Self::run_with) for another.
    pub async fn run(self) -> ToolResult {
        self.run_with(&ToolContext::current()).await
    }

    /// Runs the tool as [`run`](Self::run) does, with a context of your own.
    pub async fn run_with(self, context: &ToolContext) -> ToolResult {
        let outcome = match self.tool {
            Ok(tool) => caught(&self.call.name, tool.run(context)).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(output) => ToolResult::new(&self.call, output.parts),
            Err(error) => ToolResult::error(&self.call, error.message().to_owned()),
        }
    }
}

/// Makes the error for a call of a tool that the set does not have.
#[doc(hidden)]
#[must_use]
pub fn unknown_tool(call: &ToolCall, known: &Toolbox) -> Error {
    let names: Vec<&str> = known.specs().map(|spec| spec.name.as_str()).collect();
    let message = format!("there is no tool `{}`; the tools are: {}", call.name, names.join(", "));
    Error::new(ErrorKind::Output, message)
}

/// Runs a tool; a panic in it is an error like any other, and the conversation goes on.
pub(super) async fn caught(
    name: &str,
    run: impl Future<Output = Result<ToolOutput>>,
) -> Result<ToolOutput> {
    // What the tool left half done is its own; it is not run again here.
    let panic = match AssertUnwindSafe(run).catch_unwind().await {
        Ok(outcome) => return outcome,
        Err(panic) => panic,
    };
    let said = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(said), _) => (*said).to_owned(),
        (_, Some(said)) => said.clone(),
        _ => "it did not say why".to_owned(),
    };
    Err(Error::new(ErrorKind::Tool, format!("the tool `{name}` panicked: {said}")))
}

/// Runs a [`FunctionTool`] as a [`Tool`].
pub(super) struct Adapter<T>(PhantomData<fn() -> T>);

impl<T> Adapter<T> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: FunctionTool> fmt::Debug for Adapter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FunctionTool").field(&T::NAME).finish()
    }
}

#[async_trait]
impl<T: FunctionTool> Tool for Adapter<T> {
    fn spec(&self) -> ToolSpec {
        T::spec()
    }

    fn is_async(&self) -> bool {
        T::IS_ASYNC
    }

    fn needs(&self) -> Vec<HostType> {
        T::needs()
    }

    fn timeout(&self) -> Option<Duration> {
        T::TIMEOUT
    }

    async fn call(&self, call: &ToolCall, context: &ToolContext) -> Result<ToolOutput> {
        call.parse::<T>()?.run(context).await
    }
}
