//! What all macros share: errors, suggestions, the path to the facade, names, durations and doc comments.

mod crate_path;
mod docs;
mod duration;
mod errors;
mod names;
mod suggest;

pub(crate) use crate_path::{Root, root_of_derive};
pub(crate) use docs::{doc_text, is_doc};
pub(crate) use duration::duration;
pub(crate) use errors::Errors;
pub(crate) use names::{camel_case, identifier, plain, snake_case};
pub(crate) use suggest::{did_you_mean, listed};
