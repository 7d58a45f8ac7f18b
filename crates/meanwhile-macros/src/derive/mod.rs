//! The derives: types that a call returns, and sets of tools.

mod extract;
mod partial;
mod tool_set;

pub(crate) use extract::extract;
pub(crate) use partial::partial;
pub(crate) use tool_set::tool_set;
