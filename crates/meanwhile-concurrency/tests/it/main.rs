//! Many calls at once, on the scripted provider and on a clock that does not wait.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a test fails by panicking, and a bench prints"
)]

mod compare;
mod deadlines;
mod gathering;
mod map;
mod merge;
mod race;
mod support;
