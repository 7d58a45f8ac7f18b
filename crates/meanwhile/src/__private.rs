//! What the macros call. Not part of the public API: it may change in any version.

pub use checks::{CheckNested, CheckNothing, CheckOutcome, Nested, note_check};
pub use meanwhile_core::template::{self, Template};
pub use meanwhile_core::tool::unknown_tool;
pub use meanwhile_core::{
    AnyTool, CacheMark, Call, Checked, Checks, Effort, Error, ErrorKind, Extract, FunctionTool,
    HostType, OutputFormat, Params, Prompt, Reading, Reasoning, Response, Result, Role, Settings,
    ToolCall, ToolChoice, ToolContext, ToolOutput, ToolSet, ToolSpec, Toolbox,
};
#[cfg(feature = "output")]
pub use meanwhile_output as output;
#[cfg(feature = "programs")]
pub use meanwhile_programs as programs;
pub use method::Method;
pub use schemars;
pub use serde;

use std::fmt::Display;
use std::future::Future;
use std::sync::OnceLock;

use meanwhile_core::template::TemplateValue;
use meanwhile_core::{IntoPrompt, Schema};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

pub use crate::registry;

pub mod answer;
mod checks;
mod method;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Shows a value of a template. The bound gives the error message.
pub fn display<T: TemplateValue>(value: &T) -> &dyn Display {
    value.as_display()
}

/// What `?` in the body of a prompt function converts any error to.
///
/// Is no `std::error::Error` itself, so that everything that is one can be converted.
#[derive(Debug)]
pub struct BodyError(BoxError);

impl<E: Into<BoxError>> From<E> for BodyError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl From<BodyError> for Error {
    fn from(error: BodyError) -> Self {
        Self::from_boxed(ErrorKind::Prompt, error.0)
    }
}

/// What the body of a prompt function evaluates to, before it is converted.
pub type Body = std::result::Result<Prompt, BodyError>;

/// What a body may end with: a prompt, or a `Result` of one. The marker only keeps the two apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a prompt",
    label = "this is not a prompt",
    note = "a prompt is a string, a `Message`, a list of messages, a `Prompt`, or a `Result` of one of these"
)]
pub trait IntoBody<Marker> {
    /// Turns the value into a prompt or an error.
    fn into_body(self) -> Body;
}

#[derive(Debug)]
pub struct Plain;
#[derive(Debug)]
pub struct Fallible;

#[diagnostic::do_not_recommend]
impl<P: IntoPrompt> IntoBody<Plain> for P {
    fn into_body(self) -> Body {
        Ok(self.into_prompt())
    }
}

#[diagnostic::do_not_recommend]
impl<P: IntoPrompt, E: Into<BoxError>> IntoBody<Fallible> for std::result::Result<P, E> {
    fn into_body(self) -> Body {
        Ok(self?.into_prompt())
    }
}

/// Turns what a body ends with into a prompt or an error.
pub fn body<Marker>(value: impl IntoBody<Marker>) -> Body {
    value.into_body()
}

/// Makes the call of a body that has been run.
pub fn call<T: Extract>(name: &'static str, attribute: Settings, body: Body) -> Call<'static, T> {
    Call::new(name, registry(), body.map_err(Error::from)).with_attribute(attribute)
}

/// Makes the call of a body that is run when the call is awaited.
pub fn lazy_call<'a, T: Extract>(
    name: &'static str,
    attribute: Settings,
    body: impl Future<Output = Body> + Send + 'a,
) -> Call<'a, T> {
    let prompt = async move { body.await.map_err(Error::from) };
    Call::lazy(name, registry(), prompt).with_attribute(attribute)
}

/// The return type a prompt function may declare.
#[diagnostic::on_unimplemented(
    message = "a `#[call]` function cannot return `{Self}`",
    label = "not the `Result` of this crate",
    note = "write `-> meanwhile::Result<T>`: what fails in the call is a `meanwhile::Error`, whatever the body fails with"
)]
pub trait Declared<T> {}

#[diagnostic::do_not_recommend]
impl<T> Declared<T> for Result<T> {}

/// Checks that `R` is the result type that a call of `T` has.
pub fn declared<R: Declared<T>, T>() {}

