//! Tools: what the model may ask the program to run.

mod approve;
mod call;
mod context;
mod set;
mod spec;
mod toolbox;

pub use crate::reading::OUTPUT_TOOL;
pub use approve::{Approval, Approve, IntoApprove, approval};
pub use call::{ToolCall, ToolResult};
pub use context::{Host, HostType, ToolContext};
#[doc(hidden)]
pub use set::unknown_tool;
pub use set::{FunctionTool, ToolSet, TypedCall};
pub use spec::{ToolChoice, ToolSpec};
pub use toolbox::{AnyTool, IntoToolOutput, Tool, ToolOutput, Toolbox};
