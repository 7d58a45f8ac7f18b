//! The Cohere provider of Meanwhile: version 2 of the chat API.
//!
//! Register [`PROVIDER`] and write `"cohere/command-a-03-2025"`, or configure one in code:
//!
//! ```
//! use meanwhile_cohere::Cohere;
//! use meanwhile_core::Model;
//!
//! let cohere = Cohere::builder().api_key("not-a-real-key").build()?;
//! let model = Model::of(cohere, "command-a-03-2025");
//! # Ok::<(), meanwhile_core::Error>(())
//! ```
//!
//! Documents of the conversation go where Cohere wants them, beside it; what the answer takes from
//! them comes as citations. The plan that a model makes before it calls tools is thinking, and goes
//! back as a plan. [`CohereApi`] is what Cohere offers beside answers. Settings that only Cohere has are [`CohereOptions`].

mod api;
mod codec;
mod config;
mod decode;
mod encode;
mod error;
mod messages;
mod options;
mod schema;
mod usage;
mod wire;
mod written;

pub use api::CohereApi;
pub use codec::ChatCodec;
pub use config::{Builder, Cohere, PROVIDER};
pub use decode::ChatDecoder;
pub use options::CohereOptions;
