//! Splitting, loading, storing and ingesting, with an embedder of our own that counts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed unwrap is a failed test"
)]

mod chat;
mod common;
mod contract;
mod duplicates;
mod ingest;
mod loaders;
mod query;
mod retrieve;
mod splitters;
#[cfg(feature = "conformance")]
mod stores;
mod support;
#[cfg(feature = "conformance")]
mod ticker;
mod usage;
