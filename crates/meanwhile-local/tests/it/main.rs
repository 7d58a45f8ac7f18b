//! Runs the real model. The first run on a machine fetches its weights.

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

use futures::executor::block_on;
use meanwhile_core::{EventStream, Fold, Message, Provider, Request, Response, Result};
use meanwhile_local::{Local, SMOLLM2_135M};

mod answers;
mod embeddings;
#[cfg(feature = "hub")]
mod hub;
mod output;
mod tools;
mod weights;

/// Asks the model something, with a seed so that the answer is the same in every run.
fn ask(text: &str) -> Request {
    let mut request = Request::new(SMOLLM2_135M, vec![Message::user(text)]);
    request.params.seed = Some(1);
    request.params.max_tokens = Some(48);
    request
}

fn send(request: Request) -> Result<EventStream> {
    block_on(Local::new().send(request))
}

/// Sends a request and folds its events, which checks their grammar.
fn answer(request: Request) -> Response {
    block_on(fold(send(request).unwrap())).unwrap()
}

async fn fold(mut events: EventStream) -> Result<Response> {
    let mut fold = Fold::new("local", SMOLLM2_135M);
    while let Some(event) = events.next().await {
        fold.push(&event?)?;
    }
    fold.finish()
}
