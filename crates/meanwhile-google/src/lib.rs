//! Google's providers of Meanwhile: AI Studio (the Gemini API) and Vertex AI.
//!
//! Register [`PROVIDER`] and write `"google/gemini-2.5-flash"`, register [`VERTEX_PROVIDER`] and write
//! `"vertex/gemini-2.5-flash"`, or configure one in code:
//!
//! ```
//! use meanwhile_core::Model;
//! use meanwhile_google::Google;
//!
//! let google = Google::builder().api_key("not-a-real-key").build()?;
//! let model = Model::of(google, "gemini-2.5-flash");
//! # Ok::<(), meanwhile_core::Error>(())
//! ```
//!
//! Both speak `generateContent`: [`GenerateContentCodec`] writes a request (`encode`, `contents`,
//! `schema`) and makes a [`GenerateContentDecoder`], which reads whole answers and streams alike
//! (`decode`, over the types of `wire`). What only Google can be told is in [`GoogleOptions`]; how
//! Vertex AI is told who asks, in `Credentials`.
//!
//! With features `anthropic` and `mistral`, Vertex AI answers for those vendors' models too, each on its
//! vendor's wire: `"vertex/claude-sonnet-4-5"`, `"vertex/mistral-medium-3"`.
//!
//! [`GoogleApi`] is what Google offers beside answers: embeddings, models, counts of tokens, batches.
//!
//! What the wire cannot say is reported, not lost: a setting without a field becomes a warning or an
//! error, several alternatives become one and a warning. Signatures of thoughts go back where they
//! stood; code that Google ran, its searches and what it found are opaque parts, and what backs a
//! text is cited. Of the counters, `promptTokenCount` is the input; tokens that provider-run tools
//! read are in the raw counters alone.

mod api;
mod arguments;
mod batch;
mod calls;
mod codec;
mod config;
mod contents;
#[cfg(feature = "credentials")]
mod credentials;
mod decode;
mod embed;
mod encode;
mod error;
mod media;
#[cfg(feature = "mistral")]
mod mistral;
mod models;
mod options;
mod parts;
#[cfg(any(feature = "anthropic", feature = "mistral"))]
mod publishers;
mod schema;
mod sources;
mod time;
#[cfg(feature = "credentials")]
mod token;
mod usage;
mod vertex;
mod wire;
mod written;

pub use api::GoogleApi;
pub use codec::GenerateContentCodec;
pub use config::{Builder, GEMINI_PROVIDER, Google, PROVIDER};
#[cfg(feature = "credentials")]
pub use credentials::Credentials;
pub use decode::GenerateContentDecoder;
pub use options::GoogleOptions;
pub use vertex::{VERTEX_PROVIDER, Vertex, VertexBuilder};
