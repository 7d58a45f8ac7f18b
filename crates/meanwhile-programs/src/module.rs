//! [`Module`] and [`Forward`]: programs made of predictors that can be found by name, and run.

mod containers;

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::path::Path;

use meanwhile_core::{Error, ErrorKind, ModelRef, Result, Settings};

use crate::{
    ChainOfThought, Predict, Prediction, Predictor, PredictorId, ProgramState, Reasoned, Signature,
};

/// A program, or a part of one: what holds predictors.
///
/// `#[derive(Module)]` of the facade writes this for a struct whose fields are modules. The paths are
/// those that DSPy gives: `a`, `a.predict`, `steps[0]`, `experts['law']`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no module",
    label = "holds no predictors that could be found",
    note = "derive `Module` for it; mark a field that holds none with `#[module(skip)]`"
)]
pub trait Module {
    /// Shows every predictor with its path, in order. One that is the module itself has no path.
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor));

    /// Shows every predictor with its path, to be changed. Those that are shared are left out.
    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor));
}

/// A module that can be run.
///
/// ```
/// use meanwhile_programs::{Forward, Module, Predict, Dynamic, Fields, Predictor, fields};
/// use meanwhile_core::{Model, Result, Scripted};
///
/// struct Shout(Predict<Dynamic>);
///
/// impl Module for Shout {
///     fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
///         self.0.predictors(visit);
///     }
///     fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
///         self.0.predictors_mut(visit);
///     }
/// }
///
/// impl Forward for Shout {
///     type In = String;
///     type Out = String;
///
///     async fn forward(&self, question: String) -> Result<String> {
///         let answer = self.0.call(fields! { question: question }).await?;
///         Ok(answer.get::<String>("answer")?.to_uppercase())
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let model = Model::new(Scripted::new().reply("[[ ## answer ## ]]\nDune"), "any");
/// let shout = Shout(Predict::parse("question -> answer")?.model(model));
/// assert_eq!(shout.forward("Which book?".into()).await?, "DUNE");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub trait Forward: Module + Send + Sync {
    /// What it is given.
    type In: Send;
    /// What it answers.
    type Out: Send;

    /// Runs the program once. Dropping the future cancels.
    ///
    /// # Errors
    ///
    /// Those of its predictors, and its own.
    fn forward(&self, input: Self::In) -> impl Future<Output = Result<Self::Out>> + Send;
}

/// What can be done with every [`Module`].
pub trait ModuleExt: Module {
    /// The paths and ids of the predictors, in order; each once, by its first path. The path of a
    /// module that is a predictor itself is `self`.
    fn named_predictors(&self) -> Vec<(String, PredictorId)> {
        let mut named: Vec<(String, PredictorId)> = Vec::new();
        each(self, |path, predictor| named.push((path.to_owned(), predictor.id())));
        named
    }

    /// What the predictors have been taught so far: instructions, descriptions, demos.
    fn state(&self) -> ProgramState {
        ProgramState::of(self)
    }

    /// Takes over a state, or nothing of it.
    ///
    /// # Errors
    ///
    /// As [`ProgramState::apply`].
    fn load_state(&mut self, state: &ProgramState) -> Result<()> {
        state.apply(self)
    }

    /// Gives every predictor a model: a [`Model`](meanwhile_core::Model) or a `provider/model` string. What
    /// DSPy calls `set_lm`.
    ///
    /// # Errors
    ///
    /// As [`set_settings`](Self::set_settings).
    fn set_model(&mut self, model: impl Into<ModelRef>) -> Result<()> {
        self.set_settings(&Settings::new().model(model))
    }

    /// Gives every predictor settings, on top of those that it has. They win against those of a scope. Or
    /// leaves all as they are.
    ///
    /// ```
    /// use meanwhile_core::{Model, Scripted, Settings};
    /// use meanwhile_programs::{ModuleExt as _, Predict, fields};
    /// # futures::executor::block_on(async {
    /// let model = Model::new(Scripted::new().reply("[[ ## answer ## ]]\nLima"), "any");
    /// let mut steps = vec![Predict::parse("question -> answer")?, Predict::parse("answer -> city")?];
    /// steps.set_settings(&Settings::new().model(model).temperature(0.0))?;
    /// let out = steps[0].call(fields! { question: "The capital of Peru?" }).await?;
    /// assert_eq!(out.text("answer"), Some("Lima"));
    /// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when a predictor is shared, so that it cannot be changed.
    fn set_settings(&mut self, settings: &Settings) -> Result<()> {
        within_reach(self)?;
        self.predictors_mut(&mut |_, predictor| predictor.set_settings(settings.clone()));
        Ok(())
    }

    /// Writes the state to a file, as JSON.
    ///
    /// # Errors
    ///
    /// As [`ProgramState::save`].
    fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.state().save(path)
    }

    /// Takes over the state in a file: one that [`save`](Self::save) wrote, or DSPy's `program.save`.
    /// Returns what of the file has no place here.
    ///
    /// # Errors
    ///
    /// As [`ProgramState::load`] and [`ProgramState::apply`].
    fn load(&mut self, path: impl AsRef<Path>) -> Result<Vec<String>> {
        let state = ProgramState::load(path)?;
        state.apply(self)?;
        Ok(state.ignored)
    }
}

