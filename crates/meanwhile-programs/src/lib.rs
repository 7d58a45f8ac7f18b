//! Programs of typed calls: what is asked is a [`Signature`], how it is written down is an [`Adapter`]'s
//! matter, and who answers is a [`Predictor`], alone or in a module with others.
//!
//! One engine over values ([`SignatureSpec`], [`Fields`]); types only read and write them. Everything is
//! asynchronous, nothing is mutated while it runs: what an optimiser tries is an [`Overlay`].
//!
//! ```
//! use meanwhile_core::{Model, Scripted};
//! use meanwhile_programs::{ChainOfThought, fields};
//!
//! # futures::executor::block_on(async {
//! let scripted = Scripted::new().reply(
//!     "[[ ## reasoning ## ]]\nIt saw the oven.\n\n[[ ## answer ## ]]\nTo flee.\n\n[[ ## completed ## ]]",
//! );
//! let think = ChainOfThought::parse("question -> answer")?.model(Model::new(scripted, "any"));
//! let out = think.call(fields! { question: "Why did the chicken cross the kitchen?" }).await?;
//! assert_eq!(out.text("answer"), Some("To flee."));
//! # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
//! ```

mod setters;

// What is asked.
mod demo;
mod fields;
mod signature;

// How it is written down and read.
mod adapter;

// Who answers.
mod overlay;
mod predict;
mod prediction;
mod streaming;
mod trace;

// Programs of several predictors.
mod best_of_n;
#[doc(hidden)]
pub mod macro_support;
mod module;
mod parallel;
mod react;
mod refine;
#[cfg(feature = "rag")]
mod retrieval;
mod state;

// How good they are, and how they get better.
mod evaluate;
mod history;
mod optimize;

pub use adapter::{
    Adapter, ChatAdapter, Extraction, FieldChange, FieldReader, JsonAdapter, Parsed,
    TwoStepAdapter, XmlAdapter, with_adapter,
};
pub use best_of_n::{Best, BestOfN, Reward};
pub use demo::Demo;
pub use evaluate::{
    Evaluate, Evaluation, Example, IntoScore, Progress, Rollout, Row, Score, exact_match, f1,
};
pub use fields::Fields;
pub use history::{CallHistory, CallRecord};
pub use module::{Forward, Frozen, Module, ModuleExt};
pub use optimize::{
    BootstrapFewShot, BootstrapRandomSearch, Budget, Candidate, Components, Gepa, GepaChange,
    GepaMerge, GepaOutcome, GepaStep, LabeledFewShot, NearestFewShot, Optimized, StopReason,
};
pub use overlay::{Overlay, with_overlay};
pub use parallel::{Parallel, majority};
pub use predict::{
    ChainOfThought, OverlayRequired, Predict, PredictionEvent, PredictionStream, Predictor,
    PredictorId, Reasoned, WithReasoning,
};
pub use prediction::Prediction;
pub use react::{
    ForcedBy, Protocol, ReAct, ReActOutput, ReActStop, ReActTurn, ToolStep, Transcript,
};
pub use refine::Refine;
pub use signature::{Dynamic, FieldSpec, FieldType, Signature, SignatureSpec};
pub use state::{FieldState, ModelState, PredictorState, ProgramState};
pub use streaming::{ProgramEvent, ProgramStream, streamed};
pub use trace::{PredictorCall, Trace, traced};
