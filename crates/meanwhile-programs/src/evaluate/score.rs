//! [`Score`]: what a metric says of one run; and [`Rollout`], what it judges.

use std::collections::BTreeMap;
use std::sync::Arc;

use meanwhile_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::{Example, Trace};

/// One run of a program on one example, as a metric gets it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rollout<O> {
    /// The example.
    pub example: Example,
    /// What the program answered.
    pub output: Arc<O>,
    /// What its predictors were given and answered on the way.
    pub trace: Arc<Trace>,
}

// Not derived: that would ask for `O: Clone`.
impl<O> Clone for Rollout<O> {
    fn clone(&self) -> Self {
        Self {
            example: self.example.clone(),
            output: self.output.clone(),
            trace: self.trace.clone(),
        }
    }
}

/// What a metric says: a number, of which more is better, and why, in words.
///
/// The words are what a reflective optimiser ([`Gepa`](crate::Gepa)) learns from. 1 is perfect unless
/// the optimiser is told otherwise.
///
/// ```
/// use meanwhile_programs::Score;
///
/// let score = Score::new(0.5)
///     .feedback("The city is right, the country is not.")
///     .feedback_for("country", "Peru is not in Europe.");
/// // What a reflective optimiser reads about one predictor, and about the others.
/// assert_eq!(score.about("country"), Some("Peru is not in Europe."));
/// assert_eq!(score.about("city"), Some("The city is right, the country is not."));
/// assert_eq!(score.value, 0.5);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Score {
    /// The number.
    pub value: f64,
    /// What was wrong, or right, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<String>,
    /// What a single predictor did wrong, by its path in the program.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub predictor_feedback: BTreeMap<String, String>,
}

impl Score {
    /// Makes a score without words.
    #[must_use]
    pub fn new(value: f64) -> Self {
        Self { value, ..Self::default() }
    }

    /// Says why.
    #[must_use]
    pub fn feedback(mut self, feedback: impl Into<String>) -> Self {
        self.feedback = Some(feedback.into());
        self
    }

    /// Says what the predictor at `path` did.
    #[must_use]
    pub fn feedback_for(mut self, path: impl Into<String>, feedback: impl Into<String>) -> Self {
        self.predictor_feedback.insert(path.into(), feedback.into());
        self
    }

    /// The score, unless its number is none that can be compared and added up.
    pub(super) fn finite(self) -> Result<Self> {
        if self.value.is_finite() {
            return Ok(self);
        }
        let message = format!("the metric returned {}; a score is a finite number", self.value);
        Err(Error::new(ErrorKind::Output, message))
    }

    /// What is said about the predictor at `path`: about it alone, else about the whole.
    #[must_use]
    pub fn about(&self, path: &str) -> Option<&str> {
        self.predictor_feedback.get(path).or(self.feedback.as_ref()).map(String::as_str)
    }
}

/// What a metric may return: a [`Score`], a number, a `bool` (1 or 0), or a `Result` of them.
pub trait IntoScore: Send {
    /// Makes the score.
    ///
    /// # Errors
    ///
    /// That of the metric.
    fn into_score(self) -> Result<Score>;
}

impl IntoScore for Score {
    fn into_score(self) -> Result<Score> {
        Ok(self)
    }
}

impl IntoScore for f64 {
    fn into_score(self) -> Result<Score> {
        Ok(Score::new(self))
    }
}

impl IntoScore for bool {
    fn into_score(self) -> Result<Score> {
        Ok(Score::new(f64::from(u8::from(self))))
    }
}

impl<S: IntoScore> IntoScore for Result<S> {
    fn into_score(self) -> Result<Score> {
        self?.into_score()
    }
}
