//! The index in Qdrant, from the outside: against Qdrant's own Python client in its local mode, which reads
//! requests by the server's API description, and against answers of a server as that description has them.
//! No package brings the server itself.

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

mod answers;
mod conformance;
mod local_mode;
mod ticker;
