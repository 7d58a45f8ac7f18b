//! [`setters`]: what several builders are set by in the same way, each in the field of its name.

/// Makes the setters of these names, in an `impl` of a builder that has fields of them.
macro_rules! setters {
    ($($name:ident),+ $(,)?) => {
        $($crate::setters::setters!(@ $name);)+
    };
    (@ concurrency) => {
        /// Runs the program at most `runs` times at once; 0 counts as 1.
        #[must_use]
        pub fn concurrency(mut self, runs: usize) -> Self {
            self.concurrency = runs.max(1);
            self
        }
    };
    (@ seed) => {
        /// Sets the seed of what is chosen at random.
        #[must_use]
        pub fn seed(mut self, seed: u64) -> Self {
            self.seed = seed;
            self
        }
    };
    (@ failure_score) => {
        /// Sets the score of a run that failed: a finite number.
        #[must_use]
        pub fn failure_score(mut self, score: f64) -> Self {
            self.failure_score = score;
            self
        }
    };
}
pub(crate) use setters;
