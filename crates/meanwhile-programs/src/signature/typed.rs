//! [`Signature`]: a signature whose inputs and outputs are types.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::SignatureSpec;
use crate::Fields;

/// A signature as a type, which `#[derive(Signature)]` of the facade makes of a struct.
///
/// The types only read and write the values: what the model is told is the [`SignatureSpec`].
pub trait Signature: Send + Sync + 'static {
    /// What a predictor is given; serialises as an object of the inputs.
    type Input: Serialize + Send;
    /// What it answers; read from an object of the outputs.
    type Output: DeserializeOwned + Send + 'static;

    /// The signature as a value. Costs some microseconds: predictors keep it.
    fn spec() -> SignatureSpec;
}

/// The signature of predictors that get theirs at run time, from text or from a [`SignatureSpec`]. By
/// itself it has no fields.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Dynamic, Predict, fields};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("[[ ## answer ## ]]\nLima"), "any");
/// // The signature is read when the program runs; inputs and outputs go by name.
/// let signature = "question -> answer".to_owned();
/// let ask: Predict<Dynamic> = Predict::parse(&signature)?;
/// let out = ask.model(model).call(fields! { question: "The capital of Peru?" }).await?;
/// assert_eq!(out.text("answer"), Some("Lima"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dynamic;

impl Signature for Dynamic {
    type Input = Fields;
    type Output = Fields;

    fn spec() -> SignatureSpec {
        SignatureSpec::default()
    }
}
