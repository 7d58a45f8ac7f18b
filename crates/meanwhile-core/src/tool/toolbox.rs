//! [`Tool`], [`AnyTool`] and [`Toolbox`]: running tools and finding them by name.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use super::set::{Adapter, caught, unknown_tool};
use super::{FunctionTool, HostType, ToolCall, ToolContext, ToolResult, ToolSpec};
use crate::{Error, ErrorKind, IntoParts, Part, Result};

/// Something the model may ask the program to run.
///
/// Most tools are functions under `#[tool]`; implement this for a tool whose description is only
/// known at run time.
#[async_trait]
pub trait Tool: fmt::Debug + Send + Sync + 'static {
    /// Describes the tool to the model.
    fn spec(&self) -> ToolSpec;

    /// Whether running the tool waits for something, so that synchronous code has to ask before it
    /// does. A tool that never waits says no.
    fn is_async(&self) -> bool {
        true
    }

    /// The values of the program that it cannot run without. A call of a model with this tool fails
    /// before anything is sent when one is missing.
    fn needs(&self) -> Vec<HostType> {
        Vec::new()
    }

    /// The longest that one run may take; `None` leaves it to the call's [`RunLimits`](crate::RunLimits).
    fn timeout(&self) -> Option<Duration> {
        None
    }

    /// Runs the tool. Dropping cancels.
    ///
    /// # Errors
    ///
    /// An error is shown to the model, which may try again. [`ErrorKind::Cancelled`],
    /// [`ErrorKind::Budget`], [`ErrorKind::Config`] and [`ErrorKind::Paused`] end the run instead: no
    /// model can mend them.
    async fn call(&self, call: &ToolCall, context: &ToolContext) -> Result<ToolOutput>;
}

/// What a tool answers.
///
/// ```
/// use meanwhile_core::{Image, Part, ToolOutput};
///
/// // A picture and a word about it; anything serialisable goes as JSON.
/// let chart = Image::bytes(&b"GIF89a"[..], "image/gif");
/// let output = ToolOutput::new([Part::from(chart), Part::text("Sales of May")]);
/// assert_eq!(output.parts.len(), 2);
/// let figures = ToolOutput::json(&[("May", 12), ("June", 15)])?;
/// assert_eq!(figures.parts, [Part::text(r#"[["May",12],["June",15]]"#)]);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ToolOutput {
    /// The answer, in order.
    pub parts: Vec<Part>,
}

impl ToolOutput {
    /// Answers with text, a part or parts.
    #[must_use]
    pub fn new(parts: impl IntoParts) -> Self {
        Self { parts: parts.into_parts() }
    }

    /// Answers with the JSON of `value`; a string is sent as it is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tool`] when the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let value = serde_json::to_value(value).map_err(|source| {
            Error::new(ErrorKind::Tool, format!("the output is not JSON: {source}"))
                .with_source(source)
        })?;
        Ok(Self::new(match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Null => String::new(),
            value => value.to_string(),
        }))
    }
}

/// What a tool function may return, alone or as the value of a `Result`: anything serialisable, or a
/// [`ToolOutput`]. The marker only keeps the two apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the output of a tool",
    note = "return a `serde::Serialize` value, a `ToolOutput`, or a `Result` of one"
)]
pub trait IntoToolOutput<Marker> {
    /// Turns the value into the answer shown to the model.
    ///
    /// # Errors
    ///
    /// The tool's own error, or [`ErrorKind::Tool`] when the value cannot be written as JSON.
    fn into_tool_output(self) -> Result<ToolOutput>;
}

#[doc(hidden)]
#[derive(Debug)]
pub struct AsJson;
#[doc(hidden)]
#[derive(Debug)]
pub struct AsIs;
#[diagnostic::do_not_recommend]
impl<T: Serialize> IntoToolOutput<AsJson> for T {
    fn into_tool_output(self) -> Result<ToolOutput> {
        ToolOutput::json(&self)
    }
}

impl IntoToolOutput<AsIs> for ToolOutput {
    fn into_tool_output(self) -> Result<ToolOutput> {
        Ok(self)
    }
}

/// A shared, type-erased [`Tool`].
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
/// let clock = AnyTool::new(Clock);
/// assert_eq!(clock.spec().description, "Tells the time");
/// let call = ToolCall::new("1", "clock", "{}");
/// let output = clock.call(&call, &ToolContext::current()).await?;
/// assert_eq!(output, ToolOutput::new("12:00"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct AnyTool(Arc<dyn Tool>);

impl AnyTool {
    /// Erases a tool.
    #[must_use]
    pub fn new(tool: impl Tool) -> Self {
        Self(Arc::new(tool))
    }

