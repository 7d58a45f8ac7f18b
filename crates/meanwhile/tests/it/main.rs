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

mod agents;
mod bodies;
mod checks;
#[cfg(all(feature = "anthropic", feature = "concurrency", feature = "layers", feature = "openai",))]
mod fallback;
#[cfg(all(
    feature = "anthropic",
    feature = "azure",
    feature = "bedrock",
    feature = "cohere",
    feature = "google",
    feature = "layers",
    feature = "mistral",
    feature = "ollama",
    feature = "openai",
    feature = "vertex",
))]
mod faults;
#[cfg(feature = "openai")]
mod http;
mod hygiene;
#[cfg(feature = "layers")]
mod layers;
mod laziness;
mod output;
mod precedence;
#[cfg(all(feature = "blocking", feature = "concurrency", feature = "layers", feature = "openai"))]
mod scenarios;
mod support;
mod templates;
#[cfg(all(feature = "blocking", feature = "openai"))]
mod ticker;
mod tools;
