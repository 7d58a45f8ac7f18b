//! Observers of every kind, on scripted answers; exporters against a receiver of our own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed unwrap is a failed test"
)]

mod history;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;
#[cfg(feature = "opentelemetry")]
mod phoenix;
mod queue;
#[cfg(feature = "opentelemetry")]
mod sink;
mod support;
#[cfg(feature = "terminal")]
mod terminal;
#[cfg(feature = "tracing")]
mod tracing;
