//! Meanwhile is an async-first framework for applications that call large language models.
//!
//! A prompt is a function; awaiting it calls a model; while it waits, everything else goes on.
//!
//! ```
//! # #[cfg(feature = "macros")] {
//! use meanwhile::prelude::*;
//!
//! #[derive(Debug, PartialEq, Extract, Serialize, Deserialize, JsonSchema)]
//! struct Book {
//!     /// Exact title.
//!     title: String,
//!     author: String,
//! }
//!
//! #[call("scripted/librarian", temperature = 0.7)]
//! async fn recommend_book(genre: &str) -> Result<Book> {
//!     let shout = genre.to_uppercase();
//!     "SYSTEM: You are a librarian.
//!      USER: Recommend one {shout} book."
//! }
//!
//! # futures::executor::block_on(async {
//! // `scripted` plays prepared answers; name `openai/gpt-4o-mini` to ask a hosted model.
//! let scripted = Scripted::new().reply(r#"{"title": "Dune", "author": "Frank Herbert"}"#);
//! registry().insert(scripted.clone().into());
//!
//! let book = recommend_book("science fiction").await?;
//!
//! assert_eq!(book.title, "Dune");
//! assert_eq!(scripted.requests()[0].messages[1].text(), "Recommend one SCIENCE FICTION book.");
//! # Ok::<(), Error>(()) }).unwrap();
//! # }
//! ```
//!
//! The derives of [`serde`] and [`schemars`] need these two crates among the dependencies of the
//! program. Everything the macros write can be written by hand, too: start at [`call()`].
//!
//! # Features
//!
//! A provider is a feature named by its id, the part before `/` in a model string: `openai`,
//! `local`, `ollama`, `groq` and so on. `openai-compatible` brings all vendors that speak that
//! dialect. A provider from elsewhere joins by [`registry()`]`.register(…)` and is then equal to a built-in
//! one.
//!
//! On by default are `macros`, `layers`, which tries again what may yet succeed, `output`, which reads answers
//! that are not quite JSON, `concurrency`, which makes many calls at once, `observe`, which tells what happens,
//! and `blocking`, which is for synchronous programs and keeps synchronous tools off the runtime. More rooms
//! are `programs`, for typed predictors and what optimises them; `rag`, for documents of your own, with
//! `rag-sqlite`, `rag-postgres` (and `rag-postgres-tls`), `rag-qdrant`, `rag-html` and `rag-pdf`; `mcp`, for
//! tools of servers and as a server; `cache`, and `redis` for what several processes share; `tower`;
//! `progress`, `terminal`, `tracing` and `opentelemetry`; `testkit`, for tests.

#[doc(hidden)]
pub mod __private;
pub mod prelude;
mod providers;

// What is said.
pub use meanwhile_core::{
    Audio, CacheMark, Citation, Document, Image, IntoParts, IntoPrompt, Logprob, MediaSource,
    Message, Part, Prompt, ProviderData, Refusal, Role, Text, Thinking, template,
};

// What is asked.
pub use meanwhile_core::{
    AnyTool, Approval, Approve, Delivery, Effort, FunctionTool, Host, HostType, IntoApprove,
    IntoToolOutput, OnUnsupported, OutputFormat, OutputMode, OutputSchema, Params, Reasoning,
    Request, RunLimits, RunSettings, Schema, Settings, Timeouts, Timer, Tool, ToolCall, ToolChoice,
    ToolContext, ToolOutput, ToolResult, ToolSet, ToolSpec, Toolbox, TypedCall, approval, tool,
};

// Who answers.
pub use meanwhile_core::{
    AnyProvider, Capabilities, Connect, Layer, Model, ModelId, ModelRef, OutputSupport, Provider,
    ProviderInfo, Registry, Scripted,
};
pub use providers::{embedding_model, model, registry};

// What comes back.
pub use meanwhile_core::{
    Error, ErrorKind, Event, EventStream, Finish, FinishReason, Fold, InputTokens, Metadata,
    OutputTokens, PartStart, RawJson, Response, ResponseStream, Result, TimeoutPhase, Usage,
    Warning, WarningKind, event,
};

// What providers offer beside answers.
pub use meanwhile_core::{
    Batch, BatchId, BatchItem, BatchStatus, Batches, EmbedPurpose, EmbedRequest, Embedder,
    EmbeddingModel, Embeddings, GeneratedImage, GeneratedImages, ImageGenerator, ImageRequest,
    ListModels, ModelInfo, Moderation, ModerationCategory, ModerationRequest, Moderations,
    Moderator, Ranked, RankedDocuments, RerankRequest, Reranker, Speech, SpeechRequest,
    SpeechStream, SpeechSynthesizer, TimedText, TimestampUnit, Transcriber, Transcription,
    TranscriptionRequest,
};

// What happens next.
#[cfg(feature = "concurrency")]
pub use meanwhile_concurrency::{compare, gather, map_concurrent, merge, race};
pub use meanwhile_core::{
    AgentRun, Call, Checked, Checks, EachTurn, Extract, Extracted, Json, NextTurn, OutputReader,
    PendingCall, Pricing, ReadValue, Reading, Repair, RunEvent, RunState, StopWhen, ToolTurn, Turn,
    Usd,
};