impl<M: Module + ?Sized> ModuleExt for M {}

/// Shows every predictor once, by its full path.
pub(crate) fn each<M: Module + ?Sized>(module: &M, mut visit: impl FnMut(&str, &Predictor)) {
    let mut seen: Vec<PredictorId> = Vec::new();
    module.predictors(&mut |path, predictor| {
        if !seen.contains(&predictor.id()) {
            seen.push(predictor.id());
            visit(root(path), predictor);
        }
    });
}

/// Whether all predictors can be changed: none is shared.
pub(crate) fn within_reach<M: Module + ?Sized>(module: &mut M) -> Result<()> {
    let mut reached = Vec::new();
    module.predictors_mut(&mut |_, predictor| reached.push(predictor.id()));
    let mut shared = None;
    each(module, |path, predictor| {
        if !reached.contains(&predictor.id()) {
            shared = Some(path.to_owned());
        }
    });
    let Some(path) = shared else { return Ok(()) };
    let message = format!(
        "the predictor `{path}` is shared, so that it cannot be changed; change the program before it is \
         cloned into another `Arc`"
    );
    Err(Error::new(ErrorKind::Config, message))
}

/// The path of a predictor that is the module itself.
pub(crate) fn root(path: &str) -> &str {
    if path.is_empty() { "self" } else { path }
}

/// Joins the path of a part and the path of a predictor in it.
fn join(prefix: &str, path: &str) -> String {
    match path.chars().next() {
        None => prefix.to_owned(),
        Some('[') => format!("{prefix}{path}"),
        Some(_) => format!("{prefix}.{path}"),
    }
}

/// Shows the predictors of a part. What `#[derive(Module)]` calls.
#[doc(hidden)]
pub fn visit_part<M: Module + ?Sized>(
    part: &M,
    name: &str,
    visit: &mut dyn FnMut(&str, &Predictor),
) {
    part.predictors(&mut |path, predictor| visit(&join(name, path), predictor));
}

/// Shows the predictors of a part, to be changed. What `#[derive(Module)]` calls.
#[doc(hidden)]
pub fn visit_part_mut<M: Module + ?Sized>(
    part: &mut M,
    name: &str,
    visit: &mut dyn FnMut(&str, &mut Predictor),
) {
    part.predictors_mut(&mut |path, predictor| visit(&join(name, path), predictor));
}

impl Module for Predictor {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        visit("", self);
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        visit("", self);
    }
}

impl<S> Module for Predict<S> {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        visit("", &self.predictor);
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        visit("", &mut self.predictor);
    }
}

impl<S> Module for ChainOfThought<S> {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        visit_part(&self.predict, "predict", visit);
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        visit_part_mut(&mut self.predict, "predict", visit);
    }
}

impl<S: Signature> Forward for Predict<S> {
    type In = S::Input;
    type Out = Prediction<S::Output>;

    fn forward(&self, input: Self::In) -> impl Future<Output = Result<Self::Out>> + Send {
        self.call(input)
    }
}

impl<S: Signature> Forward for ChainOfThought<S> {
    type In = S::Input;
    type Out = Prediction<Reasoned<S::Output>>;

    fn forward(&self, input: Self::In) -> impl Future<Output = Result<Self::Out>> + Send {
        self.call(input)
    }
}

/// A module that is finished: it runs as before, but its predictors are no longer found, so that no
/// optimiser changes them and no state is saved of them.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{ChainOfThought, Forward as _, Frozen, ProgramState, fields};
/// # futures::executor::block_on(async {
/// # let reply = "[[ ## reasoning ## ]]\nI know.\n\n[[ ## answer ## ]]\nLima";
/// # let model = Model::new(Scripted::new().reply(reply), "any");
/// let think = ChainOfThought::parse("question -> answer")?.model(model);
/// assert_eq!(ProgramState::of(&think).predictors.len(), 1);
/// // An optimiser finds nothing in it any more; it runs as before.
/// let frozen = Frozen::new(think);
/// assert!(ProgramState::of(&frozen).predictors.is_empty());
/// let out = frozen.forward(fields! { question: "The capital of Peru?" }).await?;
/// assert_eq!(out.text("answer"), Some("Lima"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Frozen<M>(M);

impl<M> Frozen<M> {
    /// Freezes a module.
    pub fn new(module: M) -> Self {
        Self(module)
    }

    /// Takes the module out.
    pub fn into_inner(self) -> M {
        self.0
    }
}

impl<M> Module for Frozen<M> {
    fn predictors(&self, _: &mut dyn FnMut(&str, &Predictor)) {}

    fn predictors_mut(&mut self, _: &mut dyn FnMut(&str, &mut Predictor)) {}
}

impl<F: Forward> Forward for Frozen<F> {
    type In = F::In;
    type Out = F::Out;

    fn forward(&self, input: Self::In) -> impl Future<Output = Result<Self::Out>> + Send {
        self.0.forward(input)
    }
}

impl<M> Deref for Frozen<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.0
    }
}

impl<M> DerefMut for Frozen<M> {
    fn deref_mut(&mut self) -> &mut M {
        &mut self.0
    }
}
