//! [`LabeledFewShot`]: demonstrations straight from the data.

use fastrand::Rng;

use super::sample::sample;
use super::with_demos;
use crate::setters::setters;
use crate::{Example, Module, ProgramState};

/// Gives each predictor examples as demonstrations, as they are. Asks no model.
///
/// ```
/// use meanwhile_programs::{Dynamic, Example, LabeledFewShot, Predict, fields};
///
/// let program = Predict::<Dynamic>::parse("text -> label")?;
/// let train = [Example::new(fields! { text: "Lovely!", label: "positive" }, ["text"])];
/// let state = LabeledFewShot::new(8).compile(&program, &train);
/// assert_eq!(state.predictors[0].1.demos.as_ref().map(Vec::len), Some(1));
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LabeledFewShot {
    demos: usize,
    seed: u64,
    first: bool,
}

impl LabeledFewShot {
    /// Gives each predictor `demos` examples, chosen at random with the seed 0.
    #[must_use]
    pub fn new(demos: usize) -> Self {
        Self { demos, seed: 0, first: false }
    }

    setters!(seed);

    /// Takes the first examples instead of choosing.
    #[must_use]
    pub fn first(mut self) -> Self {
        self.first = true;
        self
    }

    /// Makes the state of `program` with these demonstrations. The same examples and seed make the same
    /// state; fewer examples than were asked for are all used.
    #[must_use]
    pub fn compile<P: Module + ?Sized>(&self, program: &P, train: &[Example]) -> ProgramState {
        let mut rng = Rng::with_seed(self.seed);
        with_demos(program, |_| {
            let places = if self.first {
                (0..self.demos.min(train.len())).collect()
            } else {
                sample(&mut rng, train.len(), self.demos)
            };
            places.into_iter().filter_map(|place| train.get(place)).map(Example::demo).collect()
        })
    }
}

impl Default for LabeledFewShot {
    /// 16 demonstrations a predictor.
    fn default() -> Self {
        Self::new(16)
    }
}
