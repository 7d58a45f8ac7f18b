//! [`Overlay`]: other instructions, demos and settings for predictors, within a future. Nothing is
//! mutated: candidates of an optimiser run side by side over one program.

use std::collections::HashMap;
use std::sync::Arc;

use meanwhile_core::{Host, Scope, Settings, scope};

use crate::{Demo, Predictor, PredictorId, SignatureSpec};

/// What predictors do otherwise within a future (see [`with_overlay`]). Cheap to clone.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Overlay, Predict, fields, with_overlay};
///
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().reply("[[ ## answer ## ]]\nLima\n\n[[ ## completed ## ]]");
/// let predict = Predict::parse("question -> answer")?.model(Model::new(scripted.clone(), "any"));
///
/// let overlay = Overlay::new().instructions(&predict.predictor, "Answer in one word.");
/// let question = fields! { question: "What is the capital of Peru?" };
/// let answer = with_overlay(overlay, predict.call(question)).await?;
///
/// assert_eq!(answer.text("answer"), Some("Lima"));
/// assert!(scripted.requests()[0].messages[0].text().contains("Answer in one word."));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    changes: Arc<HashMap<PredictorId, Change>>,
    everywhere: Option<Arc<Settings>>,
}

/// What one predictor does otherwise.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    pub(crate) spec: Option<Arc<SignatureSpec>>,
    pub(crate) demos: Option<Arc<[Demo]>>,
    pub(crate) settings: Option<Arc<Settings>>,
}

impl Overlay {
    /// Changes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a predictor another signature. Its fields must be those that the program sets and reads.
    #[must_use]
    pub fn spec(self, id: PredictorId, spec: impl Into<Arc<SignatureSpec>>) -> Self {
        self.change(id, |change| change.spec = Some(spec.into()))
    }

    /// Gives a predictor other instructions.
    #[must_use]
    pub fn instructions(self, predictor: &Predictor, instructions: impl Into<String>) -> Self {
        let id = predictor.id();
        let here = self.changes.get(&id).and_then(|change| change.spec.clone());
        let spec = here.as_deref().unwrap_or(predictor.spec()).clone();
        self.spec(id, spec.with_instructions(instructions))
    }

    /// Gives a predictor other demos.
    #[must_use]
    pub fn demos(self, id: PredictorId, demos: impl Into<Arc<[Demo]>>) -> Self {
        self.change(id, |change| change.demos = Some(demos.into()))
    }

    /// Gives a predictor settings, on top of its own.
    #[must_use]
    pub fn settings(self, id: PredictorId, settings: Settings) -> Self {
        self.change(id, |change| change.settings = Some(Arc::new(settings)))
    }

    /// Gives all predictors settings, on top of their own and below those given to one of them here.
    #[must_use]
    pub fn settings_everywhere(mut self, settings: Settings) -> Self {
        self.everywhere = Some(Arc::new(settings));
        self
    }

    /// The predictors that get something of their own.
    pub fn ids(&self) -> impl Iterator<Item = PredictorId> {
        self.changes.keys().copied()
    }

    /// The signature that a predictor gets, where it gets one.
    #[must_use]
    pub fn spec_of(&self, id: PredictorId) -> Option<&Arc<SignatureSpec>> {
        self.changes.get(&id)?.spec.as_ref()
    }

    /// The demos that a predictor gets, where it gets some.
    #[must_use]
    pub fn demos_of(&self, id: PredictorId) -> Option<&Arc<[Demo]>> {
        self.changes.get(&id)?.demos.as_ref()
    }

    /// Fills what is not changed from `lower`: signature, demos and settings each by themselves.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        let everywhere = above(self.everywhere, lower.everywhere);
        let mut changes = Arc::unwrap_or_clone(lower.changes);
        for (id, upper) in self.changes.iter() {
            let change = changes.entry(*id).or_default();
            change.spec = upper.spec.clone().or(change.spec.take());
            change.demos = upper.demos.clone().or(change.demos.take());
            change.settings = above(upper.settings.clone(), change.settings.take());
        }
        Self { changes: Arc::new(changes), everywhere }
    }

    fn change(mut self, id: PredictorId, change: impl FnOnce(&mut Change)) -> Self {
        change(Arc::make_mut(&mut self.changes).entry(id).or_default());
        self
    }

    pub(crate) fn of(&self, id: PredictorId) -> Option<&Change> {
        self.changes.get(&id)
    }

    /// The settings that a predictor gets.
    pub(crate) fn settings_of(&self, id: PredictorId) -> Option<Settings> {
        let own = self.of(id).and_then(|change| change.settings.clone());
        above(own, self.everywhere.clone()).map(Arc::unwrap_or_clone)
    }

    pub(crate) fn current(host: &Host) -> Option<Arc<Self>> {
        host.get()
    }
}

fn above(upper: Option<Arc<Settings>>, lower: Option<Arc<Settings>>) -> Option<Arc<Settings>> {
    match (upper, lower) {
        (Some(upper), Some(lower)) => {
            Some(Arc::new(Arc::unwrap_or_clone(upper).or(Arc::unwrap_or_clone(lower))))
        }
        (upper, lower) => upper.or(lower),
    }
}

/// Runs a future in which predictors are changed by an overlay, on top of the one around it.
///
/// It is a value of the task's [`Scope`](meanwhile_core::Scope): a task that is spawned inside starts
/// without it; carry it over with `Scope::current().run(…)`. What holds around is looked at when the future
/// is first polled, so that it may be made anywhere.
pub async fn with_overlay<F: Future>(overlay: Overlay, future: F) -> F::Output {
    let host = Scope::current().host();
    let overlay = match Overlay::current(&host) {
        Some(around) => overlay.or(Arc::unwrap_or_clone(around)),
        None => overlay,
    };
    scope(Settings::new().host(overlay), future).await
}
