//! Everything a program with prompt functions needs, for `use meanwhile::prelude::*`.

pub use crate::{
    AnyProvider, Audio, Call, Document, Effort, Error, ErrorKind, Event, Extract, Image,
    IntoPrompt, Json, Message, Model, Params, Part, Prompt, Response, Result, Role, Scripted,
    ToolCall, ToolChoice, ToolOutput, ToolResult, ToolSet, Toolbox, Turn, call, gather, registry,
};

#[cfg(feature = "macros")]
pub use meanwhile_macros::{prompt, tool};

pub use futures_util::{StreamExt, TryStreamExt};
pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};
