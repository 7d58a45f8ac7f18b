//! The Ollama provider of Meanwhile: models on one's own machine, through Ollama's native API.
//!
//! Register [`PROVIDER`] and write `"ollama/qwen3"`, or configure one in code:
//!
//! ```
//! use meanwhile_core::{Model, Params};
//! use meanwhile_ollama::{Ollama, OllamaOptions};
//!
//! let ollama = Ollama::builder().host("localhost:11434").build()?;
//! let model = Model::of(ollama, "qwen3");
//! let params = OllamaOptions::new().num_ctx(8192).keep_alive("10m").apply(Params::new());
//! # Ok::<(), meanwhile_core::Error>(())
//! ```
//!
//! The way of the data: [`OllamaCodec`] writes a request (`encode`, `messages`) and makes an
//! [`OllamaDecoder`], which reads whole answers and lines of a stream alike (`decode`, over the types
//! of `wire`). The wire is that of [`/api/chat`](https://docs.ollama.com/api/chat).
//!
//! What the wire has no place for is reported, not lost: addresses of pictures (Ollama fetches
//! nothing), audio, files, and being made to call a tool become warnings or errors. The times that
//! an answer took are in the raw counters of its usage, in nanoseconds.

mod codec;
mod config;
mod decode;
mod encode;
mod error;
mod messages;
mod modality;
mod options;
mod time;
mod wire;

pub use codec::OllamaCodec;
pub use config::{Builder, Ollama, PROVIDER};
pub use decode::OllamaDecoder;
pub use modality::OllamaApi;
pub use options::OllamaOptions;

/// The part before `/` in model strings, and the owner of provider data.
pub(crate) const ID: &str = "ollama";
