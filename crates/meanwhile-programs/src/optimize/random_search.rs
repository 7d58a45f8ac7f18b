//! [`BootstrapRandomSearch`]: many sets of demonstrations, of which the validation examples choose.

use fastrand::Rng;
use meanwhile_core::{Result, Usage};
use serde::de::DeserializeOwned;

use super::sample::{part, shuffled};
use super::{
    BootstrapFewShot, Candidate, LabeledFewShot, Optimized, StopReason, is_fatal, require_overlay,
    zero_shot,
};
use crate::{Evaluate, Example, Forward, IntoScore, Rollout, with_overlay};

/// Tries the program without demonstrations, with labelled ones, with bootstrapped ones, and with
/// bootstrapped ones from the training examples in other orders and numbers, and keeps what does best on
/// the validation examples: DSPy's `BootstrapFewShotWithRandomSearch`. Of equals the earlier wins.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_programs::{BootstrapRandomSearch, Dynamic, Example, Predict, exact_match, fields};
/// # futures::executor::block_on(async {
/// # let model = Scripted::new().reply_with(|_| "[[ ## label ## ]]\npositive".to_owned());
/// # let program = Predict::<Dynamic>::parse("text -> label")?.model(Model::new(model, "any"));
/// # let examples = [Example::new(fields! { text: "Lovely!", label: "positive" }, ["text"])];
/// let search = BootstrapRandomSearch::new().candidates(2).stop_at(1.0);
/// let best = search.compile(&program, &examples, &examples, exact_match("label")).await?;
/// assert_eq!((best.candidates[0].name.as_str(), best.score), ("zero-shot", Some(1.0)));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct BootstrapRandomSearch {
    bootstrap: BootstrapFewShot,
    candidates: u64,
    stop_at: Option<f64>,
    concurrency: usize,
}

impl BootstrapRandomSearch {
    /// Tries 16 random sets after the three plain ones, 8 rows at a time.
    #[must_use]
    pub fn new() -> Self {
        let bootstrap = BootstrapFewShot::new();
        Self { bootstrap, candidates: 16, stop_at: None, concurrency: 8 }
    }

    /// Sets how the demonstrations are made. Random sets have from one to
    /// [`bootstrapped`](BootstrapFewShot::bootstrapped) demonstrations of the teacher.
    #[must_use]
    pub fn bootstrap(mut self, bootstrap: BootstrapFewShot) -> Self {
        self.bootstrap = bootstrap;
        self
    }

    /// Sets how many random sets are tried.
    #[must_use]
    pub fn candidates(mut self, candidates: usize) -> Self {
        self.candidates = candidates as u64;
        self
    }

    /// Ends the search when a candidate has this mean score.
    #[must_use]
    pub fn stop_at(mut self, mean: f64) -> Self {
        self.stop_at = Some(mean);
        self
    }

    /// Evaluates at most `rows` validation examples at the same time.
    #[must_use]
    pub fn concurrency(mut self, rows: usize) -> Self {
        self.concurrency = rows.max(1);
        self
    }

    /// Finds the best state of `program`: demonstrations from `train`, chosen on `validation`.
    ///
    /// # Errors
    ///
    /// As [`BootstrapFewShot::compile`]; [`Config`](meanwhile_core::ErrorKind::Config) when there are no
    /// validation examples.
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
        let mut found = Optimized {
            state: zero_shot(program),
            score: None,
            candidates: Vec::new(),
            rollouts: 0,
            usage: Usage::default(),
            failures: Vec::new(),
            stop: StopReason::Complete,
        };
        let _guards = require_overlay(program);
        let in_order: Vec<usize> = (0..train.len()).collect();
        let seed = self.bootstrap.seed;
        let plain = [Plan::ZeroShot, Plan::Labeled, Plan::Bootstrap];
        for plan in plain.into_iter().chain((0..self.candidates).map(Plan::Random)) {
            let bootstrapped = match plan {
                Plan::ZeroShot | Plan::Labeled => None,
                Plan::Bootstrap => {
                    let bootstrap = &self.bootstrap;
                    Some(bootstrap.compile_in_order(program, train, &in_order, &metric).await?)
                }
                Plan::Random(number) => {
                    let mut rng = Rng::with_seed(part(seed, number));
                    let order = shuffled(&mut rng, train.len());
                    let most = self.bootstrap.bootstrapped.max(1);
                    let bootstrap = self.bootstrap.clone().bootstrapped(rng.usize(1..=most));
                    Some(bootstrap.compile_in_order(program, train, &order, &metric).await?)
                }
            };
            let state = match (plan, bootstrapped) {
                (_, Some(made)) => {
                    found.rollouts += made.rollouts;
                    found.usage.add(&made.usage);
                    found.failures.extend(made.failures);
                    made.state
                }
                (Plan::Labeled, None) => {
                    let labeled = LabeledFewShot::new(self.bootstrap.labeled).seed(seed);
                    labeled.compile(program, train)
                }
                (_, None) => zero_shot(program),
            };
            let overlay = state.overlay(program)?;
            let evaluate = Evaluate::new().concurrency(self.concurrency);
            let evaluation =
                with_overlay(overlay, evaluate.run(program, validation, &metric)).await?;
            found.rollouts += validation.len();
            found.usage.add(&evaluation.usage());
            for (index, error) in evaluation.errors() {
                let error = error.clone().with_index(index);
                if is_fatal(&error) {
                    return Err(error);
                }
                found.failures.push(error);
            }
            let mean = evaluation.mean();
            if found.score.is_none_or(|best| mean > best) {
                found.score = Some(mean);
                found.state = state.clone();
            }
            let scores = evaluation.scores().collect();
            let candidate = Candidate { name: plan.name(), state, scores, parents: Vec::new() };
            found.candidates.push(candidate);
            if self.stop_at.is_some_and(|enough| mean >= enough) {
                found.stop = StopReason::Score;
                break;
            }
        }
        Ok(found)
    }
}

impl Default for BootstrapRandomSearch {
    fn default() -> Self {
        Self::new()
    }
}

/// A set of demonstrations to try.
#[derive(Clone, Copy)]
enum Plan {
    ZeroShot,
    Labeled,
    Bootstrap,
    Random(u64),
}

impl Plan {
    fn name(self) -> String {
        match self {
            Self::ZeroShot => "zero-shot".to_owned(),
            Self::Labeled => "labeled".to_owned(),
            Self::Bootstrap => "bootstrap".to_owned(),
            Self::Random(number) => format!("bootstrap {}", number + 1),
        }
    }
}
