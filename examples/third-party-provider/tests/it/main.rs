//! One binary: the conformance suite on both providers, and prompt functions that use them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod conforms;
mod used;
