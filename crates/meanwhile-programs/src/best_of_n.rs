//! [`BestOfN`]: several attempts of a program, of which the best one counts.

use std::fmt;
use std::future::Future;
use std::ops::Deref;

use futures_util::{StreamExt as _, stream};
use meanwhile_core::{Error, ErrorKind, Result, Settings, Usage};
use serde::{Serialize, Serializer};

use crate::trace::{AttemptTrace, AttemptTraces};
use crate::{Forward, Module, Overlay, Predictor, PredictorCall, with_overlay};

/// Says how good an output is.
///
/// A function of input and output that returns a number is one; implement it for what has to wait, such as
/// a model that judges.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say how good an output is",
    note = "give a closure `|input: &In, output: &Out| -> f64`, or a type that implements `Reward`"
)]
pub trait Reward<In, Out>: Send + Sync {
    /// The greater, the better.
    ///
    /// # Errors
    ///
    /// An error makes the attempt a failed one, and so does a number that is not finite.
    fn reward(&self, input: &In, output: &Out) -> impl Future<Output = Result<f64>> + Send;
}

#[diagnostic::do_not_recommend]
impl<In, Out, F> Reward<In, Out> for F
where
    F: Fn(&In, &Out) -> f64 + Send + Sync,
{
    fn reward(&self, input: &In, output: &Out) -> impl Future<Output = Result<f64>> + Send {
        std::future::ready(Ok(self(input, output)))
    }
}

/// Runs a program up to so many times, and returns the output with the greatest reward, or the first that
/// reaches the threshold.
///
/// All attempts run at temperature 1; those after the first pass by a cache. A trace around it has the
/// calls of the attempt that counts, and the tokens of all.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{BestOfN, Fields, Forward as _, Predict, Prediction, fields};
///
/// # futures::executor::block_on(async {
/// let reply = |answer: &str| format!("[[ ## answer ## ]]\n{answer}\n\n[[ ## completed ## ]]");
/// let scripted = Scripted::new().reply(reply("It is Brussels")).reply(reply("Brussels"));
/// let predict = Predict::parse("question -> answer")?.model(Model::new(scripted, "any"));
///
/// let short = |_: &Fields, out: &Prediction| {
///     let words = out.text("answer").unwrap_or_default().split_whitespace().count();
///     if words == 1 { 1.0 } else { 0.0 }
/// };
/// let best = BestOfN::new(predict, 3, short).threshold(1.0);
/// let answer = best.forward(fields! { question: "What is the capital of Belgium?" }).await?;
///
/// assert_eq!(answer.text("answer"), Some("Brussels"));
/// assert_eq!((answer.reward, answer.attempts.len()), (1.0, 2));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct BestOfN<M, R> {
    /// The program.
    pub module: M,
    attempts: usize,
    concurrency: usize,
    threshold: Option<f64>,
    max_errors: Option<usize>,
    reward: R,
}

impl<M: Forward, R> BestOfN<M, R> {
    /// Runs the program up to so many times; 0 counts as 1.
    pub fn new(module: M, attempts: usize, reward: R) -> Self
    where
        R: Reward<M::In, M::Out>,
    {
        let attempts = attempts.max(1);
        Self { module, attempts, concurrency: 1, threshold: None, max_errors: None, reward }
    }

    /// Stops at the first output whose reward is at least this.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = Some(threshold);
        self
    }

    /// Makes so many attempts at the same time. They count in their order; when one reaches the threshold,
    /// those after it are cancelled.
    #[must_use]
    pub fn concurrency(mut self, attempts: usize) -> Self {
        self.concurrency = attempts.max(1);
        self
    }

    /// Bears so many attempts that fail, and gives up at one more. Without it, it gives up when all have
    /// failed.
    #[must_use]
    pub fn max_errors(mut self, errors: usize) -> Self {
        self.max_errors = Some(errors);
        self
    }
}

/// The best of several outputs. Dereferences to it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Best<T> {
    /// The output.
    pub value: T,
    /// How good it is.
    pub reward: f64,
    /// The rewards of all attempts that were made, in order, or what they failed with.
    pub attempts: Vec<Result<f64>>,
    /// The tokens of all attempts, those of cancelled ones as far as answers had come.
    pub usage: Usage,
}

