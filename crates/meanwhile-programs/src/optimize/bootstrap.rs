//! [`BootstrapFewShot`]: demonstrations that a teacher made and the metric approved.

use std::collections::BTreeMap;

use fastrand::Rng;
use futures_util::future::join_all;
use meanwhile_core::{Error, Result, Settings, Usage};
use serde::de::DeserializeOwned;

use super::sample::{part, sample, shuffled};
use super::{
    LabeledFewShot, Optimized, StopReason, is_fatal, overlay_without, predictors, require_overlay,
    with_demos,
};
use crate::setters::setters;
use crate::{
    Demo, Evaluate, Example, Forward, IntoScore, PredictorId, ProgramState, Rollout, Row,
    with_overlay,
};

/// Runs a teacher on the training examples, and keeps what its predictors were given and answered where
/// the metric approves: as demonstrations for the same predictors of the program. What places are left
/// are filled with examples as they are.
///
/// The teacher is the program itself with labelled demonstrations, unless it is given
/// [another state](Self::teacher) or [other settings](Self::teacher_settings), a stronger model for one. No
/// demonstration with the inputs of the example that it is run on is shown to it; what a later step was
/// given on such an example is not known again. Examples are tried in order, and as many at once as are
/// still wanted: no more are run than one after the other.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{BootstrapFewShot, Dynamic, Example, Predict, exact_match, fields};
/// # futures::executor::block_on(async {
/// let model = Scripted::new().reply_with(|_| "[[ ## label ## ]]\npositive".to_owned());
/// let program = Predict::<Dynamic>::parse("text -> label")?.model(Model::new(model, "any"));
/// let train = [
///     Example::new(fields! { text: "Lovely!", label: "positive" }, ["text"]),
///     Example::new(fields! { text: "Awful.", label: "negative" }, ["text"]),
/// ];
///
/// let best = BootstrapFewShot::new().compile(&program, &train, exact_match("label")).await?;
///
/// let demos = best.state.predictors[0].1.demos.as_ref().unwrap();
/// assert_eq!(demos.iter().map(|demo| demo.augmented).collect::<Vec<_>>(), [true, false]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct BootstrapFewShot {
    pub(super) bootstrapped: usize,
    pub(super) labeled: usize,
    pub(super) rounds: u32,
    pub(super) threshold: Option<f64>,
    pub(super) max_errors: usize,
    pub(super) concurrency: usize,
    pub(super) seed: u64,
    pub(super) teacher: Option<ProgramState>,
    pub(super) teacher_settings: Settings,
}

