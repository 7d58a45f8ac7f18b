//! [`GepaStep`]: what one iteration of GEPA did. The log is a list of them, and a run is their fold.

use meanwhile_core::Usage;
use serde::{Deserialize, Serialize};

/// What one iteration did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GepaStep {
    /// Which iteration, counted from 0.
    pub iteration: usize,
    /// How often the program was run so far.
    pub rollouts: usize,
    /// The tokens so far, of the program and of the model that reflects.
    pub usage: Usage,
    /// What came of it.
    pub outcome: GepaOutcome,
    // Where the choices at random go on.
    pub(super) rng: u64,
}

/// What came of an iteration. Candidates are named by their places, 0 for the program as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum GepaOutcome {
    /// The candidate was perfect on the minibatch: there was nothing to learn.
    Perfect {
        /// The candidate.
        parent: usize,
        /// The training examples it was run on.
        minibatch: Vec<usize>,
    },
    /// There was nothing to reflect on, or the reflection failed or brought no instructions.
    NoProposal {
        /// The candidate that was reflected on.
        parent: usize,
        /// The predictors whose instructions were to be rewritten, by place.
        components: Vec<usize>,
        /// Why.
        reason: String,
        /// Whether the model that reflects failed.
        failed: bool,
    },
    /// New instructions did no better on the minibatch.
    Rejected(GepaChange),
    /// New instructions did better on the minibatch, and were run on all validation examples.
    Accepted {
        /// What was changed.
        #[serde(flatten)]
        change: GepaChange,
        /// The scores of the new candidate on the validation examples.
        scores: Vec<f64>,
    },
    /// Two candidates were put together, and did worse than the better of them.
    MergeRejected(GepaMerge),
    /// Two candidates were put together, did as well as the better of them on a part of the validation
    /// examples, and were run on all.
    MergeAccepted {
        /// What was put together.
        #[serde(flatten)]
        merge: GepaMerge,
        /// The scores of the new candidate on the validation examples.
        scores: Vec<f64>,
    },
}

/// New instructions that a reflection brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GepaChange {
    /// The candidate that was reflected on.
    pub parent: usize,
    /// The predictors whose instructions were rewritten, by place, with their new instructions.
    pub instructions: Vec<(usize, String)>,
    /// The training examples that it was run on.
    pub minibatch: Vec<usize>,
    /// The parent's scores on them.
    pub before: Vec<f64>,
    /// The scores with the new instructions.
    pub after: Vec<f64>,
}

/// Two candidates that were put together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GepaMerge {
    /// The two candidates.
    pub parents: [usize; 2],
    /// The candidate that both come from.
    pub ancestor: usize,
    /// From which of the three each predictor's instructions were taken.
    pub sources: Vec<usize>,
    /// The validation examples that it was tried on.
    pub examples: Vec<usize>,
    /// The scores of the two on them.
    pub before: [Vec<f64>; 2],
    /// The scores of the new candidate on them.
    pub after: Vec<f64>,
}
