//! Tools: what the model may ask the program to run.

mod call;
mod set;
mod spec;
mod toolbox;

pub use call::{ToolCall, ToolResult};
#[doc(hidden)]
pub use set::unknown_tool;
pub use set::{FunctionTool, ToolSet, TypedCall};
pub use spec::{ToolChoice, ToolSpec};
pub use toolbox::{AnyTool, IntoToolOutput, Tool, ToolOutput, Toolbox};
