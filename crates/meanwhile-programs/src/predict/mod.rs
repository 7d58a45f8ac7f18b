//! Predictors: a signature that is asked of a model. [`Predictor`] over values, [`Predict`] with types.

mod chain_of_thought;
mod predictor;
mod run;
mod shape;
mod stream;
mod typed;

pub use chain_of_thought::{ChainOfThought, Reasoned, Reasoning};
pub use predictor::{OverlayRequired, Predictor, PredictorId, set_registry};
pub(crate) use run::Plan;
pub use stream::{PredictionEvent, PredictionStream};
pub use typed::Predict;
