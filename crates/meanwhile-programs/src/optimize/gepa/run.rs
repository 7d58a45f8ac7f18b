//! [`Run`]: a GEPA run under way. What an iteration does becomes a [`GepaStep`] first, is logged, and then
//! changes the pool: the same way whether it happens or is read from the log.

use std::fmt::Write as _;

use fastrand::Rng;
use meanwhile_core::{Call, Error, ErrorKind, Prompt, Registry, Response, Result, Usage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::journal::{Journal, Logged, another_run, fingerprint};
use super::super::sample::{part, shuffled};
use super::super::{Candidate, Optimized, StopReason, is_fatal, predictors, require_overlay};
use super::pool::Pool;
use super::step::{GepaChange, GepaMerge, GepaOutcome, GepaStep};
use super::{Components, Gepa, merge, reflect};
use crate::module::each;
use crate::predict::Spent;
use crate::{
    Evaluate, Example, Forward, IntoScore, Overlay, OverlayRequired, PredictorId, ProgramState,
    Rollout, Row, with_overlay,
};

/// Reflections in a row that may fail.
const FAILURES: usize = 3;

/// The version of the log.
const VERSION: u32 = 1;

/// The name of the log in its folder.
const LOG: &str = "gepa.jsonl";

/// The first line of the log: which run it is, and how the program did as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Start {
    version: u32,
    /// A digest of everything that the run depends on but its budget and its models.
    fingerprint: String,
    seed: u64,
    components: Vec<String>,
    instructions: Vec<String>,
    scores: Vec<f64>,
    usage: Usage,
}

pub(super) struct Run<'a, P, M> {
    gepa: &'a Gepa,
    program: &'a P,
    train: &'a [Example],
    validation: &'a [Example],
    metric: &'a M,
    /// The program as it is.
    state: ProgramState,
    paths: Vec<(String, PredictorId)>,
    pool: Pool,
    rollouts: usize,
    usage: Usage,
    failures: Vec<Error>,
    journal: Journal,
    /// Where the model that reflects is looked up: where the program's are.
    registry: Registry,
    _guards: Vec<OverlayRequired>,
}

