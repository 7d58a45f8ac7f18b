//! Tests of the core through its public surface, on the scripted provider.

mod calls;
mod errors;
mod folding;
mod gathering;
mod outputs;
mod registry;
mod templates;
mod tools;

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
mod modality;
