//! [`ChainOfThought`]: a predictor that has the model reason before it answers.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use meanwhile_core::{ModelRef, Result, Settings};
use serde::{Deserialize, Serialize};

use super::Predict;
use crate::{
    Adapter, Demo, Dynamic, FieldSpec, Prediction, PredictionStream, Predictor, Signature,
    SignatureSpec,
};

/// The name of the output that comes first.
const REASONING: &str = "reasoning";

/// A signature with the output `reasoning` in front of its own.
#[derive(Debug)]
pub struct WithReasoning<S>(PhantomData<fn() -> S>);

impl<S: Signature> Signature for WithReasoning<S> {
    type Input = S::Input;
    type Output = Reasoned<S::Output>;

    fn spec() -> SignatureSpec {
        reasoning(S::spec())
    }
}

fn reasoning(spec: SignatureSpec) -> SignatureSpec {
    spec.prepend_output(FieldSpec::text(REASONING))
}

/// An output with the reasoning that led to it. Dereferences to the output.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reasoned<T> {
    /// What the model wrote before it answered.
    pub reasoning: String,
    /// The output.
    #[serde(flatten)]
    pub value: T,
}

impl<T> Reasoned<T> {
    /// Takes the output out.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Reasoned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Reasoned<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// Has the model reason in words before it answers: [`Predict`] with the output `reasoning` in front.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{ChainOfThought, fields};
///
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().reply(
///     "[[ ## reasoning ## ]]\nIt saw the oven.\n\n[[ ## answer ## ]]\nTo flee.\n\n[[ ## completed ## ]]",
/// );
/// let think = ChainOfThought::parse("question -> answer")?.model(Model::new(scripted, "any"));
/// let out = think.call(fields! { question: "Why did the chicken cross the kitchen?" }).await?;
/// assert_eq!((&*out.reasoning, out.text("answer")), ("It saw the oven.", Some("To flee.")));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub struct ChainOfThought<S = Dynamic> {
    /// The predictor of the longer signature.
    pub predict: Predict<WithReasoning<S>>,
}

impl ChainOfThought {
    /// Reasons about a signature that is written as text.
    ///
    /// # Errors
    ///
    /// As reading a [`SignatureSpec`].
    pub fn parse(signature: &str) -> Result<Self> {
        Ok(Self::of(signature.parse::<SignatureSpec>()?))
    }

    /// Reasons about a signature that was built at run time.
    #[must_use]
    pub fn of(spec: SignatureSpec) -> Self {
        Self { predict: Predict::from_predictor(Predictor::new(reasoning(spec))) }
    }
}

impl<S: Signature> ChainOfThought<S> {
    /// Reasons about a signature that is a type.
    #[must_use]
    pub fn new() -> Self {
        Self { predict: Predict::new() }
    }

    /// Sets the model: a [`Model`](meanwhile_core::Model) or a `provider/model` string.
    #[must_use]
    pub fn model(self, model: impl Into<ModelRef>) -> Self {
        self.settings(Settings::new().model(model))
    }

    /// Sets settings, on top of those already set here. They win against those of a scope.
    #[must_use]
    pub fn settings(self, settings: Settings) -> Self {
        Self { predict: self.predict.settings(settings) }
    }

    /// Sets the adapter.
    #[must_use]
    pub fn adapter(self, adapter: impl Adapter) -> Self {
        Self { predict: self.predict.adapter(adapter) }
    }

    /// Sets the demos.
    #[must_use]
    pub fn demos(self, demos: impl IntoIterator<Item = impl Into<Demo>>) -> Self {
        Self { predict: self.predict.demos(demos) }
    }

    /// Replaces the instructions.
    #[must_use]
    pub fn instructions(self, instructions: impl Into<String>) -> Self {
        Self { predict: self.predict.instructions(instructions) }
    }

    /// Asks for so many answers each time: see [`Predict::completions`].
    #[must_use]
    pub fn completions(self, completions: usize) -> Self {
        Self { predict: self.predict.completions(completions) }
    }

    /// Asks the model. Nothing is sent before the first poll; dropping the future cancels.
    ///
    /// # Errors
    ///
    /// As [`Predict::call`].
    pub fn call(
        &self,
        input: S::Input,
    ) -> impl Future<Output = Result<Prediction<Reasoned<S::Output>>>> + Send + use<'_, S> {
        self.predict.call(input)
    }

    /// Asks the model, and returns its answer field by field as it is written.
    ///
    /// # Errors
    ///
    /// As [`Predict::stream`].
    pub fn stream(&self, input: S::Input) -> PredictionStream<Reasoned<S::Output>> {
        self.predict.stream(input)
    }
}

impl<S: Signature> Default for ChainOfThought<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Clone for ChainOfThought<S> {
    fn clone(&self) -> Self {
        Self { predict: self.predict.clone() }
    }
}

impl<S> fmt::Debug for ChainOfThought<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChainOfThought").field(&self.predict.predictor).finish()
    }
}
