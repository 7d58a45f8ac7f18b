//! Everything that HTTP providers share: a provider crate brings a [`Codec`], this crate the rest.
//!
//! The way of the data: [`HttpProvider`] → [`Codec::encode`] → [`Auth`] → [`Transport`] → framing →
//! [`Decoder`] → events. [`Answer`] is the second half of that without I/O, for tests and replays.

mod answer;
mod api;
mod auth;
mod clock;
mod codec;
mod connection;
mod content;
mod endpoint;
mod exchange;
mod fields;
mod form;
pub mod frame;
mod given;
pub mod lenient;
mod notes;
mod provider;
pub mod redact;
mod secret;
pub mod status;
mod told;
mod tool_calls;
mod transport;

pub use answer::Answer;
pub use api::{Api, Opened, Reply};
pub use auth::{Auth, Authorize};
pub use codec::{Codec, Decoder, Frame, Framing, Wire};
pub use connection::Connection;
pub use endpoint::Endpoint;
pub use fields::Fields;
pub use form::Form;
pub use given::{BaseUrl, Headers};
pub use notes::Notes;
pub use provider::HttpProvider;
pub use secret::Secret;
pub use tool_calls::{CallFragment, CallIds, ToolCalls};
#[cfg(feature = "reqwest")]
pub use transport::ClientBuilder;
pub use transport::{Body, Client, Transport};

// What hooks and transports take and return.
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};

/// What the macros write.
#[doc(hidden)]
pub mod __private {
    pub use meanwhile_core::Timeouts;
}
