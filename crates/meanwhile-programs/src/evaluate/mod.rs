//! [`Evaluate`]: runs a program over examples, scores each answer, and keeps every row.

mod evaluation;
mod example;
mod metrics;
mod report;
mod score;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::stream::{self, StreamExt as _};
use meanwhile_core::{Error, ErrorKind, Result, Usage};
use serde::de::DeserializeOwned;

use crate::setters::setters;
use crate::{Forward, Trace, traced};

pub use evaluation::{Evaluation, Progress, Row};
pub use example::Example;
pub(crate) use metrics::words;
pub use metrics::{exact_match, f1};
pub use score::{IntoScore, Rollout, Score};

/// Rows that run at once unless told otherwise.
const CONCURRENCY: usize = 8;

/// Runs a program over examples and scores each answer with a metric.
///
/// A row that fails, in the program or in the metric, keeps its error and counts with the
/// [failure score](Self::failure_score); the others go on. The rows of the [`Evaluation`] are in the
/// order of the examples, whichever ends first. Nothing is spawned: dropping the future stops all rows.
///
/// ```
/// use meanwhile_core::{Model, Scripted, Settings, scope};
/// use meanwhile_programs::{Dynamic, Evaluate, Example, Predict, Rollout, fields};
/// # futures::executor::block_on(async {
/// let model = Scripted::new().reply_with(|_| "[[ ## answer ## ]]\nLima".to_owned());
/// let program = Predict::<Dynamic>::parse("question -> answer")?.model(Model::new(model, "any"));
/// let examples = [
///     Example::new(fields! { question: "The capital of Peru?", answer: "Lima" }, ["question"]),
///     Example::new(fields! { question: "The capital of Chile?", answer: "Santiago" }, ["question"]),
/// ];
///
/// let evaluation = Evaluate::new()
///     .run(&program, &examples, |rollout: Rollout<_>| async move {
///         let found: String = rollout.output.get("answer")?;
///         Ok(rollout.example.get::<String>("answer")? == found)
///     })
///     .await?;
///
/// assert_eq!(evaluation.percent(), 50.0);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Evaluate {
    concurrency: usize,
    failure_score: f64,
    max_errors: Option<usize>,
    progress: Option<OnProgress>,
}

type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

impl Evaluate {
    /// Makes an evaluation that runs 8 rows at once, counts a failed row as 0 and stops for no error.
    #[must_use]
    pub fn new() -> Self {
        Self { concurrency: CONCURRENCY, failure_score: 0.0, max_errors: None, progress: None }
    }

    setters!(concurrency, failure_score);

    /// Bears so many rows that fail; after one more, no further row is started. Those that are under way
    /// are waited for. The rows that were not started fail with [`ErrorKind::Cancelled`], and
    /// [`Evaluation::stopped`] is true.
    #[must_use]
    pub fn max_errors(mut self, errors: usize) -> Self {
        self.max_errors = Some(errors);
        self
    }

    /// Calls `observe` each time that a row has ended, in the order of their ends.
    #[must_use]
    pub fn on_progress(mut self, observe: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(observe));
        self
    }

    /// Runs `program` on every example and scores its answers.
    ///
    /// The inputs of an example are what `P::In` is read from: all of them as its fields, or the one
    /// input as the value itself. The metric gets the example, the answer and the trace, and returns a
    /// number, a `bool` or a [`Score`], each of them as a `Result` if it can fail. A score that is not finite
    /// is an error of its row.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when there are no examples, or the failure score is not finite. Errors of rows
    /// are in the rows.
    pub async fn run<P, M, F>(
        &self,
        program: &P,
        examples: &[Example],
        metric: M,
    ) -> Result<Evaluation<P::Out>>
    where
        P: Forward,
        P::In: DeserializeOwned,
        P::Out: Send + Sync,
        M: Fn(Rollout<P::Out>) -> F + Send + Sync,
        F: Future<Output: IntoScore> + Send,
    {
        if examples.is_empty() {
            let message = "there is nothing to evaluate; give at least one example";
            return Err(Error::new(ErrorKind::Config, message));
        }
        if !self.failure_score.is_finite() {
            let message = format!(
                "the score of a row that failed is {}; give a finite number",
                self.failure_score
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        let metric = &metric;
        let mut failed = 0_usize;
        let enough = AtomicBool::new(false);
        let mut sum = 0.0;
        let mut done = 0;
        let mut rows: Vec<Option<Row<P::Out>>> = examples.iter().map(|_| None).collect();
        {
            let wanted = examples.iter().enumerate();
            let wanted = wanted.take_while(|_| !enough.load(Ordering::Relaxed));
            let runs = wanted.map(|(index, example)| async move {
                (index, self.row(program, example, metric).await)
            });
            let mut ended = pin!(stream::iter(runs).buffer_unordered(self.concurrency));
            while let Some((index, row)) = ended.next().await {
                done += 1;
                sum += row.score.value;
                failed += usize::from(row.error.is_some());
                if let Some(place) = rows.get_mut(index) {
                    *place = Some(row);
                }
                if let Some(observe) = &self.progress {
                    let mean = sum / done as f64;
                    observe(Progress { done, total: examples.len(), failed, mean, index });
                }
                if self.max_errors.is_some_and(|most| failed > most) {
                    enough.store(true, Ordering::Relaxed);
                }
            }
        }
        let rows = rows.into_iter().zip(examples).map(|(row, example)| {
            row.unwrap_or_else(|| Row::not_run(example.clone(), self.failure_score))
        });
        Ok(Evaluation { rows: rows.collect(), stopped: done < examples.len() })
    }

    /// Runs and scores one example.
    pub(crate) async fn row<P, M, F>(
        &self,
        program: &P,
        example: &Example,
        metric: &M,
    ) -> Row<P::Out>
    where
        P: Forward,
        P::In: DeserializeOwned,
        P::Out: Send + Sync,
        M: Fn(Rollout<P::Out>) -> F + Send + Sync,
        F: Future<Output: IntoScore> + Send,
    {
        let started = Instant::now();
        let (outcome, trace) = match example.input::<P::In>() {
            Ok(input) => traced(program.forward(input)).await,
            Err(error) => (Err(error), Trace::default()),
        };
        let duration = started.elapsed();
        let trace = Arc::new(trace);
        let usage = trace.usage();
        let example = example.clone();
        let row = |output, score, error| Row {
            example: example.clone(),
            output,
            score,
            error,
            usage,
            trace: trace.clone(),
            duration,
        };
        let output = match outcome {
            Ok(output) => Arc::new(output),
            Err(error) => return row(None, Score::new(self.failure_score), Some(error)),
        };
        let rollout =
            Rollout { example: example.clone(), output: output.clone(), trace: trace.clone() };
        match metric(rollout).await.into_score().and_then(Score::finite) {
            Ok(score) => row(Some(output), score, None),
            Err(error) => {
                let error = error.with_operation("metric");
                row(Some(output), Score::new(self.failure_score), Some(error))
            }
        }
    }
}

impl Default for Evaluate {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Evaluate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evaluate")
            .field("concurrency", &self.concurrency)
            .field("failure_score", &self.failure_score)
            .field("max_errors", &self.max_errors)
            .finish_non_exhaustive()
    }
}

/// The sum of the usage of several rows.
pub(crate) fn sum_usage<'a>(usages: impl IntoIterator<Item = &'a Usage>) -> Usage {
    usages.into_iter().fold(Usage::default(), |mut sum, usage| {
        sum.add(usage);
        sum
    })
}
