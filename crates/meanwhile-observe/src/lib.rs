//! Observers: async callbacks, `tracing` spans, OpenTelemetry and the terminal.
//!
//! An observer is told what happens in every run: a chain (a prompt function with everything it
//! does), a request to a model, a tool. It is given to a call, a task, or the process:
//!
//! ```
//! use meanwhile_core::{Model, Scripted};
//! use meanwhile_observe::History;
//! # futures_util::FutureExt::now_or_never(async {
//! let history = History::new(100);
//! let model = Model::new(Scripted::new().reply("Dune"), "any");
//!
//! model.call::<String>("Recommend a book").observe(history.clone()).await?;
//!
//! let names: Vec<String> = history.runs().into_iter().map(|run| run.name).collect();
//! assert_eq!(names, ["call", "scripted/any"]);
//! # Ok::<(), meanwhile_core::Error>(()) }).unwrap().unwrap();
//! ```
//!
//! - [`CallbackQueue`] runs the async callbacks of an [`AsyncObserver`] beside the runs they are
//!   about, in order, without delaying a token or failing a call.
//! - [`History`] keeps the last runs, for tests and for looking into.
//! - `tracing::TracingObserver` (feature `tracing`) opens a span for each run.
//! - `opentelemetry::OpenTelemetryObserver` (feature `opentelemetry`) records spans and metrics by
//!   the conventions for generative AI.
//! - `terminal` (feature `terminal`) prints streams as they come, and a timeline of what ran.
//!
//! None of them records what is said, prompts and answers, unless it is told to. The message of an
//! error may quote an answer: unless told, they record of an error its kind, status and code.

mod callbacks;
mod failure;
#[cfg(any(feature = "opentelemetry", feature = "tracing"))]
mod genai;
mod history;
#[cfg(feature = "opentelemetry")]
pub mod opentelemetry;
mod queue;
#[cfg(feature = "terminal")]
pub mod terminal;
#[cfg(feature = "tracing")]
pub mod tracing;

pub use callbacks::{AsyncObserver, CallbackContext};
pub use history::{History, RunContent, RunRecord};
pub use queue::{CallbackQueue, QueueSettings};
