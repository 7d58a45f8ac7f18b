//! One binary: the kit on itself, and the suite on every provider of this workspace.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod aws;
mod exchanges;
mod hosts;
mod printed;
mod providers;
mod recording;
mod server;
mod suite;
mod tokens;
