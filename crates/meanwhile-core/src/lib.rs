//! The vocabulary and the contracts of [Meanwhile]: what is said to a model, who answers, what
//! comes back, and what happens next. No I/O, no runtime, no provider.
//!
//! Most programs use the `meanwhile` facade, which re-exports all of this. Depend on this crate
//! alone to write a provider, a layer or a tool that others can use.
//!
//! The way of the data: [`Call`] → [`Request`] → layers → [`Provider`] → [`EventStream`] →
//! [`Fold`] → [`Response`] → a typed value ([`Extract`]), or tool calls → tools → again.
//!
//! Two words for what a model thinks before it answers: the text of it is [`Thinking`], the setting and
//! the count of its tokens are [`Reasoning`] ([`Params::reasoning`], [`OutputTokens::reasoning`]).
//!
//! ```
//! use meanwhile_core::{Model, Scripted};
//! # futures::executor::block_on(async {
//! let model = Model::new(Scripted::new().reply("42"), "any");
//! let answer: u8 = model.call("What is six times seven?").await?;
//! assert_eq!(answer, 42);
//! # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
//! ```
//!
//! [Meanwhile]: https://docs.rs/meanwhile

// What is said.
mod base64;
mod citation;
mod data;
mod media;
mod message;
mod prompt;
pub mod template;

// What is asked.
mod params;
mod request;
mod schema;
mod scope;
mod settings;
pub mod tool;

// Who answers.
mod modality;
mod model;
mod provider;
mod registry;
mod scripted;

// What comes back.
mod attempt;
mod error;
pub mod event;
mod finish;
mod fold;
mod reading;
mod response;
mod stream;
mod usage;
mod warning;

// What happens next.
mod call;
mod check;
mod extract;
mod observe;
mod prepare;
mod pricing;
mod run;
mod timer;
mod usd;

pub use attempt::Attempt;
pub use call::Call;
pub use check::{Checked, Checks};
pub use citation::{Citation, Logprob};
pub use data::ProviderData;
pub use error::{Error, ErrorKind, Result, TimeoutPhase};
pub use event::{Event, Metadata, PartStart};
pub use extract::{Extract, Extracted, Json, ToolTurn, Turn};
#[doc(hidden)]
pub use extract::{read_value, value_output};
pub use finish::{Finish, FinishReason};
pub use fold::Fold;
pub use media::{Audio, Document, Image, MediaSource};
pub use message::{CacheMark, IntoParts, Message, Part, Refusal, Role, Text, Thinking};
pub use modality::{
    Batch, BatchId, BatchItem, BatchStatus, Batches, EmbedPurpose, EmbedRequest, Embedder,
    EmbeddingModel, Embeddings, GeneratedImage, GeneratedImages, ImageGenerator, ImageRequest,
    ListModels, ModelInfo, Moderation, ModerationCategory, ModerationRequest, Moderations,
    Moderator, Ranked, RankedDocuments, RerankRequest, Reranker, Speech, SpeechRequest,
    SpeechStream, SpeechSynthesizer, TimedText, TimestampUnit, Transcriber, Transcription,
    TranscriptionRequest,
};
pub use model::{Model, ModelId, ModelRef};
pub use observe::{IntoObserver, Moment, Observer, Observers, Run, RunId, RunKind};
pub use params::{Effort, Params, Reasoning, Timeouts};
pub use pricing::Pricing;
pub use prompt::{IntoPrompt, Prompt};
pub use provider::{AnyProvider, Capabilities, Layer, OutputSupport, Provider};
pub use reading::{OutputReader, ReadValue, Reading, Repair};
pub use registry::{Connect, ProviderInfo, Registry};
pub use request::{Delivery, OnUnsupported, OutputFormat, OutputSchema, Request};
pub use response::Response;
pub use run::{
    AgentRun, EachTurn, NextTurn, OutputMode, PendingCall, RunEvent, RunLimits, RunSettings,
    RunState, StopWhen,
};
pub use schema::Schema;
pub use scope::{InScope, Scope, chain, configure, scope};
pub use scripted::Scripted;
pub use settings::Settings;
pub use stream::{EventStream, ResponseStream};
pub use timer::Timer;
pub use tool::{
    AnyTool, Approval, Approve, FunctionTool, Host, HostType, IntoApprove, IntoToolOutput, Tool,
    ToolCall, ToolChoice, ToolContext, ToolOutput, ToolResult, ToolSet, ToolSpec, Toolbox,
    TypedCall, approval,
};
pub use usage::{InputTokens, OutputTokens, RawJson, Usage};
pub use usd::Usd;
pub use warning::{Warning, WarningKind};
