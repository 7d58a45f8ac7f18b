//! [`Predictor`]: a signature, demos, settings and an adapter, over values. It is never mutated while it
//! runs: what an optimiser tries comes as an [`Overlay`](crate::Overlay).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use meanwhile_core::{Registry, Settings};

use crate::{Adapter, Demo, SignatureSpec};

/// Names a predictor: unique in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PredictorId(u64);

impl PredictorId {
    fn next() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        Self(NUMBER.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for PredictorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A signature that is asked of a model, over values: the untyped heart of [`Predict`](crate::Predict).
///
/// A clone is another predictor, with an id of its own.
///
/// ```
/// use meanwhile_core::{Model, Scripted, Settings};
/// use meanwhile_programs::{Dynamic, Predict, Predictor, SignatureSpec, fields};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("[[ ## answer ## ]]\nLima"), "any");
/// let spec: SignatureSpec = "question -> answer".parse()?;
/// let mut predictor = Predictor::new(spec.with_instructions("Answer in one word."));
/// predictor.set_settings(Settings::new().model(model).temperature(0.0));
/// assert_eq!(predictor.settings().params.temperature, Some(0.0));
///
/// let ask = Predict::<Dynamic>::from_predictor(predictor);
/// let out = ask.call(fields! { question: "The capital of Peru?" }).await?;
/// assert_eq!(out.text("answer"), Some("Lima"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub struct Predictor {
    id: PredictorId,
    pub(super) spec: Arc<SignatureSpec>,
    pub(super) demos: Arc<[Demo]>,
    pub(super) settings: Settings,
    pub(super) adapter: Option<Arc<dyn Adapter>>,
    pub(super) registry: Option<Registry>,
    /// How many answers a call asks for.
    pub(super) completions: usize,
    /// What is added to the instructions of each call, those of an overlay included.
    pub(crate) appendix: Option<Arc<str>>,
    /// An output whose choices are shown, and which is read as whatever text was written.
    pub(crate) open_choice: Option<&'static str>,
    pub(super) overlay_required: Arc<AtomicUsize>,
}

impl Predictor {
    /// Makes a predictor without demos.
    #[must_use]
    pub fn new(spec: impl Into<Arc<SignatureSpec>>) -> Self {
        Self {
            id: PredictorId::next(),
            spec: spec.into(),
            demos: Arc::default(),
            settings: Settings::new(),
            adapter: None,
            registry: None,
            completions: 1,
            appendix: None,
            open_choice: None,
            overlay_required: Arc::default(),
        }
    }

    /// Names this predictor among all of the process.
    #[must_use]
    pub fn id(&self) -> PredictorId {
        self.id
    }

    /// The name of its signature.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its signature.
    #[must_use]
    pub fn spec(&self) -> &SignatureSpec {
        &self.spec
    }

    /// Its demos.
    #[must_use]
    pub fn demos(&self) -> &[Demo] {
        &self.demos
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its adapter, where it has one of its own.
    #[must_use]
    pub fn adapter(&self) -> Option<&Arc<dyn Adapter>> {
        self.adapter.as_ref()
    }

    /// Replaces the signature.
    pub fn set_spec(&mut self, spec: impl Into<Arc<SignatureSpec>>) {
        self.spec = spec.into();
    }

    /// Replaces the demos.
    pub fn set_demos(&mut self, demos: impl Into<Arc<[Demo]>>) {
        self.demos = demos.into();
    }

    /// Sets settings, on top of those already set here. They win against those of a scope.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings.or(std::mem::take(&mut self.settings));
    }

    /// Sets the adapter.
    pub fn set_adapter(&mut self, adapter: Arc<dyn Adapter>) {
        self.adapter = Some(adapter);
    }

    /// Sets where `provider/model` strings are looked up, instead of in
    /// [the registry of the process](Registry::global).
    pub fn set_registry(&mut self, registry: Registry) {
        self.registry = Some(registry);
    }

    /// Sets how many answers a call asks for; 0 counts as 1. See
    /// [`Predict::completions`](crate::Predict::completions).
    pub fn set_completions(&mut self, completions: usize) {
        self.completions = completions.max(1);
    }

    /// Makes calls outside of any [`with_overlay`](crate::with_overlay) an error while the guard lives:
    /// an optimiser would take one in a task that lost its scope for a candidate's.
    #[must_use = "the rule holds as long as the guard lives"]
    pub fn require_overlay(&self) -> OverlayRequired {
        self.overlay_required.fetch_add(1, Ordering::AcqRel);
        OverlayRequired(self.overlay_required.clone())
    }

    pub(crate) fn lookup(&self) -> Registry {
        self.registry.clone().unwrap_or_else(Registry::global)
    }
}

/// While it lives, calls of a predictor outside of an overlay are errors.
#[derive(Debug)]
pub struct OverlayRequired(Arc<AtomicUsize>);

impl Drop for OverlayRequired {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Clone for Predictor {
    fn clone(&self) -> Self {
        Self {
            id: PredictorId::next(),
            spec: self.spec.clone(),
            demos: self.demos.clone(),
            settings: self.settings.clone(),
            adapter: self.adapter.clone(),
            registry: self.registry.clone(),
            completions: self.completions,
            appendix: self.appendix.clone(),
            open_choice: self.open_choice,
            overlay_required: Arc::default(),
        }
    }
}

impl fmt::Debug for Predictor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Predictor")
            .field("id", &self.id)
            .field("spec", &self.spec)
            .field("demos", &self.demos.len())
            .finish_non_exhaustive()
    }
}
