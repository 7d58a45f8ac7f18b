//! Everything a program with prompt functions needs, for `use meanwhile::prelude::*`.

pub use crate::{
    AnyProvider, Approval, Audio, Call, Document, Effort, Error, ErrorKind, Event, Extract, Image,
    IntoPrompt, Json, Message, Model, Params, Part, Prompt, Response, Result, Role, RunEvent,
    RunLimits, RunState, Scripted, ToolCall, ToolChoice, ToolContext, ToolOutput, ToolResult,
    ToolSet, Toolbox, Turn, approval, call, registry,
};

#[cfg(feature = "concurrency")]
pub use crate::{gather, map_concurrent};

#[cfg(feature = "blocking")]
pub use meanwhile_blocking::{Blocking, BlockingCall, BlockingTool, BlockingToolbox};

#[cfg(feature = "layers")]
pub use meanwhile_layers::LayerSettings;

#[cfg(feature = "output")]
pub use crate::{CallPartials, Growing, Partial};

#[cfg(feature = "macros")]
pub use meanwhile_macros::{prompt, tool, toolkit};

#[cfg(all(feature = "macros", feature = "programs"))]
pub use crate::programs::signature;
#[cfg(feature = "programs")]
pub use crate::programs::{
    ChainOfThought, Forward, Module, ModuleExt, Predict, ReAct, Signature, fields,
};

pub use futures_util::{StreamExt, TryStreamExt};
pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};
