//! Predictors: a signature that is asked of a model. [`Predictor`] over values, [`Predict`] with types.

mod chain_of_thought;
mod completions;
mod inputs;
mod predictor;
mod run;
mod shape;
mod stream;
mod typed;

pub use chain_of_thought::{ChainOfThought, Reasoned, WithReasoning};
pub use predictor::{OverlayRequired, Predictor, PredictorId};
pub(crate) use run::{CALL, Plan, Spent};
pub use stream::{PredictionEvent, PredictionStream};
pub use typed::Predict;
