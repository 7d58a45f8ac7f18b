//! The OpenAI provider of Meanwhile: Chat Completions with OpenAI's own rules.
//!
//! Register [`PROVIDER`] and write `"openai/gpt-4o-mini"`, or configure one in code:
//!
//! ```
//! use meanwhile_core::Model;
//! use meanwhile_openai::OpenAi;
//!
//! let openai = OpenAi::builder().api_key("not-a-real-key").project("proj_1").build()?;
//! let model = Model::of(openai, "gpt-4o-mini");
//! # Ok::<(), meanwhile_core::Error>(())
//! ```
//!
//! The wire is that of [`meanwhile_openai_compatible`]; what is here is which models think
//! (`models`), and where the key, the organisation and the project come from (`config`).

mod config;
mod models;

pub use config::{Builder, OpenAi, PROVIDER, codec};
