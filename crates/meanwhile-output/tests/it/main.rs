//! Tests of typed answers: read tolerantly, and while they are written.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a test fails by panicking, and prints what it measured"
)]

mod partials;
mod reading;
