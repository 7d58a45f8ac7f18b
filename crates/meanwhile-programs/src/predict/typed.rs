//! [`Predict`]: a predictor whose inputs and outputs are types.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use meanwhile_core::{ModelRef, Registry, Result, Scope, Settings};
use serde::de::DeserializeOwned;

use super::run::{Asking, Spent};
use crate::{
    Adapter, Demo, Dynamic, Fields, Prediction, PredictionStream, Predictor, Signature,
    SignatureSpec,
};

/// A signature that is asked of a model: [`Predictor`] with types.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Predict, fields};
///
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new()
///     .reply("[[ ## answer ## ]]\nLima\n\n[[ ## score ## ]]\n0.9\n\n[[ ## completed ## ]]");
/// let predict = Predict::parse("question -> answer, score: float")?
///     .model(Model::new(scripted, "any"));
///
/// let prediction = predict.call(fields! { question: "What is the capital of Peru?" }).await?;
///
/// assert_eq!(prediction.text("answer"), Some("Lima"));
/// assert_eq!(prediction.get::<f64>("score")?, 0.9);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub struct Predict<S = Dynamic> {
    /// The predictor over values.
    pub predictor: Predictor,
    signature: PhantomData<fn() -> S>,
}

impl Predict {
    /// Makes a predictor of a signature that is written as text.
    ///
    /// # Errors
    ///
    /// As reading a [`SignatureSpec`].
    pub fn parse(signature: &str) -> Result<Self> {
        Ok(Self::of(signature.parse::<SignatureSpec>()?))
    }

    /// Makes a predictor of a signature that was built at run time.
    #[must_use]
    pub fn of(spec: impl Into<Arc<SignatureSpec>>) -> Self {
        Self::from_predictor(Predictor::new(spec))
    }
}

impl<S: Signature> Predict<S> {
    /// Makes a predictor of a signature that is a type.
    #[must_use]
    pub fn new() -> Self {
        Self::from_predictor(Predictor::new(S::spec()))
    }

    /// Takes a predictor whose signature has the fields of `S`.
    #[must_use]
    pub fn from_predictor(predictor: Predictor) -> Self {
        Self { predictor, signature: PhantomData }
    }

    /// Sets the model: a [`Model`](meanwhile_core::Model) or a `provider/model` string.
    #[must_use]
    pub fn model(self, model: impl Into<ModelRef>) -> Self {
        self.settings(Settings::new().model(model))
    }

