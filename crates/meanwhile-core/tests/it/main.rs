//! Tests of the core through its public surface, on the scripted provider.

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

mod allocations;
mod calls;
mod checks;
mod costs;
mod errors;
mod folding;
mod modality;
mod observe;
mod outputs;
mod processes;
mod registry;
mod runs;
mod scope;
mod templates;
mod tools;
mod usage;

use std::future::IntoFuture;

use meanwhile_core::{Model, Scripted};

/// Runs a future (or a call) to its end on this thread.
fn wait<F: IntoFuture>(future: F) -> F::Output {
    futures::executor::block_on(future.into_future())
}

/// A model that plays `scripted`.
fn model(scripted: &Scripted) -> Model {
    Model::new(scripted.clone(), "test-model")
}
