//! The rules of the house, each a test: which crate may use which, what they weigh, how files look.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod arrows;
mod examples_on_types;
mod judge;
mod outsider;
mod packages;
mod shortest;
mod tidy;
mod weight;

use std::path::PathBuf;

use cargo_metadata::{Metadata, MetadataCommand};

/// The root of the workspace.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The workspace and everything it can depend on.
fn metadata() -> Metadata {
    MetadataCommand::new().current_dir(root()).exec().unwrap()
}