impl<'a, P, M, F> Run<'a, P, M>
where
    P: Forward,
    P::In: DeserializeOwned,
    P::Out: Send + Sync,
    M: Fn(Rollout<P::Out>) -> F + Send + Sync,
    F: Future<Output: IntoScore> + Send,
{
    /// Reads the log, or runs the program as it is on all validation examples.
    pub(super) async fn begin(
        gepa: &'a Gepa,
        program: &'a P,
        train: &'a [Example],
        validation: &'a [Example],
        metric: &'a M,
    ) -> Result<Self> {
        let paths = predictors(program)?;
        let state = ProgramState::of(program);
        let instructions: Vec<String> = state
            .predictors
            .iter()
            .map(|(_, predictor)| predictor.instructions.clone().unwrap_or_default())
            .collect();
        let fingerprint = digest(gepa, &state, train, validation)?;
        let (journal, logged) = match &gepa.log {
            Some(folder) => Journal::open(folder, LOG)?,
            None => (Journal::default(), None),
        };
        let mut run = Self {
            gepa,
            program,
            train,
            validation,
            metric,
            state,
            paths,
            pool: Pool::new(instructions.clone(), Vec::new(), gepa.seed, gepa.merges),
            rollouts: 0,
            usage: Usage::default(),
            failures: Vec::new(),
            journal,
            registry: registry(program),
            _guards: require_overlay(program),
        };
        if let Some(logged) = logged {
            run.resume(logged, &fingerprint)?;
            return Ok(run);
        }
        let every: Vec<usize> = (0..validation.len()).collect();
        let scores = scores(&run.rows(&instructions, validation, &every).await?);
        run.journal.append(&Start {
            version: VERSION,
            fingerprint,
            seed: gepa.seed,
            components: run.paths.iter().map(|(path, _)| path.clone()).collect(),
            instructions: instructions.clone(),
            scores: scores.clone(),
            usage: run.usage.clone(),
        })?;
        run.pool = Pool::new(instructions, scores, gepa.seed, gepa.merges);
        Ok(run)
    }

    fn resume(&mut self, logged: Logged<Start, GepaStep>, fingerprint: &str) -> Result<()> {
        let Logged { start, steps } = logged;
        if start.version != VERSION || start.fingerprint != fingerprint {
            return Err(another_run());
        }
        self.rollouts = start.scores.len();
        self.usage = start.usage;
        self.pool = Pool::new(start.instructions, start.scores, start.seed, self.gepa.merges);
        for step in steps {
            if step.iteration != self.pool.iteration {
                let message = format!(
                    "the log is of two runs at the same time: iteration {} follows where {} is due; remove \
                     it, or give each run a folder of its own",
                    step.iteration, self.pool.iteration
                );
                return Err(Error::new(ErrorKind::Config, message));
            }
            self.take(&step);
        }
        // Whether the model that reflects fails now is seen when it is asked.
        self.pool.failures = 0;
        Ok(())
    }

    /// Iterates until the budget is used up or nothing can be bettered.
    pub(super) async fn finish(mut self) -> Result<Optimized> {
        let budget =
            self.gepa.budget.rollouts(self.paths.len(), self.train.len(), self.validation.len());
        let mut reflection = None;
        let stop = loop {
            if self.is_perfect() {
                break StopReason::Score;
            }
            if self.pool.failures >= FAILURES {
                let unknown = || Error::new(ErrorKind::Other, "the reflections failed");
                break StopReason::Reflection(reflection.unwrap_or_else(unknown));
            }
            if self.rollouts >= budget {
                break StopReason::Budget;
            }
            let mut rng = Rng::with_seed(self.pool.rng);
            let outcome = match self.iterate(&mut rng, &mut reflection).await {
                Ok(outcome) => outcome,
                // The iteration is not logged, and is made again by a run that goes on.
                Err(error) if is_fatal(&error) => break StopReason::Failed(error),
                Err(error) => return Err(error),
            };
            let step = GepaStep {
                iteration: self.pool.iteration,
                rollouts: self.rollouts,
                usage: self.usage.clone(),
                outcome,
                rng: rng.get_seed(),
            };
            self.journal.append(&step)?;
            self.take(&step);
        };
        Ok(self.optimized(stop))
    }

    fn take(&mut self, step: &GepaStep) {
        self.rollouts = step.rollouts;
        self.usage.clone_from(&step.usage);
        self.pool.apply(step);
        if let Some(observe) = &self.gepa.observe {
            observe(step);
        }
    }

    /// Whether a candidate is perfect on every validation example.
    fn is_perfect(&self) -> bool {
        let perfect = |scores: &[f64]| scores.iter().all(|score| *score >= self.gepa.perfect);
        self.pool.members.iter().any(|member| perfect(&member.scores))
    }

    async fn iterate(
        &mut self,
        rng: &mut Rng,
        reflection: &mut Option<Error>,
    ) -> Result<GepaOutcome> {
        if self.pool.merges.is_due()
            && let Some(pair) = merge::find(&self.pool, rng)
        {
            return self.merge(pair, rng).await;
        }
        self.reflect(rng, reflection).await
    }

    /// Puts two candidates together.
    async fn merge(&mut self, pair: merge::Pair, rng: &mut Rng) -> Result<GepaOutcome> {
        let merge::Pair { parents, ancestor, sources } = pair;
        let examples = merge::examples(&self.pool, parents, rng);
        let instructions = self.pool.merged(&sources);
        let after = scores(&self.rows(&instructions, self.validation, &examples).await?);
        let before = parents.map(|parent| {
            let known = self.pool.members.get(parent).map(|member| &*member.scores);
            let known = known.unwrap_or_default();
            examples.iter().filter_map(|at| known.get(*at).copied()).collect::<Vec<f64>>()
        });
        let merge = GepaMerge { parents, ancestor, sources, examples, before, after };
        let best = merge.before.iter().map(|scores| sum(scores)).fold(f64::NEG_INFINITY, f64::max);
        if sum(&merge.after) < best {
            return Ok(GepaOutcome::MergeRejected(merge));
        }
        // What it was tried on is not run again.
        let open: Vec<usize> =
            (0..self.validation.len()).filter(|at| !merge.examples.contains(at)).collect();
        let fresh = scores(&self.rows(&instructions, self.validation, &open).await?);
        let known = merge.examples.iter().copied().zip(merge.after.iter().copied());
        let mut all: Vec<(usize, f64)> = open.into_iter().zip(fresh).chain(known).collect();
        all.sort_by_key(|(at, _)| *at);
        let scores = all.into_iter().map(|(_, score)| score).collect();
        Ok(GepaOutcome::MergeAccepted { merge, scores })
    }

    /// Runs a candidate on a few training examples, and has its instructions rewritten.
    async fn reflect(
        &mut self,
        rng: &mut Rng,
        reflection: &mut Option<Error>,
    ) -> Result<GepaOutcome> {
        let parent = self.pool.select(rng);
        let Some(member) = self.pool.members.get(parent).cloned() else {
            return Err(Error::new(ErrorKind::Other, "there is no candidate to reflect on"));
        };
        let size = self.gepa.minibatch;
        let minibatch = minibatch(self.gepa.seed, self.pool.iteration, self.train.len(), size);
        let rows = self.rows(&member.instructions, self.train, &minibatch).await?;
        let before = scores(&rows);
        if before.iter().all(|score| *score >= self.gepa.perfect) {
            return Ok(GepaOutcome::Perfect { parent, minibatch });
        }
        let components = match self.gepa.components {
            Components::InTurn => vec![member.next],
            Components::All => (0..member.instructions.len()).collect(),
        };
        let mut instructions = Vec::new();
        for component in &components {
            match self.rewrite(&member.instructions, *component, &rows, rng).await {
                Ok(Some(text)) => instructions.push((*component, text)),
                Ok(None) => {}
                Err(error) if is_fatal(&error) => return Err(error.with_operation("reflect")),
                Err(error) => {
                    let reason = error.to_string();
                    *reflection = Some(error);
                    return Ok(GepaOutcome::NoProposal {
                        parent,
                        components,
                        reason,
                        failed: true,
                    });
                }
            }
        }
        let mut proposed = member.instructions.clone();
        for (at, text) in &instructions {
            if let Some(place) = proposed.get_mut(*at) {
                place.clone_from(text);
            }
        }
        if proposed == member.instructions {
            let reason = "no new instructions: the predictor was not called, or the reflection brought \
                          the old ones";
            let reason = reason.to_owned();
            return Ok(GepaOutcome::NoProposal { parent, components, reason, failed: false });
        }
        let after = scores(&self.rows(&proposed, self.train, &minibatch).await?);
        let change = GepaChange { parent, instructions, minibatch, before, after };
        if sum(&change.after) <= sum(&change.before) {
            return Ok(GepaOutcome::Rejected(change));
        }
        let every: Vec<usize> = (0..self.validation.len()).collect();
        let scores = scores(&self.rows(&proposed, self.validation, &every).await?);
        Ok(GepaOutcome::Accepted { change, scores })
    }

    /// New instructions for one predictor; `None` where there is nothing to learn from, or nothing came.
    async fn rewrite(
        &mut self,
        instructions: &[String],
        component: usize,
        rows: &[Row<P::Out>],
        rng: &mut Rng,
    ) -> Result<Option<String>> {
        let (Some((path, id)), Some(current)) =
            (self.paths.get(component), instructions.get(component))
        else {
            return Ok(None);
        };
        let Some(examples) = reflect::examples(rows, *id, path, rng) else { return Ok(None) };
        let text = reflect::fill(&self.gepa.template, current, &examples);
        let mut prompt = Prompt::from(text);
        prompt.settings = self.gepa.reflection.clone();
        let mut spent = Spent::default();
        let reflected = Call::<Response>::new("reflect", &self.registry, Ok(prompt)).await;
        match &reflected {
            Ok(response) => spent.add(response),
            Err(error) => spent.add_failed(error),
        }
        self.usage.add(&spent.usage);
        let response = reflected?;
        Ok(reflect::instructions(&response.text()))
    }

    /// Runs a candidate on some examples; its rows are in their order.
    async fn rows(
        &mut self,
        instructions: &[String],
        examples: &[Example],
        places: &[usize],
    ) -> Result<Vec<Row<P::Out>>> {
        let examples: Vec<Example> =
            places.iter().filter_map(|at| examples.get(*at).cloned()).collect();
        if examples.is_empty() {
            return Ok(Vec::new());
        }
        let overlay: Overlay = self.with_instructions(instructions).overlay(self.program)?;
        let evaluate = Evaluate::new()
            .concurrency(self.gepa.concurrency)
            .failure_score(self.gepa.failure_score);
        let run = evaluate.run(self.program, &examples, self.metric);
        let evaluation = with_overlay(overlay, run).await?;
        self.rollouts += examples.len();
        self.usage.add(&evaluation.usage());
        for (index, error) in evaluation.errors() {
            let index = places.get(index).copied().unwrap_or(index);
            let error = error.clone().with_index(index);
            if is_fatal(&error) {
                return Err(error);
            }
            self.failures.push(error);
        }
        Ok(evaluation.rows)
    }

    /// The state of the program with other instructions.
    fn with_instructions(&self, instructions: &[String]) -> ProgramState {
        let mut state = self.state.clone();
        for ((_, predictor), text) in state.predictors.iter_mut().zip(instructions) {
            predictor.instructions = Some(text.clone());
        }
        state
    }

    fn optimized(self, stop: StopReason) -> Optimized {
        let best = self.pool.best();
        let candidate = |(at, member): (usize, &super::pool::Member)| {
            let mut name = String::new();
            let _ = write!(name, "candidate {at}");
            Candidate {
                name,
                state: self.with_instructions(&member.instructions),
                scores: member.scores.clone(),
                parents: member.parents.clone(),
            }
        };
        let candidates: Vec<Candidate> =
            self.pool.members.iter().enumerate().map(candidate).collect();
        let state = candidates.get(best).map(|candidate| candidate.state.clone());
        Optimized {
            state: state.unwrap_or_else(|| self.state.clone()),
            score: Some(self.pool.mean(best)),
            candidates,
            rollouts: self.rollouts,
            usage: self.usage,
            failures: self.failures,
            stop,
        }
    }
}