// Under which settings it happens, and who is told.
pub use meanwhile_core::{
    Attempt, InScope, IntoObserver, Moment, Observer, Observers, Run, RunId, RunKind, Scope, chain,
    configure, scope,
};

// Typed answers, read tolerantly and while they are written.
#[cfg(feature = "output")]
pub use meanwhile_output::{
    CallPartials, Growing, HasPartial, JsonError, JsonErrorKind, JsonReader, Partial, PartialBox,
    PartialList, PartialReader, PartialText, PartialValue, Partials, Policy,
};

#[cfg(all(feature = "macros", feature = "output"))]
pub use meanwhile_macros::Partial;
#[cfg(feature = "macros")]
pub use meanwhile_macros::{Extract, ToolSet, call, prompt, tool, toolkit};

/// The provider crates that are compiled in, for their own options and builders.
pub mod provider {
    #[cfg(feature = "anthropic")]
    pub use meanwhile_anthropic as anthropic;
    #[cfg(feature = "azure")]
    pub use meanwhile_azure as azure;
    #[cfg(feature = "bedrock")]
    pub use meanwhile_bedrock as bedrock;
    #[cfg(feature = "cohere")]
    pub use meanwhile_cohere as cohere;
    #[cfg(any(feature = "google", feature = "vertex"))]
    pub use meanwhile_google as google;
    #[cfg(feature = "local")]
    pub use meanwhile_local as local;
    #[cfg(feature = "mistral")]
    pub use meanwhile_mistral as mistral;
    #[cfg(feature = "ollama")]
    pub use meanwhile_ollama as ollama;
    #[cfg(feature = "openai")]
    pub use meanwhile_openai as openai;
    #[cfg(feature = "openai-compatible")]
    pub use meanwhile_openai_compatible as openai_compatible;
    #[cfg(feature = "openai-responses")]
    pub use meanwhile_openai_responses as openai_responses;
    #[cfg(feature = "voyage")]
    pub use meanwhile_voyage as voyage;
}

/// Layers around providers: retry, fallback, hedging, limits, timeouts, routing, budgets and prices; with
/// the feature `cache` a cache of answers, with `tower` a bridge to its layers.
#[cfg(feature = "layers")]
pub use meanwhile_layers as layers;

/// Many calls at once: in order, as they complete, the first one, side by side.
#[cfg(feature = "concurrency")]
pub use meanwhile_concurrency as concurrency;

/// Observers: async callbacks, a history of runs, `tracing`, OpenTelemetry, the terminal.
#[cfg(feature = "observe")]
pub use meanwhile_observe as observe;

/// Calls, streams and async tools from synchronous code; and synchronous code off the runtime.
#[cfg(feature = "blocking")]
pub use meanwhile_blocking as blocking;

/// Programs of typed predictors: signatures, adapters, agents, evaluation, optimisers.
///
/// A signature says what a model is given and what it is to answer; a predictor asks for it, and modules are
/// made of predictors. Models that are named by strings are looked up in the [`registry()`](crate::registry())
/// once that was used; a signature that a macro made uses it by itself.
#[cfg(feature = "programs")]
pub mod programs {
    #[cfg(feature = "macros")]
    pub use meanwhile_macros::{Module, Signature, signature};
    pub use meanwhile_programs::*;
}

/// The Model Context Protocol: the tools of servers as a [`Toolbox`], and a toolbox as a server.
#[cfg(feature = "mcp")]
pub use meanwhile_mcp as mcp;

/// Your own documents: splitters, ingestion, stores, retrieval, query and chat engines.
#[cfg(feature = "rag")]
pub mod rag {
    pub use meanwhile_rag::*;
    #[cfg(feature = "rag-postgres")]
    pub use meanwhile_rag_postgres as postgres;
    #[cfg(feature = "rag-qdrant")]
    pub use meanwhile_rag_qdrant as qdrant;
    #[cfg(feature = "rag-sqlite")]
    pub use meanwhile_rag_sqlite as sqlite;
}

/// For tests of programs and providers: a conformance suite, record and replay, a bad server.
#[cfg(feature = "testkit")]
pub use meanwhile_testkit as testkit;

/// What the hosted providers send through: clients with a proxy or settings of one's own, and credentials.
#[cfg(feature = "http")]
pub use meanwhile_http as http;

// What the public API and the derives of users' types refer to.
pub use async_trait::async_trait;
pub use {bytes, futures_util, schemars, serde, serde_json};

/// Prepares a call of any model without a macro; nothing is sent before the first poll.
///
/// The model is a [`Model`] or a `provider/model` string, which is looked up in the
/// [`registry()`] when the call is awaited.
///
/// ```
/// use meanwhile::prelude::*;
/// # futures::executor::block_on(async {
/// registry().insert(Scripted::new().reply("42").into());
///
/// let answer: u8 = meanwhile::call("scripted/any", "What is six times seven?").await?;
///
/// assert_eq!(answer, 42);
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
pub fn call<T: Extract>(model: impl Into<ModelRef>, prompt: impl IntoPrompt) -> Call<'static, T> {
    Call::new("call", registry(), Ok(prompt.into_prompt())).model(model)
}
