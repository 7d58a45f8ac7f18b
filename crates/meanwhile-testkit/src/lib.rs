//! For authors of providers: a suite that a provider runs on itself, record and replay, and a
//! server that misbehaves on request.
//!
//! [`Conformance`] needs a way to make the provider and the wire's answers to a few questions; it
//! chooses its cases by what the provider says it can do, and reports every one that failed:
//!
//! ```no_run
//! # use meanwhile_core::{AnyProvider, FinishReason, Result};
//! # use meanwhile_testkit::{Conformance, Exchange, Target};
//! # fn acme(target: &Target) -> Result<AnyProvider> { unreachable!("never run") }
//! # async fn test() {
//! Conformance::new("acme-large", |target| acme(target))
//!     .exchange(
//!         Exchange::new("a text")
//!             .whole(r#"{"text": "Hello", "in": 3, "out": 1}"#)
//!             .streamed("data: {\"text\": \"Hel\"}\n\ndata: {\"text\": \"lo\", \"in\": 3, \"out\": 1}\n\n")
//!             .text("Hello")
//!             .finish(FinishReason::Stop)
//!             .usage(3, 1),
//!     )
//!     .run()
//!     .await
//!     .assert();
//! # }
//! ```
//!
//! [`replay`] gives a test a client that answers from a file, recorded once from the real service.
//! [`Server`] is a real server on the loopback interface, for what only sockets can do wrong.

mod conformance;
mod replay;
mod server;

pub use conformance::{Case, Conformance, Exchange, Outcome, Refusal, Report, Target};
pub use replay::{Answered, Cassette, Content, Interaction, Mode, Recorded, Replay, key, replay};
pub use server::{Received, Reply, Server};
