//! Programs on the scripted provider, and against what DSPy itself writes and reads.

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

mod adapters;
mod attempts;
mod classify;
mod completions;
mod dspy_programs;
mod evaluate;
mod gepa;
mod goldens;
mod history;
mod module;
mod optimize;
mod predict;
mod react;
mod react_limits;
mod react_runs;
mod signature;
mod state;
mod streaming;
