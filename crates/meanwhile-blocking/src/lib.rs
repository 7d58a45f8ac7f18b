//! Calls, streams and async tools from synchronous code, over one long-lived runtime; and the other
//! way round, synchronous code off the runtime of an asynchronous program.
//!
//! [`Blocking::blocking`] waits for a call, a gather, or whatever else is awaited for a
//! [`Result`](meanwhile_core::Result); [`BlockingCall::blocking_stream`] reads an answer as it is
//! written; [`block_on`] waits for anything.
//!
//! ```
//! use meanwhile_blocking::Blocking as _;
//! use meanwhile_core::{Model, Scripted};
//!
//! let model = Model::new(Scripted::new().reply("Dune"), "any");
//! let book: String = model.call("Recommend a book").blocking()?;
//! assert_eq!(book, "Dune");
//! # Ok::<(), meanwhile_core::Error>(())
//! ```
//!
//! All of it shares one runtime, which is made when it is first needed and lives as long as the
//! process, so that connections are kept between calls. The calling thread does the waiting; the few
//! worker threads are for what libraries spawn.
//!
//! **Where it works.** On any thread that may block: in a program without a runtime, in a thread of its
//! own, in `tokio::task::spawn_blocking` and in `tokio::task::block_in_place`. In an async task of tokio
//! it is an error that says what to do instead, never a panic and never a deadlock; for tasks that are
//! `unconstrained` that takes a program whose panics unwind, which is what they do unless its profile
//! says `panic = "abort"`. Tasks of other executors cannot be told from plain code: there it waits, and
//! holds up what else their thread has to do.

mod call;
mod off_runtime;
mod runtime;
mod stream;
mod tools;

pub use call::{Blocking, BlockingCall};
pub use off_runtime::off_runtime;
pub use runtime::block_on;
pub use stream::BlockingStream;
pub use tools::{
    AsyncTools, BlockingTool, BlockingToolbox, allow_async_tools, configure_async_tools,
};
