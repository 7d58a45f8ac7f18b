//! Optimisers: they look for the instructions and demonstrations with which a program does best, and
//! hand them back as a [`ProgramState`]. The program itself is never changed: candidates are laid over it
//! while they are tried.

mod bootstrap;
mod gepa;
mod journal;
mod labeled;
mod nearest;
mod random_search;
mod sample;

use std::sync::Arc;

use meanwhile_core::{Error, ErrorKind, Result, Usage};

use crate::module::each;
use crate::{
    Demo, Example, Module, ModuleExt as _, Overlay, OverlayRequired, PredictorId, ProgramState,
};

pub use bootstrap::BootstrapFewShot;
pub use gepa::{Budget, Components, Gepa, GepaChange, GepaMerge, GepaOutcome, GepaStep};
pub use labeled::LabeledFewShot;
pub use nearest::NearestFewShot;
pub use random_search::BootstrapRandomSearch;

/// What an optimiser hands back: the best it found, and how it came to that.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Optimized {
    /// The state with which the program did best: load it into the program, or save it.
    pub state: ProgramState,
    /// The mean score of that state on the validation examples; `None` where nothing was evaluated.
    pub score: Option<f64>,
    /// Everything that was evaluated on all validation examples, in the order in which it was tried.
    pub candidates: Vec<Candidate>,
    /// How often the program was run.
    pub rollouts: usize,
    /// The tokens of those runs, and of a model that reflects on them.
    pub usage: Usage,
    /// Errors of single runs, oldest first. They cost their run, not the optimisation.
    pub failures: Vec<Error>,
    /// Why it ended.
    pub stop: StopReason,
}

/// A state that was tried, and how the program did with it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// What was tried: `zero-shot`, `bootstrap 3`, `candidate 2`.
    pub name: String,
    /// The state.
    pub state: ProgramState,
    /// The score of each validation example, in order.
    pub scores: Vec<f64>,
    /// The places in this list of the candidates that it was made of.
    pub parents: Vec<usize>,
}

/// Why an optimiser ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StopReason {
    /// It has done all that it does.
    Complete,
    /// Its budget is used up.
    Budget,
    /// The score to be reached was reached.
    Score,
    /// The model that reflects failed several times in a row; this is its last error.
    Reflection(Error),
    /// A run failed with an error that all others would have failed with too (a refused key, no credit, no
    /// such model). What was found until then is there.
    Failed(Error),
}

impl Candidate {
    /// The mean of the scores.
    #[must_use]
    pub fn mean(&self) -> f64 {
        mean(&self.scores)
    }
}

/// The mean of scores; 0 for none.
fn mean(scores: &[f64]) -> f64 {
    if scores.is_empty() { 0.0 } else { scores.iter().sum::<f64>() / scores.len() as f64 }
}

/// The predictors of a program: their paths, which must be there.
fn predictors<P: Module + ?Sized>(program: &P) -> Result<Vec<(String, PredictorId)>> {
    let found = program.named_predictors();
    if found.is_empty() {
        let message = "the program has no predictors to optimise; derive `Module` for it, and for the \
                       modules that it is made of";
        return Err(Error::new(ErrorKind::Config, message));
    }
    Ok(found)
}

/// The state of a program without demonstrations.
fn zero_shot<P: Module + ?Sized>(program: &P) -> ProgramState {
    with_demos(program, |_| Vec::new())
}

/// The state of a program with other demonstrations, by path.
fn with_demos<P: Module + ?Sized>(
    program: &P,
    mut demos: impl FnMut(&str) -> Vec<Demo>,
) -> ProgramState {
    let mut state = ProgramState::of(program);
    for (path, predictor) in &mut state.predictors {
        predictor.demos = Some(demos(path));
    }
    state
}

/// Lays a state over a program, without the demonstrations with the inputs of `example`: a model that is
/// shown the answer teaches nothing.
fn overlay_without<P: Module + ?Sized>(
    program: &P,
    state: &ProgramState,
    example: &Example,
) -> Result<Overlay> {
    let mut state = state.clone();
    let inputs = example.inputs();
    let is_it = |demo: &Demo| match inputs.is_empty() {
        true => &demo.fields == example.fields(),
        false => inputs.iter().all(|(name, value)| demo.fields.value(name) == Some(value)),
    };
    for (_, predictor) in &mut state.predictors {
        if let Some(demos) = &mut predictor.demos {
            demos.retain(|demo| !is_it(demo));
        }
    }
    state.overlay(program)
}

/// Makes calls of the program outside of a candidate an error while the guards live.
fn require_overlay<P: Module + ?Sized>(program: &P) -> Vec<OverlayRequired> {
    let mut guards = Vec::new();
    each(program, |_, predictor| guards.push(predictor.require_overlay()));
    guards
}

/// Whether an error is not one of a run but of all of them: running more would only cost.
fn is_fatal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Config
            | ErrorKind::MissingCredential
            | ErrorKind::UnknownProvider
            | ErrorKind::Unsupported
            | ErrorKind::Authentication
            | ErrorKind::PermissionDenied
            | ErrorKind::InsufficientFunds
            | ErrorKind::Budget
            | ErrorKind::ModelNotFound
    )
}

/// Something that is told to a callback while an optimiser runs.
type OnStep<T> = Arc<dyn Fn(&T) + Send + Sync>;