impl<T> Best<T> {
    /// Takes the output out.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Best<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// As its value.
impl<T: Serialize> Serialize for Best<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// One attempt.
pub(crate) struct Attempted<T> {
    pub(crate) outcome: Result<(T, f64)>,
    trace: AttemptTrace,
}

impl<T> Attempted<T> {
    /// The calls of predictors in it.
    pub(crate) fn calls(&self) -> Vec<PredictorCall> {
        self.trace.calls()
    }
}

/// Makes an attempt: warmer than the program's own settings, and one that no cache answers.
pub(crate) async fn attempt<M: Forward, R: Reward<M::In, M::Out>>(
    traces: &AttemptTraces,
    module: &M,
    reward: &R,
    input: M::In,
    number: usize,
    overlay: Overlay,
) -> Attempted<M::Out>
where
    M::In: Clone + Sync,
    M::Out: Sync,
{
    let mut settings = Settings::new().temperature(1.0);
    if number > 0 {
        settings = settings.tag("meanwhile.cache", "bypass");
    }
    let overlay = overlay.or(Overlay::new().settings_everywhere(settings));
    let given = input.clone();
    let (outcome, trace) = with_overlay(overlay, traces.trace(module.forward(input))).await;
    // What judges is no part of the attempt.
    let outcome = match outcome {
        Ok(output) => reward.reward(&given, &output).await.and_then(|reward| {
            if reward.is_finite() {
                return Ok((output, reward));
            }
            let message = format!("the reward of the output is {reward}; it has to be finite");
            Err(Error::new(ErrorKind::Output, message).with_operation("reward"))
        }),
        Err(error) => Err(error),
    };
    Attempted { outcome, trace }
}

/// The attempts so far.
pub(crate) struct Attempts<T> {
    traces: AttemptTraces,
    best: Option<(T, f64, AttemptTrace)>,
    rewards: Vec<Result<f64>>,
    /// The tokens of what was beside the attempts.
    beside: Usage,
    threshold: Option<f64>,
    max_errors: Option<usize>,
}

impl<T> Attempts<T> {
    pub(crate) fn new(threshold: Option<f64>, max_errors: Option<usize>) -> Self {
        Self {
            traces: AttemptTraces::new(),
            best: None,
            rewards: Vec::new(),
            beside: Usage::default(),
            threshold,
            max_errors,
        }
    }

    /// Where the attempts are traced.
    pub(crate) fn traces(&self) -> AttemptTraces {
        self.traces.clone()
    }

    /// Adds an attempt, and says whether it is the last one to make.
    pub(crate) fn add(&mut self, attempted: Attempted<T>) -> Result<bool> {
        let Attempted { outcome, trace } = attempted;
        match outcome {
            Ok((value, reward)) => {
                self.rewards.push(Ok(reward));
                let is_better = self.best.as_ref().is_none_or(|(_, best, _)| reward > *best);
                if is_better {
                    self.best = Some((value, reward, trace));
                }
                Ok(self.threshold.is_some_and(|threshold| reward >= threshold))
            }
            Err(error) => {
                self.rewards.push(Err(error.clone()));
                let failures = self.rewards.iter().filter(|reward| reward.is_err()).count();
                let is_final = matches!(
                    error.kind(),
                    ErrorKind::Cancelled
                        | ErrorKind::Budget
                        | ErrorKind::Config
                        | ErrorKind::Prompt
                );
                if is_final || self.max_errors.is_some_and(|most| failures > most) {
                    return Err(error);
                }
                Ok(false)
            }
        }
    }

    /// Adds the tokens of what was beside the attempts.
    pub(crate) fn charge(&mut self, usage: &Usage) {
        self.beside.add(usage);
    }

    /// The best one, whose calls become a part of the trace around.
    pub(crate) fn best(self) -> Result<Best<T>> {
        let Self { traces, best, rewards, beside: mut usage, .. } = self;
        usage.add(&traces.usage());
        match best {
            Some((value, reward, trace)) => {
                traces.keep(&trace);
                Ok(Best { value, reward, attempts: rewards, usage })
            }
            None => Err(rewards
                .into_iter()
                .rev()
                .find_map(Result::err)
                .unwrap_or_else(|| Error::new(ErrorKind::Other, "no attempt was made"))),
        }
    }
}

impl<M, R> Forward for BestOfN<M, R>
where
    M: Forward,
    M::In: Clone + Sync,
    M::Out: Sync,
    R: Reward<M::In, M::Out>,
{
    type In = M::In;
    type Out = Best<M::Out>;

    async fn forward(&self, input: M::In) -> Result<Best<M::Out>> {
        let mut attempts = Attempts::new(self.threshold, self.max_errors);
        let traces = attempts.traces();
        let runs = (0..self.attempts).map(|number| {
            attempt(&traces, &self.module, &self.reward, input.clone(), number, Overlay::new())
        });
        let mut runs = stream::iter(runs.collect::<Vec<_>>()).buffered(self.concurrency);
        while let Some(attempted) = runs.next().await {
            if attempts.add(attempted)? {
                break;
            }
        }
        drop(runs);
        attempts.best()
    }
}

impl<M: Module, R> Module for BestOfN<M, R> {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        crate::module::visit_part(&self.module, "module", visit);
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        crate::module::visit_part_mut(&mut self.module, "module", visit);
    }
}

impl<M: fmt::Debug, R> fmt::Debug for BestOfN<M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BestOfN")
            .field("module", &self.module)
            .field("attempts", &self.attempts)
            .field("threshold", &self.threshold)
            .finish_non_exhaustive()
    }
}
