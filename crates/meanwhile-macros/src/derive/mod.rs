//! The derives: types that a call returns, and sets of tools.

mod checks;
mod extract;
mod partial;
mod serde;
mod tool_set;

pub(crate) use extract::extract;
pub(crate) use partial::partial;
pub(crate) use tool_set::tool_set;