    /// Makes a tool of a `#[tool]` function's type.
    #[must_use]
    pub fn function<T: FunctionTool>() -> Self {
        Self::new(Adapter::<T>::new())
    }

    /// Describes the tool to the model.
    #[must_use]
    pub fn spec(&self) -> ToolSpec {
        self.0.spec()
    }

    /// Whether running the tool waits for something.
    #[must_use]
    pub fn is_async(&self) -> bool {
        self.0.is_async()
    }

    /// The values of the program that it cannot run without.
    #[must_use]
    pub fn needs(&self) -> Vec<HostType> {
        self.0.needs()
    }

    /// The longest that one run may take, where the tool says.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.0.timeout()
    }

    /// Runs the tool. Its timeout is kept by the run that it is a part of, not here.
    ///
    /// # Errors
    ///
    /// The tool's own, [`ErrorKind::Output`] when the arguments do not fit, or [`ErrorKind::Tool`] when
    /// it panics.
    pub async fn call(&self, call: &ToolCall, context: &ToolContext) -> Result<ToolOutput> {
        caught(&call.name, self.0.call(call, context)).await
    }
}

impl fmt::Debug for AnyTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tools in the order they were added, found by name.
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
/// let tools = Toolbox::new().with(AnyTool::new(Clock));
/// let scripted = Scripted::new().tool_call("1", "clock", "{}").reply("It is noon.");
/// let model = Model::new(scripted, "any");
/// let answer: String = model.call("What time is it?").tools(tools.clone()).await?;
/// assert_eq!(answer, "It is noon.");
/// // By hand: a call of a tool that is not there is an answer, too.
/// let result = tools.run(&ToolCall::new("2", "calendar", "{}"), &ToolContext::current()).await;
/// assert!(result.is_error && result.text().contains("the tools are: clock"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Toolbox {
    // In order, so that the same toolbox always encodes to the same bytes.
    tools: Vec<(ToolSpec, AnyTool)>,
}

impl Toolbox {
    /// Makes an empty toolbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tool; one of the same name is replaced in place.
    #[must_use]
    pub fn with(mut self, tool: AnyTool) -> Self {
        self.insert(tool);
        self
    }

    /// Adds the tools of another toolbox.
    #[must_use]
    pub fn with_all(mut self, other: Self) -> Self {
        for (_, tool) in other.tools {
            self.insert(tool);
        }
        self
    }

    fn insert(&mut self, tool: AnyTool) {
        let spec = tool.spec();
        match self.tools.iter_mut().find(|(known, _)| known.name == spec.name) {
            Some(slot) => *slot = (spec, tool),
            None => self.tools.push((spec, tool)),
        }
    }

    /// Whether there are no tools.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// Finds a tool by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&AnyTool> {
        self.tools.iter().find(|(spec, _)| spec.name == name).map(|(_, tool)| tool)
    }

    /// The descriptions, in order.
    pub fn specs(&self) -> impl Iterator<Item = &ToolSpec> {
        self.tools.iter().map(|(spec, _)| spec)
    }

    /// Runs one call. An unknown tool, unfit arguments or a failed tool are an error result, which
    /// the model sees and may react to; nothing here fails the conversation. Dropping cancels.
    pub async fn run(&self, call: &ToolCall, context: &ToolContext) -> ToolResult {
        match self.call(call, context).await {
            Ok(output) => ToolResult::new(call, output.parts),
            Err(error) => ToolResult::error(call, error.message().to_owned()),
        }
    }

    /// Runs one call and keeps its error. Dropping cancels.
    ///
    /// # Errors
    ///
    /// The tool's own; [`ErrorKind::Output`] when there is no such tool or the arguments do not fit.
    pub async fn call(&self, call: &ToolCall, context: &ToolContext) -> Result<ToolOutput> {
        self.find(call)?.call(call, context).await
    }

    /// Finds the tool that is called.
    pub(crate) fn find(&self, call: &ToolCall) -> Result<&AnyTool> {
        self.get(&call.name).ok_or_else(|| unknown_tool(call, self))
    }

    /// The tools, in order.
    pub fn iter(&self) -> impl Iterator<Item = &AnyTool> {
        self.tools.iter().map(|(_, tool)| tool)
    }

    /// Takes a tool out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.tools.retain(|(spec, _)| spec.name != name);
        self
    }
}

impl FromIterator<AnyTool> for Toolbox {
    fn from_iter<I: IntoIterator<Item = AnyTool>>(tools: I) -> Self {
        tools.into_iter().fold(Self::new(), Self::with)
    }
}
