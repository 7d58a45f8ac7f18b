//! [`NearestFewShot`]: for each call the demonstrations that are most like its input.

use std::fmt;
use std::sync::Arc;

use meanwhile_core::{EmbeddingModel, Error, ErrorKind, Result};
use serde::Serialize;
use serde_json::Value;

use super::predictors;
use crate::{Demo, Example, Fields, Forward, Module, Overlay, Predictor, with_overlay};

/// A program that shows its predictors, in each call, the examples nearest to what it is given, nearest
/// first. Nothing is bootstrapped and nothing changed: the demonstrations are laid over the call.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Dynamic, Example, Forward as _, NearestFewShot, Predict, fields};
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().reply("[[ ## label ## ]]\nshort");
/// let program = Predict::<Dynamic>::parse("text -> label")?.model(Model::new(scripted.clone(), "any"));
/// let train = [
///     Example::new(fields! { text: "a very long text indeed", label: "long" }, ["text"]),
///     Example::new(fields! { text: "tiny", label: "short" }, ["text"]),
/// ];
/// // Any distance will do; `NearestFewShot::embedded` asks an embedding model.
/// let nearest = NearestFewShot::by(program, &train, 1, |one, other| {
///     let length = |fields: &meanwhile_programs::Fields| fields.text("text").map_or(0, str::len);
///     length(one).abs_diff(length(other)) as f64
/// });
///
/// nearest.forward(fields! { text: "small" }).await?;
///
/// let asked = format!("{:?}", scripted.requests()[0].messages);
/// assert!(asked.contains("tiny") && !asked.contains("very long"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub struct NearestFewShot<P> {
    program: P,
    examples: Vec<Example>,
    inputs: Vec<Fields>,
    demos: usize,
    by: Nearness,
}

enum Nearness {
    Distance(Distance),
    Embedding { model: EmbeddingModel, vectors: Vec<Vec<f32>> },
}

type Distance = Arc<dyn Fn(&Fields, &Fields) -> f64 + Send + Sync>;

impl<P> NearestFewShot<P> {
    /// Shows the `demos` examples of least distance, which is measured between the inputs of the call and
    /// those of an example. Of equals the earlier comes first.
    #[must_use]
    pub fn by(
        program: P,
        train: &[Example],
        demos: usize,
        distance: impl Fn(&Fields, &Fields) -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self::make(program, train, demos, Nearness::Distance(Arc::new(distance)))
    }

    /// Shows the `demos` examples whose inputs mean the most alike, by the cosine of their embeddings.
    /// Embeds the examples now, and the input once a call.
    ///
    /// # Errors
    ///
    /// Those of the embedding model.
    pub async fn embedded(
        program: P,
        train: &[Example],
        demos: usize,
        model: EmbeddingModel,
    ) -> Result<Self> {
        let texts = train.iter().map(|example| text_of(&example.inputs()));
        let mut vectors = model.embed(texts.collect::<Vec<_>>()).await?.vectors;
        vectors.iter_mut().for_each(|vector| normalise(vector));
        Ok(Self::make(program, train, demos, Nearness::Embedding { model, vectors }))
    }

    fn make(program: P, train: &[Example], demos: usize, by: Nearness) -> Self {
        let inputs = train.iter().map(Example::inputs).collect();
        Self { program, examples: train.to_vec(), inputs, demos, by }
    }

    /// The program that is shown the examples.
    #[must_use]
    pub fn inner(&self) -> &P {
        &self.program
    }

    /// The examples nearest to these inputs, nearest first.
    ///
    /// # Errors
    ///
    /// Those of the embedding model.
    pub async fn nearest(&self, inputs: &Fields) -> Result<Vec<&Example>> {
        let distances: Vec<f64> = match &self.by {
            Nearness::Distance(distance) => {
                self.inputs.iter().map(|known| distance(inputs, known)).collect()
            }
            Nearness::Embedding { model, vectors } => {
                let mut query = model.embed_one(text_of(inputs)).await?;
                normalise(&mut query);
                let cosine = |known: &Vec<f32>| -> f64 {
                    known.iter().zip(&query).map(|(a, b)| f64::from(a * b)).sum()
                };
                vectors.iter().map(|known| -cosine(known)).collect()
            }
        };
        let mut places: Vec<(f64, &Example)> = distances.into_iter().zip(&self.examples).collect();
        places.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        Ok(places.into_iter().take(self.demos).map(|(_, example)| example).collect())
    }

    /// The inputs by name; a value without a name has that of the only input of the examples.
    fn fields<T: Serialize>(&self, input: &T) -> Result<Fields> {
        let value = serde_json::to_value(input).map_err(|error| {
            let message = format!("the input cannot be written as JSON: {error}");
            Error::new(ErrorKind::Prompt, message).with_source(error)
        })?;
        match value {
            Value::Object(map) => Ok(Fields::from(map)),
            value => {
                let mut names = self.inputs.first().into_iter().flat_map(Fields::names);
                match (names.next(), names.next()) {
                    (Some(only), None) => Ok(Fields::new().with(only, value)),
                    _ => {
                        let message = "an input without a name fits examples of one input only";
                        Err(Error::new(ErrorKind::Prompt, message))
                    }
                }
            }
        }
    }
}

impl<P: Module> Module for NearestFewShot<P> {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        self.program.predictors(visit);
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        self.program.predictors_mut(visit);
    }
}

impl<P: Forward> Forward for NearestFewShot<P>
where
    P::In: Serialize + Sync,
{
    type In = P::In;
    type Out = P::Out;

    async fn forward(&self, input: P::In) -> Result<P::Out> {
        let inputs = self.fields(&input)?;
        let nearest = self.nearest(&inputs).await?;
        let demos: Arc<[Demo]> = nearest.into_iter().map(Example::demo).collect();
        let mut overlay = Overlay::new();
        for (_, id) in predictors(&self.program)? {
            overlay = overlay.demos(id, demos.clone());
        }
        with_overlay(overlay, self.program.forward(input)).await
    }
}

impl<P: fmt::Debug> fmt::Debug for NearestFewShot<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NearestFewShot")
            .field("program", &self.program)
            .field("examples", &self.examples.len())
            .field("demos", &self.demos)
            .finish_non_exhaustive()
    }
}

/// The inputs as one text to be embedded.
fn text_of(inputs: &Fields) -> String {
    let parts = inputs.iter().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name}: {text}"),
        None => format!("{name}: {value}"),
    });
    parts.collect::<Vec<_>>().join(" | ")
}

fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}
