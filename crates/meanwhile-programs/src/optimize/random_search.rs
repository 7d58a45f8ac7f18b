//! [`BootstrapRandomSearch`]: many sets of demonstrations, of which the validation examples choose.

use std::collections::HashMap;
use std::path::PathBuf;

use fastrand::Rng;
use meanwhile_core::{Error, Result, Usage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bootstrap::Bootstrapped;
use super::journal::{Journal, another_run, fingerprint};
use super::sample::{part, shuffled};
use super::{
    BootstrapFewShot, Candidate, LabeledFewShot, Optimized, StopReason, is_fatal, mean, predictors,
    require_overlay, zero_shot,
};
use crate::setters::setters;
use crate::{Evaluate, Example, Forward, IntoScore, ProgramState, Rollout, with_overlay};

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
    log: Option<PathBuf>,
}

impl BootstrapRandomSearch {
    /// Tries 16 random sets after the three plain ones, 8 rows at a time.
    #[must_use]
    pub fn new() -> Self {
        let bootstrap = BootstrapFewShot::new();
        Self { bootstrap, candidates: 16, stop_at: None, concurrency: 8, log: None }
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

    setters!(concurrency);

    /// Keeps a log in a folder (`random-search.jsonl`, a line a set), and goes on from the log that is there:
    /// what was evaluated is not evaluated again. It holds demonstrations and scores, and no key. Lines are
    /// written in place, with a wait for the disk.
    #[must_use]
    pub fn log(mut self, folder: impl Into<PathBuf>) -> Self {
        self.log = Some(folder.into());
        self
    }

    /// Finds the best state of `program`: demonstrations from `train`, chosen on `validation`. While it
    /// runs, other calls of this program are errors: let a clone answer them.
    ///
    /// A set that cannot be made, because too many runs of the teacher failed, is left out, with its errors
    /// among the [failures](Optimized::failures).
    ///
    /// # Errors
    ///
    /// [`Config`](meanwhile_core::ErrorKind::Config) when the program has no predictors, when there are no
    /// validation examples, and when the log is of another run or cannot be written. The error of a run when
    /// it says that all others would fail too (a refused key, no credit, no such model) and nothing was
    /// evaluated before; else it is the [reason](StopReason::Failed) for which the search ended with what
    /// was found.
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
        predictors(program)?;
        let (mut journal, logged) = self.open_log(program, train, validation)?;
        for line in &logged {
            found.rollouts += line.cost.rollouts;
            found.usage.add(&line.cost.usage);
        }
        let mut known: HashMap<String, Scored> =
            logged.into_iter().filter_map(|line| Some((line.name, line.scored?))).collect();
        let _guards = require_overlay(program);
        let plain = [Plan::ZeroShot, Plan::Labeled, Plan::Bootstrap];
        for plan in plain.into_iter().chain((0..self.candidates).map(Plan::Random)) {
            let name = plan.name();
            let scored = match known.remove(&name) {
                Some(scored) => scored,
                None => {
                    let mut cost = Cost::default();
                    let failures = &mut found.failures;
                    let tried = self
                        .try_out(program, train, validation, &metric, plan, &mut cost, failures)
                        .await;
                    found.rollouts += cost.rollouts;
                    found.usage.add(&cost.usage);
                    let (scored, fatal) = match tried {
                        Ok(scored) => (scored, None),
                        Err(error) => (None, Some(error)),
                    };
                    let line = Line { name: name.clone(), scored, cost };
                    journal.append(&line)?;
                    match (line.scored, fatal) {
                        (_, Some(error)) if found.candidates.is_empty() => return Err(error),
                        (_, Some(error)) => {
                            found.stop = StopReason::Failed(error);
                            break;
                        }
                        (Some(scored), None) => scored,
                        (None, None) => continue,
                    }
                }
            };
            let mean = mean(&scored.scores);
            if found.score.is_none_or(|best| mean > best) {
                found.score = Some(mean);
                found.state = scored.state.clone();
            }
            let Scored { state, scores } = scored;
            found.candidates.push(Candidate { name, state, scores, parents: Vec::new() });
            if self.stop_at.is_some_and(|enough| mean >= enough) {
                found.stop = StopReason::Score;
                break;
            }
        }
        Ok(found)
    }

