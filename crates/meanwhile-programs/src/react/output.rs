//! [`ReActOutput`]: what an agent has submitted, how it came to its end, and what it did on the way.

use std::ops::Deref;

use meanwhile_core::{Result, Usage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use super::Transcript;
use crate::Fields;

/// What an agent has submitted. Dereferences to the value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReActOutput<T = Fields> {
    /// The outputs.
    pub value: T,
    /// How the run came to its end.
    pub stop: ReActStop,
    /// What was said and done, to go on from.
    pub transcript: Transcript,
    /// The tokens of all requests.
    pub usage: Usage,
    /// How many requests it took.
    pub requests: u32,
}

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReActStop {
    /// The model submitted by itself.
    Submitted,
    /// The model was made to submit.
    Forced(ForcedBy),
}

/// Why a model was made to submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ForcedBy {
    /// The turns were used up.
    MaxTurns,
    /// It answered without calling a tool.
    NoToolCall,
    /// Its answer could not be read.
    Unreadable,
    /// The conversation had become longer than the model can read.
    ContextLength,
}

impl<T> ReActOutput<T> {
    /// Takes the outputs out.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl ReActOutput {
    /// Reads the outputs as `T`.
    pub(super) fn typed<T: DeserializeOwned>(self) -> Result<ReActOutput<T>> {
        let Self { value, stop, transcript, usage, requests } = self;
        let value = value.into_typed()?;
        Ok(ReActOutput { value, stop, transcript, usage, requests })
    }
}

impl<T> Deref for ReActOutput<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// As its value.
impl<T: Serialize> Serialize for ReActOutput<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}