    /// Sets settings, on top of those already set here. They win against those of a scope.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.predictor.set_settings(settings);
        self
    }

    /// Sets the adapter.
    #[must_use]
    pub fn adapter(mut self, adapter: impl Adapter) -> Self {
        self.predictor.set_adapter(Arc::new(adapter));
        self
    }

    /// Sets the demos.
    #[must_use]
    pub fn demos(mut self, demos: impl IntoIterator<Item = impl Into<Demo>>) -> Self {
        let demos: Vec<Demo> = demos.into_iter().map(Into::into).collect();
        self.predictor.set_demos(demos);
        self
    }

    /// Replaces the instructions.
    #[must_use]
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        let spec = self.predictor.spec().clone().with_instructions(instructions);
        self.predictor.set_spec(spec);
        self
    }

    /// Asks for so many answers each time, at most 8 at once; 0 counts as 1. What DSPy calls `n`.
    ///
    /// The first that can be read is the value, and all that can be are
    /// [`Prediction::completions`]; [`majority`](crate::majority) takes these. Those that cannot are in
    /// [`Prediction::failed`]; the call fails where none can. A temperature that is set nowhere, or is at most
    /// 0.15, becomes 0.7. Where a seed is set, be it of the model or the process, each has the next one; else
    /// those after the first pass by a cache. Of the answers, a stream tells the first.
    ///
    /// ```
    /// use meanwhile_core::{Model, Scripted};
    /// use meanwhile_programs::{Predict, fields, majority};
    ///
    /// # futures::executor::block_on(async {
    /// let scripted = Scripted::new()
    ///     .reply("[[ ## answer ## ]]\nCusco")
    ///     .reply("[[ ## answer ## ]]\nLima")
    ///     .reply("[[ ## answer ## ]]\nlima.");
    /// let predict = Predict::parse("question -> answer")?
    ///     .completions(3)
    ///     .model(Model::new(scripted, "any"));
    /// let out = predict.call(fields! { question: "The capital of Peru?" }).await?;
    /// assert_eq!((out.text("answer"), out.completions.len()), (Some("Cusco"), 3));
    /// let most = majority(&out.completions, None).and_then(|one| one.text("answer"));
    /// assert_eq!(most, Some("Lima"));
    /// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn completions(mut self, completions: usize) -> Self {
        self.predictor.set_completions(completions);
        self
    }

    /// Sets where `provider/model` strings are looked up.
    #[must_use]
    pub fn registry(mut self, registry: &Registry) -> Self {
        self.predictor.set_registry(registry.clone());
        self
    }

    /// Asks the model. Nothing is sent before the first poll; dropping the future cancels.
    ///
    /// # Errors
    ///
    /// As [`Predictor::predict`]. Outputs that do not fit the output type are an answer that cannot be
    /// read, as those are that do not fit the signature.
    pub fn call(
        &self,
        input: S::Input,
    ) -> impl Future<Output = Result<Prediction<S::Output>>> + Send + use<'_, S> {
        self.call_with(input, Settings::new())
    }

    /// Asks the model with settings of this call, which win against all others.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_with(
        &self,
        input: S::Input,
        settings: Settings,
    ) -> impl Future<Output = Result<Prediction<S::Output>>> + Send + use<'_, S> {
        let fields = Fields::of(&input);
        drop(input);
        async move { self.predictor.predict_as(fields?, settings).await }
    }

    /// Asks the model, and returns its answer field by field as it is written.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call); the first item of the stream has them.
    pub fn stream(&self, input: S::Input) -> PredictionStream<S::Output> {
        match Fields::of(&input) {
            Ok(fields) => self.predictor.stream(fields),
            Err(error) => PredictionStream::failed(error),
        }
    }
}

impl Predictor {
    /// Asks the model for outputs that fit `T`: those that do not are asked for again, as those are that
    /// do not fit the signature.
    async fn predict_as<T: DeserializeOwned + Send + 'static>(
        &self,
        inputs: Fields,
        settings: Settings,
    ) -> Result<Prediction<T>> {
        self.asking(inputs, settings, &Scope::current().host())?.run_as().await
    }
}

impl Asking {
    /// Makes the call for outputs that fit `T`.
    pub(super) async fn run_as<T: DeserializeOwned + Send + 'static>(
        self,
    ) -> Result<Prediction<T>> {
        let mut spent = Spent::default();
        if TypeId::of::<T>() == TypeId::of::<Fields>() {
            // Which all outputs fit.
            let answer = self.run(&mut spent, &mut |_| Ok(())).await?;
            return spent.prediction(answer).typed();
        }
        let mut fitted = None;
        let mut check = |fields: &Fields| {
            fitted = Some(fields.as_typed::<T>()?);
            Ok(())
        };
        let answer = self.run(&mut spent, &mut check).await?;
        let prediction = spent.prediction(answer);
        match fitted.filter(|_| prediction.completions.len() == 1) {
            Some(value) => Ok(prediction.map(|_| value)),
            // Of several completions, the one that was looked at last need not be the one that counts.
            None => prediction.typed(),
        }
    }
}

impl<S: Signature> Default for Predict<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// A clone is another predictor, with an id of its own.
impl<S> Clone for Predict<S> {
    fn clone(&self) -> Self {
        Self { predictor: self.predictor.clone(), signature: PhantomData }
    }
}

impl<S> fmt::Debug for Predict<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Predict").field(&self.predictor).finish()
    }
}
