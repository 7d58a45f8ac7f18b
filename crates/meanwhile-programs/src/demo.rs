//! [`Demo`]: a worked example that is shown to the model.

use serde::{Deserialize, Serialize};

use crate::{Fields, SignatureSpec};

/// A worked example of a predictor's task: inputs and outputs by name.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Demo, Dynamic, Predict, fields};
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().reply("[[ ## answer ## ]]\nLima");
/// let demo = Demo::new(fields! { question: "The capital of Chile?", answer: "Santiago" });
/// let ask = Predict::<Dynamic>::parse("question -> answer")?
///     .demos([demo])
///     .model(Model::new(scripted.clone(), "any"));
/// ask.call(fields! { question: "The capital of Peru?" }).await?;
/// // The model was shown how it is done.
/// let shown = &scripted.requests()[0].messages;
/// assert!(shown.iter().any(|message| message.text().contains("Santiago")));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Demo {
    /// The inputs and outputs. What is missing is said to be so.
    pub fields: Fields,
    /// Whether the outputs were written by a model, not by whoever made the data.
    #[serde(default)]
    pub augmented: bool,
}

impl Demo {
    /// Makes an example of given data.
    #[must_use]
    pub fn new(fields: Fields) -> Self {
        Self { fields, augmented: false }
    }

    /// Makes an example of what a model has answered.
    #[must_use]
    pub fn augmented(fields: Fields) -> Self {
        Self { fields, augmented: true }
    }

    /// Whether no field of the signature is missing or null.
    #[must_use]
    pub fn is_complete(&self, spec: &SignatureSpec) -> bool {
        spec.fields()
            .all(|field| self.fields.value(&field.name).is_some_and(|value| !value.is_null()))
    }

    /// Whether at least one input and one output are there, without which it shows nothing.
    #[must_use]
    pub fn is_usable(&self, spec: &SignatureSpec) -> bool {
        spec.inputs.iter().any(|field| self.fields.contains(&field.name))
            && spec.outputs.iter().any(|field| self.fields.contains(&field.name))
    }
}

impl From<Fields> for Demo {
    fn from(fields: Fields) -> Self {
        Self::new(fields)
    }
}
