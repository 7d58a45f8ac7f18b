//! Acme's models for Meanwhile, written outside of its workspace.
//!
//! [`HOST`] makes `"acme/…"` a model string: Acme speaks the Chat Completions dialect, so that a host
//! is a row of data. [`NATIVE`] makes `"acme-native/…"` one: Acme's own protocol, lines of JSON.

mod host;
mod protocol;
mod wire;

pub use host::{HOST, acme};
pub use protocol::{LinesCodec, LinesDecoder, NATIVE, acme_native};

/// The environment variables that may hold a key; the first one found counts.
const KEY_VARIABLES: &[&str] = &["ACME_API_KEY"];