/// The registry of the first predictor.
fn registry<P: Forward>(program: &P) -> Registry {
    let mut found = None;
    each(program, |_, predictor| {
        found.get_or_insert_with(|| predictor.lookup());
    });
    found.unwrap_or_default()
}

fn scores<O>(rows: &[Row<O>]) -> Vec<f64> {
    rows.iter().map(|row| row.score.value).collect()
}

fn sum(scores: &[f64]) -> f64 {
    scores.iter().sum()
}

/// The training examples of an iteration: all in random order, a few at a time, then all in another order.
/// The last few of an order are filled up with its first ones.
fn minibatch(seed: u64, iteration: usize, examples: usize, size: usize) -> Vec<usize> {
    let size = size.min(examples).max(1);
    let batches = examples.div_ceil(size).max(1);
    let mut rng = Rng::with_seed(part(seed, (iteration / batches) as u64));
    let order = shuffled(&mut rng, examples);
    order.iter().cycle().skip(iteration % batches * size).take(size).copied().collect()
}

/// A digest of what a run depends on beside its budget and its models.
fn digest(
    gepa: &Gepa,
    state: &ProgramState,
    train: &[Example],
    validation: &[Example],
) -> Result<String> {
    let settings = (
        gepa.minibatch,
        gepa.components == Components::All,
        gepa.merges,
        gepa.perfect,
        gepa.failure_score,
        gepa.seed,
        &gepa.template,
    );
    fingerprint(&(settings, state, train, validation))
}
