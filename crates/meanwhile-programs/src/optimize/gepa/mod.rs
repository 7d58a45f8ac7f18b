//! [`Gepa`]: instructions that a model rewrites after reading what went wrong, and a front of candidates
//! of which each is the best for some example.

mod merge;
mod pool;
mod reflect;
mod run;
mod step;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use meanwhile_core::{Error, ErrorKind, ModelRef, Result, Settings};
use serde::de::DeserializeOwned;

use super::{OnStep, Optimized};
use crate::setters::setters;
use crate::{Example, Forward, IntoScore, Rollout};

pub use step::{GepaChange, GepaMerge, GepaOutcome, GepaStep};

/// Improves the instructions of a program's predictors by reflection: "GEPA: Reflective Prompt Evolution
/// Can Outperform Reinforcement Learning" (Agrawal et al., 2025).
///
/// An iteration takes a candidate, the likelier the more validation examples it does best on, runs it on
/// a few training examples, and shows a model what one predictor was given and answered and what the
/// metric said of it ([`Score::feedback`](crate::Score::feedback)). The instructions that the model writes
/// make a new candidate if they do strictly better on the same examples; it is then run on all validation
/// examples. Now and then two candidates that improved different predictors are put together.
///
/// The program is not changed. With a [log](Self::log) a run that was stopped, or killed, goes on where
/// it was, and a run with a larger budget goes on from one with a smaller. The choices at random depend on
/// the seed alone: with models that answer the same, a run is the same each time, in one piece or
/// several.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Budget, Dynamic, Example, Gepa, Predict, Rollout, Score, fields};
/// # futures::executor::block_on(async {
/// // Answers in capitals only when it is told to.
/// let model = Scripted::new().reply_with(|request| {
///     let told = format!("{:?}", request.messages).contains("capitals");
///     format!("[[ ## answer ## ]]\n{}", if told { "LIMA" } else { "Lima" })
/// });
/// let reflection = Scripted::new().reply_with(|_| "```\nAnswer in capitals.\n```".to_owned());
/// let program = Predict::<Dynamic>::parse("question -> answer")?.model(Model::new(model, "any"));
/// let examples = [Example::new(fields! { question: "The capital of Peru?" }, ["question"])];
///
/// let best = Gepa::new(Budget::Rollouts(10))
///     .reflect_with(Model::new(reflection, "strong"))
///     .compile(&program, &examples, &examples, |rollout: Rollout<_>| async move {
///         let answer: String = rollout.output.get("answer")?;
///         let right = answer == answer.to_uppercase();
///         Ok(Score::new(f64::from(u8::from(right))).feedback("Answers should be in capitals."))
///     })
///     .await?;
///
/// assert_eq!(best.state.predictors[0].1.instructions.as_deref(), Some("Answer in capitals."));
/// assert_eq!((best.candidates[0].mean(), best.score), (0.0, Some(1.0)));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Gepa {
    budget: Budget,
    reflection: Settings,
    template: String,
    minibatch: usize,
    components: Components,
    merges: usize,
    perfect: f64,
    failure_score: f64,
    seed: u64,
    concurrency: usize,
    log: Option<PathBuf>,
    observe: Option<OnStep<GepaStep>>,
}

/// How often a program may be run. An iteration that has begun is finished, so that a run may take a few
/// more.
///
/// ```
/// use meanwhile_programs::Budget;
///
/// // For a program of two predictors, with 20 examples to learn from and 30 to choose by.
/// assert_eq!(Budget::FullEvaluations(3).rollouts(2, 20, 30), 150);
/// assert_eq!(Budget::Rollouts(400).rollouts(2, 20, 30), 400);
/// assert!(Budget::Light.rollouts(2, 20, 30) < Budget::Heavy.rollouts(2, 20, 30));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Budget {
    /// As often as DSPy allows for about 6 candidates.
    Light,
    /// For about 12.
    Medium,
    /// For about 18.
    Heavy,
    /// As often as so many evaluations of all training and validation examples.
    FullEvaluations(usize),
    /// So often.
    Rollouts(usize),
}

/// Whose instructions an iteration rewrites.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Budget, Components, Dynamic, Example, Gepa, Predict, Rollout, fields};
/// # futures::executor::block_on(async {
/// # // Answers in capitals only when it is told to.
/// # let model = Scripted::new().reply_with(|request| {
/// #     let told = format!("{:?}", request.messages).contains("capitals");
/// #     format!("[[ ## answer ## ]]\n{}", if told { "LIMA" } else { "Lima" })
/// # });
/// # let reflection = Scripted::new().reply_with(|_| "```\nAnswer in capitals.\n```".to_owned());
/// # let program = Predict::<Dynamic>::parse("question -> answer")?.model(Model::new(model, "any"));
/// # let examples = [Example::new(fields! { question: "The capital of Peru?" }, ["question"])];
/// // Of a program whose predictors have to agree, all are rewritten at once.
/// let gepa = Gepa::new(Budget::Rollouts(10)).components(Components::All);
/// let best = gepa
///     .reflect_with(Model::new(reflection, "strong"))
///     .compile(&program, &examples, &examples, |rollout: Rollout<_>| async move {
///         Ok(rollout.output.text("answer") == Some("LIMA"))
///     })
///     .await?;
/// assert_eq!(best.score, Some(1.0));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Components {
    /// Those of one predictor, of each in turn.
    #[default]
    InTurn,
    /// Those of all.
    All,
}