    /// Makes a set and evaluates it; `None` where it cannot be made.
    #[allow(clippy::too_many_arguments, reason = "what one candidate is made of")]
    async fn try_out<P, M, F>(
        &self,
        program: &P,
        train: &[Example],
        validation: &[Example],
        metric: &M,
        plan: Plan,
        cost: &mut Cost,
        failures: &mut Vec<Error>,
    ) -> Result<Option<Scored>>
    where
        P: Forward,
        P::In: DeserializeOwned,
        P::Out: Send + Sync,
        M: Fn(Rollout<P::Out>) -> F + Send + Sync,
        F: Future<Output: IntoScore> + Send,
    {
        let seed = self.bootstrap.seed;
        let bootstrap = match plan {
            Plan::ZeroShot | Plan::Labeled => None,
            Plan::Bootstrap => Some((self.bootstrap.clone(), (0..train.len()).collect())),
            Plan::Random(number) => {
                let mut rng = Rng::with_seed(part(seed, number));
                let order = shuffled(&mut rng, train.len());
                let most = self.bootstrap.bootstrapped.max(1);
                Some((self.bootstrap.clone().bootstrapped(rng.usize(1..=most)), order))
            }
        };
        let state = match (plan, bootstrap) {
            (_, Some((bootstrap, order))) => {
                let Bootstrapped { found, gave_up } =
                    bootstrap.compile_in_order(program, train, &order, metric).await?;
                cost.rollouts += found.rollouts;
                cost.usage.add(&found.usage);
                failures.extend(found.failures);
                match gave_up {
                    Some(error) if is_fatal(&error) => return Err(error),
                    Some(error) => {
                        failures.push(error);
                        return Ok(None);
                    }
                    None => found.state,
                }
            }
            (Plan::Labeled, None) => {
                LabeledFewShot::new(self.bootstrap.labeled).seed(seed).compile(program, train)
            }
            (_, None) => zero_shot(program),
        };
        let overlay = state.overlay(program)?;
        let evaluate = Evaluate::new().concurrency(self.concurrency);
        let evaluation = with_overlay(overlay, evaluate.run(program, validation, metric)).await?;
        cost.rollouts += validation.len();
        cost.usage.add(&evaluation.usage());
        for (index, error) in evaluation.errors() {
            let error = error.clone().with_index(index);
            if is_fatal(&error) {
                return Err(error);
            }
            failures.push(error);
        }
        Ok(Some(Scored { state, scores: evaluation.scores().collect() }))
    }

    /// Opens the log, and reads what was tried before.
    fn open_log<P: Forward>(
        &self,
        program: &P,
        train: &[Example],
        validation: &[Example],
    ) -> Result<(Journal, Vec<Line>)> {
        let Some(folder) = &self.log else { return Ok((Journal::default(), Vec::new())) };
        let how = &self.bootstrap;
        let settings =
            (how.bootstrapped, how.labeled, how.rounds, how.threshold, how.max_errors, how.seed);
        let state = ProgramState::of(program);
        let fingerprint = fingerprint(&(settings, &how.teacher, state, train, validation))?;
        let start = Start { version: VERSION, fingerprint };
        let (mut journal, logged) = Journal::open::<Start, Line>(folder, LOG)?;
        match logged {
            Some(logged) if logged.start == start => Ok((journal, logged.steps)),
            Some(_) => Err(another_run()),
            None => {
                journal.append(&start)?;
                Ok((journal, Vec::new()))
            }
        }
    }
}

/// The name of the log in its folder.
const LOG: &str = "random-search.jsonl";

/// The version of the log.
const VERSION: u32 = 1;

/// The first line of the log.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Start {
    version: u32,
    /// A digest of everything that the run depends on but its length and its models.
    fingerprint: String,
}

/// What came of one set, as it is logged. One that could not be made is tried again.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    name: String,
    scored: Option<Scored>,
    cost: Cost,
}

/// A set that was evaluated.
#[derive(Debug, Serialize, Deserialize)]
struct Scored {
    state: ProgramState,
    scores: Vec<f64>,
}

/// What a set has taken.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cost {
    rollouts: usize,
    usage: Usage,
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