/// What `#[derive(Extract)]` needs of the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from an answer",
    label = "lacks `Deserialize` or `JsonSchema`",
    note = "also derive `serde::Deserialize` and `schemars::JsonSchema`"
)]
pub trait Readable: DeserializeOwned + JsonSchema + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + 'static> Readable for T {}

/// The output format of a type, made once where the type has no parameters.
pub fn output<T: Readable>(cached: Option<&'static OnceLock<OutputFormat>>) -> OutputFormat {
    match cached {
        Some(cell) => cell.get_or_init(meanwhile_core::value_output::<T>).clone(),
        None => meanwhile_core::value_output::<T>(),
    }
}

/// Reads a value from an answer and checks it.
///
/// # Errors
///
/// As [`Extract::extract`].
pub fn read<T: Readable + Checked>(response: Response, reading: &mut Reading) -> Result<T> {
    meanwhile_core::read_value(response, reading)
}

/// Describes a tool whose arguments are the fields of `T`.
#[must_use]
pub fn tool_spec<T: JsonSchema>(name: &str, description: &str) -> ToolSpec {
    let mut schema = Schema::of::<T>().as_value().clone();
    if let Some(fields) = schema.as_object_mut() {
        // The name and the description travel beside the schema; a second copy costs tokens.
        fields.remove("title");
        fields.remove("description");
        fields.entry("properties").or_insert_with(|| serde_json::json!({}));
    }
    ToolSpec::new(name, description, Schema::from(schema))
}

/// What a tool function may fail with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a tool",
    note = "implement `std::error::Error` for it, or use `String` or `meanwhile::Error`"
)]
pub trait ToolError {
    /// Turns the value into an error.
    fn into_error(self) -> Error;
}

#[diagnostic::do_not_recommend]
impl<E: Into<BoxError>> ToolError for E {
    fn into_error(self) -> Error {
        Error::from_boxed(ErrorKind::Tool, self.into())
    }
}

/// What a tool may take by value from the program.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given to a tool by value",
    label = "is not `Clone + Send + Sync + 'static`",
    note = "take it by reference, `#[host] name: &Type`, or implement `Clone` for it"
)]
pub trait HostValue: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> HostValue for T {}

/// Finds a value of the program and clones it.
///
/// # Errors
///
/// As [`ToolContext::host`].
pub fn host_value<T: HostValue>(context: &ToolContext) -> Result<T> {
    context.host::<T>().map(|value| T::clone(&value))
}

/// What `#[tool]` needs of a struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the arguments of a tool",
    label = "lacks `Deserialize` or `JsonSchema`",
    note = "also derive `serde::Deserialize` and `schemars::JsonSchema`"
)]
pub trait ToolArguments: DeserializeOwned + JsonSchema + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + 'static> ToolArguments for T {}

/// Checks that a struct can be the arguments of a tool.
pub fn tool_arguments<T: ToolArguments>() {}

/// Runs a synchronous tool where it stops nothing else: on a thread that may block, where there is a
/// tokio runtime.
///
/// # Errors
///
/// Those of the tool.
pub async fn off_runtime(
    work: impl FnOnce() -> Result<ToolOutput> + Send + 'static,
) -> Result<ToolOutput> {
    #[cfg(feature = "blocking")]
    return meanwhile_blocking::off_runtime(work).await?;
    #[cfg(not(feature = "blocking"))]
    work()
}

/// Reads a call of one tool.
///
/// # Errors
///
/// As [`ToolSet::from_call`].
pub fn tool_from_call<T: FunctionTool + ToolSet>(call: &ToolCall) -> Result<T> {
    match call.downcast::<T>()? {
        Some(tool) => Ok(tool),
        None => Err(unknown_tool(call, &T::toolbox())),
    }
}

/// Runs one tool of a set. A type that is no set gives the error message here.
///
/// # Errors
///
/// Those of the tool.
pub async fn run_tool<S: ToolSet>(tool: S, context: &ToolContext) -> Result<ToolOutput> {
    tool.run(context).await
}

/// Whether a set has a tool of this name.
#[must_use]
pub fn has_tool<S: ToolSet>(name: &str) -> bool {
    S::has(name)
}

/// Makes settings of params.
#[must_use]
pub fn settings(params: Params) -> Settings {
    let mut settings = Settings::new();
    settings.params = params;
    settings
}
