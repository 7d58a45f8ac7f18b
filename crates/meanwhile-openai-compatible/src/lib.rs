//! The Chat Completions dialect, which most hosts of language models speak in some accent.
//!
//! A vendor is a row of data: where it answers, which variables hold its key, and its [`Quirks`].
//! The rows that are known by name are in [`presets`]; register [`PROVIDERS`] and write
//! `"groq/llama-3.3-70b-versatile"`. Any other host is one builder away:
//!
//! ```
//! use meanwhile_core::Model;
//! use meanwhile_openai_compatible::OpenAiCompatible;
//!
//! let acme = OpenAiCompatible::builder("acme", "https://api.acme.example/v1")
//!     .api_key("not-a-real-key")
//!     .build()?;
//! let model = Model::of(acme, "acme-large");
//! # Ok::<(), meanwhile_core::Error>(())
//! ```
//!
//! The way of the data: [`ChatCodec`] writes a request (`encode`, `messages`, `schema`) and makes a
//! [`ChatDecoder`], which reads whole answers and streams alike (`decode`, over the types of `wire`).
//! Providers of other crates use the codec with quirks of their own.
//!
//! What the dialect cannot say is reported, not lost: a setting without a field becomes a warning
//! or an error, unknown parts of an answer become an opaque part, several alternatives become one
//! and a warning, as do the probabilities of tokens that are no text.

mod classify;
mod codec;
mod config;
mod content;
mod decode;
mod details;
pub mod dialect;
mod encode;
mod error;
mod logprobs;
mod media;
mod messages;
mod modality;
pub mod presets;
mod quirks;
mod schema;
mod sources;
mod tags;
mod text_chunk;
mod usage;
mod wire;
mod written;

pub use codec::ChatCodec;
pub use config::{Builder, OpenAiCompatible};
pub use decode::ChatDecoder;
pub use modality::{
    BatchApi, EmbeddingApi, ImageApi, ImageSize, ModelsApi, ModerationApi, RerankApi, SpeechApi,
    TranscriptionApi, VectorEncoding,
};
pub use presets::{PROVIDERS, Preset};
pub use quirks::{
    AudioInput, Documents, Quirks, ReasoningField, ReplayThinking, StructuredOutput, TextLists,
};
