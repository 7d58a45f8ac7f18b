//! One binary: every class of malformed reply, and properties that hold for any text however it is cut.

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

mod classes;
mod coerce;
mod cost;
mod errors;
mod partial;
mod properties;
mod strict;
mod support;
