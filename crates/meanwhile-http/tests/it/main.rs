//! One binary: what every HTTP provider relies on, against bodies in memory and servers that misbehave.

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

mod answer;
mod api;
#[cfg(feature = "aws-event-stream")]
mod aws_event_stream;
mod cancel;
mod client;
mod configuration;
mod exchange;
mod frames;
mod lenient;
mod limits;
mod proxy;
mod secrets;
mod server;
mod status;
mod toy;
