//! [`Evaluation`]: the rows of an evaluation in the order of its examples, and what they come to.

use std::sync::Arc;
use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, Usage};

use super::sum_usage;
use crate::{Example, Score, Trace};

/// What came of an evaluation: a row for each example, in their order.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evaluation<O> {
    /// What came of each example.
    pub rows: Vec<Row<O>>,
    /// Whether it ended early, after too many errors; see
    /// [`Evaluate::max_errors`](crate::Evaluate::max_errors).
    pub stopped: bool,
}

/// What came of one example.
#[derive(Debug)]
#[non_exhaustive]
pub struct Row<O> {
    /// The example.
    pub example: Example,
    /// What the program answered; `None` where it failed.
    pub output: Option<Arc<O>>,
    /// The metric's score; the failure score where the program or the metric failed.
    pub score: Score,
    /// Why the program, or the metric (then the error's operation is `metric`), failed.
    pub error: Option<Error>,
    /// The tokens that the program's predictors took.
    pub usage: Usage,
    /// What they were given and answered.
    pub trace: Arc<Trace>,
    /// How long the program took, without the metric.
    pub duration: Duration,
}

/// How far an evaluation has come.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Rows that have ended.
    pub done: usize,
    /// All rows.
    pub total: usize,
    /// Rows that have ended in an error.
    pub failed: usize,
    /// The mean score of the rows that have ended.
    pub mean: f64,
    /// The row that has ended just now.
    pub index: usize,
}

impl<O> Evaluation<O> {
    /// The mean score of all rows.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.rows.is_empty() {
            return 0.0;
        }
        self.scores().sum::<f64>() / self.rows.len() as f64
    }

    /// The mean score times 100, rounded to two places: what DSPy calls the score.
    #[must_use]
    pub fn percent(&self) -> f64 {
        (self.mean() * 10_000.0).round() / 100.0
    }

    /// The scores, in order.
    pub fn scores(&self) -> impl Iterator<Item = f64> {
        self.rows.iter().map(|row| row.score.value)
    }

    /// The rows that failed, with their places and errors.
    pub fn errors(&self) -> impl Iterator<Item = (usize, &Error)> {
        let rows = self.rows.iter().enumerate();
        rows.filter_map(|(index, row)| row.error.as_ref().map(|error| (index, error)))
    }

    /// The tokens that all rows took.
    #[must_use]
    pub fn usage(&self) -> Usage {
        sum_usage(self.rows.iter().map(|row| &row.usage))
    }
}

impl<O> Row<O> {
    pub(super) fn not_run(example: Example, score: f64) -> Self {
        let message = "not run: the evaluation stopped after too many errors; raise `max_errors`";
        Self {
            example,
            output: None,
            score: Score::new(score),
            error: Some(Error::new(ErrorKind::Cancelled, message)),
            usage: Usage::default(),
            trace: Arc::default(),
            duration: Duration::ZERO,
        }
    }
}

// Not derived: that would ask for `O: Clone`.
impl<O> Clone for Row<O> {
    fn clone(&self) -> Self {
        Self {
            example: self.example.clone(),
            output: self.output.clone(),
            score: self.score.clone(),
            error: self.error.clone(),
            usage: self.usage.clone(),
            trace: self.trace.clone(),
            duration: self.duration,
        }
    }
}
