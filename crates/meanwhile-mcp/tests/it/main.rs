//! Both ends against each other, against the reference server, and against the conformance suite.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed unwrap is a failed test, and a skipped one says so"
)]

mod both_ends;
mod conformance;
mod errors;
mod names;
mod node;
mod over_http;
mod process;
mod reference;
mod support;
