//! The Responses dialect, which OpenAI, Azure, xAI, OpenRouter and others speak in some accent.
//!
//! Any host is one builder away; those known by name are in [`presets`]. OpenAI itself and Azure
//! have crates of their own, which use this one.
//!
//! ```
//! use meanwhile_core::Model;
//! use meanwhile_openai_responses::{OpenAiResponses, presets};
//!
//! let xai = presets::XAI.builder().api_key("not-a-real-key").build()?;
//! let model = Model::of(xai, "grok-4");
//!
//! let acme = OpenAiResponses::builder("acme", "https://api.acme.example/v1").build()?;
//! # Ok::<(), meanwhile_core::Error>(())
//! ```
//!
//! The way of the data: [`ResponsesCodec`] writes a request (`encode`, `input`, over the types of
//! `body` and `written`) and makes a [`ResponsesDecoder`], which reads whole answers and streams alike
//! (`decode`, `items`, `texts`, over the types of `wire`). What differs between vendors is data,
//! [`ResponsesQuirks`].
//!
//! A conversation is kept by the program: nothing is stored, thinking comes in encrypted form and
//! goes back in place with the items it led to. What the vendor's own tools did is
//! [opaque](meanwhile_core::Part::Opaque) and goes back verbatim. Conversations that the vendor
//! keeps, and the tools themselves, are [`ResponsesOptions`].

mod body;
mod codec;
mod config;
mod decode;
mod encode;
mod error;
mod grow;
mod input;
mod items;
mod kept;
mod options;
pub mod presets;
mod quirks;
mod texts;
mod wire;
mod written;

pub use codec::ResponsesCodec;
pub use config::{Builder, OpenAiResponses};
pub use decode::ResponsesDecoder;
pub use meanwhile_openai_compatible::StructuredOutput;
pub use options::{BuiltInTool, ResponsesOptions, item};
pub use presets::{PROVIDERS, ResponsesPreset};
pub use quirks::{ResponsesQuirks, System};

/// The name under which provider data of this wire is kept.
fn label(provider: &str) -> String {
    if provider.ends_with("-responses") {
        provider.to_owned()
    } else {
        format!("{provider}-responses")
    }
}
