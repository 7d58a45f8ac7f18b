//! What the macros write, on the scripted provider.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::multiple_bound_locations,
    clippy::never_loop,
    clippy::panic,
    clippy::print_stdout,
    clippy::todo,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a test fails by panicking, and a bench prints"
)]
#![deny(warnings)]

mod bodies;
#[cfg(feature = "openai")]
mod http;
mod hygiene;
mod laziness;
mod output;
mod precedence;
mod support;
mod templates;
mod tools;