impl BootstrapFewShot {
    /// Looks for at most 4 demonstrations that the teacher makes, and fills up to 16 in all; tries each
    /// example once, 8 at a time, and gives up at the tenth error.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bootstrapped: 4,
            labeled: 16,
            rounds: 1,
            threshold: None,
            max_errors: 9,
            concurrency: 8,
            seed: 0,
            teacher: None,
            teacher_settings: Settings::new(),
        }
    }

    /// Sets the most demonstrations a predictor that the teacher makes.
    #[must_use]
    pub fn bootstrapped(mut self, demos: usize) -> Self {
        self.bootstrapped = demos;
        self
    }

    /// Sets up to how many demonstrations a predictor gets in all, filled with examples as they are; also
    /// how many the teacher gets. 0 for none.
    #[must_use]
    pub fn labeled(mut self, demos: usize) -> Self {
        self.labeled = demos;
        self
    }

    /// Tries each example up to `rounds` times; from the second time on with temperature 1 and past any
    /// cache.
    #[must_use]
    pub fn rounds(mut self, rounds: u32) -> Self {
        self.rounds = rounds.max(1);
        self
    }

    /// Approves of a run with at least this score. Without it, of every score above 0.
    #[must_use]
    pub fn threshold(mut self, score: f64) -> Self {
        self.threshold = Some(score);
        self
    }

    /// Bears so many runs that fail, and gives up with the error of one more.
    #[must_use]
    pub fn max_errors(mut self, errors: usize) -> Self {
        self.max_errors = errors;
        self
    }

    setters!(concurrency, seed);

    /// Makes the program in this state the teacher.
    #[must_use]
    pub fn teacher(mut self, state: ProgramState) -> Self {
        self.teacher = Some(state);
        self
    }

    /// Runs the teacher with these settings, on top of those that its predictors have: a stronger model,
    /// for one.
    #[must_use]
    pub fn teacher_settings(mut self, settings: Settings) -> Self {
        self.teacher_settings = settings;
        self
    }

    /// Makes the state of `program` with the demonstrations found in `train`. While it runs, other calls of
    /// this program are errors: let a clone answer them.
    ///
    /// # Errors
    ///
    /// [`Config`](meanwhile_core::ErrorKind::Config) when the program has no predictors. The error of a
    /// run when it says that all others would fail too (a refused key, no credit, no such model), or when
    /// too many have failed.
    pub async fn compile<P, M, F>(
        &self,
        program: &P,
        train: &[Example],
        metric: M,
    ) -> Result<Optimized>
    where
        P: Forward,
        P::In: DeserializeOwned,
        P::Out: Send + Sync,
        M: Fn(Rollout<P::Out>) -> F + Send + Sync,
        F: Future<Output: IntoScore> + Send,
    {
        let places: Vec<usize> = (0..train.len()).collect();
        let Bootstrapped { found, gave_up } =
            self.compile_in_order(program, train, &places, &metric).await?;
        gave_up.map_or(Ok(found), Err)
    }

    /// As [`compile`](Self::compile), with the examples in another order, and with what was found until it
    /// gave up.
    pub(super) async fn compile_in_order<P, M, F>(
        &self,
        program: &P,
        train: &[Example],
        order: &[usize],
        metric: &M,
    ) -> Result<Bootstrapped>
    where
        P: Forward,
        P::In: DeserializeOwned,
        P::Out: Send + Sync,
        M: Fn(Rollout<P::Out>) -> F + Send + Sync,
        F: Future<Output: IntoScore> + Send,
    {
        let paths = predictors(program)?;
        let train: Vec<Example> = order.iter().filter_map(|at| train.get(*at).cloned()).collect();
        let teacher = match &self.teacher {
            Some(state) => state.clone(),
            None if self.labeled > 0 => {
                LabeledFewShot::new(self.labeled).seed(self.seed).compile(program, &train)
            }
            None => ProgramState::of(program),
        };
        let _guards = require_overlay(program);
        let mut kept = Kept::default();
        let mut gave_up = None;
        let mut waiting = train.iter().enumerate();
        while gave_up.is_none() && kept.examples.len() < self.bootstrapped {
            let open = self.bootstrapped - kept.examples.len();
            let batch: Vec<_> = waiting.by_ref().take(open.min(self.concurrency)).collect();
            if batch.is_empty() {
                break;
            }
            let tries =
                batch.iter().map(|(_, example)| self.attempt(program, &teacher, example, metric));
            for ((index, _), tried) in batch.iter().zip(join_all(tries).await) {
                kept.rollouts += tried.rollouts;
                kept.usage.add(&tried.usage);
                if gave_up.is_none() {
                    gave_up = self.keep(&mut kept, &paths, *index, tried).err();
                }
            }
        }
        let state = self.fill(program, &train, &kept);
        let found = Optimized {
            state,
            score: None,
            candidates: Vec::new(),
            rollouts: kept.rollouts,
            usage: kept.usage,
            failures: kept.failures,
            stop: StopReason::Complete,
        };
        Ok(Bootstrapped { found, gave_up })
    }

    /// Runs the teacher on one example until the metric approves.
    async fn attempt<P, M, F>(
        &self,
        program: &P,
        teacher: &ProgramState,
        example: &Example,
        metric: &M,
    ) -> Tried
    where
        P: Forward,
        P::In: DeserializeOwned,
        P::Out: Send + Sync,
        M: Fn(Rollout<P::Out>) -> F + Send + Sync,
        F: Future<Output: IntoScore> + Send,
    {
        let mut tried = Tried::default();
        let overlay = match overlay_without(program, teacher, example) {
            Ok(overlay) => overlay,
            Err(error) => {
                tried.errors.push(error);
                return tried;
            }
        };
        let evaluate = Evaluate::new();
        for round in 0..self.rounds {
            let mut settings = self.teacher_settings.clone();
            if round > 0 {
                // The same request would bring the same answer.
                settings =
                    Settings::new().temperature(1.0).tag("meanwhile.cache", "bypass").or(settings);
            }
            let run = evaluate.row(program, example, metric);
            let overlay = overlay.clone().settings_everywhere(settings);
            let row = with_overlay(overlay, run).await;
            tried.rollouts += 1;
            tried.usage.add(&row.usage);
            match row.error {
                Some(error) => {
                    let fatal = is_fatal(&error);
                    tried.errors.push(error);
                    if fatal {
                        break;
                    }
                }
                None if self.approves(row.score.value) => {
                    tried.demos = Some(demos_of(&row));
                    break;
                }
                None => {}
            }
        }
        tried
    }

    fn approves(&self, score: f64) -> bool {
        self.threshold.map_or(score > 0.0, |least| score >= least)
    }

    fn keep(
        &self,
        kept: &mut Kept,
        paths: &[(String, PredictorId)],
        index: usize,
        tried: Tried,
    ) -> Result<()> {
        for error in tried.errors {
            if is_fatal(&error) || kept.failures.len() >= self.max_errors {
                return Err(error.with_index(index));
            }
            kept.failures.push(error.with_index(index));
        }
        let Some(demos) = tried.demos else { return Ok(()) };
        kept.examples.push(index);
        let mut rng = Rng::with_seed(part(self.seed, index as u64));
        for (path, id) in paths {
            let of_it = demos.iter().filter(|(of, _)| of == id).map(|(_, demo)| demo);
            let mut of_it: Vec<&Demo> = of_it.collect();
            let Some(last) = of_it.pop() else { continue };
            // A predictor that was called several times: the last call, or one of those before it.
            let earlier = if rng.bool() { rng.choice(of_it) } else { None };
            let demo = earlier.unwrap_or(last).clone();
            kept.demos.entry(path.clone()).or_default().push(demo);
        }
        Ok(())
    }

    /// The state with what was kept, filled up with examples that were not.
    fn fill<P: Forward>(&self, program: &P, train: &[Example], kept: &Kept) -> ProgramState {
        let unused = train.iter().enumerate().filter(|(at, _)| !kept.examples.contains(at));
        let unused: Vec<&Example> = unused.map(|(_, example)| example).collect();
        let mut rng = Rng::with_seed(self.seed);
        let order = shuffled(&mut rng, unused.len());
        with_demos(program, |path| {
            let mut demos = kept.demos.get(path).cloned().unwrap_or_default();
            let open = self.labeled.saturating_sub(demos.len());
            let chosen = sample(&mut rng, order.len(), open);
            let chosen = chosen.into_iter().filter_map(|at| unused.get(*order.get(at)?));
            demos.extend(chosen.map(|example| example.demo()));
            demos
        })
    }
}

impl Default for BootstrapFewShot {
    fn default() -> Self {
        Self::new()
    }
}

/// What was found, and why that is not all.
pub(super) struct Bootstrapped {
    pub(super) found: Optimized,
    pub(super) gave_up: Option<Error>,
}

/// What came of one example.
#[derive(Default)]
struct Tried {
    demos: Option<Vec<(PredictorId, Demo)>>,
    rollouts: usize,
    usage: Usage,
    errors: Vec<Error>,
}

/// What has come of the examples so far.
#[derive(Default)]
struct Kept {
    examples: Vec<usize>,
    demos: BTreeMap<String, Vec<Demo>>,
    rollouts: usize,
    usage: Usage,
    failures: Vec<Error>,
}

/// What each predictor was given and answered, as demonstrations.
fn demos_of<O>(row: &Row<O>) -> Vec<(PredictorId, Demo)> {
    let answered = row.trace.calls.iter().filter_map(|call| {
        let outputs = call.outcome.as_ref().ok()?;
        let all = call.inputs.iter().chain(outputs.iter());
        let fields = all.map(|(name, value)| (name, value.clone())).collect();
        Some((call.predictor, Demo::augmented(fields)))
    });
    answered.collect()
}
