//! The index in a real Postgres with pgvector, where one can be had.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a test fails by panicking, and says what it skips"
)]

mod conformance;
mod server;
mod store;
mod ticker;
#[cfg(feature = "tls")]
mod tls;
