//! The Anthropic provider of Meanwhile: the Messages API, whole and streamed.
//!
//! Register [`PROVIDER`] and write `"anthropic/claude-sonnet-4-5"`, or configure one in code:
//!
//! ```
//! use meanwhile_anthropic::Anthropic;
//! use meanwhile_core::Model;
//!
//! let anthropic = Anthropic::builder().api_key("not-a-real-key").build()?;
//! let model = Model::of(anthropic, "claude-sonnet-4-5");
//! # Ok::<(), meanwhile_core::Error>(())
//! ```
//!
//! The way of the data: [`MessagesCodec`] writes a request (`encode`, `messages`, `settings`,
//! `tools`, `shape`) and makes a [`MessagesDecoder`], which reads whole answers and streams alike
//! (`decode`, `blocks`, over the types of `wire`). The same wire is served by Vertex, Azure and
//! Bedrock: [`Host`] says what each of them changes.
//!
//! What only this API has is in [`AnthropicOptions`]: its own tools, beta features, citations of
//! documents, containers. Blocks that have no counterpart in the core, such as web searches that
//! Anthropic ran, come as opaque parts and go back verbatim.
//!
//! Beside answers there are [`AnthropicApi`]'s list of models, token counts and batches.
//!
//! The wire is described at <https://docs.anthropic.com/en/api/messages>.

mod api;
mod arrange;
mod batches;
mod blocks;
mod citation;
mod codec;
mod config;
mod decode;
mod encode;
mod error;
mod media;
mod messages;
mod models;
mod options;
mod schema;
mod settings;
mod shape;
mod tools;
mod usage;
mod wire;
mod written;

pub use api::AnthropicApi;
pub use codec::{Host, MessagesCodec};
pub use config::{Anthropic, Builder, PROVIDER};
pub use decode::MessagesDecoder;
pub use options::AnthropicOptions;

/// The label of this wire's opaque data and vendor options, whichever host serves it: signatures of
/// one host are good on the others.
pub(crate) const DIALECT: &str = "anthropic";
