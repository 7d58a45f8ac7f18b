//! The Mistral provider of Meanwhile: Mistral's chat API with its own rules.
//!
//! Register [`PROVIDER`] and write `"mistral/mistral-large-latest"`, or configure one in code:
//!
//! ```
//! use meanwhile_core::{Model, Params};
//! use meanwhile_mistral::{Mistral, MistralOptions};
//!
//! let mistral = Mistral::builder().api_key("not-a-real-key").build()?;
//! let model = Model::of(mistral, "mistral-large-latest");
//! let params = MistralOptions::new().safe_prompt(true).apply(Params::new());
//! # Ok::<(), meanwhile_core::Error>(())
//! ```
//!
//! The wire is [Mistral's](https://docs.mistral.ai/api/endpoint/chat), which is the one of
//! [`meanwhile_openai_compatible`] with content in lists: thinking and references come as parts of the
//! content and go back in their places. What is here is how it differs (`config`), what only Mistral
//! can be told (`options`), and which models do what (`models`).
//!
//! Two habits of the wire are kept for the program: a conversation that ends with a message of the
//! model is answered by going on from it (`prefix`), and the ids of tool calls are nine letters and
//! digits, so that others are shortened, always in the same way.

mod config;
mod modality;
mod models;
mod options;
mod speech;

pub use config::{Builder, Mistral, PROVIDER, codec};
pub use models::capabilities;
pub use options::MistralOptions;

/// The part before `/` in model strings, and the owner of provider data.
pub(crate) const ID: &str = "mistral";