impl Budget {
    /// The number of runs for a program of so many predictors and examples.
    #[must_use]
    pub fn rollouts(self, predictors: usize, train: usize, validation: usize) -> usize {
        match self {
            Self::Light => automatic(predictors, 6, validation),
            Self::Medium => automatic(predictors, 12, validation),
            Self::Heavy => automatic(predictors, 18, validation),
            Self::FullEvaluations(times) => times.saturating_mul(train + validation),
            Self::Rollouts(runs) => runs,
        }
    }
}

/// The number of runs that DSPy sets aside for so many candidates.
fn automatic(predictors: usize, candidates: usize, validation: usize) -> usize {
    const MINIBATCH: usize = 35;
    const STEPS: usize = 5;
    let count = candidates as f64;
    let by_predictors = 4.0 * predictors.max(1) as f64 * count.log2();
    let trials = by_predictors.max(1.5 * count) as usize;
    let full = (trials + 1) / STEPS + 1 + usize::from(trials < STEPS);
    validation + candidates * 5 + trials * MINIBATCH + full * validation
}

impl Gepa {
    /// Makes a run of this budget: minibatches of 3, the predictors in turn, at most 5 merges, perfect at
    /// 1, seed 0, 8 runs at once, no log.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            reflection: Settings::new(),
            template: reflect::TEMPLATE.to_owned(),
            minibatch: 3,
            components: Components::default(),
            merges: 5,
            perfect: 1.0,
            failure_score: 0.0,
            seed: 0,
            concurrency: 8,
            log: None,
            observe: None,
        }
    }

    /// Sets the model that reflects, best a strong one. Without it, the model of the scope or process.
    #[must_use]
    pub fn reflect_with(self, model: impl Into<ModelRef>) -> Self {
        self.reflection_settings(Settings::new().model(model))
    }

    /// Sets what the reflecting calls are made with, on top of what is already set here.
    #[must_use]
    pub fn reflection_settings(mut self, settings: Settings) -> Self {
        self.reflection = settings.or(std::mem::take(&mut self.reflection));
        self
    }

    /// Sets what the reflecting model is told: a text with `{instructions}` and `{examples}`. It is to
    /// answer with new instructions, between two lines of three backticks.
    #[must_use]
    pub fn reflection_prompt(mut self, template: impl Into<String>) -> Self {
        self.template = template.into();
        self
    }

    /// Sets how many training examples an iteration reflects on.
    #[must_use]
    pub fn minibatch(mut self, examples: usize) -> Self {
        self.minibatch = examples.max(1);
        self
    }

    /// Sets whose instructions an iteration rewrites.
    #[must_use]
    pub fn components(mut self, components: Components) -> Self {
        self.components = components;
        self
    }

    /// Sets the most merges that are accepted; 0 for none.
    #[must_use]
    pub fn merges(mut self, merges: usize) -> Self {
        self.merges = merges;
        self
    }

    /// Sets the score that cannot be bettered: a minibatch of such scores is not reflected on, and the run
    /// ends when a candidate has it on every validation example.
    #[must_use]
    pub fn perfect_score(mut self, score: f64) -> Self {
        self.perfect = score;
        self
    }

    setters!(failure_score, seed, concurrency);

    /// Keeps a log in a folder (`gepa.jsonl`, a line a [step](GepaStep)), and goes on from the log that is
    /// there. It holds prompts and scores, and no key. Lines are written in place, with a wait for the
    /// disk.
    #[must_use]
    pub fn log(mut self, folder: impl Into<PathBuf>) -> Self {
        self.log = Some(folder.into());
        self
    }

    /// Calls `observe` after each iteration, and for each that is read from the log.
    #[must_use]
    pub fn on_step(mut self, observe: impl Fn(&GepaStep) + Send + Sync + 'static) -> Self {
        self.observe = Some(Arc::new(observe));
        self
    }

    /// Finds the best instructions for `program`: it learns from `train`, and candidates are judged by
    /// `validation`. The state that comes back has the demonstrations of the program as it is. While it
    /// runs, other calls of this program are errors: let a clone answer them.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when there are no examples or no predictors, when the reflection
    /// prompt lacks a place, and when the log is of another run, of two at the same time, or cannot be
    /// written. The error of a run when it says that all others would fail too (a refused key, no credit, no
    /// such model) and nothing has been evaluated yet; after that it ends the run with what was found
    /// ([`StopReason::Failed`](crate::StopReason::Failed)). Other errors count as the failure score, and are
    /// shown to the reflecting model where an answer could not be read.
    /// A reflection that fails costs its iteration; the third in a row ends the run with what was found.
    pub async fn compile<P, M, F>(
        &self,
        program: &P,
        train: &[Example],
        validation: &[Example],
        metric: M,
    ) -> Result<Optimized>
    where
        P: Forward,
        P::In: DeserializeOwned,
        P::Out: Send + Sync,
        M: Fn(Rollout<P::Out>) -> F + Send + Sync,
        F: Future<Output: IntoScore> + Send,
    {
        reflect::check(&self.template)?;
        if train.is_empty() || validation.is_empty() {
            let message = "there is nothing to learn from; give training and validation examples";
            return Err(Error::new(ErrorKind::Config, message));
        }
        run::Run::begin(self, program, train, validation, &metric).await?.finish().await
    }
}

impl fmt::Debug for Gepa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gepa")
            .field("budget", &self.budget)
            .field("minibatch", &self.minibatch)
            .field("seed", &self.seed)
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}
